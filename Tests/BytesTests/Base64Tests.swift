import Bytes
import Foundation
import TestSupport
import Testing

struct Base64Tests {
  private func decoded(_ text: [UInt8]) -> [UInt8]? {
    var output = ByteBuffer(capacity: 1)
    output.append("kept")
    let isWellFormed = Base64.decodeURL(text.span, into: &output)
    let octets = output.copy()
    #expect(octets.prefix(4) == Array("kept".utf8)[...])
    if !isWellFormed { #expect(octets.count == 4) }
    return isWellFormed ? Array(octets.dropFirst(4)) : nil
  }

  private func decoded(_ text: String) -> [UInt8]? { decoded(Array(text.utf8)) }

  private func encodedURL(_ octets: [UInt8]) -> String {
    var output = ByteBuffer(capacity: 1)
    Base64.encodeURL(octets.span, into: &output)
    return String(decoding: output.copy(), as: UTF8.self)
  }

  /// What Foundation makes of octets, in the alphabet and without the padding of RFC 7515.
  private func foundationURL(_ octets: [UInt8]) -> String {
    Data(octets).base64EncodedString().replacingOccurrences(of: "+", with: "-")
      .replacingOccurrences(of: "/", with: "_").replacingOccurrences(of: "=", with: "")
  }

  @Test func `random octets are encoded as Foundation does, and come back`() {
    var generator = SeededGenerator(announcing: #function)
    for count in 0..<600 {
      let octets = (0..<count % 67).map { _ in UInt8.random(in: 0...255, using: &generator) }
      let text = encodedURL(octets)
      #expect(text == foundationURL(octets))
      #expect(decoded(text) == octets)
      var padded = ByteBuffer(capacity: 1)
      Base64.encode(octets.span, into: &padded)
      #expect(String(decoding: padded.copy(), as: UTF8.self) == Data(octets).base64EncodedString())
    }
  }

  @Test(arguments: [
    ("", ""), ("Zg", "f"), ("Zm8", "fo"), ("Zm9v", "foo"), ("Zm9vYg", "foob"), ("Zm9vYmE", "fooba"),
    ("Zm9vYmFy", "foobar"),
  ])
  func `the examples of RFC 4648 decode`(_ text: String, _ octets: String) {
    #expect(decoded(text) == Array(octets.utf8))
  }

  @Test func `the two characters of the URL alphabet decode`() {
    #expect(decoded("-_-_") == [0xFB, 0xFF, 0xBF])
  }

  @Test(arguments: [
    "Z", "Zm9vY",  // a length of 1 modulo 4
    "Zg==", "Zg=", "Zm8=", "Zm9v=", "=", "====",  // padding
    "Zm+v", "Zm/v",  // the other alphabet
    "Zm9v\n", "Zm 9", " Zm9", "Zm\r\n", "Zm9v\t", "Z\u{0}9v",  // blanks
    "Zh", "Zv", "Z_",  // of the last octet, bits are set that mean nothing
    "Zm9", "Zm_",
    "Zm9é", "Zm9\u{7F}", "Zm.v", "*m9v", "Zm9vZ*",
  ])
  func `no second spelling is taken`(_ text: String) {
    #expect(decoded(text) == nil)
  }

  @Test func `of all texts of up to three octets exactly the canonical ones decode`() {
    var canonical = 0
    for a in 0..<256 {
      for b in 0..<256 {
        let text = [UInt8(a), UInt8(b)]
        if let octets = decoded(text) {
          canonical += 1
          #expect(Array(encodedURL(octets).utf8) == text)
        }
      }
      #expect(decoded([UInt8(a)]) == nil)
    }
    #expect(canonical == 256)
  }

  @Test func `what decodes encodes to the same text`() {
    var generator = SeededGenerator(announcing: #function)
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    var taken = 0
    for _ in 0..<20_000 {
      var text = (0..<Int.random(in: 0...24, using: &generator)).map { _ in
        alphabet[Int.random(in: 0..<64, using: &generator)]
      }
      if !text.isEmpty, Int.random(in: 0..<3, using: &generator) == 0 {
        text[Int.random(in: 0..<text.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      }
      guard let octets = decoded(text) else { continue }
      taken += 1
      #expect(Array(encodedURL(octets).utf8) == text)
    }
    #expect(taken > 1_000)
  }
}
