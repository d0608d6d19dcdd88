import Testing
import YAML

@Suite struct `Scalars are typed by YAML's core schema` {
  static let plain: [(String, YAMLNode.Content)] = [
    ("on", .text("on")), ("off", .text("off")), ("yes", .text("yes")), ("no", .text("no")), ("y", .text("y")),
    ("True", .boolean(true)), ("true", .boolean(true)), ("TRUE", .boolean(true)), ("tRUE", .text("tRUE")),
    ("false", .boolean(false)), ("False", .boolean(false)), ("FALSE", .boolean(false)),
    ("~", .null), ("null", .null), ("Null", .null), ("NULL", .null), ("nULL", .text("nULL")), ("", .null),
    ("80", .number("80")), ("0777", .number("0777")), ("-1", .number("-1")), ("+5", .number("+5")),
    ("0o17", .number("0o17")), ("0o18", .text("0o18")), ("0xFF", .number("0xFF")), ("0xG", .text("0xG")),
    ("0x", .text("0x")), ("0o", .text("0o")), ("-0x1", .text("-0x1")), ("0b11", .text("0b11")),
    ("1_000", .text("1_000")), ("1e3", .number("1e3")), ("1E-3", .number("1E-3")), ("1e", .text("1e")),
    ("1e+", .text("1e+")), ("1.", .number("1.")), (".5", .number(".5")), (".", .text(".")), ("+", .text("+")),
    ("1.5.2", .text("1.5.2")), ("10.0.0.1", .text("10.0.0.1")), ("12:30", .text("12:30")),
    ("2001-01-01", .text("2001-01-01")), ("5s", .text("5s")), (".inf", .number(".inf")),
    ("-.INF", .number("-.INF")), (".nan", .number(".nan")), ("inf", .text("inf")), ("nan", .text("nan")),
    ("=", .text("=")), ("v1", .text("v1")), ("a b", .text("a b")), ("٣", .text("٣")),
  ]

  @Test(arguments: plain)
  func `A plain scalar`(text: String, expected: YAMLNode.Content) throws {
    let root = try #require(try YAMLParser.parse("k: \(text)\n").first)
    #expect(root.member("k")?.value.content == expected)
    let element = try #require(try YAMLParser.parse("- \(text)\n").first)
    #expect(element.elements?.first?.content == expected)
  }

  @Test(arguments: plain)
  func `A quoted scalar is text whatever it holds`(text: String, expected: YAMLNode.Content) throws {
    for quoted in ["\"\(text)\"", "'\(text)'"] {
      let root = try #require(try YAMLParser.parse("k: \(quoted)").first)
      #expect(root.member("k")?.value.content == .text(text))
    }
    let block = try #require(try YAMLParser.parse("k: |-\n  \(text)\n").first)
    #expect(block.member("k")?.value.content == .text(text))
  }

  @Test func `Numbers have values`() throws {
    let root = try #require(
      try YAMLParser.parse("[80, 0777, 0o17, 0xff, -3, +3, 1e3, 1., 99999999999999999999, .5, '80']").first)
    let elements = try #require(root.elements)
    #expect(elements.map(\.integer) == [80, 777, 15, 255, -3, 3, nil, nil, nil, nil, nil])
    let expected: [Double?] = [80, 777, 15, 255, -3, 3, 1000, 1, 1e20, 0.5, nil]
    #expect(elements.map(\.number) == expected)
  }

  @Test func `Infinity and not-a-number are numbers`() throws {
    let elements = try #require(try YAMLParser.parse("[.inf, -.inf, .nan]").first?.elements)
    #expect(elements[0].number == .infinity)
    #expect(elements[1].number == -.infinity)
    #expect(elements[2].number?.isNaN == true)
  }

  @Test func `A core tag decides the type`() throws {
    let text = "[!!str 80, !!str true, !!int \"5\", !!bool 'true', !!null '', !!float 5, !!seq [], !!map {}]"
    let elements = try #require(try YAMLParser.parse(text).first?.elements)
    let expected: [YAMLNode.Content] = [
      .text("80"), .text("true"), .number("5"), .boolean(true), .null, .number("5"), .sequence([]),
      .mapping([]),
    ]
    #expect(elements.map(\.content) == expected)
  }

  @Test(arguments: [
    ("a: !!int x", YAMLError.Reason.tagMismatch(tag: "tag:yaml.org,2002:int", text: "x")),
    ("a: !!int 1.5", .tagMismatch(tag: "tag:yaml.org,2002:int", text: "1.5")),
    ("a: !!bool yes", .tagMismatch(tag: "tag:yaml.org,2002:bool", text: "yes")),
    ("a: !!binary aGk=", .unsupportedTag("tag:yaml.org,2002:binary")),
    ("a: !!set {}", .unsupportedTag("tag:yaml.org,2002:set")),
    ("a: !!str []", .unsupportedTag("tag:yaml.org,2002:str")),
    ("a: !!seq x", .unsupportedTag("tag:yaml.org,2002:seq")),
    ("a: !local x", .unsupportedTag("!local")),
    ("a: !<tag:example.com,2000:x> {}", .unsupportedTag("tag:example.com,2000:x")),
  ])
  func `Any other tag is refused at its place`(text: String, reason: YAMLError.Reason) {
    #expect(throws: YAMLError(reason, at: YAMLPosition(line: 1, column: 4))) { try YAMLParser.parse(text) }
  }

  @Test func `Text keeps what was written`() throws {
    let text = #"{a: "x\ny\u00e9\/\"", b: 'it''s', c: "\0", d: "é"}"#
    let root = try #require(try YAMLParser.parse(text).first)
    #expect(root.member("a")?.value.text == "x\nyé/\"")
    #expect(root.member("b")?.value.text == "it's")
    #expect(root.member("c")?.value.text == "\0")
    #expect(root.member("d")?.value.text == "é")
    let block = try #require(try YAMLParser.parse("a: |\n  one\n   two\n\nb: >-\n  x\n  y\n").first)
    #expect(block.member("a")?.value.text == "one\n two\n")
    #expect(block.member("b")?.value.text == "x y")
  }
}
