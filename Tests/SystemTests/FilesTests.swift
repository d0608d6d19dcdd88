import Bytes
import Foundation
import Testing

@testable import System

@Suite struct `A file` {
  private let folder: TemporaryFolder
  private var path: String { folder.path + "/file" }

  init() throws { folder = try TemporaryFolder() }

  private func permissions(_ path: String) throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
  }

  @Test func `is read back as it was written`() throws {
    let octets = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    try Files.write(octets.span, to: path)
    #expect(try Files.read(path, limit: 200_000) == octets)
    #expect(try Files.read(path, limit: .max) == octets)
    try Files.write("", to: path)
    #expect(try Files.read(path, limit: 0) == [])
  }

  @Test func `one octet above the limit is refused`() throws {
    try Files.write("12345", to: path)
    #expect(try Files.read(path, limit: 5).count == 5)
    #expect { try Files.read(path, limit: 4) } throws: { error in
      (error as? SystemError)?.errno == .fileTooLarge && "\(error)".contains(path)
    }
  }

  @Test func `without end is refused at the limit`() throws {
    #expect(throws: SystemError.self) { try Files.read("/dev/zero", limit: 100_000) }
  }

  @Test func `that is missing, a folder, or has a NUL in its name is an error with its path`() throws {
    #expect { try Files.read(path, limit: 5) } throws: { ($0 as? SystemError)?.errno == .noSuchFile }
    #expect { try Files.read(folder.path, limit: 5) } throws: { ($0 as? SystemError)?.errno == .isFolder }
    #expect { try Files.read("/etc/passwd\0.yaml", limit: 1 << 20) } throws: {
      ($0 as? SystemError)?.errno == .invalidArgument
    }
  }

  @Test func `has exactly the mode asked for, also when it replaces another`() throws {
    try Files.write("old", to: path, mode: 0o666)
    #expect(try permissions(path) == 0o666)
    try Files.write("secret", to: path, mode: 0o600)
    #expect(try permissions(path) == 0o600)
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "secret")
  }

  @Test func `is whole to every reader while it is replaced`() throws {
    let sizes = [1, 70_000]
    try Files.write(String(repeating: "a", count: sizes[0]), to: path)
    let stop = Flag()
    let path = path
    let writer = try Thread.start(name: "writer") {
      for index in 0..<200 {
        try? Files.write(String(repeating: "a", count: sizes[index % 2]), to: path)
      }
      stop.raise()
    }
    while !stop.isRaised {
      let count = try Files.read(path, limit: 1 << 20).count
      #expect(sizes.contains(count))
    }
    writer.join()
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["file"])
  }

  @Test func `that cannot be written leaves nothing behind`() throws {
    try Files.makeFolder(path + "/inner")
    #expect(throws: SystemError.self) { try Files.write("x", to: path) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["file"])
    #expect(throws: SystemError.self) { try Files.write("x", to: folder.path + "/none/file") }
  }

  @Test func `is removed once, and again without complaint`() throws {
    try Files.write("x", to: path)
    try Files.remove(path)
    #expect(try Files.kind(path) == nil)
    try Files.remove(path)
    #expect(throws: SystemError.self) { try Files.remove("/proc/self/status") }
  }
}

@Suite struct `A folder` {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func put(_ name: String) throws {
    let url = folder.url(name)
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data().write(to: url)
  }

  private func link(_ name: String, to target: String) throws {
    try FileManager.default.createSymbolicLink(atPath: folder.path + "/" + name, withDestinationPath: target)
  }

  private func names() throws -> [String] {
    try Files.list(folder.path).map { String($0.dropFirst(folder.path.count + 1)) }
  }

  @Test func `is made with those above it, and left alone when it is there`() throws {
    let path = folder.path + "/a/b/c/"
    try Files.makeFolder(path)
    try Files.makeFolder(path)
    #expect(try Files.kind(path) == .folder)
    try put("file")
    #expect(throws: SystemError.self) { try Files.makeFolder(folder.path + "/file") }
    #expect(throws: SystemError.self) { try Files.makeFolder(folder.path + "/file/below") }
    #expect(try Files.kind(folder.path + "/file/below") == nil)
    #expect(try Files.kind("/dev/null") == .other)
  }

  @Test func `part of a path is what stands before the last slash`() {
    #expect(Files.folder(of: "/a/b") == "/a")
    #expect(Files.folder(of: "/a/b/") == "/a")
    #expect(Files.folder(of: "/a") == "/")
    #expect(Files.folder(of: "a") == ".")
    #expect(Files.folder(of: "/") == "/")
  }

  @Test func `lists wanted files of all levels, sorted, and no others`() throws {
    for name in [
      "b.yaml", "a.yml", "z/c.json", "B.yaml", "a.txt", "x.YAML", ".hidden.yaml", ".git/d.yaml", "z/y/e.yaml",
    ] {
      try put(name)
    }
    #expect(try names() == ["B.yaml", "a.yml", "b.yaml", "z/c.json", "z/y/e.yaml"])
    #expect(try Files.list(folder.path + "/").count == 5)
  }

  @Test func `of a mounted ConfigMap gives each file once`() throws {
    try put("..2024_01/policy.yaml")
    try link("..data", to: "..2024_01")
    try link("policy.yaml", to: "..data/policy.yaml")
    #expect(try names() == ["policy.yaml"])
  }

  @Test func `that links to itself is listed once`() throws {
    try put("a/p.yaml")
    try link("a/loop", to: "..")
    #expect(try names() == ["a/p.yaml"])
  }

  @Test func `with a broken link to a policy is an error, to anything else is not`() throws {
    try link("readme.txt", to: "nowhere")
    #expect(try names() == [])
    try link("policy.yaml", to: "nowhere")
    #expect { try names() } throws: { "\($0)".contains("policy.yaml") }
  }

  @Test func `nested too deep or too full is an error`() throws {
    try put("1/2/3/p.yaml")
    var settings = FileListingSettings()
    settings.maximumDepth = 3
    #expect(try Files.list(folder.path, settings: settings).count == 1)
    settings.maximumDepth = 2
    #expect(throws: SystemError.self) { try Files.list(folder.path, settings: settings) }
    try put("q.yaml")
    settings = FileListingSettings()
    settings.maximumFiles = 2
    #expect(try Files.list(folder.path, settings: settings).count == 2)
    settings.maximumFiles = 1
    #expect(throws: SystemError.self) { try Files.list(folder.path, settings: settings) }
  }

  @Test func `that is missing or a file is an error`() throws {
    try put("p.yaml")
    #expect(throws: SystemError.self) { try Files.list(folder.path + "/none") }
    #expect(throws: SystemError.self) { try Files.list(folder.path + "/p.yaml") }
  }
}
