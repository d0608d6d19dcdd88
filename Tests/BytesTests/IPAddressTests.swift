import Bytes
import Foundation
import TestSupport
import Testing

struct IPAddressTests {
  /// What the system's own reader says: a number, or nil.
  private func system(_ text: String) -> IPAddress? {
    var v4 = in_addr()
    if unsafe inet_pton(AF_INET, text, &v4) == 1 {
      return IPAddress(family: .v4, bits: UInt128(UInt32(bigEndian: v4.s_addr)))
    }
    var v6 = in6_addr()
    if unsafe inet_pton(AF_INET6, text, &v6) == 1 {
      let bits = unsafe withUnsafeBytes(of: &v6) { octets in
        unsafe octets.reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
      }
      return IPAddress(family: .v6, bits: bits)
    }
    return nil
  }

  @Test(arguments: [
    "0.0.0.0", "1.2.3.4", "255.255.255.255", "10.0.0.1", "::", "::1", "1::", "2001:db8::1", "fe80::1:2:3:4",
    "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "::ffff:1.2.3.4", "::1.2.3.4",
    "1:2:3:4:5:6:1.2.3.4", "1::1.2.3.4", "ABCD:EF01::abcd", "0000:0000::0000", "64:ff9b::192.0.2.33", "0::0",
  ])
  func `addresses are read as the system reads them`(_ text: String) throws {
    let address = try #require(IPAddress(text))
    #expect(system(text) == address)
  }

  @Test(arguments: [
    "", " ", "1", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "1..2.3", "1.2.3.4.", "256.1.1.1", "1.2.3.999",
    "1.2.3.4444", "1.2.3.-4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4\n", "1.2.3.4/8", "1.2.3.4:80", "0x1.2.3.4",
    "1.2.3.a",
    "a.b.c.d", ":", ":::", "1:::2", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::",
    "::1:2:3:4:5:6:7:8", "1:2:3:4::5:6:7:8", "12345::", "g::", "1:", ":1", "1:2:3:4:5:6:7:", "[::1]",
    "::1%eth0",
    "fe80::1%1", "::1.2.3", "::1.2.3.4.5", "::1.2.3.256", "1.2.3.4::", "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4",
    "1:2:3:4:5:1.2.3.4", "::1.2.3.4 ", "::/0", "1:2:3:4:5:6:7:8 ", "٣.1.1.1",
  ])
  func `what is not a bare address is refused, as the system does`(_ text: String) {
    #expect(IPAddress(text) == nil)
    #expect(system(text) == nil)
  }

  @Test(arguments: ["01.2.3.4", "1.2.3.04", "00.0.0.0", "1.2.3.4000", "::1.2.3.04", "010.1.1.1"])
  func `a leading zero is refused: somebody reads it as octal`(_ text: String) {
    #expect(IPAddress(text) == nil)
  }

  @Test func `a mapped address stays an IPv6 address`() throws {
    let mapped = try #require(IPAddress("::ffff:1.2.3.4"))
    #expect(mapped.family == .v6)
    #expect(mapped != IPAddress("1.2.3.4"))
    #expect(mapped.bits == 0xFFFF_0102_0304)
  }

