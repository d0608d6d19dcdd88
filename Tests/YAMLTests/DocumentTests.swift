import Testing
import YAML

@Suite struct `Documents become trees with positions` {
  @Test func `Every node and every name knows its line and column`() throws {
    let text = """
      # a comment
      kind: Rule
      list:
        - é: {x: 1, "y": [2,
            3]}
        -   last
      """
    let root = try #require(try YAMLParser.parse(text).first)
    #expect(root.position == YAMLPosition(line: 2, column: 1))
    let kind = try #require(root.member("kind"))
    #expect(kind.position == YAMLPosition(line: 2, column: 1))
    #expect(kind.value.position == YAMLPosition(line: 2, column: 7))
    let list = try #require(root.member("list")?.value)
    #expect(list.position == YAMLPosition(line: 4, column: 3))
    let elements = try #require(list.elements)
    #expect(elements.map(\.position.line) == [4, 6])
    #expect(elements.map(\.position.column) == [5, 7])
    let flow = try #require(elements[0].member("é")?.value)
    #expect(flow.position == YAMLPosition(line: 4, column: 8))
    #expect(flow.member("y")?.position == YAMLPosition(line: 4, column: 15))
    #expect(flow.member("y")?.value.elements?.last?.position == YAMLPosition(line: 5, column: 7))
  }

  @Test func `A stream has any number of documents`() throws {
    let roots = try YAMLParser.parse("a: 1\n---\nb: 2\n---\n...\n---\n- c\n")
    #expect(roots.count == 4)
    #expect(roots.map(\.kindText) == ["a mapping", "a mapping", "nothing", "a list"])
    #expect(roots[1].member("b")?.value.position == YAMLPosition(line: 3, column: 4))
    #expect(try YAMLParser.parse("").isEmpty)
    #expect(try YAMLParser.parse("# nothing\n\n").isEmpty)
    #expect(try YAMLParser.parse("---\n").map(\.isNull) == [true])
  }

  @Test func `JSON is read as it is`() throws {
    let text = "{\n\t\"a\": [1, true, null, \"80\", {\"b\\u00e9\": \"c\"}],\n\t\"d\":-1.5e3}"
    let root = try #require(try YAMLParser.parse(text).first)
    let elements = try #require(root.member("a")?.value.elements)
    #expect(elements.prefix(4).map(\.content) == [.number("1"), .boolean(true), .null, .text("80")])
    #expect(elements[4].member("bé")?.value.text == "c")
    #expect(root.member("d")?.value.number == -1500)
    #expect(root.member("d")?.position == YAMLPosition(line: 3, column: 2))
  }

  @Test func `A byte order mark is dropped and Windows line ends count once`() throws {
    let octets: [UInt8] = [0xEF, 0xBB, 0xBF] + Array("a: 1\r\nb: 2\r\n".utf8)
    let root = try #require(try YAMLParser.parse(octets).first)
    #expect(root.member("a")?.position == YAMLPosition(line: 1, column: 1))
    #expect(root.member("b")?.position == YAMLPosition(line: 2, column: 1))
  }

  @Test func `Keys that are numbers or booleans keep their text`() throws {
    let root = try #require(try YAMLParser.parse("80: a\ntrue: b\n'x y': c\n").first)
    #expect(root.members?.map(\.name) == ["80", "true", "x y"])
  }

  @Test func `An alias shares what its anchor names and stands at its own place`() throws {
    let root = try #require(try YAMLParser.parse("a: &x [1, 2]\nb: *x\nc: &s hi\nd: *s\n").first)
    #expect(root.member("b")?.value.content == root.member("a")?.value.content)
    #expect(root.member("b")?.value.position == YAMLPosition(line: 2, column: 4))
    #expect(root.member("b")?.value.elements?.first?.position == YAMLPosition(line: 1, column: 8))
    #expect(root.member("d")?.value.text == "hi")
  }

  @Test func `A later anchor of one name replaces the earlier`() throws {
    let elements = try #require(try YAMLParser.parse("[&x 1, *x, &x 2, *x]").first?.elements)
    #expect(elements.map(\.integer) == [1, 1, 2, 2])
  }
}

@Suite struct `Texts that are not taken` {
  static func at(_ line: Int, _ column: Int) -> YAMLPosition { YAMLPosition(line: line, column: column) }

