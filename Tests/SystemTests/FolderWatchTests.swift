import Foundation
import System
import Testing

/// Whatever changes what a folder of policies says is seen.
@Suite struct FolderWatchTests {
  private func change(
    _ name: String, _ prepare: (URL) throws -> Void = { _ in }, _ body: (URL) throws -> Void
  )
    throws
  {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("watch-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try prepare(folder)
    let watch = try FolderWatch()
    try watch.add(folder.path)
    let before = watch.hasChanged()
    #expect(!before, "\(name)")
    try body(folder)
    let (seen, again) = (watch.hasChanged(), watch.hasChanged())
    #expect(seen && !again, "\(name)")
  }

  private func file(_ folder: URL) -> URL { folder.appendingPathComponent("a.yaml") }

  @Test func `files written, replaced, renamed and removed are seen, once`() throws {
    try change("made") { try Data("a".utf8).write(to: file($0)) }
    let one: (URL) throws -> Void = { try Data("a".utf8).write(to: self.file($0)) }
    try change("written in place", one) {
      let handle = try FileHandle(forWritingTo: file($0))
      try handle.write(contentsOf: Data("b".utf8))
      try handle.close()
    }
    try change("replaced", one) { try Data("b".utf8).write(to: file($0), options: .atomic) }
    try change("renamed", one) {
      try FileManager.default.moveItem(at: file($0), to: $0.appendingPathComponent("b.yaml"))
    }
    try change("removed", one) { try FileManager.default.removeItem(at: file($0)) }
  }

  @Test func `the exchange of links of a mounted ConfigMap is seen`() throws {
    try change(
      "ConfigMap",
      { folder in
        for version in ["..1", "..2"] {
          let data = folder.appendingPathComponent(version)
          try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
          try Data(version.utf8).write(to: data.appendingPathComponent("a.yaml"))
        }
        try FileManager.default.createSymbolicLink(
          atPath: folder.appendingPathComponent("..data").path, withDestinationPath: "..1")
        try FileManager.default.createSymbolicLink(
          atPath: folder.appendingPathComponent("a.yaml").path, withDestinationPath: "..data/a.yaml")
      }
    ) { folder in
      let new = folder.appendingPathComponent("..data_tmp").path
      try FileManager.default.createSymbolicLink(atPath: new, withDestinationPath: "..2")
      #expect(unsafe rename(new, folder.appendingPathComponent("..data").path) == 0)
      #expect(try String(contentsOf: folder.appendingPathComponent("a.yaml"), encoding: .utf8) == "..2")
    }
  }

  @Test func `a folder that is not there cannot be watched`() throws {
    let watch = try FolderWatch()
    #expect(throws: SystemError.self) { try watch.add("/nowhere/at/all") }
  }

  @Test func `a wait for a signal ends when something changes`() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("watch-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let watch = try FolderWatch()
    try watch.add(folder.path)
    // A signal that nobody sends.
    let signals = try SignalSource([Signal(rawValue: 50)])
    try Data().write(to: file(folder))
    let start = ContinuousClock.now
    let signal = signals.wait(timeoutMilliseconds: 60_000, or: watch)
    #expect(signal == nil && ContinuousClock.now - start < .seconds(50))
  }
}
