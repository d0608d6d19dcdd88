internal import Bytes
internal import COpenSSL

/// The `EVP_PKEY` of a key pair, shared by the copies of a `SigningKey`; nil for a secret.
@safe
final class PrivateHandle: @unchecked Sendable {
  // libcrypto locks what it changes inside a key: threads may sign with one at once, each with its own
  // context.
  private let key: OpaquePointer?

  init(_ components: SigningKey.Components) throws(KeyError) {
    do throws(KeyError) {
      unsafe key = try Self.make(components)
    } catch {
      // The public part was checked before this: what libcrypto refuses now is the private one.
      throw .privatePartDoesNotFit
    }
  }

  deinit { unsafe EVP_PKEY_free(key) }

  /// A signature in JOSE form of at most `most` octets, or nil when libcrypto fails.
  func sign(_ message: Span<UInt8>, _ algorithm: Algorithm, atMost most: Int) -> [UInt8]? {
    switch algorithm.family {
    case .rsaPKCS1, .rsaPSS: signDigest(message, algorithm, atMost: most)
    case .ecdsa:
      // Both integers may take a sign octet, and there are up to seven octets of head.
      signDigest(message, algorithm, atMost: most + 9).flatMap { Self.joined($0, half: most / 2) }
    case .edDSA: signMessage(message, atMost: most)
    case .hmac: nil
    }
  }

  private func signDigest(_ message: Span<UInt8>, _ algorithm: Algorithm, atMost most: Int) -> [UInt8]? {
    guard let context = unsafe EVP_PKEY_CTX_new_from_pkey(nil, key, nil) else { return nil }
    defer { unsafe EVP_PKEY_CTX_free(context) }
    if unsafe EVP_PKEY_sign_init(context) != 1 || !SignatureParameters.set(context, algorithm) { return nil }
    let digest = algorithm.hash.digest(message)
    var signature = [UInt8](repeating: 0, count: most)
    var count = most
    let outcome = unsafe digest.span.withUnsafeBufferPointer {
      unsafe EVP_PKEY_sign(context, &signature, &count, $0.baseAddress, algorithm.hash.octets)
    }
    return outcome == 1 && count <= most ? Array(signature[..<count]) : nil
  }

  private func signMessage(_ message: Span<UInt8>, atMost most: Int) -> [UInt8]? {
    guard let context = unsafe EVP_MD_CTX_new() else { return nil }
    defer { unsafe EVP_MD_CTX_free(context) }
    if unsafe EVP_DigestSignInit(context, nil, nil, nil, key) != 1 { return nil }
    var signature = [UInt8](repeating: 0, count: most)
    var count = most
    let outcome = unsafe message.withUnsafeBufferPointer {
      unsafe EVP_DigestSign(context, &signature, &count, $0.baseAddress, $0.count)
    }
    return outcome == 1 && count == most ? signature : nil
  }

  /// r and s, each filled up to `half` octets, from DER.
  private static func joined(_ encoded: [UInt8], half: Int) -> [UInt8]? {
    let parsed = unsafe encoded.withUnsafeBufferPointer { octets in
      var start = octets.baseAddress
      return unsafe d2i_ECDSA_SIG(nil, &start, octets.count)
    }
    guard let parsed = unsafe parsed else { return nil }
    defer { unsafe ECDSA_SIG_free(parsed) }
    guard
      let r = unsafe Numbers.octets(ECDSA_SIG_get0_r(parsed), filledTo: half),
      let s = unsafe Numbers.octets(ECDSA_SIG_get0_s(parsed), filledTo: half)
    else { return nil }
    return r + s
  }

  private static func make(_ components: SigningKey.Components) throws(KeyError) -> OpaquePointer? {
    switch components {
    case .rsa(let parts):
      var numbers = [
        KeyHandles.Number(name: "n", octets: parts.n), KeyHandles.Number(name: "e", octets: parts.e),
        KeyHandles.Number(name: "d", octets: parts.d),
      ]
      if let factors = parts.factors {
        numbers += [
          KeyHandles.Number(name: "rsa-factor1", octets: factors.p),
          KeyHandles.Number(name: "rsa-factor2", octets: factors.q),
          KeyHandles.Number(name: "rsa-exponent1", octets: factors.dp),
          KeyHandles.Number(name: "rsa-exponent2", octets: factors.dq),
          KeyHandles.Number(name: "rsa-coefficient1", octets: factors.qi),
        ]
      }
      return unsafe try KeyHandles.make("RSA", selection: countersign_evp_pkey_keypair(), numbers: numbers)
    case .ec(let curve, let x, let y, let d):
      return unsafe try KeyHandles.make(
        "EC", selection: countersign_evp_pkey_keypair(),
        numbers: [KeyHandles.Number(name: "priv", octets: d)],
        curve: curve, point: CurvePoint.uncompressed(x: x, y: y))
    case .ed25519(_, let d):
      guard let key = unsafe EVP_PKEY_new_raw_private_key_ex(nil, "ED25519", nil, d, d.count) else {
        ERR_clear_error()
        throw .libraryFailure
      }
      return unsafe key
    case .secret:
      return nil
    }
  }
}

/// Octets of libcrypto's numbers.
enum Numbers {
  /// Big-endian, with leading zeros up to `length`; nil when it is absent or longer.
  static func octets(_ number: OpaquePointer?, filledTo length: Int) -> [UInt8]? {
    guard let number = unsafe number, let size = Int32(exactly: length) else { return nil }
    var octets = [UInt8](repeating: 0, count: length)
    return unsafe BN_bn2binpad(number, &octets, size) == size ? octets : nil
  }

  /// Big-endian, shortest form.
  static func octets(_ number: OpaquePointer?) -> [UInt8]? {
    guard let number = unsafe number else { return nil }
    return unsafe octets(number, filledTo: (Int(BN_num_bits(number)) + 7) / 8)
  }
}
