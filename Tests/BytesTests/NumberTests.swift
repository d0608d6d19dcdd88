import Bytes
import TestSupport
import Testing

struct VarintTests {
  private func read(_ octets: [UInt8], at start: Int = 0) -> (value: UInt64, end: Int)? {
    var index = start
    guard let value = Varint.read(octets.span, at: &index) else { return nil }
    return (value, index)
  }

  @Test func `every number comes back, in as many octets as announced`() throws {
    var generator = SeededGenerator(announcing: #function)
    var numbers: [UInt64] = [0, .max]
    for shift in 0..<64 {
      let edge = UInt64(1) << UInt64(shift)
      numbers += [edge, edge - 1, edge &+ 1]
    }
    for _ in 0..<2_000 { numbers.append(generator.next() >> UInt64.random(in: 0...63, using: &generator)) }
    for number in numbers {
      var buffer = ByteBuffer(capacity: 1)
      buffer.append(varint: number)
      #expect(buffer.count == Varint.size(number))
      let (value, end) = try #require(read(buffer.copy()))
      #expect(value == number && end == buffer.count)
      for count in 0..<buffer.count { #expect(read(Array(buffer.copy()[..<count])) == nil) }
    }
  }

  @Test func `a longer spelling of a small number is read`() throws {
    #expect(try #require(read([0x81, 0x80, 0x00])) == (1, 3))
    #expect(try #require(read([0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00])) == (0, 10))
  }

  @Test(
    arguments: [
      [], [0x80], [0xFF, 0xFF],
      [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02],  // 65 bits
      [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7F],
      [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00],  // eleven octets
      [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
    ] as [[UInt8]])
  func `what is cut, too long or too large is refused`(_ octets: [UInt8]) {
    #expect(read(octets) == nil)
  }

  @Test func `reading begins where the index stands, at the end too`() throws {
    #expect(try #require(read([0xFF, 0x05], at: 1)) == (5, 2))
    #expect(read([0x05], at: 1) == nil)
  }
}

struct DecimalTests {
  private func written(_ write: (inout ByteBuffer) -> Void) -> String {
    var buffer = ByteBuffer(capacity: 1)
    write(&buffer)
    return String(decoding: buffer.copy(), as: UTF8.self)
  }

  private func value(_ text: String) -> UInt64? { Array(text.utf8).decimal }

  @Test func `numbers are written as Swift writes them, and read back`() {
    var generator = SeededGenerator(announcing: #function)
    var numbers: [UInt64] = [0, 9, 10, 99, 100, .max, .max - 1]
    for _ in 0..<2_000 { numbers.append(generator.next() >> UInt64.random(in: 0...63, using: &generator)) }
    for number in numbers {
      #expect(written { $0.append(decimal: number) } == String(number))
      #expect(value(String(number)) == number)
      let signed = Int(truncatingIfNeeded: number)
      #expect(written { $0.append(decimal: signed) } == String(signed))
    }
    for number in [Int.min, .max, -1, 0, -10] {
      #expect(written { $0.append(decimal: number) } == String(number))
    }
  }

  @Test func `leading zeros are digits like others`() {
    #expect(value("007") == 7)
    #expect(value("00000000000000000001") == 1)
  }

  @Test(arguments: [
    "", "-1", "+1", " 1", "1 ", "1.0", "1e3", "0x1", "a", "١", "18446744073709551616", "99999999999999999999",
    "000000000000000000001", "1\u{0}", "/", ":",
  ])
  func `what is not a number of 64 bits is refused`(_ text: String) {
    #expect(value(text) == nil)
  }
}
