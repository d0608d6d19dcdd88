import Bytes

import TestSupport
import Testing

struct ASCIITests {
  private func octets(_ text: String) -> [UInt8] { Array(text.utf8) }

  // MARK: Comparing

  @Test func `octets are equal when all are`() {
    let (a, b, c) = (octets("abc"), octets("abd"), octets("ab"))
    #expect(a.equals(a) && a.equals(text: "abc"))
    #expect(!a.equals(b) && !a.equals(text: "abd"))
    #expect(!a.equals(c) && !c.equals(a) && !a.equals(text: "ab") && !c.equals(text: "abc"))
    #expect([UInt8]().equals(text: "") && [UInt8]().equals([UInt8]()))
    #expect(!a.equals(text: "ABC"))
  }

  @Test func `only the case of ASCII letters is ignored`() {
    #expect(octets("Content-Type").equalsIgnoringCase(octets("cONTENT-tYPE")))
    #expect(!octets("a").equalsIgnoringCase(octets("aa")))
    for a in UInt8.min ... .max {
      for b in UInt8.min ... .max {
        let letters = (0x41...0x5A).contains(a & 0xDF) && a & 0x80 == 0
        let expected = a == b || (letters && a ^ b == 0x20)
        #expect([a].equalsIgnoringCase([b]) == expected)
      }
    }
  }

