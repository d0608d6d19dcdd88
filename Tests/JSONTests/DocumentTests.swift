import Bytes
import JSON
import TestSupport
import Testing

@Suite struct `A JSON document` {
  @Test func `gives kinds, members, elements and text`() throws {
    var document = JSONDocument()
    try document.parse(Array(#" {"a":[1,"x",[],{}],"b":{"c":true,"d":false},"":null,"e":-2.5e1} "#.utf8).span)
    let root = Summary(document.root, in: document)
    #expect(root == Summary(.object, count: 4))
    let a = try member("a", of: document.root, in: document)
    var kinds: [JSONDocument.Kind] = []
    var elements = document.elements(of: a)
    while let element = elements.next(in: document) { kinds.append(document.kind(of: element)) }
    #expect(kinds == [.number, .string, .array, .object])
    let b = try member("b", of: document.root, in: document)
    let d = Summary(try member("d", of: b, in: document), in: document)
    #expect(d == Summary(.false))
    let empty = Summary(try member("", of: document.root, in: document), in: document)
    #expect(empty == Summary(.null))
    let e = Summary(try member("e", of: document.root, in: document), in: document)
    #expect(e == Summary(.number, text: "-2.5e1", double: -25))
    let absent = document.member("z", of: document.root)
    #expect(absent == nil)
    let ofList = document.member("a", of: a)
    #expect(ofList == nil)
    var none = document.members(of: a)
    let first = none.next(in: document)
    #expect(first == nil)
    var names: [String] = []
    var members = document.members(of: document.root)
    while let member = members.next(in: document) { names.append(document.octets.span[member.name].text()) }
    #expect(names == ["a", "b", "", "e"])
  }

  @Test func `is null before the first text and after a refused one`() throws {
    var document = JSONDocument()
    let before = Summary(document.root, in: document)
    #expect(before == Summary(.null))
    try document.parse(Array("[1]".utf8).span)
    #expect(throws: JSONError.self) { try document.parse(Array("[1".utf8).span) }
    let after = Summary(document.root, in: document)
    #expect(after == Summary(.null))
    let isEmpty = document.octets.isEmpty
    #expect(isEmpty)
  }

  @Test func `unescapes in place`() throws {
    #expect(try string(#""a\"\\\/\b\f\n\r\tz""#) == "a\"\\/\u{8}\u{C}\n\r\tz")
    #expect(try string(#""\u0041\u00e9\u20AC\uD83D\uDE00!""#) == "Aé€😀!")
    #expect(try string(#""\u0000""#) == "\0")
    var document = JSONDocument()
    try document.parse(Array(#"{"\u0061":"\u0062","c":"d"}"#.utf8).span)
    let value = Summary(try member("a", of: document.root, in: document), in: document)
    #expect(value.text == "b")
    let next = Summary(try member("c", of: document.root, in: document), in: document)
    #expect(next.text == "d")
  }

  @Test func `refuses what is no document, and says where`() {
    #expect(failure("") == .unexpectedEnd(at: 0))
    #expect(failure("  ") == .unexpectedEnd(at: 2))
    #expect(failure("[1,]") == .unexpectedCharacter(at: 3))
    #expect(failure("[1 2]") == .unexpectedCharacter(at: 3))
    #expect(failure("[1}") == .unexpectedCharacter(at: 2))
    #expect(failure(#"{"a":1,}"#) == .unexpectedCharacter(at: 7))
    #expect(failure(#"{"a" 1}"#) == .unexpectedCharacter(at: 5))
    #expect(failure("{a:1}") == .unexpectedCharacter(at: 1))
    #expect(failure("{'a':1}") == .unexpectedCharacter(at: 1))
    #expect(failure("1 1") == .trailingText(at: 2))
    #expect(failure("[1] // x") == .trailingText(at: 4))
    #expect(failure("01") == .invalidNumber(at: 0))
    #expect(failure("-") == .invalidNumber(at: 0))
    #expect(failure("1.") == .invalidNumber(at: 0))
    #expect(failure("[1e]") == .invalidNumber(at: 1))
    #expect(failure("+1") == .unexpectedCharacter(at: 0))
    #expect(failure("NaN") == .unexpectedCharacter(at: 0))
    #expect(failure("tru") == .unexpectedEnd(at: 3))
    #expect(failure("nulx") == .unexpectedCharacter(at: 0))
    #expect(failure("\"a\nb\"") == .controlCharacter(at: 2))
    #expect(failure(#""a\x""#) == .invalidEscape(at: 2))
    #expect(failure(#""\u00g0""#) == .invalidEscape(at: 1))
    #expect(failure(#""\uD800""#) == .loneSurrogate(at: 1))
    #expect(failure(#""\uD800\u0041""#) == .loneSurrogate(at: 1))
    #expect(failure(#""\uDC00\uD800""#) == .loneSurrogate(at: 1))
    #expect(failure("\u{FEFF}{}") == .byteOrderMark)
    #expect(failure([0x22, 0xC0, 0xAF, 0x22]) == .notUTF8)
    #expect(failure([0x22, 0xED, 0xA0, 0x80, 0x22]) == .notUTF8)
    #expect(failure([0xFF, 0xFE, 0x5B, 0, 0x5D, 0]) == .notUTF8)
    #expect(failure([0x7B, 0, 0x7D, 0]) == .unexpectedCharacter(at: 1))
  }

  @Test func `refuses duplicate names, by escapes too, at any depth and in large objects`() {
    #expect(failure(#"{"a":1,"b":2,"a":3}"#) == .duplicateName(at: 14))
    #expect(failure(#"{"a":1,"\u0061":3}"#) == .duplicateName(at: 8))
    #expect(failure(#"[{"x":{"a":[{"a":1}],"b":{"a":1},"a":2}}]"#) == .duplicateName(at: 34))
    #expect(failure(#"{"a":{"a":{"a":1}},"A":1}"#) == nil)
    for size in [15, 16, 17, 18, 1000] {
      let members = (0..<size).map { "\"n\($0)\":{\"n0\":[]}" }
      #expect(failure("{\(members.joined(separator: ","))}") == nil, "\(size)")
      #expect(failure("{\((members + ["\"n7\":0"]).joined(separator: ","))}") != nil, "\(size)")
    }
    var relaxed = JSONSettings()
    relaxed.allowsDuplicateNames = true
    #expect(failure(#"{"a":1,"a":3}"#, relaxed) == nil)
  }

  @Test func `checks the names of a large object in linear time`() throws {
    func seconds(_ size: Int) -> Duration {
      var settings = JSONSettings()
      settings.maximumValues = .max
      let text = Array("{\((0..<size).map { "\"\($0)\":0" }.joined(separator: ","))}".utf8)
      return ContinuousClock().measure { #expect(failure(text, settings) == nil) }
    }
    let small = seconds(2_000)
    // Quadratic would be 400 times; linear is 20.
    #expect(seconds(40_000) < max(small, .milliseconds(2)) * 120)
  }

  @Test func `bounds depth and the number of values`() {
    func nested(_ depth: Int) -> String {
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    #expect(failure(nested(64)) == nil)
    #expect(failure(nested(65)) == .tooDeep(at: 64))
    #expect(failure(String(repeating: "[", count: 250_000)) == .tooDeep(at: 64))
    #expect(failure(String(repeating: #"{"a":"#, count: 20_000)) == .tooDeep(at: 64 * 5))
    var deep = JSONSettings()
    deep.maximumDepth = 100_000
    deep.maximumValues = 1_000_000
    #expect(failure(nested(100_000), deep) == nil)
    var few = JSONSettings()
    few.maximumValues = 3
    #expect(failure("[1,2]", few) == nil)
    #expect(failure("[1,2,3]", few) == .tooManyValues(at: 5))
    #expect(failure(#"{"a":1}"#, few) == nil)
    #expect(failure(#"{"a":1,"b":2}"#, few) == .tooManyValues(at: 7))
  }

  @Test func `decodes base64url itself, strictly`() throws {
    var document = JSONDocument()
    try document.parseBase64URL(Array("eyJhIjoxfQ".utf8).span)
    let one = Summary(try member("a", of: document.root, in: document), in: document)
    #expect(one.double == 1)
    for text in ["eyJhIjoxfQ==", "eyJhIjoxfR", "eyJhIjoxf", "eyJh IjoxfQ", "eyJhIjox+Q"] {
      #expect(throws: JSONError.notBase64URL) { try document.parseBase64URL(Array(text.utf8).span) }
    }
    #expect(throws: JSONError.unexpectedEnd(at: 0)) { try document.parseBase64URL(Array("".utf8).span) }
  }

  @Test func `keeps literals, and refuses numbers beyond a double unless told otherwise`() throws {
    #expect(failure("1e400") == .numberBeyondDouble(at: 0))
    #expect(failure("[-1e309]") == .numberBeyondDouble(at: 1))
    #expect(failure(String(repeating: "9", count: 310)) == .numberBeyondDouble(at: 0))
    #expect(failure("1.7976931348623157e308") == nil)
    #expect(failure("1e-400") == nil)
    #expect(failure("1e" + String(repeating: "9", count: 5_000)) == .numberBeyondDouble(at: 0))
    #expect(failure(String(repeating: "9", count: 5_000)) == .numberBeyondDouble(at: 0))
    #expect(failure("1e-" + String(repeating: "9", count: 5_000)) == nil)
    #expect(failure("0e" + String(repeating: "9", count: 5_000)) == nil)
    var settings = JSONSettings()
    settings.allowsNumbersBeyondDouble = true
    #expect(try summary("1e400", settings) == Summary(.number, text: "1e400"))
    #expect(try summary("\"1\"") == Summary(.string, text: "1"))
  }
}
