import Foundation
import JWT
import Synchronization
import System
import Testing

@testable import KeySets

/// Saved keys are believed only from a folder that nobody else can write.
@Suite struct StateFolderTests {
  /// A keeper whose provider nobody is.
  private final class Started {
    let keeper: KeyKeeper
    private let told: Told

    final class Told: Sendable {
      let events = Mutex<[KeyEvent]>([])
      @inline(never) init() {}
    }

    init(_ folder: String) throws {
      var keeping = KeyKeeper.Configuration(sources: [
        KeySource(.address(StateFolderTests.url), name: "ns/r[0]")
      ])
      keeping.stateFolder = folder
      let told = Told()
      keeper = try KeyKeeper(keeping) { event in told.events.withLock { $0.append(event) } }
      self.told = told
    }

    deinit { keeper.stop() }

    /// Events, once the fetch has failed.
    var events: [KeyEvent] {
      for _ in 0..<1_000 {
        let events = told.events.withLock { $0 }
        if events.contains(where: { $0.kind == .failed }) { return events }
        Foundation.Thread.sleep(forTimeInterval: 0.01)
      }
      return told.events.withLock { $0 }
    }
  }

  private static let url = "http://127.0.0.1:1/keys"

  private func withFolder(_ body: (String) throws -> Void) throws {
    let path = "/tmp/countersign-state-\(UInt64.random(in: 0 ... .max))"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path + "/keys")
  }

  private func save(_ folder: String, mode: UInt32) throws {
    try Files.makeFolder(folder, mode: 0o700)
    let saved = SavedKeys(
      url: Self.url, entityTag: nil, confirmedAt: UInt64(Clock.system.wallSeconds()) - 10,
      text: Array(try Sets(1).texts[0].utf8))
    try Files.write(saved.octets.span, to: folder + "/" + SavedKeys.fileName(for: Self.url), mode: mode)
  }

  @Test(arguments: [(0o600, true), (0o640, true), (0o660, false)] as [(UInt32, Bool)])
  func `keys come back from a file that only we could write, and what was done is logged`(
    mode: UInt32, comesBack: Bool
  ) throws {
    try withFolder { folder in
      try save(folder, mode: mode)
      let started = try Started(folder)
      let kinds = started.events.map(\.kind)
      #expect(kinds.contains(.restored) == comesBack, "\(kinds)")
      #expect((started.keeper.board.snapshot[0].keys != nil) == comesBack)
      #expect(kinds.contains(.stateFolder) == (mode != 0o600))
      if mode == 0o660 {
        #expect(started.events.contains { $0.text.contains("0660") && $0.text.contains(folder) })
      }
    }
  }

  @Test func `a folder that cannot be used stops the start`() throws {
    try withFolder { folder in
      try Files.makeFolder(folder)
      try Files.write("x", to: folder + "/file")
      #expect(throws: SystemError.self) { _ = try Started(folder + "/file") }
    }
  }
}
