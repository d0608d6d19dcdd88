import TestSupport
import Testing

@testable import Bytes

struct FoldedHashTests {
  private let keys: [UInt64] = [
    0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908, 0xA5A5_5A5A_0123_4567, 0xFEDC_BA98_7654_3210,
  ]

  /// The product's halves by the school's method, folded.
  private func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let (a1, a0) = (a >> 32, a & 0xFFFF_FFFF)
    let (b1, b0) = (b >> 32, b & 0xFFFF_FFFF)
    let middle = (a0 * b0) >> 32 + (a1 * b0) & 0xFFFF_FFFF + (a0 * b1) & 0xFFFF_FFFF
    let high = a1 * b1 + (a1 * b0) >> 32 + (a0 * b1) >> 32 + middle >> 32
    return high ^ (a &* b)
  }

  private func slow(_ octets: [UInt8]) -> UInt64 {
    var words: [UInt64] = []
    var index = 0
    while index + 8 <= octets.count {
      words.append(octets[index..<(index + 8)].reversed().reduce(0) { $0 << 8 | UInt64($1) })
      index += 8
    }
    let tail = octets[index...].reduce(0) { $0 << 8 | UInt64($1) }
    var one = keys[0] ^ UInt64(octets.count)
    var two = keys[1]
    var next = 0
    while next + 4 <= words.count {
      one = fold(one ^ words[next], keys[2] ^ words[next + 1])
      two = fold(two ^ words[next + 2], keys[3] ^ words[next + 3])
      next += 4
    }
    for word in words[next...] { one = fold(one ^ word, keys[2]) }
    return fold(one ^ tail ^ keys[3], two ^ keys[2])
  }

  @Test func `it is what its description says, for every length`() {
    var generator = SeededGenerator(announcing: #function)
    let hash = FoldedHash(keys[0], keys[1], keys[2], keys[3])
    for count in 0...200 {
      let octets = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
      #expect(hash(octets.span) == slow(octets), "\(count) octets")
    }
  }

  @Test func `texts that differ in one octet or in length spread over all buckets`() {
    let hash = FoldedHash()
    var seen: Set<UInt64> = []
    var buckets = [Int](repeating: 0, count: 256)
    let base = [UInt8](repeating: 0x61, count: 300)
    for place in 0..<300 {
      for octet in 0..<64 as Range<UInt8> {
        var text = base
        text[place] = octet
        let value = hash(text.span)
        seen.insert(value)
        buckets[Int(value & 255)] += 1
      }
    }
    for length in 0..<300 { seen.insert(hash([UInt8](repeating: 0, count: length).span)) }
    #expect(seen.count == 300 * 64 + 300)
    // 75 on average: thrice that, or a third, is no chance.
    #expect(buckets.allSatisfy { (25...225).contains($0) }, "\(buckets.min() ?? 0) to \(buckets.max() ?? 0)")
  }

  @Test func `another key gives other hashes`() {
    let text = Array("a token's text, long enough for the wide loop to run".utf8)
    #expect(Set((0..<50).map { _ in FoldedHash()(text.span) }).count == 50)
  }
}