  @Test func `random texts are read as the system reads them`() {
    var generator = SeededGenerator(announcing: #function)
    let pieces = [
      "0", "1", "9", "12", "255", "256", "a", "F", "ffff", "10000", ":", "::", ":", ":", ".", ".", ".", "%",
      " ", "/",
    ]
    var read = 0
    for round in 0..<40_000 {
      var text = ""
      switch round % 4 {
      case 0:
        for _ in 0..<Int.random(in: 0...14, using: &generator) {
          text += pieces[Int.random(in: 0..<pieces.count, using: &generator)]
        }
      case 1:
        text = (0..<Int.random(in: 3...5, using: &generator)).map { _ in
          String(UInt32.random(in: 0...300, using: &generator))
        }.joined(separator: ".")
      case 2:
        text = (0..<Int.random(in: 1...9, using: &generator)).map { _ in
          Int.random(in: 0..<4, using: &generator) == 0
            ? "" : String(UInt32.random(in: 0...0xFFFF, using: &generator), radix: 16)
        }.joined(separator: ":")
      default:
        text =
          (0..<Int.random(in: 0...7, using: &generator)).map { _ in
            String(UInt32.random(in: 0...0xFFF, using: &generator), radix: 16) + ":"
          }.joined() + (Int.random(in: 0..<2, using: &generator) == 0 ? ":" : "") + "1.2.3.4"
      }
      let mine = IPAddress(text)
      if mine != nil { read += 1 }
      #expect(mine == system(text), "\(text)")
    }
    #expect(read > 5_000)
  }

  @Test func `random addresses come back from the system's writer`() throws {
    var generator = SeededGenerator(announcing: #function)
    for _ in 0..<5_000 {
      // Few bits set now and then, so that the writer shortens.
      let mask = generator.next() & generator.next() & generator.next()
      let bits = UInt128(generator.next() & mask) << 64 | UInt128(generator.next() & generator.next())
      var address = in6_addr()
      unsafe withUnsafeMutableBytes(of: &address) { octets in
        for index in 0..<16 {
          unsafe octets[index] = UInt8(truncatingIfNeeded: bits >> UInt128(8 * (15 - index)))
        }
      }
      var text = [CChar](repeating: 0, count: 64)
      _ = unsafe inet_ntop(AF_INET6, &address, &text, 64)
      let written = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      #expect(IPAddress(written) == IPAddress(family: .v6, bits: bits), "\(written)")
    }
  }
}

struct IPPrefixTests {
  private func contains(_ prefix: String, _ address: String) throws -> Bool {
    try #require(IPPrefix(prefix)).contains(try #require(IPAddress(address)))
  }

  @Test(arguments: [
    ("10.0.0.0/8", "10.255.255.255", true), ("10.0.0.0/8", "11.0.0.0", false),
    ("10.0.0.0/8", "9.255.255.255", false),
    ("10.1.2.3/8", "10.9.9.9", true),  // bits beyond the length are ignored
    ("1.2.3.4", "1.2.3.4", true), ("1.2.3.4", "1.2.3.5", false), ("1.2.3.4/32", "1.2.3.5", false),
    ("0.0.0.0/0", "255.1.2.3", true), ("0.0.0.0/0", "::1", false), ("::/0", "1.2.3.4", false),
    ("::/0", "::1", true),
    ("1.2.3.4/31", "1.2.3.5", true), ("1.2.3.4/31", "1.2.3.6", false),
    ("128.0.0.0/1", "127.255.255.255", false),
    ("2001:db8::/32", "2001:db8:ffff::1", true), ("2001:db8::/32", "2001:db9::", false),
    ("::1", "::1", true), ("::1/128", "::2", false), ("8000::/1", "7fff::", false),
    ("8000::/1", "ffff::", true),
    ("::ffff:1.2.3.4/120", "::ffff:1.2.3.9", true), ("1.2.3.0/24", "::ffff:1.2.3.4", false),
    ("fe80::/64", "fe80::ffff:ffff:ffff:ffff", true), ("fe80::/64", "fe80:0:0:1::", false),
  ])
  func `a prefix contains what it covers`(_ prefix: String, _ address: String, _ expected: Bool) throws {
    #expect(try contains(prefix, address) == expected)
  }

  @Test(arguments: [
    "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/08",
    "10.0.0.0/00",
    "10.0.0.0/8/8", "10.0.0.0/a", "10.0.0.0/ 8", "10.0.0/8", "10.0.0.0/255.0.0.0", "10.0.0.0/1000",
    "10.0.0.0/18446744073709551624", "::1%0/8", " 10.0.0.0/8", "10.0.0.0/8 ",
  ])
  func `what is not a prefix is refused`(_ text: String) {
    #expect(IPPrefix(text) == nil)
  }

  @Test func `random prefixes contain what a walk over their bits says`() {
    var generator = SeededGenerator(announcing: #function)
    var inside = 0
    for _ in 0..<10_000 {
      let isV4 = Int.random(in: 0..<2, using: &generator) == 0
      let width = isV4 ? 32 : 128
      let length = Int.random(in: 0...width, using: &generator)
      func random() -> UInt128 {
        isV4
          ? UInt128(UInt32.random(in: 0 ... .max, using: &generator))
          : UInt128(generator.next()) << 64 | UInt128(generator.next())
      }
      let base = random()
      // Half of the addresses differ from the base in one bit only.
      let flip = UInt128(1) << UInt128(Int.random(in: 0..<width, using: &generator))
      let bits = Int.random(in: 0..<2, using: &generator) == 0 ? base ^ flip : random()
      let family: IPAddress.Family = isV4 ? .v4 : .v6
      let text =
        isV4
        ? (0..<4).map { "\((base >> UInt128(8 * (3 - $0))) & 255)" }.joined(separator: ".")
        : (0..<8).map { String((base >> UInt128(16 * (7 - $0))) & 0xFFFF, radix: 16) }.joined(separator: ":")
      let same = (0..<length).allSatisfy { index in
        let shift = UInt128(width - 1 - index)
        return (base >> shift) & 1 == (bits >> shift) & 1
      }
      if same { inside += 1 }
      let prefix = IPPrefix("\(text)/\(length)")
      #expect(prefix?.contains(IPAddress(family: family, bits: bits)) == same, "\(text)/\(length)")
    }
    #expect(inside > 1_000)
  }
}