  @Test func `prefixes and suffixes are found at the ends alone`() {
    let text = octets("/api/v1")
    #expect(text.begins(withText: "/api") && text.begins(with: octets("/api")))
    #expect(
      text.begins(withText: "") && text.begins(withText: "/api/v1") && !text.begins(withText: "/api/v1/"))
    #expect(!text.begins(withText: "api") && !text.begins(with: octets("api")))
    #expect(text.ends(with: octets("/v1")) && text.ends(with: octets("")))
    #expect(text.ends(with: text) && !text.ends(with: octets("x/api/v1")))
    #expect(!text.ends(with: octets("/v")))
  }

  // MARK: Searching

  @Test func `an octet is found first, from a place on, and last`() {
    let text = octets("a,b,c")
    #expect(text.position(of: 0x2C) == 1)
    #expect(text.position(of: 0x2C, from: 1) == 1)
    #expect(text.position(of: 0x2C, from: 2) == 3)
    #expect(text.position(of: 0x2C, from: 4) == nil)
    #expect(text.position(of: 0x2C, from: 5) == nil)
    #expect(text.position(of: 0x2C, from: 50) == nil)
    #expect(text.lastPosition(of: 0x2C) == 3)
    #expect(text.lastPosition(of: 0x78) == nil && [UInt8]().lastPosition(of: 0) == nil)
  }

  @Test func `a pattern is found where a plain search finds it`() {
    var generator = SeededGenerator(announcing: #function)
    for _ in 0..<10_000 {
      let text = (0..<Int.random(in: 0...12, using: &generator)).map { _ in
        UInt8.random(in: 0x61...0x62, using: &generator)
      }
      let pattern = (0..<Int.random(in: 0...4, using: &generator)).map { _ in
        UInt8.random(in: 0x61...0x62, using: &generator)
      }
      let start = Int.random(in: 0...14, using: &generator)
      var expected: Int?
      for index in stride(from: start, through: text.count - pattern.count, by: 1)
      where expected == nil && Array(text[index..<(index + pattern.count)]) == pattern {
        expected = index
      }
      #expect(text.position(of: pattern, from: start) == expected)
    }
  }

  // MARK: Sets and digits

  @Test func `a set holds its members and nothing else`() {
    let set = ASCIISet("\u{0}?@az\u{7F}/")
    for octet in UInt8.min ... .max {
      #expect(set.contains(octet) == [0x00, 0x3F, 0x40, 0x61, 0x7A, 0x7F, 0x2F].contains(octet))
    }
    #expect((UInt8.min ... .max).allSatisfy { !ASCIISet("").contains($0) })
  }

  @Test func `a header name is made of what RFC 9110 says`() {
    for octet in UInt8.min ... .max {
      let isLetterOrDigit =
        (0x30...0x39).contains(octet) || (0x41...0x5A).contains(octet) || (0x61...0x7A).contains(octet)
      #expect(
        ASCIISet.headerName.contains(octet) == (isLetterOrDigit || octets("!#$%&'*+-.^_`|~").contains(octet)))
    }
  }

  @Test func `hexadecimal digits have their values in either case`() {
    for octet in UInt8.min ... .max {
      let expected = octet < 0x80 && octet > 0x2F ? UInt8(String(UnicodeScalar(octet)), radix: 16) : nil
      #expect(octet.hexDigitValue == expected)
      #expect(octet.isASCIIDigit == (expected != nil && octet <= 0x39))
    }
  }

  // MARK: UTF-8

  /// RFC 3629's table of well-formed sequences, written out.
  private func isUTF8(_ octets: [UInt8]) -> Bool {
    var index = 0
    func follows(_ count: Int, _ second: ClosedRange<UInt8>) -> Bool {
      guard index + count < octets.count, second.contains(octets[index + 1]) else { return false }
      for offset in 1...count where octets[index + offset] & 0xC0 != 0x80 { return false }
      index += count + 1
      return true
    }
    while index < octets.count {
      switch octets[index] {
      case 0x00...0x7F: index += 1
      case 0xC2...0xDF: if !follows(1, 0x80...0xBF) { return false }
      case 0xE0: if !follows(2, 0xA0...0xBF) { return false }
      case 0xE1...0xEC, 0xEE...0xEF: if !follows(2, 0x80...0xBF) { return false }
      case 0xED: if !follows(2, 0x80...0x9F) { return false }
      case 0xF0: if !follows(3, 0x90...0xBF) { return false }
      case 0xF1...0xF3: if !follows(3, 0x80...0xBF) { return false }
      case 0xF4: if !follows(3, 0x80...0x8F) { return false }
      default: return false
      }
    }
    return true
  }

  @Test(
    arguments: [
      [0xC0, 0xAF], [0xC1, 0xBF], [0xE0, 0x9F, 0xBF], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF],
      [0xF0, 0x8F, 0xBF, 0xBF],
      [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF], [0xFE], [0x80], [0xC3], [0xE2, 0x82],
      [0xF0, 0x9F, 0x98],
      [0xC3, 0x61], [0x61, 0xC3],
    ] as [[UInt8]])
  func `what is not UTF-8 is told, wherever it stands`(_ bad: [UInt8]) {
    for before in 0..<20 {
      for after in [0, 1, 7, 8, 9] {
        let text = Array(repeating: 0x61, count: before) + bad + Array(repeating: 0x62, count: after)
        #expect(!text.isUTF8)
      }
    }
  }

  @Test func `random octets are UTF-8 when the table says so`() {
    var generator = SeededGenerator(announcing: #function)
    let edges: [UInt8] = [
      0x00, 0x61, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xED, 0xEE,
      0xF0,
      0xF1, 0xF4, 0xF5, 0xFF,
    ]
    var valid = 0
    for _ in 0..<60_000 {
      let text = (0..<Int.random(in: 0...6, using: &generator)).map { _ in
        edges[Int.random(in: 0..<edges.count, using: &generator)]
      }
      if isUTF8(text) { valid += 1 }
      #expect(text.isUTF8 == isUTF8(text), "\(text)")
      #expect(text.isText == isUTF8(text), "\(text)")
    }
    #expect(valid > 5_000)
    #expect(octets("aé漢\u{1F600}\u{10FFFF}\u{0}").isUTF8)
  }

  @Test func `one octet that is not ASCII is seen at every place of every length`() {
    for count in 0..<100 {
      var text = Array(repeating: 0x7F as UInt8, count: count)
      #expect(text.isASCII && text.isText)
      for index in 0..<count {
        text[index] = 0x80
        #expect(!text.isASCII && !text.isText)
        text[index] = 0x7F
      }
    }
    #expect(!octets("é").isASCII && octets("é").isText)
  }

  @Test func `the first octet that is not ASCII is found from every start`() {
    for count in 0..<80 {
      var text = Array(repeating: 0x7F as UInt8, count: count)
      for start in 0...count { #expect(text.firstNonASCII(from: start) == count) }
      for index in 0..<count {
        text[index] = 0x80
        for start in [0, 1, index / 2, index] where start <= index {
          #expect(text.firstNonASCII(from: start) == index)
        }
        #expect(text.firstNonASCII(from: index + 1) == count)
        text[index] = 0x7F
      }
      // Of several, the first.
      if count > 9 {
        text[count - 9] = 0xFF
        text[count - 1] = 0xFF
        #expect(text.firstNonASCII(from: 0) == count - 9)
      }
    }
  }

  @Test func `numbers are read with their lowest octet first, wherever they stand`() {
    let text: [UInt8] = [9, 1, 2, 3, 0x84, 5]
    let words = (text.span.littleEndian32(at: 1), text.span.littleEndian32(at: 2))
    #expect(words == (0x8403_0201, 0x0584_0302))
    let halves = (text.span.littleEndian16(at: 0), text.span.littleEndian16(at: 4))
    #expect(halves == (0x0109, 0x0584))
  }

  @Test func `copies and texts are made of the octets`() {
    #expect(octets("abc").copied == octets("abc"))
    #expect([UInt8]().copied == [] && [UInt8]().asText == "")
    #expect(octets("é").asText == "é")
    #expect([0x61, 0xFF].asText == "a\u{FFFD}")
  }

  @Test func `long texts are the same when every octet is`() {
    for count in 0...130 {
      let one = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37) }
      let isSame = one.span.isSame(as: one.span)
      #expect(isSame, "\(count) octets")
      for place in 0..<count {
        var other = one
        other[place] ^= 1 << UInt8(place % 8)
        let isOther = one.span.isSame(as: other.span)
        #expect(!isOther, "octet \(place) of \(count)")
      }
      let longer = one + [0]
      let isLonger = one.span.isSame(as: longer.span)
      #expect(!isLonger)
    }
  }
}
