internal import Bytes
internal import COpenSSL

/// An encoded message (RFC 8017, section 9), as a signature stands for it, and whether it is one of a
/// digest. Its storage is reused for every signature of one key.
struct RSAEncodedMessage: ~Copyable {
  private let hash: HashFunction
  private let isPSS: Bool
  /// Octets of the modulus, and so of every signature and encoded message.
  private let octets: Int
  private let modulusBits: Int
  private var encoded: ByteBuffer
  /// PKCS #1 v1.5: the message that it must be, whose end is the digest's place. PSS: the data block
  /// without its mask.
  private var block: ByteBuffer

  /// - Parameter octets: of the modulus.
  init(_ algorithm: Algorithm, octets: Int, modulusBits: Int) {
    hash = algorithm.hash
    isPSS = algorithm.family == .rsaPSS
    self.octets = octets
    self.modulusBits = modulusBits
    encoded = ByteBuffer(capacity: octets)
    block = ByteBuffer(capacity: octets)
    if !isPSS { writeExpected() }
  }

  /// Takes the number that a signature gave.
  /// - Returns: false when it is longer than the modulus, which only a mistake of ours makes it.
  mutating func read(_ number: OpaquePointer) -> Bool {
    encoded.removeAll()
    let octets = octets
    unsafe encoded.appendUnsafely(atMost: octets) { target in
      unsafe Int(max(0, BN_bn2binpad(number, target.baseAddress, Int32(octets))))
    }
    return encoded.count == octets
  }

  /// Whether it is of this digest.
  mutating func encodes(_ digest: Digest) -> Bool { isPSS ? matchesPSS(digest) : matchesPKCS1(digest) }

  // MARK: PKCS #1 v1.5

  /// The encoding of any digest up to the digest (RFC 8017, section 9.2): 0, 1, padding, 0, and the DER of
  /// DigestInfo.
  private mutating func writeExpected() {
    let prefix = hash.digestInfoPrefix
    let padding = octets - 3 - prefix.count - hash.octets
    // At least eight octets of padding: a modulus has 2048 bits and more.
    precondition(padding >= 8)
    block.append([0x00, 0x01] + [UInt8](repeating: 0xFF, count: padding) + [0x00] + prefix)
    for _ in 0..<hash.octets { block.append(0) }
  }

  private mutating func matchesPKCS1(_ digest: Digest) -> Bool {
    let start = octets - hash.octets
    for index in 0..<hash.octets { block[start + index] = digest[index] }
    return encoded.span.isSame(as: block.span)
  }

  // MARK: PSS

  /// RFC 8017, section 9.1.2, with MGF1 by the same hash and a salt as long as a digest (RFC 7518, section
  /// 3.5).
  private mutating func matchesPSS(_ digest: Digest) -> Bool {
    let length = hash.octets
    // Bits of the first octet that may be set: none of it when the encoded message is an octet shorter.
    let bits = (modulusBits - 1) & 7
    let start = bits == 0 ? 1 : 0
    let blockOctets = octets - start - length - 1
    guard blockOctets >= length + 1, encoded[octets - 1] == 0xBC, encoded[0] >> UInt8(bits) == 0 else {
      return false
    }
    let hashStart = start + blockOctets
    unmask(start..<hashStart, by: hashStart..<(hashStart + length))
    if bits != 0 { block[0] &= 0xFF >> UInt8(8 - bits) }
    let saltStart = blockOctets - length
    for index in 0..<(saltStart - 1) where block[index] != 0 { return false }
    guard block[saltStart - 1] == 1 else { return false }
    let expected = saltedDigest(digest, block.span.extracting(saltStart..<blockOctets))
    for index in 0..<length where expected[index] != encoded[hashStart + index] { return false }
    return true
  }

  /// Makes `block` the part of `encoded` less its mask.
  private mutating func unmask(_ masked: Range<Int>, by seed: Range<Int>) {
    block.removeAll()
    var counter: UInt8 = 0
    var index = masked.lowerBound
    while index < masked.upperBound {
      var state = HashState(hash)
      state.update(encoded.span.extracting(seed))
      // The longest modulus, of 8,192 bits, takes 32 rounds: the other three octets stay 0.
      let number: InlineArray<4, UInt8> = [0, 0, 0, counter]
      state.update(number.span)
      let mask = state.finish()
      for position in 0..<min(hash.octets, masked.upperBound - index) {
        block.append(encoded[index + position] ^ mask[position])
      }
      index += hash.octets
      counter &+= 1
    }
  }

  private func saltedDigest(_ digest: Digest, _ salt: Span<UInt8>) -> Digest {
    var state = HashState(hash)
    let zeros = InlineArray<8, UInt8>(repeating: 0)
    state.update(zeros.span)
    state.update(digest.span.extracting(0..<hash.octets))
    state.update(salt)
    return state.finish()
  }
}

extension HashFunction {
  /// The DER of a DigestInfo up to the digest (RFC 8017, section 9.2, note 1).
  fileprivate var digestInfoPrefix: [UInt8] {
    let (number, total): (UInt8, UInt8) =
      switch self {
      case .sha256: (1, 0x31)
      case .sha384: (2, 0x41)
      case .sha512: (3, 0x51)
      }
    return [
      0x30, total, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, number, 0x05, 0x00,
      0x04,
      UInt8(octets),
    ]
  }
}
