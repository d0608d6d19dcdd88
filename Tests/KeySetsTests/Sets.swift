@testable import Fetch
import Issuer
import JWT
import KeySets
import Signatures

/// Key sets that tests publish: each of one key with its own name.
struct Sets {
  /// JWK Set texts, by number; the key's name is `k0`, `k1`, …
  let texts: [String]
  let parsed: [JWKSet]

  init(_ count: Int) throws {
    texts = try (0..<count).map { index in
      let key = try IssuerKey.generate(for: .edDSA, keyID: "k\(index)")
      return DevelopmentIssuer(name: "", keys: [key]).publicJWKSet
    }
    parsed = try texts.map { try JWKSet.parse(Array($0.utf8).span, source: .remote) }
  }
}

/// An answer of a provider.
func answer(_ body: String, status: Int = 200, tag: String? = nil, fresh: UInt64? = nil) -> FetchAnswer {
  FetchAnswer(
    status: status, body: Array(body.utf8), entityTag: tag, freshness: Freshness(seconds: fresh),
    contentType: "application/json", connection: FetchConnection())
}

let second: UInt64 = 1_000_000_000

extension JWKSet {
  var names: [String] { keys.compactMap { $0.keyID.map { String(decoding: $0, as: UTF8.self) } } }
}
