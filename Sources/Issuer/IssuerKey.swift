internal import Bytes
public import Signatures

/// A private key with the name and the algorithm it goes by.
public struct IssuerKey: Sendable {
  /// `kid`: what a token's header names it by.
  public let keyID: String
  /// `alg`: the one algorithm it signs with.
  public let algorithm: Algorithm
  public let signingKey: SigningKey

  /// - Parameter keyID: nil for the key's thumbprint (RFC 7638), or sixteen random octets for a secret, whose
  ///   thumbprint would help to guess it.
  /// - Throws: `.algorithmDoesNotFit`.
  public init(_ signingKey: SigningKey, algorithm: Algorithm, keyID: String? = nil) throws(KeyError) {
    if !signingKey.fits(algorithm) { throw .algorithmDoesNotFit }
    self.signingKey = signingKey
    self.algorithm = algorithm
    if let keyID {
      self.keyID = keyID
    } else if case .secret = signingKey.components {
      self.keyID = JSONText.base64URL(try Random.octets(16))
    } else {
      self.keyID = Self.thumbprint(of: signingKey)
    }
  }

  /// A new key. Cost: for RSA up to seconds.
  /// - Parameter rsaBits: length of an RSA modulus; ignored for other keys.
  public static func generate(
    for algorithm: Algorithm, keyID: String? = nil, rsaBits: Int = 2048
  ) throws(KeyError) -> IssuerKey {
    let key = try SigningKey.generate(for: algorithm, rsaBits: rsaBits)
    return try IssuerKey(key, algorithm: algorithm, keyID: keyID)
  }

  /// The key for verifiers, a JWK on one line (RFC 7517 section 4). For HMAC it is the secret itself: there
  /// is no public part.
  public var publicJWK: String { jwk(publicMembers(of: signingKey.components)) }

  /// The whole key. Whoever reads it can sign: keep it in a file of mode 0600.
  public var privateJWK: String {
    jwk(publicMembers(of: signingKey.components) + privateMembers(of: signingKey.components))
  }

  private func jwk(_ material: [(String, String)]) -> String {
    let names = [("kid", keyID), ("alg", "\(algorithm.name)"), ("use", "sig")]
    return JSONText.object(
      (material.prefix(1) + names + material.dropFirst()).map { ($0.0, JSONText.string($0.1)) })
  }

  /// RFC 7638 section 3: SHA-256 over the required members alone, in the order of their names.
  private static func thumbprint(of key: SigningKey) -> String {
    let members = publicMembers(of: key.components).sorted { $0.0 < $1.0 }
    let text = JSONText.object(members.map { ($0.0, JSONText.string($0.1)) })
    return JSONText.base64URL(HashFunction.sha256.digest(of: Array(text.utf8)))
  }
}

/// The members RFC 7518 section 6 and RFC 8037 section 2 require, `kty` first.
private func publicMembers(of components: SigningKey.Components) -> [(String, String)] {
  switch components {
  case .rsa(let parts):
    [("kty", "RSA"), ("n", JSONText.base64URL(parts.n)), ("e", JSONText.base64URL(parts.e))]
  case .ec(let curve, let x, let y, _):
    [
      ("kty", "EC"), ("crv", "\(curve.name)"), ("x", JSONText.base64URL(x)), ("y", JSONText.base64URL(y)),
    ]
  case .ed25519(let x, _):
    [("kty", "OKP"), ("crv", "Ed25519"), ("x", JSONText.base64URL(x))]
  case .secret(let secret):
    [("kty", "oct"), ("k", JSONText.base64URL(secret))]
  }
}

private func privateMembers(of components: SigningKey.Components) -> [(String, String)] {
  switch components {
  case .rsa(let parts):
    var members = [("d", parts.d)]
    if let factors = parts.factors {
      members += [
        ("p", factors.p), ("q", factors.q), ("dp", factors.dp), ("dq", factors.dq), ("qi", factors.qi),
      ]
    }
    return members.map { ($0.0, JSONText.base64URL($0.1)) }
  case .ec(_, _, _, let d), .ed25519(_, let d):
    return [("d", JSONText.base64URL(d))]
  case .secret:
    return []
  }
}
