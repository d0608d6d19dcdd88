public import JWT
import Synchronization

/// Where the keys of all providers are published, and where workers ask for ones that are not there. Workers look
/// at one number for each batch; only when it has changed do they take a lock.
public final class KeyBoard: Sendable {
  /// What is known of one provider's keys.
  public struct Entry: Sendable {
    public var state = Provider.State.waiting
    public var keys: JWKSet?
    /// Counts the sets; a worker that has this one has nothing to do.
    public var generation: UInt64 = 0
    /// Wall clock seconds; nil before the first fetch that went well.
    public var confirmedAt: UInt64?
    public var lastError: String?
    /// Monotonic nanoseconds; 0 before the first fetch.
    public var nextFetch: UInt64 = 0
    public var fetches: [String: UInt64] = [:]
  }

  /// What a worker hears that needs a key.
  public enum Reply: Sendable, Equatable {
    /// A fetch begins after this question and will tell: wait until `landed` of the provider has reached this.
    case wait(UInt64)
    /// The same, but the fetch may have begun before: what it does not bring may be asked for once more.
    case share(UInt64)
    /// Not now: the provider has been asked often enough.
    case limited
  }

  /// What is done about a token whose key ID is in no set of its issuer, or whose issuer has no keys yet.
  public enum MissingKeyAction: Int, CaseIterable, Sendable {
    /// A fetch is asked for, or one that runs is shared.
    case wait
    /// The provider has been asked often enough.
    case limited
    /// A fetch has not brought the key a moment ago.
    case remembered
    /// There are no keys, and the last fetch failed.
    case unavailable

    /// For metrics.
    public var label: String { "\(self)" }
  }

  private let version = Atomic<UInt64>(1)
  private let entries: Mutex<[Entry]>
  private let gates: [Gate]
  private let wakers = Mutex<[@Sendable () -> Void]>([])
  private let requests = Mutex<[Int]>([])
  private let onRequest = Mutex<(@Sendable () -> Void)?>(nil)

  /// The rate at which unknown keys may cause fetches of one provider, and how many were asked for and have
  /// landed. Any worker may touch it, and does so only for a token whose key is not there.
  private final class Gate: Sendable {
    /// Monotonic nanoseconds at which the bucket will be full again (the generic cell rate algorithm).
    let fullAt = Atomic<UInt64>(0)
    let asked = Atomic<UInt64>(0)
    let landed = Atomic<UInt64>(0)
    /// Tokens with unknown key IDs, by what was done about them: only such a token pays for the shared counter.
    private let waiting = Atomic<UInt64>(0)
    private let limited = Atomic<UInt64>(0)
    private let remembered = Atomic<UInt64>(0)
    private let unavailable = Atomic<UInt64>(0)
    let burst: UInt64
    let interval: UInt64

    @inline(never)
    init(_ settings: KeySettings) {
      burst = max(1, settings.unknownKeyBurst)
      interval = 1_000_000_000 / max(1, settings.unknownKeysPerSecond)
    }

    func count(_ action: MissingKeyAction, _ amount: UInt64) {
      switch action {
      case .wait: waiting.wrappingAdd(amount, ordering: .relaxed)
      case .limited: limited.wrappingAdd(amount, ordering: .relaxed)
      case .remembered: remembered.wrappingAdd(amount, ordering: .relaxed)
      case .unavailable: unavailable.wrappingAdd(amount, ordering: .relaxed)
      }
    }

    func counted(_ action: MissingKeyAction) -> UInt64 {
      switch action {
      case .wait: waiting.load(ordering: .relaxed)
      case .limited: limited.load(ordering: .relaxed)
      case .remembered: remembered.load(ordering: .relaxed)
      case .unavailable: unavailable.load(ordering: .relaxed)
      }
    }

    func take(now: UInt64) -> Bool {
      var held = fullAt.load(ordering: .relaxed)
      while true {
        let next = max(held, now) &+ interval
        if next &- now > burst &* interval { return false }
        let (exchanged, original) = fullAt.weakCompareExchange(
          expected: held, desired: next, ordering: .relaxed)
        if exchanged { return true }
        held = original
      }
    }
  }

