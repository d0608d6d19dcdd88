internal import COpenSSL

extension SigningKey {
  /// A new key for `algorithm`: RSA of `rsaBits`, EC on the algorithm's curve, Ed25519, or a random secret as
  /// long as the hash.
  /// - Parameter rsaBits: length of an RSA modulus, within `VerificationKey.rsaModulusBits`; an odd one is
  ///   rounded down, since both primes get half of it. Ignored for other keys.
  /// - Throws: `.rsaModulusTooShort`, `.rsaModulusTooLong`; `.libraryFailure`. Cost: for RSA up to seconds.
  public static func generate(for algorithm: Algorithm, rsaBits: Int = 2048) throws(KeyError) -> SigningKey {
    switch algorithm.family {
    case .hmac:
      return try SigningKey(.secret(Random.octets(algorithm.hash.octets)))
    case .edDSA:
      return try SigningKey(generatedEd25519())
    case .ecdsa:
      guard let curve = algorithm.curve else { throw .algorithmDoesNotFit }
      return try SigningKey(generated(on: curve))
    case .rsaPKCS1, .rsaPSS:
      if rsaBits < VerificationKey.rsaModulusBits.lowerBound { throw .rsaModulusTooShort(bits: rsaBits) }
      if rsaBits > VerificationKey.rsaModulusBits.upperBound { throw .rsaModulusTooLong(bits: rsaBits) }
      return try SigningKey(.rsa(generatedRSA(Int32(rsaBits))))
    }
  }

  private static func generatedRSA(_ bits: Int32) throws(KeyError) -> RSAComponents {
    let key = unsafe try generated("RSA") { unsafe EVP_PKEY_CTX_set_rsa_keygen_bits($0, bits) == 1 }
    defer { unsafe EVP_PKEY_free(key) }
    func number(_ name: StaticString) throws(KeyError) -> [UInt8] {
      try unsafe Self.number(name, of: key) { unsafe Numbers.octets($0) }
    }
    return RSAComponents(
      n: try number("n"), e: try number("e"), d: try number("d"),
      factors: .init(
        p: try number("rsa-factor1"), q: try number("rsa-factor2"), dp: try number("rsa-exponent1"),
        dq: try number("rsa-exponent2"), qi: try number("rsa-coefficient1")))
  }

  private static func generated(on curve: Curve) throws(KeyError) -> Components {
    let key = unsafe try generated("EC") { unsafe EVP_PKEY_CTX_set_group_name($0, curve.name.cString) == 1 }
    defer { unsafe EVP_PKEY_free(key) }
    func number(_ name: StaticString) throws(KeyError) -> [UInt8] {
      try unsafe Self.number(name, of: key) { unsafe Numbers.octets($0, filledTo: curve.octets) }
    }
    return .ec(curve, x: try number("qx"), y: try number("qy"), d: try number("priv"))
  }

  private static func generatedEd25519() throws(KeyError) -> Components {
    let key = unsafe try generated("ED25519") { _ in true }
    defer { unsafe EVP_PKEY_free(key) }
    var x = [UInt8](repeating: 0, count: 32)
    var d = x
    var (countX, countD) = (x.count, d.count)
    guard
      unsafe EVP_PKEY_get_raw_public_key(key, &x, &countX) == 1,
      unsafe EVP_PKEY_get_raw_private_key(key, &d, &countD) == 1, countX == 32, countD == 32
    else {
      ERR_clear_error()
      throw .libraryFailure
    }
    return .ed25519(x: x, d: d)
  }

  /// A new key pair of a type; `configure` sets what the type asks for.
  private static func generated(
    _ type: StaticString, _ configure: (OpaquePointer) -> Bool
  ) throws(KeyError) -> OpaquePointer {
    guard let context = unsafe EVP_PKEY_CTX_new_from_name(nil, type.cString, nil) else {
      throw .libraryFailure
    }
    defer { unsafe EVP_PKEY_CTX_free(context) }
    var key: OpaquePointer?
    guard
      unsafe EVP_PKEY_keygen_init(context) == 1, unsafe configure(context),
      unsafe EVP_PKEY_generate(context, &key) == 1, let key = unsafe key
    else {
      ERR_clear_error()
      throw .libraryFailure
    }
    return unsafe key
  }

  private static func number(
    _ name: StaticString, of key: OpaquePointer, _ octets: (OpaquePointer?) -> [UInt8]?
  ) throws(KeyError) -> [UInt8] {
    var number: OpaquePointer?
    defer { unsafe BN_clear_free(number) }
    guard unsafe EVP_PKEY_get_bn_param(key, name.cString, &number) == 1, let octets = unsafe octets(number)
    else {
      ERR_clear_error()
      throw .libraryFailure
    }
    return octets
  }
}
