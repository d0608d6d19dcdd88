public import JWT

/// One address of keys, as a state machine: when to fetch, what to keep, when keys are too old to be believed.
/// It reads no clock and does nothing itself.
///
/// Times are monotonic nanoseconds, except where a wall clock is named: staleness must survive a restart.
public struct Provider: Sendable {
  /// What is to be done now.
  public enum Action: Sendable, Equatable {
    /// Nothing.
    case none
    /// One fetch, with this entity tag; its result comes back by `fetched` or `failed`.
    case fetch(entityTag: String?)
  }

  /// What a fetch or the passing of time did to the keys.
  public enum Change: Sendable, Equatable {
    case none
    /// `keys` is another set than before; nil keys were withdrawn for their age.
    case published
  }

  public enum State: Sendable, Equatable {
    /// No fetch has ended yet, and no keys are at hand.
    case waiting
    case ready
    /// Keys are at hand, and the last fetch failed.
    case stale
    /// No keys: the only fetches so far have failed, or the keys were too old.
    case failed
  }

  private var settings: KeySettings
  public private(set) var keys: JWKSet?
  public private(set) var entityTag: String?
  /// Wall clock seconds of the last fetch that went well.
  public private(set) var confirmedAt: UInt64?
  public private(set) var isFetching = false
  public private(set) var failures: UInt64 = 0
  public private(set) var nextFetch: UInt64
  private var hasAnswered = false
  private var random: UInt64

  /// - Parameters:
  ///   - seed: of the jitter.
  ///   - now: the first fetch is due at once.
  public init(settings: KeySettings, seed: UInt64, now: UInt64) {
    self.settings = settings
    nextFetch = now
    random = seed | 1
  }

  public var state: State {
    if keys != nil { return failures == 0 ? .ready : .stale }
    return hasAnswered ? .failed : .waiting
  }

  /// Keys of an earlier life, saved when they were confirmed at `confirmedAt`. They serve at once; a fetch is
  /// due all the same.
  /// - Returns: false when they are too old, or from the future by more than a minute: then they are nothing.
  public mutating func restore(_ saved: JWKSet, entityTag: String?, confirmedAt: UInt64, wall: UInt64) -> Bool
  {
    guard keys == nil, confirmedAt <= wall &+ 60, wall < confirmedAt &+ settings.staleLimitSeconds else {
      return false
    }
    keys = saved
    self.entityTag = entityTag
    self.confirmedAt = min(confirmedAt, wall)
    return true
  }

  /// Goes on under a new keeper: a fetch of the old one brings nothing here any more.
  /// - Parameter atOnce: the way to the provider may be another one: fetch now.
  mutating func moveOn(_ settings: KeySettings, atOnce: Bool, now: UInt64) {
    self.settings = settings
    if isFetching || atOnce { nextFetch = now }
    isFetching = false
  }

  /// Time has passed.
  public mutating func tick(now: UInt64, wall: UInt64) -> (Action, Change) {
    var change = Change.none
    if keys != nil, let confirmedAt, wall >= confirmedAt &+ settings.staleLimitSeconds {
      keys = nil
      // Asking whether these have changed makes no sense any more.
      entityTag = nil
      hasAnswered = true
      change = .published
    }
    if isFetching || now < nextFetch { return (.none, change) }
    return (begin(), change)
  }

  /// Somebody needs a key that is not here. The caller has seen to the rate.
  public mutating func demand() -> Action { isFetching ? .none : begin() }

  private mutating func begin() -> Action {
    isFetching = true
    return .fetch(entityTag: entityTag)
  }

  /// A fetch brought a set.
  /// - Parameter freshSeconds: how long the answer says that it is fresh.
  public mutating func fetched(
    _ set: JWKSet, entityTag: String?, freshSeconds: UInt64?, now: UInt64, wall: UInt64
  ) -> Change {
    let isNew = !(keys.map { $0.holdsTheSameKeys(as: set) } ?? false)
    keys = set
    self.entityTag = entityTag
    confirm(freshSeconds, now: now, wall: wall)
    return isNew ? .published : .none
  }

  /// A fetch said that the set has not changed. Without a set to be unchanged that is a failure.
  public mutating func unchanged(freshSeconds: UInt64?, now: UInt64, wall: UInt64) {
    if keys == nil { return failed(now: now) }
    confirm(freshSeconds, now: now, wall: wall)
  }

  private mutating func confirm(_ freshSeconds: UInt64?, now: UInt64, wall: UInt64) {
    isFetching = false
    hasAnswered = true
    failures = 0
    confirmedAt = wall
    let (floor, ceiling) = (settings.refreshFloorSeconds, settings.refreshCeilingSeconds)
    let seconds = max(floor, min(ceiling, freshSeconds ?? ceiling))
    // Ahead of time, and not at the same moment as every other instance: 85 to 95 hundredths of it.
    nextFetch = now &+ seconds &* 1_000_000_000 / 100 &* (85 &+ next(below: 11))
  }

  /// A fetch failed.
  public mutating func failed(now: UInt64) {
    isFetching = false
    hasAnswered = true
    failures += 1
    let doubled = failures > 16 ? settings.retryCeilingSeconds : 1 << (failures - 1)
    let seconds = min(doubled, max(1, settings.retryCeilingSeconds))
    // Half of the delay to all of it, but for the first: a second is short enough.
    let milliseconds = failures == 1 ? 750 + next(below: 500) : seconds * 500 + next(below: seconds * 500)
    nextFetch = now &+ milliseconds &* 1_000_000
  }

  /// xorshift64*: jitter needs no more.
  private mutating func next(below limit: UInt64) -> UInt64 {
    random ^= random >> 12
    random ^= random << 25
    random ^= random >> 27
    return ((random &* 0x2545_F491_4F6C_DD1D) >> 33) % max(1, limit)
  }
}
