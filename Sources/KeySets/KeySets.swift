// KeySets: which keys does an issuer have now? Where its keys come from flows in, and what fetches of it gave;
// the keys that may be used flow out, to every worker. Old keys serve through an outage, up to a bound; new ones
// are asked for ahead of time, and when a token names one that nobody knows. It judges no token and talks to the
// network through `Fetch` alone.

/// How an issuer's keys are kept.
public struct KeySettings: Sendable, Hashable {
  /// Shortest and longest time between two fetches that went well, in seconds, whatever the answer's headers
  /// say: a provider that says `no-store` must not be asked all day, and one that says a year would hide a
  /// withdrawn key for a year.
  public var refreshFloorSeconds: UInt64 = 300
  public var refreshCeilingSeconds: UInt64 = 1_200
  /// After a failure the first attempt comes after about a second, then each after twice the time before, up to
  /// this: an outage that ends must not last longer for us than for its users.
  public var retryCeilingSeconds: UInt64 = 60
  /// How long keys serve without a fetch that went well. Istio's bound is 7 days.
  public var staleLimitSeconds: UInt64 = 7 * 86_400
  /// Fetches that tokens with an unknown key ID may cause at once, and how many a second after that. The kid is
  /// the client's to choose: this is all that a flood of invented ones can cost a provider.
  public var unknownKeyBurst: UInt64 = 10
  public var unknownKeysPerSecond: UInt64 = 1
  /// How long a key ID that a fetch did not bring is taken for unknown without asking again, in seconds, and how
  /// many of those are remembered for each set.
  public var unknownKeySeconds: UInt64 = 30
  public var maximumUnknownKeys = 4_096
  /// How long a check may wait for a fetch of keys, in nanoseconds, when its caller waits so long.
  public var waitNanoseconds: UInt64 = 5_000_000_000

  public init() {}
}
