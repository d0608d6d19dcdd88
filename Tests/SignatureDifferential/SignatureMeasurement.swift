import Bytes
import COpenSSL
import Foundation
import Signatures

/// What a verification costs here and by `EVP_DigestVerify` with a fresh context (`HMAC()` for HS…), on the
/// same key and message, in turn. CPU time of the thread; medians.
public struct SignatureMeasurement {
  private let runs: Int
  private let message = [UInt8]((0..<700).map { UInt8(truncatingIfNeeded: $0 &* 31) })

  public init(runs: Int) { self.runs = runs }

  public func table() throws -> String {
    var lines = ["algorithm   here us   libcrypto us   times"]
    for algorithm in Algorithm.allCases {
      let (ours, theirs) = try measure(algorithm)
      let name = "\(algorithm.name)".padding(toLength: 10, withPad: " ", startingAt: 0)
      lines.append(String(format: "%@ %8.2f %12.2f %10.2f", name, ours, theirs, theirs / ours))
    }
    return lines.joined(separator: "\n")
  }

  private func measure(_ algorithm: Algorithm) throws -> (ours: Double, theirs: Double) {
    let key = try SigningKey.generate(for: algorithm)
    let signature = try key.sign(message.span, algorithm: algorithm)
    var verifier = try Verifier(key: key.verificationKey, algorithm: algorithm)
    if let table = ECDSATable.build(for: key.verificationKey) { verifier.adopt(table) }
    let rival = try Rival(key.verificationKey, algorithm, signature)
    let message = self.message
    // About 20 ms each, so that the clock's grain does not count.
    let once = Self.microseconds(1) { _ = rival.isValid(message) }
    let times = max(10, Int(20_000 / max(once, 0.5)))
    var ours: [Double] = []
    var theirs: [Double] = []
    var isRight = true
    for _ in 0..<runs {
      ours.append(
        Self.microseconds(times) {
          isRight = isRight && verifier.isValid(signature: signature.span, over: message.span)
        })
      theirs.append(Self.microseconds(times) { isRight = isRight && rival.isValid(message) })
    }
    precondition(isRight, "\(algorithm.name): a right signature was refused")
    return (ours.sorted()[runs / 2], theirs.sorted()[runs / 2])
  }

  /// Of one call.
  private static func microseconds(_ times: Int, _ body: () -> Void) -> Double {
    let start = now()
    for _ in 0..<times { body() }
    return (now() - start) / Double(times)
  }

  private static func now() -> Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e6 + Double(time.tv_nsec) / 1e3
  }
}

/// libcrypto as most programs call it.
@safe
private final class Rival {
  private let algorithm: Algorithm
  private var key: OpaquePointer?
  private var secret: [UInt8] = []
  private let signature: [UInt8]
  private let descriptor: OpaquePointer?

  init(_ verificationKey: VerificationKey, _ algorithm: Algorithm, _ signature: [UInt8]) throws {
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

  func isValid(_ message: [UInt8]) -> Bool {
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