  @inline(never)
  public init(providers: Int, settings: KeySettings) {
    entries = Mutex(Array(repeating: Entry(), count: providers))
    gates = (0..<providers).map { _ in Gate(settings) }
  }

  public var count: Int { gates.count }

  // MARK: Workers

  /// Changes whenever something was published or a fetch has landed. One load; never 0.
  public var currentVersion: UInt64 { version.load(ordering: .acquiring) }

  /// All entries. Takes the lock.
  public var snapshot: [Entry] { entries.withLock { $0 } }

  /// How many fetches that were asked for have landed, with keys or without.
  public func landed(_ provider: Int) -> UInt64 { gates[provider].landed.load(ordering: .acquiring) }

  /// Asks for a fetch because a key is not there. At most the bucket's worth of calls reach the provider; those
  /// that come while one is asked for share it.
  /// - Parameter now: monotonic nanoseconds.
  public func ask(_ provider: Int, now: UInt64) -> Reply {
    let gate = gates[provider]
    let asked = gate.asked.load(ordering: .acquiring)
    if asked > gate.landed.load(ordering: .acquiring) { return .share(asked) }
    guard gate.take(now: now) else { return .limited }
    let number = gate.asked.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue
    requests.withLock { $0.append(provider) }
    let wake = onRequest.withLock { $0 }
    wake?()
    return .wait(number)
  }

  /// Counts a token with an unknown key ID.
  public func count(_ action: MissingKeyAction, _ provider: Int) { gates[provider].count(action, 1) }

  /// How many of them there were. Any thread.
  public func counted(_ action: MissingKeyAction, _ provider: Int) -> UInt64 {
    gates[provider].counted(action)
  }

  /// Registers what wakes a worker when something has changed.
  public func addWaker(_ waker: @escaping @Sendable () -> Void) { wakers.withLock { $0.append(waker) } }

  // MARK: The keeper

  func setRequestHandler(_ handler: (@Sendable () -> Void)?) { onRequest.withLock { $0 = handler } }

  /// Begins where another board is with the same provider: its counts go on.
  func inherit(_ other: KeyBoard, _ theirs: Int, as provider: Int) {
    let entry = other.snapshot[theirs]
    entries.withLock {
      $0[provider].fetches = entry.fetches
      $0[provider].lastError = entry.lastError
    }
    // The bucket too: reloads must not add to what a flood of invented key IDs may cost a provider.
    gates[provider].fullAt.store(other.gates[theirs].fullAt.load(ordering: .relaxed), ordering: .relaxed)
    for action in MissingKeyAction.allCases {
      gates[provider].count(action, other.counted(action, theirs))
    }
  }

  func takeRequests() -> [Int] {
    requests.withLock { requests in
      defer { requests.removeAll() }
      return requests
    }
  }

  /// What was asked for before this number is taken is answered by the fetch that begins now.
  func asked(_ provider: Int) -> UInt64 { gates[provider].asked.load(ordering: .acquiring) }

  /// Publishes. Workers are woken only by what concerns them: another set or state, or the end of a fetch that
  /// was asked for.
  /// - Parameter landed: the number of the last request that this answers, when a fetch has landed.
  func publish(_ provider: Int, landed: UInt64?, _ change: (inout Entry) -> Void) {
    var concerns = entries.withLock { entries in
      let before = (entries[provider].generation, entries[provider].state)
      change(&entries[provider])
      return before != (entries[provider].generation, entries[provider].state)
    }
    if let landed, landed > gates[provider].landed.load(ordering: .relaxed) {
      // Before too: who sees that a fetch has landed must see that there are news to look at, or a check that
      // comes between the two would ask for the same again.
      version.wrappingAdd(1, ordering: .acquiringAndReleasing)
      gates[provider].landed.store(landed, ordering: .releasing)
      concerns = true
    }
    if !concerns { return }
    version.wrappingAdd(1, ordering: .acquiringAndReleasing)
    for waker in wakers.withLock({ $0 }) { waker() }
  }
}
