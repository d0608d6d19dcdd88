import JSON
import JWT
import Signatures
import TestSupport
import Testing

/// `kid`, `alg`, `use` and `key_ops` are optional (RFC 7517 section 4). Serialisers write null, an empty text
/// or another type where they have no value.
@Suite struct `An optional member of a key` {
  static let oddValues = ["null", "\"\"", "1", "0", "true", "false", "{}", "{\"a\":1}", "[]", "[\"enc\"]"]

  @Test(arguments: ["kid", "alg", "use", "key_ops"])
  func `that is null, empty or of another type counts as absent`(name: String) throws {
    for pair in [TestKeys.rsa, TestKeys.p384, TestKeys.ed25519, TestKeys.secret] {
      let plain = try #require(try keySet(set(TestKeys.jwk(pair.one))).keys.first)
      for value in Self.oddValues
        + (name == "key_ops" ? ["\"verify\"", "\"encrypt\"", "[null]", "[1,{}]"] : [])
      where !(name == "key_ops" && value == "[\"enc\"]") {
        let read = try keySet(set(TestKeys.jwk(pair.one, "\"\(name)\":\(value)")))
        #expect(read.keys == [plain], "\(name) \(value)")
        #expect(read.skipped.isEmpty && read.warnings.isEmpty, "\(name) \(value)")
      }
    }
  }

