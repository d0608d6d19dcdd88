import COpenSSL
import Signatures

/// A private RSA key that stands for any encoded message at all, right or not.
@safe
final class RSANumbers {
  private let key: OpaquePointer
  private let modulus: OpaquePointer
  private let exponent: OpaquePointer
  private let context: OpaquePointer
  let octets: Int
  let bits: Int

  /// Made of two primes here: libcrypto's own generator makes no modulus of an odd number of bits.
  init?(bits: Int) {
    let numbers = unsafe (BN_new(), BN_new(), BN_new(), BN_new())
    guard let key = unsafe RSA_new(), let context = unsafe BN_CTX_new(), let p = unsafe numbers.0,
      let q = unsafe numbers.1, let modulus = unsafe numbers.2, let exponent = unsafe numbers.3
    else { return nil }
    defer {
      unsafe BN_free(p)
      unsafe BN_free(q)
    }
    let e = unsafe BN_new()
    guard unsafe BN_set_word(e, 65537) == 1,
      unsafe BN_generate_prime_ex(p, Int32(bits - bits / 2), 0, nil, nil, nil) == 1,
      unsafe BN_generate_prime_ex(q, Int32(bits / 2), 0, nil, nil, nil) == 1,
      unsafe BN_mul(modulus, p, q, context) == 1, unsafe BN_num_bits(modulus) == bits,
      unsafe BN_sub_word(p, 1) == 1, unsafe BN_sub_word(q, 1) == 1, unsafe BN_mul(p, p, q, context) == 1,
      unsafe BN_mod_inverse(exponent, e, p, context) != nil,
      unsafe RSA_set0_key(key, BN_dup(modulus), e, BN_dup(exponent)) == 1
    else { return nil }
    unsafe self.key = key
    unsafe self.context = context
    unsafe self.modulus = modulus
    unsafe self.exponent = exponent
    octets = (bits + 7) / 8
    self.bits = bits
  }

  deinit {
    unsafe RSA_free(key)
    unsafe BN_free(modulus)
    unsafe BN_free(exponent)
    unsafe BN_CTX_free(context)
  }

  func publicKey() throws -> VerificationKey {
    try VerificationKey(rsaModulus: modulusOctets, exponent: [1, 0, 1])
  }

  var modulusOctets: [UInt8] { unsafe Self.octets(of: modulus, octets) }

  private static func octets(of number: OpaquePointer?, _ count: Int) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: count)
    _ = unsafe BN_bn2binpad(number, &result, Int32(count))
    return result
  }

  /// The signature that stands for `encoded`, whatever that is: it is taken modulo the modulus.
  func sign(_ encoded: [UInt8]) -> [UInt8] {
    let base = unsafe BN_bin2bn(encoded, Int32(encoded.count), nil)
    let result = unsafe BN_new()
    defer {
      unsafe BN_free(base)
      unsafe BN_free(result)
    }
    _ = unsafe BN_mod_exp(result, base, exponent, modulus, context)
    return unsafe Self.octets(of: result, octets)
  }

  /// The signature plus the modulus, where that is as long.
  func plusModulus(_ signature: [UInt8]) -> [UInt8]? {
    let sum = unsafe BN_bin2bn(signature, Int32(signature.count), nil)
    defer { unsafe BN_free(sum) }
    guard unsafe BN_add(sum, sum, modulus) == 1, unsafe BN_num_bits(sum) <= octets * 8 else { return nil }
    return unsafe Self.octets(of: sum, octets)
  }

  /// libcrypto's PSS encoding, with a salt of any length.
  func encodePSS(_ digest: [UInt8], _ hash: HashFunction, saltOctets: Int) -> [UInt8] {
    var encoded = [UInt8](repeating: 0, count: octets)
    let descriptor =
      switch hash {
      case .sha256: unsafe EVP_sha256()
      case .sha384: unsafe EVP_sha384()
      case .sha512: unsafe EVP_sha512()
      }
    _ = unsafe RSA_padding_add_PKCS1_PSS_mgf1(
      key, &encoded, digest, descriptor, descriptor,
      Int32(saltOctets))
    return encoded
  }
}
