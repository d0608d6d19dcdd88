internal import Bytes
internal import COpenSSL

/// One key and one algorithm, ready to check signatures. The key is parsed and the library's contexts are
/// made when it is made; a check then fetches, parses and allocates nothing of ours (libcrypto's own
/// arithmetic uses its pools).
///
/// A verifier serves one thread at a time, which the compiler sees to: a check needs it exclusively. It may
/// move to another thread.
@safe
public struct Verifier: ~Copyable, @unchecked Sendable {
  public let algorithm: Algorithm
  private let hash: HashFunction
  /// The only length a signature may have (RFC 8017 section 8, RFC 7518 section 3.4, RFC 8032 section 5.1.7).
  private let signatureOctets: Int
  /// `EVP_PKEY`, parsed once; nil for HMAC.
  private let key: OpaquePointer?
  /// `EVP_PKEY_CTX` for RSA and ECDSA, initialised once with padding, hash, salt length and mask function.
  private let context: OpaquePointer?
  /// `EVP_MD_CTX` for EdDSA, which signs the message itself and has no digest form.
  private let messageContext: OpaquePointer?
  /// HMAC's two states.
  private let secret: SecretStates?
  /// ECDSA by tables, once they are there.
  private var fast: FastECDSA?
  /// RSA without EVP; nil for another exponent than 65537, and for other algorithms.
  private let fastRSA: FastRSA?
  private let fingerprint: KeyFingerprint

  /// - Throws: `.algorithmDoesNotFit` when the key does not fit the algorithm; `.libraryFailure` when
  ///   libcrypto cannot make its objects. Cost: about 20 us and some kilobytes of libcrypto's objects; an
  ///   HMAC verifier is a plain value.
  public init(key: VerificationKey, algorithm: Algorithm) throws(KeyError) {
    try self.init(key: key, algorithm: algorithm, allowsFastPath: true)
  }

  /// - Parameter allowsFastPath: false: RSA goes by EVP alone, to be compared with.
  public init(key: VerificationKey, algorithm: Algorithm, allowsFastPath: Bool) throws(KeyError) {
    if !key.fits(algorithm) { throw .algorithmDoesNotFit }
    // Made before the first member is set: a noncopyable value must be whole or not there when this throws.
    let handles = unsafe try VerifierHandles(key, algorithm)
    self.algorithm = algorithm
    hash = algorithm.hash
    fingerprint = key.fingerprint
    fastRSA = allowsFastPath ? FastRSA(key.material, algorithm) : nil
    signatureOctets = key.signatureOctets(algorithm)
    if case .secret(let octets) = key.material {
      secret = SecretStates(algorithm.hash, secret: octets)
    } else {
      secret = nil
    }
    unsafe self.key = handles.key
    unsafe context = handles.context
    unsafe messageContext = handles.messageContext
  }

  deinit {
    unsafe EVP_PKEY_CTX_free(context)
    unsafe EVP_MD_CTX_free(messageContext)
    unsafe EVP_PKEY_free(key)
  }

  /// Whether checks go by tables.
  public var hasTable: Bool { fast != nil }

  /// Checks ECDSA signatures by a table from now on.
  /// - Returns: false, and nothing has changed, when it is another key's or there is no memory.
  @discardableResult
  public mutating func adopt(_ table: ECDSATable) -> Bool {
    guard algorithm.family == .ecdsa, table.fingerprint == fingerprint, let made = FastECDSA(table) else {
      return false
    }
    fast = made
    return true
  }

  /// Whether `signature`, in JOSE form, is one of this key over `message`.
  ///
  /// Anything but a clear yes of the library is no. A signature of another length is refused before any work.
  public mutating func isValid(signature: Span<UInt8>, over message: Span<UInt8>) -> Bool {
    if signature.count != signatureOctets { return false }
    if let secret { return secret.isValid(signature, over: message) }
    let isValid =
      switch algorithm.family {
      case .rsaPKCS1, .rsaPSS: checkRSA(signature, message)
      case .ecdsa: checkECDSA(signature, message)
      case .edDSA: checkEdDSA(signature, message)
      case .hmac: false
      }
    // A refusal leaves entries in the thread's error queue, which other code would take for its own.
    if !isValid { ERR_clear_error() }
    return isValid
  }

  private func checkRSA(_ signature: Span<UInt8>, _ message: Span<UInt8>) -> Bool {
    if let fastRSA, let answer = fastRSA.check(signature, hash.digest(message)) { return answer }
    return unsafe signature.withUnsafeBufferPointer { unsafe check($0.baseAddress, $0.count, message) }
  }

