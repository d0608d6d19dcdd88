/// The nearest of several moments on the steady clock: a loop offers all its deadlines before it waits, and
/// gets the time-out for `Poller.wait`. Nothing is registered, nothing to cancel.
@frozen
public struct NearestDeadline: Sendable, Hashable {
  /// The nearest moment offered, in nanoseconds of the monotonic clock; nil when none was.
  public private(set) var nanoseconds: UInt64?

  public init() {}

  /// Offers a moment.
  @inlinable
  public mutating func offer(_ moment: UInt64) {
    guard let nearest = nanoseconds else {
      set(moment)
      return
    }
    if moment < nearest { set(moment) }
  }

  @usableFromInline
  mutating func set(_ moment: UInt64) { nanoseconds = moment }

  /// The wait until then in whole milliseconds, rounded up so that the loop does not spin before the moment;
  /// 0 when it has passed; `limit` when it is farther away or there is none.
  /// - Parameters:
  ///   - now: the monotonic clock.
  ///   - limit: the longest wait, in milliseconds; negative for none.
  public func timeoutMilliseconds(now: UInt64, limit: Int32) -> Int32 {
    guard let nanoseconds else { return limit }
    if nanoseconds <= now { return 0 }
    let rest = nanoseconds - now
    let milliseconds = Int32(clamping: rest / 1_000_000 + (rest % 1_000_000 == 0 ? 0 : 1))
    return limit < 0 ? milliseconds : min(milliseconds, limit)
  }
}
