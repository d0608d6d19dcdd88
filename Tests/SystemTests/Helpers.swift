import Foundation
import Synchronization

/// Raised by one thread, seen by another.
final class Flag: Sendable {
  private let raised = Atomic<Bool>(false)

  var isRaised: Bool { raised.load(ordering: .acquiring) }

  func raise() { raised.store(true, ordering: .releasing) }

  func wait(seconds: Double) -> Bool {
    let end = Date().addingTimeInterval(seconds)
    while !isRaised && Date() < end { usleep(1_000) }
    return isRaised
  }
}

/// A value put by one thread, read by another.
final class Slot<Value: Sendable>: Sendable {
  private let held = Mutex<Value?>(nil)

  var value: Value? { held.withLock { $0 } }

  func put(_ value: Value) { held.withLock { $0 = value } }
}

/// A folder of a test's own, removed with it.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "countersign-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    path = folder.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func url(_ name: String) -> URL { URL(fileURLWithPath: path).appendingPathComponent(name) }
}
