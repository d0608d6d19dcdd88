import CLinux
import Glibc
import Synchronization
public import System

/// A bell that any thread rings and one thread hears, in its poller. Ringing it often before it is heard
/// counts once and costs one atomic exchange; the kernel is called for the first ring only.
public final class Wakeup: Sendable {
  private let owner: FileDescriptor
  private let isRung = Atomic<Bool>(false)

  @inline(never)
  public init() throws(SystemError) {
    // Never inlined: when the optimizer sees both the making and the end of an object that holds an `Atomic`
    // or a `Mutex`, the release compiler of Swift 6.3.1 stops with an ownership error (CopyPropagation).
    owner = FileDescriptor(
      owning: try call("open wake-up") { eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK)) })
  }

  /// The number to register for reading in the hearing thread's poller.
  public var descriptor: Int32 { owner.rawValue }

  /// Wakes the hearer. What the caller has published before is visible to it when `hear` has returned. Never
  /// blocks.
  public func ring() {
    if isRung.exchange(true, ordering: .acquiringAndReleasing) { return }
    var one: UInt64 = 1
    // It fails only when the counter is full, and then the hearer wakes anyway.
    _ = unsafe write(owner.rawValue, &one, MemoryLayout<UInt64>.size)
  }

  /// Silences the bell; the hearer calls this on the event and **then** looks at what others have published.
  /// A ring that comes in between is either seen by that look or rings again.
  public func hear() {
    var count: UInt64 = 0
    _ = unsafe read(owner.rawValue, &count, MemoryLayout<UInt64>.size)
    _ = isRung.exchange(false, ordering: .acquiringAndReleasing)
  }
}
