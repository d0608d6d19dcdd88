public import JWT
public import Policy

// Authorizer: the way of one check. A `Check` and the message that holds its octets flow in; a `Verdict`,
// with what the answer changes in the request, flows out. Tokens are found and verified here, policies are
// evaluated by `Policy`. It does no I/O and reads no clock: the time is an argument, a stopwatch is handed
// in. Nothing here can make an allowing verdict without a complete evaluation (`Verdict`).

/// What the pipeline of a check may be told.
public struct AuthorizerSettings: Sendable {
  /// How policies are selected and what their values are compared with.
  public var policy = PolicySettings()
  /// The bounds of a token's text and content.
  public var token = TokenSettings()
  /// How far the clocks of issuer and authorizer may differ, in seconds. Envoy's filter has 60.
  public var clockSkewSeconds: UInt64 = 60
  /// How many tokens of one request are verified for one rule; each costs a signature verification, and an
  /// honest request carries one or two. A request with more is refused.
  public var maximumTokensPerRule = 8
  /// How keys are searched, and where tables of elliptic-curve keys are.
  public var keyRing = KeyRingSettings()
  /// Memory of a worker's token cache, in octets; 0: every signature is checked anew.
  public var tokenCacheOctets = 0

  public init() {}
}
