import Foundation
import Glibc
import System
import Testing

/// A folder that nobody else may write: what is made, narrowed, discarded and refused.
@Suite struct PrivateFolderTests {
  /// A folder of the test's own, gone afterwards.
  private final class Place {
    let path = "/tmp/countersign-private-\(UInt64.random(in: 0 ... .max))"
    init() throws { try Files.makeFolder(path) }
    deinit { try? FileManager.default.removeItem(atPath: path) }
    var keys: String { path + "/volume/keys" }

    func write(_ name: String, mode: UInt32) throws {
      try Files.write("content", to: keys + "/" + name, mode: mode)
    }
    func change(_ path: String, _ mode: UInt32) { #expect(unsafe chmod(path, mode_t(mode)) == 0) }
    func mode(_ path: String) -> UInt32 {
      var status = stat()
      #expect(unsafe lstat(path, &status) == 0)
      return UInt32(status.st_mode) & 0o7777
    }
  }

  private func open(_ path: String, user: UInt32 = UInt32(geteuid())) throws(SystemError) -> (
    PrivateFolder, [PrivateFolder.Finding]
  ) {
    var findings: [PrivateFolder.Finding] = []
    let folder = try PrivateFolder(path, filesEndingIn: ".keys", user: user, findings: &findings)
    return (folder, findings)
  }

  private func text(_ folder: PrivateFolder, _ name: String) throws(SystemError) -> String? {
    try folder.read(name, limit: 1_000).map { String(decoding: $0, as: UTF8.self) }
  }

  @Test func `it is made with mode 0700, its files with 0600, and both are left as they are`() throws {
    let place = try Place()
    let before = umask(0)
    let (folder, findings) = try open(place.keys)
    try folder.write(Array("a".utf8).span, to: "a.keys")
    umask(before)
    #expect(findings.isEmpty)
    #expect(place.mode(place.keys) == 0o700 && place.mode(place.keys + "/a.keys") == 0o600)
    let (again, none) = try open(place.keys)
    #expect(none.isEmpty)
    #expect(try text(again, "a.keys") == "a" && text(again, "b.keys") == nil)
  }

  @Test(arguments: [0o755, 0o2750, 0o777, 0o701] as [UInt32])
  func `a folder that lets others in is narrowed, and its safe files are read`(mode: UInt32) throws {
    let place = try Place()
    try Files.makeFolder(place.keys)
    try place.write("a.keys", mode: 0o600)
    place.change(place.keys, mode)
    let (folder, findings) = try open(place.keys)
    #expect(findings == [.folderNarrowed(path: place.keys, mode: mode)])
    #expect(place.mode(place.keys) == 0o700)
    #expect(try text(folder, "a.keys") == "content")
    #expect("\(findings[0])".contains("had mode") && "\(findings[0])".contains("0700"))
  }

  @Test(arguments: [0o640, 0o644, 0o604] as [UInt32])
  func `a file that others can read is narrowed and read`(mode: UInt32) throws {
    let place = try Place()
    try Files.makeFolder(place.keys, mode: 0o700)
    try place.write("a.keys", mode: mode)
    let (folder, findings) = try open(place.keys)
    #expect(findings == [.fileNarrowed(path: place.keys + "/a.keys", mode: mode)])
    #expect(place.mode(place.keys + "/a.keys") == 0o600)
    #expect(try text(folder, "a.keys") == "content")
  }

  @Test(arguments: [0o660, 0o620, 0o602, 0o666] as [UInt32])
  func `a file that others could have written is removed, and not believed later either`(mode: UInt32) throws
  {
    let place = try Place()
    try Files.makeFolder(place.keys, mode: 0o700)
    try place.write("a.keys", mode: mode)
    try place.write("neighbour.txt", mode: mode)
    let (folder, findings) = try open(place.keys)
    #expect(findings == [.fileDiscarded(path: place.keys + "/a.keys", mode: mode)])
    #expect("\(findings[0])".contains("0600"))
    #expect(try text(folder, "a.keys") == nil)
    let (_, none) = try open(place.keys)
    #expect(none.isEmpty)
    // What is not the folder's own stays.
    #expect(place.mode(place.keys + "/neighbour.txt") == mode)
    // A file that became so while the process ran is not read either.
    try place.write("b.keys", mode: 0o600)
    place.change(place.keys + "/b.keys", mode)
    #expect(try text(folder, "b.keys") == nil)
  }