  @Test(arguments: [
    ("a: 1\nb: 2\na: 3\n", YAMLError(.duplicateKey("a", first: at(1, 1)), at: at(3, 1))),
    ("{\"x\": 1, 'x': 2}", YAMLError(.duplicateKey("x", first: at(1, 2)), at: at(1, 10))),
    ("- a: {b: 1,\n     b: 2}", YAMLError(.duplicateKey("b", first: at(1, 7)), at: at(2, 6))),
    ("80: 1\n\"80\": 2", YAMLError(.duplicateKey("80", first: at(1, 1)), at: at(2, 1))),
    ("base: &b {x: 1}\nother:\n  <<: *b\n", YAMLError(.mergeKey, at: at(3, 3))),
    ("[a]: 1", YAMLError(.unsupportedKey, at: at(1, 1))),
    ("? {a: 1}\n: 2", YAMLError(.unsupportedKey, at: at(1, 3))),
    ("~: 1", YAMLError(.unsupportedKey, at: at(1, 1))),
    ("a: &x b\n*x : c", YAMLError(.unsupportedKey, at: at(2, 1))),
    ("a: *none", YAMLError(.unknownAlias("none"), at: at(1, 4))),
    ("a: &x 1\n---\nb: *x\n", YAMLError(.unknownAlias("x"), at: at(3, 4))),
    ("a: &x [1, *x]", YAMLError(.recursiveAlias("x"), at: at(1, 11))),
    ("a: &x {b: {c: *x}}", YAMLError(.recursiveAlias("x"), at: at(1, 15))),
  ])
  func `Each with its reason and place`(text: String, error: YAMLError) {
    #expect(throws: error) { try YAMLParser.parse(text) }
  }

  @Test func `The merge key's name in quotes is a name like others`() throws {
    #expect(try YAMLParser.parse("'<<': 1").first?.member("<<")?.value.integer == 1)
  }

  @Test(arguments: [
    ("a: [1, 2", 1, 9), ("a: 'x", 1, 6), ("a: 1\n b: 2\n", 2, 3), ("a: b: c", 1, 5),
    ("@x", 1, 1), ("{a: 1}}", 1, 7), ("a: \"\\q\"", 1, 5), ("a: \"\\ud800\"", 1, 7),
    ("%YAML 9.0\n---\na", 1, 1),
  ])
  func `Broken syntax has a place and words`(text: String, line: Int, column: Int) {
    do {
      _ = try YAMLParser.parse(text)
      Issue.record("parsed")
    } catch {
      #expect(error.position.line == line && error.position.column == column, "\(error)")
      #expect(error.code == "yaml-syntax")
      #expect(error.description.hasPrefix("\(line):\(column): not YAML: "))
    }
  }

  @Test func `What is not UTF-8 is refused where it stops being so`() {
    let cases: [([UInt8], YAMLPosition)] = [
      (Array("a: é\nb: ".utf8) + [0xFF], Self.at(2, 4)), ([0xFF, 0xFE, 0x61, 0x00], Self.at(1, 1)),
      (Array("a: ".utf8) + [0xC0, 0xAF], Self.at(1, 4)),
      (Array("ab".utf8) + [0xED, 0xA0, 0x80], Self.at(1, 3)),
      (Array("a: ".utf8) + [0xE2, 0x82], Self.at(1, 4)), ([0xEF, 0xBB, 0xBF, 0x80], Self.at(1, 1)),
    ]
    for (octets, position) in cases {
      #expect(throws: YAMLError(.notUTF8, at: position)) { try YAMLParser.parse(octets) }
    }
  }

  @Test func `Control characters are refused at their place`() {
    for octet: UInt8 in [0x00, 0x01, 0x1B, 0x7F] {
      do {
        _ = try YAMLParser.parse(Array("a: 1\nb: x".utf8) + [octet])
        Issue.record("parsed \(octet)")
      } catch {
        #expect(error.code == "yaml-syntax")
        #expect(error.position.line == 2)
      }
    }
  }
}

