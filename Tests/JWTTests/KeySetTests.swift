import JSON
import JWT
import Signatures
import TestSupport
import Testing

@Suite struct `A key set` {
  static let ec = TestKeys.jwk(TestKeys.p256.one)

  @Test func `is read with kid, alg and key`() throws {
    let text = set(
      TestKeys.jwk(
        TestKeys.rsa.one, #""kid":"r","alg":"PS384","use":"sig","key_ops":["verify"],"x5c":["AA"]"#),
      TestKeys.jwk(TestKeys.p521.one), TestKeys.jwk(TestKeys.ed25519.one, #""alg":"EdDSA""#),
      TestKeys.jwk(TestKeys.secret.one, #""kid":"\u0073""#))
    let keys = try keySet(text).keys
    #expect(keys.map(\.keyID) == [Array("r".utf8), nil, nil, Array("s".utf8)])
    #expect(keys.map(\.algorithm) == [.ps384, nil, .edDSA, nil])
    #expect(
      keys.map(\.key)
        == [TestKeys.rsa, TestKeys.p521, TestKeys.ed25519, TestKeys.secret].map(\.one.verificationKey))
    #expect(keys[0].fits(.ps384) && !keys[0].fits(.rs256) && !keys[0].fits(.ps256))
    #expect(keys[1].fits(.es512) && !keys[1].fits(.es256))
  }

  @Test func `that is none is refused with Envoy's text`() {
    for text in [
      "", "{", "<html></html>", "\u{FEFF}{}", #"{"keys":[{"kty":"RSA"}"#, #"{"keys":[],"keys":[]}"#,
    ] {
      #expect(setRefusal(text)?.tokenError == .keysNotJSON, "\(text)")
    }
    for (text, found) in [
      ("[]", ForeignDocument.other("a list")), ("null", .other("null")), ("\"keys\"", .other("a text")),
      ("[\(Self.ec)]", .keyList),
    ] {
      #expect(setRefusal(text) == .notObject(found), "\(text)")
      #expect(setRefusal(text)?.tokenError == .keysNotJSON)
    }
    #expect(setRefusal("{}") == .keysMissing(.object(members: [])))
    #expect(setRefusal(Self.ec) == .keysMissing(.key))
    for (text, kind) in [("{}", "an object"), ("null", "null"), ("1", "a number"), ("\"a\"", "a text")] {
      #expect(setRefusal("{\"keys\":\(text)}") == .keysNotArray(.keySet(of: kind)), "\(text)")
    }
    #expect(setRefusal(set()) == .noUsableKey(skipped: []))
    #expect(setRefusal(set())?.tokenError == .noUsableKey)
    #expect(setRefusal(set("{}"))?.tokenError == .noUsableKey)
    #expect(throws: JWKSetError.notJSON(.notJSON(.notUTF8))) {
      try JWKSet.parse([0x7B, 0xFF, 0x7D].span, source: .remote)
    }
  }

  @Test func `is bounded in octets and keys`() throws {
    var settings = JWKSetSettings()
    settings.maximumKeys = 2
    #expect(setRefusal(set(Self.ec, Self.ec), settings: settings) == nil)
    #expect(
      setRefusal(set(Self.ec, Self.ec, Self.ec), settings: settings) == .tooManyKeys(count: 3, limit: 2))
    let text = set(Self.ec)
    settings.maximumBytes = text.utf8.count
    #expect(setRefusal(text, settings: settings) == nil)
    #expect(
      setRefusal(text + " ", settings: settings)
        == .tooLong(octets: text.utf8.count + 1, limit: text.utf8.count))
    let many = Array(repeating: Self.ec, count: 1001).joined(separator: ",")
    #expect(setRefusal("{\"keys\":[\(many)]}") == .tooManyKeys(count: 1001, limit: 1000))
    #expect(
      setRefusal(String(repeating: "[", count: 1_048_577)) == .tooLong(octets: 1_048_577, limit: 1_048_576))
  }

  @Test func `works on when some of its keys are of no use, and says which and why`() throws {
    let result = try keySet(
      set(
        "1", #"{"kty":"RSA","kid":"a\n"}"#, Self.ec, #"{"kty":"XYZ","kid":"z"}"#,
        TestKeys.jwk(TestKeys.p384.one, #""use":"enc""#)))
    #expect(result.keys.count == 1)
    #expect(result.skipped.map(\.index) == [0, 1, 3, 4])
    #expect(
      result.skipped.map(\.reason) == [.notObject, .memberMissing(.n), .unknownType("XYZ"), .forEncryption])
    #expect(result.skipped[0].description == "key 0 (no kid) is no object: a key is {\"kty\": ...}")
    #expect(result.skipped[1].description == #"key 1 (kid "a\n") [n] is missing"#)
    #expect(result.skipped[2].description == #"key 3 (kid "z") [kty] is "XYZ", none of RSA, EC, OKP, oct"#)
  }

  @Test func `names a key in messages escaped and cut`() throws {
    let long = String(repeating: "k", count: 70_000)
    let result = try keySet(set(Self.ec, #"{"kty":"RSA","kid":"\#(long)"}"#, #"{"kid":"<\u0000\r\u007f"}"#))
    #expect(result.skipped[0].description.utf8.count < 150)
    #expect(result.skipped[1].description.hasPrefix(#"key 2 (kid "\u003c\u0000\r\u007f") "#))
  }

  @Test func `skips keys with malformed members`() {
    #expect(keyRefusal("{}") == .memberMissing(.kty))
    #expect(keyRefusal(#"{"kty":1}"#) == .memberNotString(.kty))
    #expect(keyRefusal(#"{"kty":"ec"}"#) == .unknownType("ec"))
    #expect(keyRefusal(#"{"kty":"EC","crv":"P-256","x":"AA"}"#) == .memberMissing(.y))
    #expect(keyRefusal(#"{"kty":"EC","crv":"P-256","x":1,"y":"AA"}"#) == .memberNotString(.x))
    #expect(keyRefusal(#"{"kty":"EC","crv":"P-256","x":"AA==","y":"AA"}"#) == .memberNotBase64URL(.x))
    #expect(keyRefusal(#"{"kty":"RSA","n":"AA"}"#) == .memberMissing(.e))
    #expect(keyRefusal(#"{"kty":"OKP","crv":"Ed25519"}"#) == .memberMissing(.x))
    #expect(keyRefusal(#"{"kty":"OKP","x":"AA"}"#) == .memberMissing(.crv))
    #expect(keyRefusal(#"{"kty":"oct"}"#) == .memberMissing(.k))
    #expect(keyRefusal("[]") == .notObject)
  }

  @Test func `skips curves that no algorithm takes`() {
    for curve in ["secp256k1", "P-224", "p-256", "Ed25519", " ", "P-512"] {
      #expect(keyRefusal(#"{"kty":"EC","crv":"\#(curve)","x":"AA","y":"AA"}"#) == .unknownCurve(curve))
    }
    for curve in ["Ed448", "X25519", "X448", "ed25519", "P-256"] {
      #expect(keyRefusal(#"{"kty":"OKP","crv":"\#(curve)","x":"AA"}"#) == .unknownCurve(curve))
    }
  }

  @Test func `skips keys whose alg is not theirs`() {
    let families: [(TestKeys.Pair, Set<Algorithm>)] = [
      (TestKeys.rsa, [.rs256, .rs384, .rs512, .ps256, .ps384, .ps512]), (TestKeys.p256, [.es256]),
      (TestKeys.p384, [.es384]), (TestKeys.p521, [.es512]), (TestKeys.ed25519, [.edDSA]),
      (TestKeys.secret, [.hs256, .hs384, .hs512]),
    ]
    for (pair, own) in families {
      for algorithm in Algorithm.allCases {
        let reason = keyRefusal(TestKeys.jwk(pair.one, #""alg":"\#(algorithm.name)""#))
        #expect(reason == (own.contains(algorithm) ? nil : .algorithmDoesNotFit))
      }
    }
    for name in ["RSA-OAEP", "ES521", "none", " ", "rs256", "Ed25519", "A256KW"] {
      #expect(keyRefusal(TestKeys.jwk(TestKeys.rsa.one, #""alg":"\#(name)""#)) == .unknownAlgorithm(name))
    }
  }

  @Test func `takes the curve from alg, and P-256 when neither is named`() throws {
    func bare(_ pair: TestKeys.Pair, _ members: String) -> String {
      guard case .ec(_, let x, let y) = pair.one.verificationKey.material else { return "" }
      return #"{"kty":"EC","x":"\#(base64url(x))","y":"\#(base64url(y))"\#(members)}"#
    }
    #expect(try keySet(set(bare(TestKeys.p256, ""))).keys.first?.key == TestKeys.p256.one.verificationKey)
    #expect(
      try keySet(set(bare(TestKeys.p384, #","alg":"ES384""#))).keys.first?.key
        == TestKeys.p384.one.verificationKey)
    #expect(
      keyRefusal(bare(TestKeys.p384, "")) == .key(.coordinateNotBelowPrime(.p256)))
    #expect(keyRefusal(bare(TestKeys.p256, #","alg":"RS256""#)) == .algorithmDoesNotFit)
  }

  @Test func `holds the same keys in every spelling of their coordinates`() throws {
    for pair in [TestKeys.p256, TestKeys.p384, TestKeys.p521] {
      guard case .ec(let curve, let x, let y) = pair.one.verificationKey.material else { continue }
      func spelled(_ x: [UInt8], _ y: [UInt8]) -> String {
        set(
          #"{"kty":"EC","crv":"\#(curve.name)","kid":"k","x":"\#(base64url(x))","y":"\#(base64url(y))"}"#)
      }
      let full = try keySet(spelled(x, y))
      let token = try signed(pair.one, curve.algorithm, header: #""kid":"k""#)
      for text in [
        spelled([0] + x, [0] + y), spelled(Array(x.drop { $0 == 0 }), Array(y.drop { $0 == 0 })),
      ] {
        let other = try keySet(text)
        #expect(other.keys == full.keys && other.holdsTheSameKeys(as: full))
        #expect(try verdict(token, keys: text) == nil)
      }
      let empty = #"{"kty":"EC","crv":"\#(curve.name)","x":"","y":"\#(base64url(y))"}"#
      #expect(keyRefusal(empty) == .key(.coordinateEmpty))
    }
  }

  @Test func `skips weak keys`() {
    func rsa(_ n: [UInt8], _ e: [UInt8] = [1, 0, 1]) -> KeyRefusal? {
      keyRefusal(#"{"kty":"RSA","n":"\#(base64url(n))","e":"\#(base64url(e))"}"#)
    }
    guard case .rsa(let n, _) = TestKeys.rsa.one.verificationKey.material else { return }
    #expect(rsa(n) == nil)
    #expect(rsa([0] + n) == nil)
    #expect(rsa(Array(n.prefix(128))) == .key(.rsaModulusTooShort(bits: 1024)))
    #expect(rsa(n + [UInt8](repeating: 1, count: 769)) == .key(.rsaModulusTooLong(bits: 8200)))
    #expect(rsa(n.dropLast() + [n[n.count - 1] & 0xFE]) == .key(.rsaModulusEven))
    #expect(rsa(n, [1]) == .key(.rsaExponentTooSmall))
    #expect(rsa(n, [4]) == .key(.rsaExponentEven))
    #expect(rsa(n, [1, 0, 0, 0, 0, 0, 1]) == .key(.rsaExponentTooLarge(bits: 49)))
    for x in [[UInt8](repeating: 0, count: 32), [1] + [UInt8](repeating: 0, count: 31)] {
      #expect(
        keyRefusal(#"{"kty":"OKP","crv":"Ed25519","x":"\#(base64url(x))"}"#) == .key(.ed25519SmallOrder))
    }
    let zero = base64url([UInt8](repeating: 0, count: 32))
    #expect(
      keyRefusal(#"{"kty":"EC","crv":"P-256","x":"\#(zero)","y":"\#(zero)"}"#) == .key(.pointNotOnCurve))
  }

  @Test func `skips secrets that are too short, and all secrets from afar unless told otherwise`() throws {
    func secret(_ octets: Int, _ members: String = "") -> String {
      #"{"kty":"oct","k":"\#(base64url([UInt8](repeating: 7, count: octets)))"\#(members)}"#
    }
    #expect(keyRefusal(secret(0)) == .key(.secretEmpty))
    #expect(keyRefusal(secret(31)) == .secretTooShort(octets: 31))
    #expect(keyRefusal(secret(32)) == nil)
    #expect(keyRefusal(secret(47, #","alg":"HS384""#)) == .secretTooShort(octets: 47))
    #expect(keyRefusal(secret(63, #","alg":"HS512""#)) == .secretTooShort(octets: 63))
    #expect(keyRefusal(secret(64, #","alg":"HS512""#)) == nil)
    #expect(keyRefusal(secret(64), source: .remote) == .secretFromRemote)
    var settings = JWKSetSettings()
    settings.allowsRemoteSecrets = true
    #expect(try keySet(set(secret(64)), source: .remote, settings: settings).keys.count == 1)
  }

  @Test func `uses the public part of a private key, with a warning that shows no part of it`() throws {
    let key = TestKeys.jwk(TestKeys.p256.one, #""kid":"p","d":"c2VjcmV0""#)
    let result = try keySet(set(key, TestKeys.jwk(TestKeys.p256.other)))
    #expect(result.keys.count == 2)
    #expect(result.warnings.count == 1)
    let warning = try #require(result.warnings.first)
    #expect(warning.hasPrefix(#"key 0 (kid "p") holds private members"#))
    #expect(!warning.contains("c2VjcmV0"))
    var ring = KeyRing(result)
    #expect(verdict(try signed(TestKeys.p256.one, .es256, header: #""kid":"p""#), &ring) == nil)
  }

  @Test func `mutated never traps, and what is read fits what it says`() throws {
    let seed = UInt64.random(in: 0 ... .max)
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let text = Array(
      set(
        TestKeys.jwk(TestKeys.rsa.one, #""kid":"a","alg":"RS256","use":"sig""#),
        TestKeys.jwk(TestKeys.p256.one, #""kid":"b","alg":"ES256","key_ops":["verify"]"#),
        TestKeys.jwk(TestKeys.ed25519.one), TestKeys.jwk(TestKeys.secret.one, #""alg":"HS256""#)
      ).utf8)
    let marks = Array("{}[]\",:\\u0ae".utf8)
    for _ in 0..<4_000 {
      var mutated = text
      for _ in 0..<(1 + generator.next() % 2) {
        let index = Int.random(in: 0..<mutated.count, using: &generator)
        switch generator.next() % 3 {
        case 0: mutated[index] = marks.randomElement(using: &generator) ?? 0
        case 1: mutated.remove(at: index)
        default: mutated[index] ^= 1 << UInt8(generator.next() % 7)
        }
      }
      guard let result = try? JWKSet.parse(mutated.span, source: .inline) else { continue }
      #expect(result.keys.count + result.skipped.count <= 4)
      for key in result.keys {
        #expect(key.keyID?.isEmpty != true)
        #expect(key.algorithm.map { key.key.fits($0) } != false)
      }
    }
  }
}
