internal import Bytes
internal import COpenSSL

/// RSA verification (RFC 8017, sections 8.1.2 and 8.2.2) for the exponent 65537, which all but a few keys
/// have: sixteen squarings and a product in libcrypto's Montgomery arithmetic, and a comparison of the
/// whole encoded message. What is spared is libcrypto's way there, a sixth of the time. Its answer is
/// `EVP_PKEY_verify`'s, which the tests hold it to; where libcrypto fails it says so, and EVP is asked
/// instead. One thread's own: numbers and octets are made once.
@safe
final class FastRSA: @unchecked Sendable {
  private let modulus: OpaquePointer
  private let montgomery: OpaquePointer
  private let context: OpaquePointer
  private let signature: OpaquePointer
  private let power: OpaquePointer
  /// What the signature stands for.
  private var message: RSAEncodedMessage

  /// Nil for another exponent or algorithm, and when libcrypto has no memory.
  init?(_ material: VerificationKey.Material, _ algorithm: Algorithm) {
    guard case .rsa(let modulus, let exponent) = material, exponent == [1, 0, 1], let first = modulus.first,
      algorithm.family == .rsaPKCS1 || algorithm.family == .rsaPSS
    else { return nil }
    message = RSAEncodedMessage(
      algorithm, octets: modulus.count, modulusBits: modulus.count * 8 - first.leadingZeroBitCount)
    let numbers = unsafe (BN_new(), BN_new(), BN_new(), BN_CTX_new(), BN_MONT_CTX_new())
    guard let number = unsafe numbers.0, let signature = unsafe numbers.1, let power = unsafe numbers.2,
      let context = unsafe numbers.3, let montgomery = unsafe numbers.4,
      unsafe BN_bin2bn(modulus, Int32(modulus.count), number) != nil,
      unsafe BN_MONT_CTX_set(montgomery, number, context) == 1
    else {
      unsafe BN_free(numbers.0)
      unsafe BN_free(numbers.1)
      unsafe BN_free(numbers.2)
      unsafe BN_CTX_free(numbers.3)
      unsafe BN_MONT_CTX_free(numbers.4)
      return nil
    }
    unsafe self.modulus = number
    unsafe self.signature = signature
    unsafe self.power = power
    unsafe self.context = context
    unsafe self.montgomery = montgomery
  }

  deinit {
    unsafe BN_free(modulus)
    unsafe BN_free(signature)
    unsafe BN_free(power)
    unsafe BN_CTX_free(context)
    unsafe BN_MONT_CTX_free(montgomery)
  }

  /// Whether the signature is the key's over the digest; nil when libcrypto failed and nothing is known.
  /// - Parameters:
  ///   - signature: of the modulus's length.
  ///   - digest: of this verifier's hash.
  func check(_ signature: Span<UInt8>, _ digest: Digest) -> Bool? {
    let isRead = unsafe signature.withUnsafeBufferPointer {
      unsafe BN_bin2bn($0.baseAddress, Int32($0.count), self.signature) != nil
    }
    if !isRead { return nil }
    // RFC 8017, section 5.2.2: out of range.
    if unsafe BN_cmp(self.signature, modulus) >= 0 { return false }
    guard raise() else { return nil }
    return message.encodes(digest)
  }

  /// The signature to the power of 65537, into `message`.
  private func raise() -> Bool {
    guard unsafe BN_to_montgomery(power, signature, montgomery, context) == 1 else { return false }
    for _ in 0..<16 {
      guard unsafe BN_mod_mul_montgomery(power, power, power, montgomery, context) == 1 else { return false }
    }
    // One factor is in Montgomery form and one is not, so the product is not.
    guard unsafe BN_mod_mul_montgomery(power, power, signature, montgomery, context) == 1 else {
      return false
    }
    return unsafe message.read(power)
  }
}