@Suite struct `Texts are bounded` {
  @Test func `An alias bomb is refused at the alias that goes over and does not unfold`() {
    var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in 1...20 {
      let aliases = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
      text += "a\(level): &a\(level) [\(aliases)]\n"
    }
    do {
      _ = try YAMLParser.parse(text)
      Issue.record("parsed")
    } catch {
      #expect(error.reason == .tooManyNodes(limit: 1_000_000))
      #expect(error.position.line == 6)
    }
  }

  @Test func `Aliases within the limit are taken`() throws {
    var settings = YAMLSettings()
    // The root, the key, the first list with 3 scalars and its key, and then the alias's 4.
    settings.maximumNodes = 11
    #expect(try YAMLParser.parse("a: &x [1, 2, 3]\nb: *x", settings).count == 1)
    settings.maximumNodes = 10
    #expect(throws: YAMLError(.tooManyNodes(limit: 10), at: YAMLPosition(line: 2, column: 4))) {
      try YAMLParser.parse("a: &x [1, 2, 3]\nb: *x", settings)
    }
  }

  @Test func `Depth is bounded, through aliases too`() throws {
    func nested(_ depth: Int) -> String {
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    #expect(try YAMLParser.parse(nested(64)).count == 1)
    #expect(throws: YAMLError(.tooDeep(limit: 64), at: YAMLPosition(line: 1, column: 65))) {
      try YAMLParser.parse(nested(65))
    }
    #expect(throws: YAMLError(.tooDeep(limit: 64), at: YAMLPosition(line: 1, column: 65))) {
      try YAMLParser.parse(String(repeating: "[", count: 900))
    }
    #expect(try YAMLParser.parse("- &x \(nested(63))\n- *x\n").count == 1)
    #expect(throws: YAMLError(.tooDeep(limit: 64), at: YAMLPosition(line: 2, column: 4))) {
      try YAMLParser.parse("- &x \(nested(63))\n- [*x]\n")
    }
    let block = (0..<65).map { String(repeating: " ", count: $0) + "a:\n" }.joined()
    #expect(throws: YAMLError(.tooDeep(limit: 64), at: YAMLPosition(line: 65, column: 65))) {
      try YAMLParser.parse(block)
    }
    let dashes = String(repeating: "- ", count: 65) + "x"
    #expect(throws: YAMLError(.tooDeep(limit: 64), at: YAMLPosition(line: 1, column: 129))) {
      try YAMLParser.parse(dashes)
    }
  }

  @Test func `Size and number of nodes are bounded`() {
    var settings = YAMLSettings()
    settings.maximumTextBytes = 10
    #expect(throws: YAMLError(.tooLong(limit: 10), at: YAMLPosition(line: 1, column: 1))) {
      try YAMLParser.parse("a: 1234567890", settings)
    }
    settings = YAMLSettings()
    settings.maximumNodes = 5
    #expect(throws: YAMLError(.tooManyNodes(limit: 5), at: YAMLPosition(line: 5, column: 3))) {
      try YAMLParser.parse("- a\n- b\n- c\n- d\n- e\n", settings)
    }
  }
}

@Suite struct `Names that were probably meant` {
  @Test(arguments: [
    ("principal", "principals"), ("Methods", "methods"), ("mehtods", "methods"),
    ("remoteIPBlocks", "remoteIpBlocks"),
    ("request_principals", "requestPrincipals"), ("path", "paths"), ("notpaths", "notPaths"),
  ])
  func `The nearest is found`(word: String, expected: String) {
    let known = [
      "principals", "requestPrincipals", "methods", "remoteIpBlocks", "paths", "notPaths", "ipBlocks",
    ]
    #expect(nearest(to: word, in: known) == expected)
  }

  @Test(arguments: ["xyz", "", "status", String(repeating: "p", count: 1000)])
  func `A word that is near to none has none`(word: String) {
    #expect(nearest(to: word, in: ["principals", "methods", "paths"]) == nil)
    #expect(nearest(to: word, in: []) == nil)
  }

  @Test func `Unknown members come with what was meant`() throws {
    let root = try #require(try YAMLParser.parse("threads: 1\nlistners: {}\nfoo: 1").first)
    let unknown = root.unknownMembers(known: ["threads", "listeners"])
    #expect(unknown.map(\.member.name) == ["listners", "foo"])
    #expect(unknown.map(\.meant) == ["listeners", nil])
    #expect(unknown.map(\.member.position.line) == [2, 3])
  }
}
