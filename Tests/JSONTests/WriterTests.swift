import Bytes
import Foundation
import JSON
import TestSupport
import Testing

@Suite struct `The writer` {
  @Test func `writes compact text`() throws {
    #expect(
      try rewritten(#" { "a" : [ 1 , [ ] , { } , [ { "b" : null } ] ] , "c" : true , "d" : "x" } "#)
        == #"{"a":[1,[],{},[{"b":null}]],"c":true,"d":"x"}"#)
    for text in ["[]", "{}", "1", "\"\"", "null", "[[[[]]],[]]", #"{"a":{}}"#] {
      #expect(try rewritten(text) == text)
    }
  }

  @Test func `writes a part of a document`() throws {
    var document = JSONDocument()
    try document.parse(Array(#"{"a":{"b":[1,{"c":2}]},"d":3}"#.utf8).span)
    let a = try member("a", of: document.root, in: document)
    let b = try member("b", of: a, in: document)
    var output = ByteBuffer()
    JSONWriter.write(a, of: document, into: &output)
    output.append(0x20)
    JSONWriter.write(b, of: document, into: &output)
    let text = output.span.text()
    #expect(text == #"{"b":[1,{"c":2}]} [1,{"c":2}]"#)
  }

  @Test func `escapes as protobuf does`() throws {
    #expect(
      try rewritten(#""<a>&'\u007f\u0001\b\f\n\r\t\"\\\/é€😀""#)
        == #""\u003ca\u003e&'\u007f\u0001\b\f\n\r\t\"\\/é€😀""#)
    #expect(
      try rewritten("\"\u{80}\u{9F}\u{A0}\u{AD}\u{200B}\u{2028}\u{E0001}\u{E007F}\u{1D173}\"")
        == "\"\\u0080\\u009f\u{A0}\\u00ad\\u200b\\u2028\\udb40\\udc01\\udb40\\udc7f\\ud834\\udd73\"")
    var output = ByteBuffer()
    JSONWriter.writeString([0x61, 0xFF, 0xC3, 0x62, 0xE2, 0x82].span, into: &output)
    let text = output.span.text()
    #expect(text == "\"a  b  \"")
  }

  @Test func `writes numbers as read, or as protobuf prints doubles`() throws {
    let text = "[1,1.50,1e21,1E-7,-0,0.1,9007199254740993,18446744073709551615,123456789012345678]"
    #expect(try rewritten(text) == text)
    #expect(
      try rewritten(text, numbers: .asDoubles)
        == "[1,1.5,1e+21,1e-07,-0,0.1,9007199254740992,1.8446744073709552e+19,1.2345678901234568e+17]")
  }

  @Test func `gives back what a random document held`() throws {
    let seed = UInt64.random(in: 0 ... .max)
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<500 {
      let object = RandomJSON.value(depth: 4, &generator)
      let text = try JSONSerialization.data(withJSONObject: object, options: [.fragmentsAllowed])
      let ours = try rewritten([UInt8](text))
      let back = try JSONSerialization.jsonObject(with: Data(ours), options: [.fragmentsAllowed])
      #expect((back as? NSObject) == (object as? NSObject))
      #expect(try rewritten(ours) == ours)
    }
  }
}

enum RandomJSON {
  static func value(depth: Int, _ generator: inout SeededGenerator) -> Any {
    switch generator.next() % (depth > 0 ? 8 : 5) {
    case 0: return NSNull()
    case 1: return generator.next() % 2 == 0
    case 2: return Int(truncatingIfNeeded: generator.next() >> 12)
    case 3: return Double(Int.random(in: -1_000_000...1_000_000, using: &generator)) / 64
    case 4: return text(&generator)
    case 5, 6:
      return (0..<(generator.next() % 6)).map { _ in value(depth: depth - 1, &generator) }
    default:
      var object: [String: Any] = [:]
      for _ in 0..<(generator.next() % 24) { object[text(&generator)] = value(depth: depth - 1, &generator) }
      return object
    }
  }

  static func text(_ generator: inout SeededGenerator) -> String {
    let alphabet: [Unicode.Scalar] = [
      "a", "\"", "\\", "\n", "\u{1}", "é", "€", "😀", "<", "\u{7F}", "\u{2028}", "/",
    ]
    var text = ""
    for _ in 0..<(generator.next() % 9) {
      text.unicodeScalars.append(alphabet.randomElement(using: &generator) ?? "x")
    }
    return text
  }
}
