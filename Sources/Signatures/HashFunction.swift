internal import Bytes
internal import COpenSSL

/// The SHA-2 functions that the algorithms use.
public enum HashFunction: UInt8, Sendable, Hashable, CaseIterable {
  case sha256, sha384, sha512

  /// Octets of a digest.
  public var octets: Int {
    switch self {
    case .sha256: 32
    case .sha384: 48
    case .sha512: 64
    }
  }

  /// Octets of a block: what HMAC pads its secret to (RFC 2104).
  var blockOctets: Int { self == .sha256 ? 64 : 128 }

  /// libcrypto's descriptor: a constant of the library, not a fetched object. Contexts resolve it once, when
  /// made.
  var descriptor: OpaquePointer? {
    switch self {
    case .sha256: unsafe EVP_sha256()
    case .sha384: unsafe EVP_sha384()
    case .sha512: unsafe EVP_sha512()
    }
  }

  /// The digest of `message`. Allocates: not for the request path.
  public func digest(of message: [UInt8]) -> [UInt8] {
    let digest: Digest = digest(message.span)
    return (0..<octets).map { digest[$0] }
  }

  /// The first sixteen octets of the digest of `message`.
  public func digestPrefix(of message: Span<UInt8>) -> InlineArray<16, UInt8> {
    let digest: Digest = digest(message)
    return InlineArray { digest[$0] }
  }

  /// The digest of `message` in the first `octets` octets of the result; the rest is zero.
  ///
  /// It runs on a plain SHA-2 state on the stack: no fetch and no allocation, 0.2 us less than a reused
  /// `EVP_MD_CTX`. The state functions cannot fail.
  func digest(_ message: Span<UInt8>) -> Digest {
    var state = HashState(self)
    state.update(message)
    return state.finish()
  }
}

/// Octets of a digest in place; how many count, the function says.
typealias Digest = InlineArray<64, UInt8>

/// A hash in the making. A value: copying it forks the computation, which is what HMAC's precomputed states
/// need.
enum HashState: Sendable {
  case short(SHA256_CTX)
  case long(SHA512_CTX)

  init(_ function: HashFunction) {
    switch function {
    case .sha256:
      var state = SHA256_CTX()
      unsafe SHA256_Init(&state)
      self = .short(state)
    case .sha384:
      var state = SHA512_CTX()
      unsafe SHA384_Init(&state)
      self = .long(state)
    case .sha512:
      var state = SHA512_CTX()
      unsafe SHA512_Init(&state)
      self = .long(state)
    }
  }

  mutating func update(_ octets: Span<UInt8>) {
    unsafe octets.withUnsafeBytes { unsafe update($0) }
  }

  mutating func update(_ octets: UnsafeRawBufferPointer) {
    guard let start = octets.baseAddress, octets.count > 0 else { return }
    switch self {
    case .short(var state):
      unsafe SHA256_Update(&state, start, octets.count)
      self = .short(state)
    case .long(var state):
      unsafe SHA512_Update(&state, start, octets.count)
      self = .long(state)
    }
  }

  /// The digest. The state itself stays as it is.
  func finish() -> Digest {
    var digest = Digest(repeating: 0)
    var output = digest.mutableSpan
    unsafe output.withUnsafeMutableBufferPointer { target in
      switch self {
      case .short(var state):
        _ = unsafe SHA256_Final(target.baseAddress, &state)
      case .long(var state):
        // Writes as many octets as the state was made for: 48 or 64.
        _ = unsafe SHA512_Final(target.baseAddress, &state)
      }
    }
    return digest
  }
}
