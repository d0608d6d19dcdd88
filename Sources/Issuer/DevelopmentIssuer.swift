// Issuer: an identity provider for a laptop, for tests and for load. Algorithms and claims flow in, keys, key
// sets and signed tokens flow out as text. It touches no file, no clock and no network: its caller writes and
// knows the time. It is never linked into the request path.

internal import Bytes
public import Signatures

/// An issuer with keys of its own: what `RequestAuthentication` names in `issuer` and `jwks`.
public struct DevelopmentIssuer: Sendable {
  /// The `iss` of its tokens.
  public var name: String
  /// Its keys; the first one signs unless another is asked for.
  public var keys: [IssuerKey]

  public init(name: String, keys: [IssuerKey]) {
    self.name = name
    self.keys = keys
  }

  /// An issuer with one new key for each algorithm.
  /// - Throws: `.libraryFailure`. Cost: for RSA up to seconds a key.
  public static func generate(name: String, algorithms: [Algorithm]) throws(KeyError) -> DevelopmentIssuer {
    var keys: [IssuerKey] = []
    for algorithm in algorithms { keys.append(try IssuerKey.generate(for: algorithm)) }
    return DevelopmentIssuer(name: name, keys: keys)
  }

  /// What verifiers need, a JWK Set on one line (RFC 7517 section 5). It holds the secrets of HMAC keys,
  /// which have no public part: publish no set with such a key.
  public var publicJWKSet: String { Self.set(keys.map(\.publicJWK)) }

  /// The whole keys. Whoever reads it can sign: keep it in a file of mode 0600.
  public var privateJWKSet: String { Self.set(keys.map(\.privateJWK)) }

  private static func set(_ keys: [String]) -> String { "{\"keys\":[" + keys.joined(separator: ",") + "]}" }

  /// A token of this issuer: `iss` is its name unless the claims say otherwise.
  /// - Parameters:
  ///   - keyID: the key that signs; nil for the first.
  ///   - type: `typ` of the header; nil leaves it out.
  /// - Throws: `.noSuchKey`; what `Mint.token` throws.
  public func token(
    claims: Claims, keyID: String? = nil, type: String? = "JWT"
  ) throws(IssuerError) -> String {
    guard let key = keyID == nil ? keys.first : keys.first(where: { $0.keyID == keyID }) else {
      throw .noSuchKey
    }
    var claims = claims
    if claims.issuer == nil, try !claims.holds("iss") { claims.issuer = name }
    return try Mint.token(header: TokenHeader(type: type), claims: claims, key: key)
  }
}