  @Test func `that is kid and a number leaves the key for tokens of any kid`() throws {
    var ring = KeyRing(try keySet(set(TestKeys.jwk(TestKeys.p256.one, #""kid":1"#))))
    #expect(verdict(try signed(TestKeys.p256.one, .es256, header: #""kid":"1""#), &ring) == nil)
    #expect(verdict(try signed(TestKeys.p256.one, .es256), &ring) == nil)
    var named = KeyRing(try keySet(set(TestKeys.jwk(TestKeys.p256.one, #""kid":"1""#))))
    #expect(verdict(try signed(TestKeys.p256.one, .es256, header: #""kid":"1""#), &named) == nil)
    #expect(
      verdict(try signed(TestKeys.p256.one, .es256, header: #""kid":"2""#), &named) == .noKeyMatches)
  }

  @Test func `that is alg and null does not bind the key, and a known one does`() throws {
    let free = try keySet(set(TestKeys.jwk(TestKeys.rsa.one, #""alg":null"#)))
    #expect(Algorithm.allCases.filter { free.keys[0].fits($0) }.count == 6)
    let bound = try keySet(set(TestKeys.jwk(TestKeys.rsa.one, #""alg":"PS256""#)))
    #expect(Algorithm.allCases.filter { bound.keys[0].fits($0) } == [.ps256])
  }

  @Test func `that is use excludes the key only when it is enc`() {
    #expect(keyRefusal(TestKeys.jwk(TestKeys.rsa.one, #""use":"enc""#)) == .forEncryption)
    // Also when the key could not be read otherwise: its issuer never meant it for tokens.
    #expect(keyRefusal(#"{"kty":"X","use":"enc","alg":"RSA-OAEP"}"#) == .forEncryption)
    for use in ["sig", "ENC", "enc ", "encryption", "tls"] {
      #expect(keyRefusal(TestKeys.jwk(TestKeys.rsa.one, "\"use\":\"\(use)\"")) == nil, "\(use)")
    }
  }

  @Test func `that is key_ops excludes the key only when each text is an operation of encryption`() {
    let encryption = ["encrypt", "decrypt", "wrapKey", "unwrapKey", "deriveKey", "deriveBits"]
    let all = encryption.map { "\"\($0)\"" }.joined(separator: ",")
    for list in encryption.map({ "[\"\($0)\"]" }) + ["[\(all)]", #"["wrapKey",null,1]"#] {
      #expect(
        keyRefusal(TestKeys.jwk(TestKeys.rsa.one, "\"key_ops\":\(list)")) == .operationsOfEncryption,
        "\(list)")
    }
    for list in [
      #"["verify"]"#, #"["sign"]"#, #"["connect"]"#, #"["Encrypt"]"#, #"[""]"#, "[\(all),\"verify\"]",
      #"["sign","encrypt"]"#, #"["encrypt","x"]"#, "[]", "[null]", "[[\"encrypt\"]]", "\"encrypt\"",
    ] {
      #expect(keyRefusal(TestKeys.jwk(TestKeys.rsa.one, "\"key_ops\":\(list)")) == nil, "\(list)")
    }
  }

  /// Against a slow reading of the same rule by sets.
  @Test func `that is key_ops is read like a set of its texts`() throws {
    let seed = UInt64.random(in: 0 ... .max)
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let encryption: Set = ["encrypt", "decrypt", "wrapKey", "unwrapKey", "deriveKey", "deriveBits"]
    let words = encryption.sorted() + ["sign", "verify", "", "Decrypt"]
    let others = ["null", "1", "{}", "[]", "true"]
    for _ in 0..<500 {
      var texts: Set<String> = []
      let elements = (0..<Int.random(in: 0...4, using: &generator)).map { _ in
        if Int.random(in: 0..<4, using: &generator) == 0 {
          return others[Int.random(in: 0..<others.count, using: &generator)]
        }
        let word = words[Int.random(in: 0..<words.count, using: &generator)]
        texts.insert(word)
        return "\"\(word)\""
      }
      let list = "[\(elements.joined(separator: ","))]"
      let isRefused = !texts.isEmpty && texts.isSubset(of: encryption)
      #expect(
        keyRefusal(TestKeys.jwk(TestKeys.p256.one, "\"key_ops\":\(list)"))
          == (isRefused ? .operationsOfEncryption : nil), "\(list)")
    }
  }

  @Test func `that is crv counts as absent when it is empty, and is refused in another type`() throws {
    let rsa = TestKeys.jwk(TestKeys.rsa.one, #""crv":null"#)
    #expect(try keySet(set(rsa)).keys.map(\.key) == [TestKeys.rsa.one.verificationKey])
    func key(_ pair: TestKeys.Pair, _ members: String) -> String {
      guard case .ec(_, let x, let y) = pair.one.verificationKey.material else { return "" }
      return #"{"kty":"EC","x":"\#(base64url(x))","y":"\#(base64url(y))",\#(members)}"#
    }
    #expect(
      try keySet(set(key(TestKeys.p256, #""crv":"""#))).keys.map(\.key)
        == [TestKeys.p256.one.verificationKey])
    #expect(
      try keySet(set(key(TestKeys.p521, #""crv":"","alg":"ES512""#))).keys.map(\.key)
        == [TestKeys.p521.one.verificationKey])
    #expect(keyRefusal(key(TestKeys.p384, #""crv":"""#)) == .key(.coordinateNotBelowPrime(.p256)))
    for value in ["null", "1", "[]", "{}", "true"] {
      #expect(keyRefusal(key(TestKeys.p256, "\"crv\":\(value)")) == .memberNotString(.crv), "\(value)")
    }
  }

  @Test func `that would be private and is null or empty does no harm`() throws {
    let members = [
      #""d":null"#, #""d":"""#, #""oth":null"#, #""oth":[]"#,
      #""p":null,"q":null,"dp":null,"dq":null,"qi":null"#,
      #""x5c":null,"x5t":null,"x5u":1,"x5t#S256":[]"#, #""ext":null,"nbf":null,"whatever":{"a":[null]}"#,
    ]
    for member in members {
      let read = try keySet(set(TestKeys.jwk(TestKeys.rsa.one, member)))
      #expect(read.keys.map(\.key) == [TestKeys.rsa.one.verificationKey], "\(member)")
      #expect(read.warnings.isEmpty, "\(member)")
    }
    for member in [#""d":"AA""#, #""d":1"#, #""q":"AA""#, #""oth":[{}]"#] {
      let read = try keySet(set(TestKeys.jwk(TestKeys.rsa.one, member)))
      #expect(read.keys.count == 1 && read.warnings.count == 1, "\(member)")
    }
  }

  @Test func `that is kid is named in messages only when it is a text with content`() throws {
    let skipped = try keySet(
      set(TestKeys.jwk(TestKeys.p256.one), #"{"kid":""}"#, #"{"kid":3}"#, #"{"kid":"k"}"#)
    ).skipped
    #expect(skipped.map(\.name) == ["key 1 (no kid)", "key 2 (no kid)", "key 3 (kid \"k\")"])
  }
}