  private func checkECDSA(_ signature: Span<UInt8>, _ message: Span<UInt8>) -> Bool {
    if let fast {
      let digest: Digest = hash.digest(message)
      if let answer = fast.check(signature, digest, digestOctets: hash.octets) { return answer }
    }
    let encoded = ECDSASignature(joined: signature)
    return unsafe encoded.octets.span.withUnsafeBufferPointer {
      unsafe check($0.baseAddress, encoded.count, message)
    }
  }

  /// A context that was initialised for verification answers any number of questions (EVP_PKEY_verify(3)).
  private func check(_ signature: UnsafePointer<UInt8>?, _ count: Int, _ message: Span<UInt8>) -> Bool {
    let digest = hash.digest(message)
    return unsafe digest.span.withUnsafeBufferPointer {
      unsafe EVP_PKEY_verify(context, signature, count, $0.baseAddress, hash.octets) == 1
    }
  }

  private func checkEdDSA(_ signature: Span<UInt8>, _ message: Span<UInt8>) -> Bool {
    // A one-shot check ends the context's operation, so it is begun again; without arguments this keeps the
    // algorithm and the key it has, and fetches nothing.
    if unsafe EVP_DigestVerifyInit(messageContext, nil, nil, nil, nil) != 1 { return false }
    return unsafe signature.withUnsafeBufferPointer { given in
      unsafe message.withUnsafeBufferPointer { octets in
        unsafe EVP_DigestVerify(
          messageContext, given.baseAddress, given.count, octets.baseAddress, octets.count) == 1
      }
    }
  }
}

/// What a verifier owns of libcrypto's, while it is being made. The verifier frees it.
@unsafe
struct VerifierHandles {
  private(set) var key: OpaquePointer?
  private(set) var context: OpaquePointer?
  private(set) var messageContext: OpaquePointer?

  /// Either everything the algorithm needs, or an error and nothing left behind. HMAC needs none of it.
  init(_ verificationKey: VerificationKey, _ algorithm: Algorithm) throws(KeyError) {
    if algorithm.family == .hmac { return }
    let key = unsafe try KeyHandles.make(verificationKey.material)
    let isReady =
      switch algorithm.family {
      case .edDSA: unsafe beginEdDSA(key)
      default: unsafe begin(key, algorithm)
      }
    if !isReady {
      unsafe EVP_PKEY_CTX_free(context)
      unsafe EVP_MD_CTX_free(messageContext)
      unsafe EVP_PKEY_free(key)
      ERR_clear_error()
      throw .libraryFailure
    }
    unsafe self.key = key
  }

  private mutating func beginEdDSA(_ key: OpaquePointer) -> Bool {
    unsafe messageContext = EVP_MD_CTX_new()
    return unsafe messageContext != nil && EVP_DigestVerifyInit(messageContext, nil, nil, nil, key) == 1
  }

  private mutating func begin(_ key: OpaquePointer, _ algorithm: Algorithm) -> Bool {
    unsafe context = EVP_PKEY_CTX_new_from_pkey(nil, key, nil)
    guard let context = unsafe context else { return false }
    return unsafe EVP_PKEY_verify_init(context) == 1 && SignatureParameters.set(context, algorithm)
  }
}

extension VerificationKey {
  /// The length in bytes of every signature of `algorithm` by this key.
  /// - Precondition: the key fits `algorithm`; otherwise the length means nothing.
  public func signatureOctets(_ algorithm: Algorithm) -> Int {
    switch material {
    case .rsa(let modulus, _): modulus.count
    case .ec(let curve, _, _): 2 * curve.octets
    case .ed25519: 64
    case .secret: algorithm.hash.octets
    }
  }
}

/// What RSA and ECDSA contexts are told, the same for checking and for signing.
enum SignatureParameters {
  /// The hash; for RSA the padding; for PSS a salt as long as the hash and MGF1 with that hash (RFC 7518
  /// section 3.5).
  static func set(_ context: OpaquePointer, _ algorithm: Algorithm) -> Bool {
    let hash = algorithm.hash
    switch algorithm.family {
    case .ecdsa:
      return unsafe EVP_PKEY_CTX_set_signature_md(context, hash.descriptor) == 1
    case .rsaPKCS1:
      return unsafe EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1
        && EVP_PKEY_CTX_set_signature_md(context, hash.descriptor) == 1
    case .rsaPSS:
      return unsafe EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1
        && EVP_PKEY_CTX_set_signature_md(context, hash.descriptor) == 1
        && EVP_PKEY_CTX_set_rsa_mgf1_md(context, hash.descriptor) == 1
        && EVP_PKEY_CTX_set_rsa_pss_saltlen(context, Int32(hash.octets)) == 1
    case .hmac, .edDSA:
      return false
    }
  }
}
