import Bytes
import Istio

/// One `jwtRules` entry in the form that the request path reads: octets, sorted locations, numbers.
///
/// It is noncopyable so that reading it never counts references: workers share it.
struct TokenRule: ~Copyable, Sendable {
  struct HeaderLocation: Sendable {
    /// In lower case.
    var name: [UInt8]
    /// Empty: the whole value is the token.
    var prefix: [UInt8]
  }

  struct ClaimHeader: Sendable {
    /// In lower case.
    var header: [UInt8]
    /// The claim's name, split at its dots.
    var path: [[UInt8]]
  }

  /// Empty: any issuer.
  let issuer: [UInt8]
  let audiences: [[UInt8]]
  /// Which of the snapshot's key sets.
  let keySet: Int
  let headers: [HeaderLocation]
  let parameters: [[UInt8]]
  let cookies: [[UInt8]]
  let payloadHeader: [UInt8]?
  let claimHeaders: [ClaimHeader]
  let forwardsToken: Bool
  let spaceDelimited: [[UInt8]]
  let isRequired: Bool

  /// The locations in the order in which Envoy collects (semantics, section 1.4): each kind sorted by name.
  init(_ rule: JWTRule, keySet: Int) {
    issuer = Array(rule.issuer.utf8)
    audiences = rule.audiences.map { Array($0.utf8) }
    self.keySet = keySet
    var headers = rule.fromHeaders.map {
      HeaderLocation(name: Array($0.name.lowercased().utf8), prefix: Array($0.prefix.utf8))
    }
    var parameters = rule.fromParams.map { Array($0.utf8) }
    if headers.isEmpty && parameters.isEmpty && rule.fromCookies.isEmpty {
      headers = [HeaderLocation(name: Array("authorization".utf8), prefix: Array("Bearer ".utf8))]
      parameters = [Array("access_token".utf8)]
    }
    self.headers = headers.sorted {
      ($0.name + $0.prefix).lexicographicallyPrecedes($1.name + $1.prefix)
    }
    self.parameters = Self.sortedOnce(parameters)
    cookies = Self.sortedOnce(rule.fromCookies.map { Array($0.utf8) })
    payloadHeader = rule.outputPayloadToHeader.map { Array($0.lowercased().utf8) }
    claimHeaders = rule.outputClaimToHeaders.map { output in
      ClaimHeader(
        header: Array(output.header.lowercased().utf8),
        path: output.claim.split(separator: ".", omittingEmptySubsequences: false).map { Array($0.utf8) })
    }
    forwardsToken = rule.forwardOriginalToken
    spaceDelimited = rule.spaceDelimitedClaims.map { Array($0.utf8) }
    isRequired = rule.presence == .required
  }

  /// All header names that this rule may set.
  var outputHeaders: [[UInt8]] {
    (payloadHeader.map { [$0] } ?? []) + claimHeaders.map(\.header)
  }

  private static func sortedOnce(_ names: [[UInt8]]) -> [[UInt8]] {
    Array(Set(names)).sorted { $0.lexicographicallyPrecedes($1) }
  }
}
