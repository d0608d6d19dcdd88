/// The two forms of an ECDSA signature: JOSE puts r and s side by side (RFC 7518 section 3.4), libcrypto
/// takes the DER of `SEQUENCE { r INTEGER, s INTEGER }`.
struct ECDSASignature {
  /// Room for the longest: P-521, two integers of 66 octets (the top bit of 521 is never set), each with two
  /// octets of head, in a sequence with three.
  typealias Octets = InlineArray<144, UInt8>

  private(set) var octets = Octets(repeating: 0)
  private(set) var count = 0

  /// The one DER form of r and s. Their range, 1 to n-1, is libcrypto's to check; zero becomes a valid
  /// INTEGER 0.
  /// - Parameter joined: r and s of equal length, at most 66 octets each.
  init(joined: Span<UInt8>) {
    let half = joined.count / 2
    let r = Self.firstOctet(of: joined, from: 0, to: half)
    let s = Self.firstOctet(of: joined, from: half, to: joined.count)
    let body =
      Self.integerOctets(joined, from: r, to: half) + Self.integerOctets(joined, from: s, to: joined.count)
    append(0x30)
    if body > 0x7F { append(0x81) }
    append(UInt8(truncatingIfNeeded: body))
    appendInteger(joined, from: r, to: half)
    appendInteger(joined, from: s, to: joined.count)
  }

  /// Where the number begins: behind its leading zeros, of which the last octet never is one.
  private static func firstOctet(of joined: Span<UInt8>, from start: Int, to end: Int) -> Int {
    var index = start
    while index < end - 1, joined[index] == 0 { index += 1 }
    return index
  }

  private static func integerOctets(_ joined: Span<UInt8>, from start: Int, to end: Int) -> Int {
    2 + (joined[start] & 0x80 == 0 ? 0 : 1) + end - start
  }

  private mutating func appendInteger(_ joined: Span<UInt8>, from start: Int, to end: Int) {
    append(0x02)
    append(UInt8(truncatingIfNeeded: Self.integerOctets(joined, from: start, to: end) - 2))
    // An INTEGER is signed.
    if joined[start] & 0x80 != 0 { append(0) }
    for index in start..<end { append(joined[index]) }
  }

  private mutating func append(_ octet: UInt8) {
    octets[count] = octet
    count += 1
  }
}
