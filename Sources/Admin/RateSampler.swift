import Synchronization
public import System

/// Reads counters once a second and keeps the last minute of them, for the rates of the page. The admin thread samples
/// and reads; workers know nothing of it. Memory: 61 samples.
public final class RateSampler: Sendable {
  private struct State {
    var history = RateHistory()
    /// When the next sample is due, on the steady clock; nil before the first.
    var due: UInt64?
  }

  private let state = Mutex(State())
  private let clock: Clock
  private let read: @Sendable () -> [UInt64]

  /// - Parameter read: the counters as they are now, always as many and in the same order.
  @inline(never)
  public init(clock: Clock = .system, read: @escaping @Sendable () -> [UInt64]) {
    // Never inlined: see `ServiceStatus.init`.
    self.clock = clock
    self.read = read
  }

  /// Takes a sample if one is due. May be called at any time: at most one sample a second is taken, on a grid that does
  /// not move when calls are late. A call that is late by seconds takes one sample, whose rate is over that time.
  /// - Returns: when the next one is due, monotonic nanoseconds.
  @discardableResult
  public func sampleIfDue() -> UInt64 {
    let now = clock.monotonicNanoseconds()
    return state.withLock { state in
      if let due = state.due, now < due { return due }
      // On the grid, but never two samples of the same moment.
      if state.history.samples.last.map({ $0.time < now }) ?? true {
        state.history.add(RateHistory.Sample(time: now, counts: read()))
      }
      let first = state.due ?? now
      let missed = (now - first) / RateHistory.second
      let next = first + (missed + 1) * RateHistory.second
      state.due = next
      return next
    }
  }

  public var history: RateHistory { state.withLock { $0.history } }
}