  @Test func `a folder of another user is refused, with the owner and the remedy`() throws {
    let place = try Place()
    try Files.makeFolder(place.keys, mode: 0o700)
    let user = UInt32(geteuid())
    do {
      _ = try open(place.keys, user: user + 1)
      Issue.record("it was taken")
    } catch {
      #expect(
        "\(error)".contains("belongs to user \(user)") && "\(error)".contains("user \(user + 1)")
          && "\(error)".contains(place.keys + "/keys"), "\(error)")
    }
  }

  @Test(.enabled(if: geteuid() == 0)) func `a file of another user is not read, and is told of`() throws {
    let place = try Place()
    try Files.makeFolder(place.keys, mode: 0o700)
    try place.write("a.keys", mode: 0o600)
    #expect(unsafe chown(place.keys + "/a.keys", 65_532, 65_532) == 0)
    let (folder, findings) = try open(place.keys)
    #expect(findings == [.fileOfOtherUser(path: place.keys + "/a.keys", owner: 65_532, user: 0)])
    #expect(try text(folder, "a.keys") == nil)
    try folder.write(Array("new".utf8).span, to: "a.keys")
    #expect(try text(folder, "a.keys") == "new")
  }

  @Test func `links, folders and pipes are not read`() throws {
    let place = try Place()
    try Files.makeFolder(place.keys, mode: 0o700)
    try Files.write("secret", to: place.path + "/elsewhere", mode: 0o600)
    #expect(unsafe symlink(place.path + "/elsewhere", place.keys + "/a.keys") == 0)
    try Files.makeFolder(place.keys + "/b.keys", mode: 0o700)
    #expect(unsafe mkfifo(place.keys + "/c.keys", 0o600) == 0)
    let (folder, findings) = try open(place.keys)
    #expect(findings == ["a", "b", "c"].map { .noFile(path: "\(place.keys)/\($0).keys") })
    for name in ["a.keys", "b.keys", "c.keys"] { #expect(try text(folder, name) == nil) }
  }

  @Test func `folders above it may be anybody's, and a file in its place is an error`() throws {
    let place = try Place()
    try Files.makeFolder(place.path + "/volume")
    place.change(place.path + "/volume", 0o2777)
    let (_, findings) = try open(place.keys)
    #expect(findings.isEmpty && place.mode(place.path + "/volume") == 0o2777)
    try Files.write("x", to: place.path + "/file")
    #expect(throws: SystemError.self) { _ = try open(place.path + "/file") }
  }

  @Test
  func
    `the sequence of Kubernetes with fsGroup: files are lost at a remount, with OnRootMismatch they are not`()
    throws
  {
    let place = try Place()
    // The kubelet makes the volume root:GROUP with 2770; only the group may be ours.
    let volume = place.path + "/volume"
    try Files.makeFolder(volume)
    place.change(volume, 0o2770)
    let user = UInt32(geteuid())
    #expect(throws: SystemError.self) { _ = try open(volume, user: user + 1) }
    #expect(place.mode(volume) == 0o2770, "a refused folder is left alone")
    // A folder below it is the process's own.
    let (first, none) = try open(place.keys)
    #expect(none.isEmpty && place.mode(place.keys) & 0o777 == 0o700)
    try first.write(Array("keys".utf8).span, to: "a.keys")
    // The next mount widens everything.
    place.change(place.keys, 0o2770)
    place.change(place.keys + "/a.keys", 0o660)
    let (second, findings) = try open(place.keys)
    #expect(
      findings == [
        .folderNarrowed(path: place.keys, mode: 0o2770),
        .fileDiscarded(path: place.keys + "/a.keys", mode: 0o660),
      ])
    #expect("\(findings[1])".contains("fsGroupChangePolicy"))
    #expect(try text(second, "a.keys") == nil)
    try second.write(Array("fetched".utf8).span, to: "a.keys")
    // With OnRootMismatch the kubelet leaves a volume alone whose root fits.
    let (third, quiet) = try open(place.keys)
    #expect(try quiet.isEmpty && text(third, "a.keys") == "fetched")
  }
}
