public import Signatures
import Synchronization
public import System

/// The thread that builds ECDSA tables for the keys that workers use most; workers check without a table
/// until it is there.
public final class TableBuilder: Sendable {
  private let tables: ECDSATables
  private let bell: Bell
  private let isStopped = Atomic<Bool>(false)

  @inline(never)
  public init(_ tables: ECDSATables) throws(SystemError) {
    self.tables = tables
    bell = try Bell()
    tables.setWishHandler { [bell] in bell.ring() }
    _ = try Thread.start(name: "tables") { [self] in run() }
  }

  /// Ends the thread, after the table that it builds.
  public func stop() {
    tables.setWishHandler(nil)
    isStopped.store(true, ordering: .releasing)
    bell.ring()
  }

  private func run() {
    while !isStopped.load(ordering: .acquiring) {
      if !tables.buildNext() { bell.wait(milliseconds: 1_000) }
    }
  }
}
