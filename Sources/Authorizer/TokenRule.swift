import Bytes
import Istio

/// One `jwtRules` entry in the form that the request path reads: ranges over one pool of octets, in sorted
/// order.
///
/// It is noncopyable and holds no object of its own per name, so that reading it counts no references: all
/// workers share it.
struct TokenRule: ~Copyable, Sendable {
  struct HeaderLocation: Sendable {
    /// In lower case.
    var name: ByteRange
    /// Empty: the whole value is the token.
    var prefix: ByteRange
  }

  struct ClaimHeader: Sendable {
    /// In lower case.
    var header: ByteRange
    /// The claim's name, split at its dots.
    var path: [[UInt8]]
  }

  /// What all ranges below refer to.
  let octets: ByteBuffer
  /// Empty: any issuer.
  let issuer: ByteRange
  let audiences: [[UInt8]]
  /// Which of the snapshot's key sets.
  let keySet: Int
  let headers: [HeaderLocation]
  let parameters: [ByteRange]
  let cookies: [ByteRange]
  let payloadHeader: ByteRange?
  let claimHeaders: [ClaimHeader]
  let forwardsToken: Bool
  let spaceDelimited: [[UInt8]]
  let isRequired: Bool
  /// Where it is written.
  let position: SourcePosition

  /// For people. Empty: any issuer.
  var issuerText: String { octets.span[issuer].text() }

  /// The locations in the order in which Envoy collects (semantics, section 1.4): each kind sorted by name.
  init(_ rule: JWTRule, keySet: Int) {
    var pool = ByteBuffer(capacity: 256)
    issuer = Self.keep(rule.issuer, in: &pool)
    audiences = rule.audiences.map { Array($0.utf8) }
    self.keySet = keySet
    headers = Self.headerLocations(rule).map { name, prefix in
      HeaderLocation(name: Self.keep(name, in: &pool), prefix: Self.keep(prefix, in: &pool))
    }
    parameters = Self.parameterNames(rule).map { Self.keep($0, in: &pool) }
    cookies = Self.sortedOnce(rule.fromCookies).map { Self.keep($0, in: &pool) }
    payloadHeader = rule.outputPayloadToHeader.map { Self.keep($0.lowercased(), in: &pool) }
    claimHeaders = rule.outputClaimToHeaders.map { output in
      ClaimHeader(
        header: Self.keep(output.header.lowercased(), in: &pool),
        path: output.claim.split(separator: ".", omittingEmptySubsequences: false).map { Array($0.utf8) })
    }
    forwardsToken = rule.forwardOriginalToken
    spaceDelimited = rule.spaceDelimitedClaims.map { Array($0.utf8) }
    isRequired = rule.presence == .required
    position = rule.position
    octets = pool
  }

  /// Where a rule looks for tokens, for comparison.
  static func places(of rule: JWTRule) -> [[String]] {
    [
      headerLocations(rule).flatMap { [$0.name, $0.prefix] }, parameterNames(rule),
      sortedOnce(rule.fromCookies),
    ]
  }

  private static func headerLocations(_ rule: JWTRule) -> [(name: String, prefix: String)] {
    if usesDefaultLocations(rule) { return [("authorization", "Bearer ")] }
    let sorted = rule.fromHeaders.map { ($0.name.lowercased(), $0.prefix) }.sorted {
      Array(($0.0 + $0.1).utf8).lexicographicallyPrecedes(Array(($1.0 + $1.1).utf8))
    }
    // Said twice, a place is one place, as in Envoy: its token is verified, and counted, once.
    var locations: [(name: String, prefix: String)] = []
    for location in sorted where !locations.contains(where: { $0 == location }) { locations.append(location) }
    return locations
  }

  private static func parameterNames(_ rule: JWTRule) -> [String] {
    usesDefaultLocations(rule) ? ["access_token"] : sortedOnce(rule.fromParams)
  }

  /// The default pair counts only when no location of any kind is given.
  private static func usesDefaultLocations(_ rule: JWTRule) -> Bool {
    rule.fromHeaders.isEmpty && rule.fromParams.isEmpty && rule.fromCookies.isEmpty
  }

  private static func sortedOnce(_ names: [String]) -> [String] {
    Array(Set(names)).sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
  }

  private static func keep(_ text: String, in pool: inout ByteBuffer) -> ByteRange {
    let start = pool.count
    pool.append(Array(text.utf8))
    return ByteRange(start..<pool.count)
  }
}
