import Glibc
import Synchronization

/// Where times come from: the system's clocks, or a test's. A closed choice, not a protocol: asking costs one
/// branch and, for the system, one call that stays out of the kernel (about 20 ns).
public enum Clock: Sendable {
  /// `CLOCK_REALTIME` and `CLOCK_MONOTONIC`.
  case system
  /// A test's clock, moved by hand.
  case manual(ManualClock)

  /// Seconds since 1970-01-01T00:00:00Z, rounded down: what token times are compared with. It can jump.
  public func wallSeconds() -> Int64 {
    switch self {
    case .system: Int64(readClock(CLOCK_REALTIME).tv_sec)
    case .manual(let clock): clock.wallNanoseconds.load(ordering: .acquiring) / 1_000_000_000
    }
  }

  /// Nanoseconds since 1970-01-01T00:00:00Z, for log lines. It can jump. Ends in the year 2262.
  public func wallNanoseconds() -> Int64 {
    switch self {
    case .system:
      let time = readClock(CLOCK_REALTIME)
      return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    case .manual(let clock): return clock.wallNanoseconds.load(ordering: .acquiring)
    }
  }

  /// Nanoseconds since an unspecified start; it never goes back: what time-outs, caches and latencies use.
  public func monotonicNanoseconds() -> UInt64 {
    switch self {
    case .system:
      let time = readClock(CLOCK_MONOTONIC)
      return UInt64(truncatingIfNeeded: time.tv_sec) &* 1_000_000_000
        &+ UInt64(truncatingIfNeeded: time.tv_nsec)
    case .manual(let clock): return clock.monotonic.load(ordering: .acquiring)
    }
  }

  /// Lets the calling thread wait. For tools: never on a worker.
  public static func pause(milliseconds: UInt32) { usleep(milliseconds * 1_000) }

  /// Nanoseconds of CPU that the calling thread has used, user and system; the manual clock has none and says
  /// 0.
  public func threadCPUNanoseconds() -> UInt64 {
    guard case .system = self else { return 0 }
    let time = readClock(CLOCK_THREAD_CPUTIME_ID)
    return UInt64(truncatingIfNeeded: time.tv_sec) &* 1_000_000_000
      &+ UInt64(truncatingIfNeeded: time.tv_nsec)
  }
}

/// A clock that stands still until a test moves it; any thread may read or move it.
public final class ManualClock: Sendable {
  let wallNanoseconds: Atomic<Int64>
  let monotonic: Atomic<UInt64>

  /// - Parameters:
  ///   - wallSeconds: since 1970.
  ///   - monotonicNanoseconds: the steady clock's first reading.
  @inline(never)
  public init(wallSeconds: Int64 = 1_700_000_000, monotonicNanoseconds: UInt64 = 1_000_000_000) {
    // Never inlined: when the optimizer sees both the making and the end of an object that holds an `Atomic`
    // or a `Mutex`, the release compiler of Swift 6.3.1 stops with an ownership error (CopyPropagation).
    wallNanoseconds = Atomic(wallSeconds &* 1_000_000_000)
    monotonic = Atomic(monotonicNanoseconds)
  }

  /// Moves both clocks forward.
  public func advance(nanoseconds: UInt64) {
    wallNanoseconds.wrappingAdd(Int64(truncatingIfNeeded: nanoseconds), ordering: .acquiringAndReleasing)
    monotonic.wrappingAdd(nanoseconds, ordering: .acquiringAndReleasing)
  }

  /// Moves both clocks forward.
  public func advance(seconds: UInt64) { advance(nanoseconds: seconds &* 1_000_000_000) }

  /// Sets the wall clock alone, as an operator or NTP does.
  public func setWall(seconds: Int64) {
    wallNanoseconds.store(seconds &* 1_000_000_000, ordering: .releasing)
  }
}

private func readClock(_ clock: clockid_t) -> timespec {
  var time = timespec()
  // The clocks above exist on every Linux; the call cannot fail with a valid address.
  _ = unsafe clock_gettime(clock, &time)
  return time
}
