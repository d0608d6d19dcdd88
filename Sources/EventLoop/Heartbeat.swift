import Synchronization

/// A loop's sign of life: the loop's thread stores the time at each pass, any thread reads it. It fills cache
/// lines of its own, so that many loops beat without touching each other.
public final class Heartbeat: Sendable {
  private let before = InlineArray<15, UInt64>(repeating: 0)
  private let last: Atomic<UInt64>
  private let after = InlineArray<15, UInt64>(repeating: 0)

  /// - Parameter now: the monotonic clock's nanoseconds; a loop that never begins is silent from here on.
  @inline(never)
  public init(now: UInt64) {
    // Never inlined: when the optimizer sees both the making and the end of an object that holds an `Atomic`
    // or a `Mutex`, the release compiler of Swift 6.3.1 stops with an ownership error (CopyPropagation).
    last = Atomic(now)
  }

  /// Says that the loop is alive.
  public func beat(_ now: UInt64) { last.store(now, ordering: .relaxed) }

  /// How long the loop has been silent, in nanoseconds; 0 when it has beaten since `now` was read.
  public func silence(now: UInt64) -> UInt64 {
    let last = last.load(ordering: .relaxed)
    return now > last ? now - last : 0
  }
}
