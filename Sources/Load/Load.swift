// Load: what a load generator asks, and what it makes of the answers. Tokens and shares flow in, the octets of
// CheckRequests flow out, one a call; answers with their times flow in, a report flows out. It opens no socket, reads
// no clock and signs nothing.

/// What kind of client sends a check.
public enum LoadClass: Int, CaseIterable, Sendable {
  /// A valid token; with rotation, one of the current key or, now and then, of the one before.
  case honest
  /// No token.
  case anonymous
  /// A valid token with a spoilt signature, another one each time.
  case bad
  /// A token whose key ID was made up for this check.
  case forgedKeyID
  /// With rotation: a token of a key that was removed.
  case removed

  public var name: String {
    switch self {
    case .honest: "honest"
    case .anonymous: "anonymous"
    case .bad: "bad"
    case .forgedKeyID: "forged-kid"
    case .removed: "removed"
    }
  }
}

/// The shares of the classes; the rest is honest.
public struct LoadMix: Sendable {
  private let limits: [(limit: UInt64, kind: LoadClass)]
  private var random: SplitMix

  /// - Parameter shares: each from 0 to 1, together at most 1.
  /// - Returns: nil when they are not.
  public init?(shares: [LoadClass: Double], seed: UInt64) {
    var limits: [(UInt64, LoadClass)] = []
    var sum = 0.0
    for kind in LoadClass.allCases where kind != .honest {
      let share = shares[kind] ?? 0
      guard (0...1).contains(share) else { return nil }
      if share == 0 { continue }
      sum += share
      limits.append((UInt64(min(1, sum) * Double(1 << 32)), kind))
    }
    guard sum <= 1.000_001 else { return nil }
    self.limits = limits
    random = SplitMix(seed: seed)
  }

  /// Who asks next.
  public mutating func next() -> LoadClass {
    if limits.isEmpty { return .honest }
    let value = random.next() >> 32
    for (limit, kind) in limits where value < limit { return kind }
    return .honest
  }
}

/// SplitMix64: enough for a mix of clients, and the same again for the same seed.
public struct SplitMix: Sendable {
  private var state: UInt64
  public init(seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
  }
}

/// When checks are due at a fixed rate: from the start, whether answers come or not. What is sent late counts from
/// when it was due, so that a stall shows in every check that it held up (no coordinated omission).
public struct Pace: Sendable {
  private let start: UInt64
  private let nanosecondsEach: Double
  public private(set) var sent: UInt64 = 0

  /// - Parameters:
  ///   - rate: checks a second, above 0.
  ///   - now: monotonic nanoseconds.
  public init(rate: Double, now: UInt64) {
    start = now
    nanosecondsEach = 1_000_000_000 / rate
  }

  /// When the next check is due.
  public var nextDue: UInt64 { start &+ UInt64(Double(sent) * nanosecondsEach) }

  /// Takes the next check if it is due.
  /// - Returns: when it was.
  public mutating func take(now: UInt64) -> UInt64? {
    let due = nextDue
    if due > now { return nil }
    sent += 1
    return due
  }
}
