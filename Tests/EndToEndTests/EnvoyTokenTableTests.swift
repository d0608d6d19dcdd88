import Foundation
import Issuer
import Signatures
import Testing

/// Every algorithm with every way to spoil a token, and every registered claim with every type of value, judged
/// by Envoy's own JWT filter and by Countersign.
@Suite(.enabled(if: Tools.hasEnvoy), .serialized)
struct EnvoyTokenTableTests {
  @Test func `three hundred tokens of all algorithms and claims are judged in the same way`() throws {
    let known = try Self.keys()
    let strangers = try Self.keys()
    let jwks = DevelopmentIssuer(name: KeysForBoth.issuer, keys: known).publicJWKSet
    let comparison = try Comparison([RuleForBoth(issuer: KeysForBoth.issuer, jwks: jwks)])
    let cases = try Self.algorithmCases(known, strangers) + Self.claimCases(known[0])
    for wrong in try comparison.differences(cases) { Issue.record("\(wrong)") }
    #expect(comparison.compared >= 300)
  }

  /// A key per algorithm, named as it; one RSA key for its six, for they are slow to make.
  private static func keys() throws -> [IssuerKey] {
    let rsa = try IssuerKey.generate(for: .rs256).signingKey
    return try Algorithm.allCases.map { algorithm in
      switch algorithm.family {
      case .rsaPKCS1, .rsaPSS: try IssuerKey(rsa, algorithm: algorithm, keyID: "\(algorithm.name)")
      default: try IssuerKey.generate(for: algorithm, keyID: "\(algorithm.name)")
      }
    }
  }

  private static func one(_ name: String, _ token: String) -> ComparisonCase {
    ComparisonCase(name: name, headers: [("Authorization", "Bearer \(token)")])
  }

  private static func sign(_ header: String, _ payload: String, _ key: IssuerKey) throws -> String {
    try Mint.token(
      headerOctets: Array(header.utf8), payloadOctets: Array(payload.utf8), key: key.signingKey,
      algorithm: key.algorithm)
  }

  private static func algorithmCases(_ known: [IssuerKey], _ strangers: [IssuerKey]) throws
    -> [ComparisonCase]
  {
    let payload = "{\"iss\":\"\(KeysForBoth.issuer)\",\"sub\":\"alice\"}"
    return try zip(known, strangers).flatMap { key, stranger in
      let name = "\(key.algorithm.name)"
      let header = "{\"alg\":\"\(name)\",\"kid\":\"\(name)\"}"
      let other = name == "ES256" ? "RS256" : "ES256"
      let good = try sign(header, payload, key)
      return [
        one(name, good), one("\(name) tampered", TestIssuer.broken(good)),
        one("\(name) by a stranger", try sign(header, payload, stranger)),
        one(
          "\(name) said to be \(other)", try sign("{\"alg\":\"\(other)\",\"kid\":\"\(name)\"}", payload, key)),
        one("\(name) without kid", try sign("{\"alg\":\"\(name)\"}", payload, key)),
        one("\(name) of an unknown kid", try sign("{\"alg\":\"\(name)\",\"kid\":\"x\"}", payload, key)),
        one("\(name) in lower case", try sign("{\"alg\":\"\(name.lowercased())\"}", payload, key)),
      ]
    }
  }

  /// Times far enough from the 60 s of clock skew that a slow run changes no verdict.
  private static func claimCases(_ key: IssuerKey) throws -> [ComparisonCase] {
    let now = EnvoyComparisonTests.now
    let times: [String] = ([-90_000, -3600, -600, -200, -20, -1, 0, 300, 600, 3600, 90_000] as [Int64]).map {
      "\(now + $0)"
    }
    let values =
      times + times.prefix(4).map { "\"\($0)\"" } + [
        "1", "-1", "1.5", "\"\"", "\"x\"", "\"é\"", "true", "false", "null", "[]", "{}", "[1]", "[\"x\"]",
        "[\"x\",null]", "[\"x\",\"y\"]", "{\"a\":1}", "1e3", "\(now + 600).5", "\"\\u0041\"", "\" x \"",
      ]
    return try ["exp", "nbf", "iat", "aud", "sub", "jti"].flatMap { claim in
      try values.map { value in
        let payload = "{\"iss\":\"\(KeysForBoth.issuer)\",\"\(claim)\":\(value)}"
        return one("\(claim) \(value)", try sign("{\"alg\":\"ES256\",\"kid\":\"ES256\"}", payload, key))
      }
    }
  }
}
