import Bytes
import TestSupport
import Testing

/// SipHash-c-d as its paper writes it: one round function, no shortcuts.
private func sipHash(_ compress: Int, _ finish: Int, _ k0: UInt64, _ k1: UInt64, _ octets: [UInt8]) -> UInt64
{
  var v: [UInt64] = [
    k0 ^ 0x736f_6d65_7073_6575, k1 ^ 0x646f_7261_6e64_6f6d, k0 ^ 0x6c79_6765_6e65_7261,
    k1 ^ 0x7465_6462_7974_6573,
  ]
  func rotated(_ word: UInt64, _ by: UInt64) -> UInt64 { word << by | word >> (64 - by) }
  func round() {
    v[0] &+= v[1]
    v[2] &+= v[3]
    v[1] = rotated(v[1], 13)
    v[3] = rotated(v[3], 16)
    v[1] ^= v[0]
    v[3] ^= v[2]
    v[0] = rotated(v[0], 32)
    v[2] &+= v[1]
    v[0] &+= v[3]
    v[1] = rotated(v[1], 17)
    v[3] = rotated(v[3], 21)
    v[1] ^= v[2]
    v[3] ^= v[0]
    v[2] = rotated(v[2], 32)
  }
  var padded = octets
  while padded.count % 8 != 7 { padded.append(0) }
  padded.append(UInt8(truncatingIfNeeded: octets.count))
  for start in stride(from: 0, to: padded.count, by: 8) {
    var word: UInt64 = 0
    for index in (0..<8).reversed() { word = word << 8 | UInt64(padded[start + index]) }
    v[3] ^= word
    for _ in 0..<compress { round() }
    v[0] ^= word
  }
  v[2] ^= 0xFF
  for _ in 0..<finish { round() }
  return v[0] ^ v[1] ^ v[2] ^ v[3]
}

struct SeededHashTests {
  /// The key of the paper's test vectors: octets 0 to 15.
  private let k0: UInt64 = 0x0706_0504_0302_0100
  private let k1: UInt64 = 0x0F0E_0D0C_0B0A_0908

  @Test func `the slow form gives the published values of SipHash-2-4`() {
    // Appendix A of the paper (15 octets), and the first of its reference code's vectors (none, one octet).
    #expect(sipHash(2, 4, k0, k1, Array(0..<15)) == 0xa129_ca61_49be_45e5)
    #expect(sipHash(2, 4, k0, k1, []) == 0x726f_db47_dd0e_0e31)
    #expect(sipHash(2, 4, k0, k1, [0]) == 0x74f8_39c5_93dc_67fd)
  }

  @Test func `the hash is SipHash-1-3`() {
    var generator = SeededGenerator(announcing: #function)
    let hash = SeededHash(k0, k1)
    for count in 0...64 {
      let octets = (0..<count).map { UInt8($0) }
      #expect(hash(octets.span) == sipHash(1, 3, k0, k1, octets))
    }
    for _ in 0..<2_000 {
      let (a, b) = (generator.next(), generator.next())
      let octets = (0..<Int.random(in: 0...300, using: &generator)).map { _ in
        UInt8.random(in: 0...255, using: &generator)
      }
      #expect(SeededHash(a, b)(octets.span) == sipHash(1, 3, a, b, octets))
    }
  }

  @Test func `another key, another octet or one zero more gives another hash`() {
    let octets: [UInt8] = Array("issuer".utf8)
    let hash = SeededHash(k0, k1)
    #expect(hash(octets.span) != SeededHash(k0 ^ 1, k1)(octets.span))
    #expect(hash(octets.span) != SeededHash(k0, k1 ^ 1)(octets.span))
    #expect(hash(octets.span) != hash((octets + [0]).span))
    #expect(hash([UInt8]().span) != hash([0].span))
  }
}
