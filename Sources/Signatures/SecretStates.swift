internal import Bytes
internal import COpenSSL

/// HMAC (RFC 2104) with the two pads of one secret already hashed: a check costs two copies of a small state,
/// the message's blocks and one more. Values on the stack: nothing is allocated (`HMAC_CTX` and `EVP_MAC_CTX`
/// copy their digest contexts on the heap for every message).
struct SecretStates: Sendable {
  private let inner: HashState
  private let outer: HashState
  private let octets: Int

  init(_ function: HashFunction, secret: [UInt8]) {
    var block = [UInt8](repeating: 0, count: function.blockOctets)
    if secret.count > block.count {
      let digest = function.digest(secret.span)
      for index in 0..<function.octets { block[index] = digest[index] }
    } else {
      block.replaceSubrange(0..<secret.count, with: secret)
    }
    var inner = HashState(function)
    var outer = HashState(function)
    // Named, not passed as they are made: the 6.3.1 compiler fails on a span of a temporary here.
    let innerPad = block.map { $0 ^ 0x36 }
    let outerPad = block.map { $0 ^ 0x5C }
    inner.update(innerPad.span)
    outer.update(outerPad.span)
    self.inner = inner
    self.outer = outer
    octets = function.octets
  }

  /// The authentication code, in the first octets of the result.
  func code(over message: Span<UInt8>) -> Digest {
    var state = inner
    state.update(message)
    let digest = state.finish()
    state = outer
    state.update(digest.span.extracting(0..<octets))
    return state.finish()
  }

  /// Whether `signature` is the code, compared in time that does not depend on where they differ.
  func isValid(_ signature: Span<UInt8>, over message: Span<UInt8>) -> Bool {
    if signature.count != octets { return false }
    let code = code(over: message)
    return unsafe signature.withUnsafeBytes { given in
      unsafe code.span.withUnsafeBytes {
        unsafe CRYPTO_memcmp(given.baseAddress, $0.baseAddress, octets) == 0
      }
    }
  }
}
