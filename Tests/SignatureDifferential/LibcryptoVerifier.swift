import COpenSSL
public import Signatures

/// A signature checked as most programs have libcrypto do it: what ours is measured against.
@safe
public final class LibcryptoVerifier {
  private let algorithm: Algorithm
  private var key: OpaquePointer?
  private var secret: [UInt8] = []
  private let signature: [UInt8]
  private let descriptor: OpaquePointer?

  /// - Parameter signature: in JOSE form; a right one of the key.
  public init(_ verificationKey: VerificationKey, _ algorithm: Algorithm, _ signature: [UInt8]) throws {
    self.algorithm = algorithm
    switch algorithm.hash {
    case .sha256: unsafe descriptor = EVP_sha256()
    case .sha384: unsafe descriptor = EVP_sha384()
    case .sha512: unsafe descriptor = EVP_sha512()
    }
    self.signature = algorithm.family == .ecdsa ? Self.der(signature) : signature
    switch verificationKey.material {
    case .secret(let octets): secret = octets
    case .ed25519(let x): unsafe key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, x, x.count)
    case .rsa(let modulus, let exponent):
      let rsa = unsafe RSA_new()
      _ = unsafe RSA_set0_key(
        rsa, BN_bin2bn(modulus, Int32(modulus.count), nil), BN_bin2bn(exponent, Int32(exponent.count), nil),
        nil)
      unsafe key = EVP_PKEY_new()
      _ = unsafe EVP_PKEY_set1_RSA(key, rsa)
      unsafe RSA_free(rsa)
      unsafe key = Self.imported(key)
    case .ec(let curve, let x, let y):
      let identifier =
        switch curve {
        case .p256: NID_X9_62_prime256v1
        case .p384: NID_secp384r1
        case .p521: NID_secp521r1
        }
      let ec = unsafe EC_KEY_new_by_curve_name(identifier)
      let encoded = [4] + x + y
      _ = unsafe EC_KEY_oct2key(ec, encoded, encoded.count, nil)
      unsafe key = EVP_PKEY_new()
      _ = unsafe EVP_PKEY_set1_EC_KEY(key, ec)
      unsafe EC_KEY_free(ec)
      unsafe key = Self.imported(key)
    }
  }

  deinit { unsafe EVP_PKEY_free(key) }

  /// The key as the provider has it, by way of its encoding: a legacy object would be exported at every call.
  private static func imported(_ key: OpaquePointer?) -> OpaquePointer? {
    var encoded: UnsafeMutablePointer<UInt8>?
    let length = unsafe i2d_PUBKEY(key, &encoded)
    unsafe EVP_PKEY_free(key)
    var start = unsafe UnsafePointer(encoded)
    let result = unsafe d2i_PUBKEY(nil, &start, Int(length))
    unsafe countersign_openssl_free(encoded)
    return unsafe result
  }

  private static func der(_ joined: [UInt8]) -> [UInt8] {
    func integer(_ part: ArraySlice<UInt8>) -> [UInt8] {
      var octets = Array(part.drop { $0 == 0 })
      if (octets.first ?? 0x80) & 0x80 != 0 { octets.insert(0, at: 0) }
      return [2, UInt8(octets.count)] + octets
    }
    let body = integer(joined[..<(joined.count / 2)]) + integer(joined[(joined.count / 2)...])
    return [0x30] + (body.count > 127 ? [0x81] : []) + [UInt8(body.count)] + body
  }

  /// Whether it is right over the message, by a fresh context (`HMAC()` for HS…).
  public func isValid(_ message: [UInt8]) -> Bool {
    if algorithm.family == .hmac {
      var code = [UInt8](repeating: 0, count: 64)
      var length: UInt32 = 0
      unsafe HMAC(descriptor, secret, Int32(secret.count), message, message.count, &code, &length)
      return unsafe Int(length) == signature.count && CRYPTO_memcmp(code, signature, signature.count) == 0
    }
    let context = unsafe EVP_MD_CTX_new()
    defer { unsafe EVP_MD_CTX_free(context) }
    var inner: OpaquePointer?
    let digest = algorithm.family == .edDSA ? nil : unsafe descriptor
    guard unsafe EVP_DigestVerifyInit(context, &inner, digest, nil, key) == 1 else { return false }
    if algorithm.family == .rsaPSS {
      _ = unsafe EVP_PKEY_CTX_set_rsa_padding(inner, RSA_PKCS1_PSS_PADDING)
      _ = unsafe EVP_PKEY_CTX_set_rsa_pss_saltlen(inner, Int32(algorithm.hash.octets))
    }
    return unsafe EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
  }
}
