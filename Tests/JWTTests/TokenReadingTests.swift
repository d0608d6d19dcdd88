import Bytes
import JSON
import JWT
import Signatures
import TestSupport
import Testing

@Suite struct `Reading a token` {
  @Test func `finds algorithm, key ID and registered claims`() throws {
    let payload =
      #"{"iss":"i","sub":"s","exp":1700000000.9,"nbf":0,"iat":18446744073709549568,"aud":["a"],"jti":"j"}"#
    let text = token(header: #"{"alg":"ES384","kid":"k\u0031","typ":"JWT"}"#, payload: payload)
    let reading = try Reading(text)
    #expect(reading.algorithm == .es384)
    #expect(reading.keyID == "k1")
    #expect(reading.issuer == "i")
    #expect(reading.subject == "s")
    #expect(reading.expiry == 1_700_000_000)
    #expect(reading.notBefore == 0)
    #expect(reading.issuedAt == 18_446_744_073_709_549_568)
    #expect(reading.payloadSegment == base64url(payload))
    let bare = try Reading(token())
    #expect(bare.issuer == nil && bare.subject == nil && bare.expiry == nil && bare.keyID == nil)
  }

  @Test(arguments: [
    "", ".", "..", "a", "a.b", "a..b", ".a.b", "a.b.", "a.b.c.d", "a..b.c", ".a.b.c", "a.b.c.", "a.b.c.d.e",
  ])
  func `refuses other than three parts, none empty`(_ text: String) {
    #expect(refusal(text) == .malformed)
  }

  @Test func `refuses JSON serialisations, and encrypted tokens by their five parts`() {
    #expect(refusal(#"{"payload":"e30","signatures":[{"protected":"e30","signature":"AA"}]}"#) == .malformed)
    #expect(refusal(#"{"payload":"e30","protected":"e30","signature":"AA"}"#) == .malformed)
    #expect(refusal("eyJhbGciOiJSU0EtT0FFUCJ9.a.b.c.d") == .malformed)
  }

  @Test func `refuses a token that is longer than the setting allows, unread`() {
    let long = token(payload: #"{"x":"\#(String(repeating: "x", count: 65_536))"}"#)
    #expect(refusal(long) == .tooLarge)
    var settings = TokenSettings()
    settings.maximumTokenBytes = 128 * 1024
    #expect(refusal(long, settings) == nil)
    settings.maximumTokenBytes = long.utf8.count
    #expect(refusal(long, settings) == nil)
    settings.maximumTokenBytes -= 1
    #expect(refusal(long, settings) == .tooLarge)
    #expect(refusal(String(repeating: "!", count: 65_536)) == .malformed)
    #expect(refusal(String(repeating: "!", count: 1_048_576)) == .tooLarge)
    for size in [2_000, 8_000, 60 << 10] {
      #expect(
        refusal(token(payload: #"{"x":"\#(String(repeating: "x", count: size * 3 / 4 - 60))"}"#)) == nil)
    }
  }

  @Test func `accepts as many values as a token within the limit can hold`() {
    var settings = TokenSettings()
    for bytes in [64 << 10, 1 << 20] {
      settings.maximumTokenBytes = bytes
      let count = (bytes - 100) * 3 / 8
      let values = Array(repeating: "1", count: count).joined(separator: ",")
      #expect(refusal(token(payload: "{\"l\":[\(values)]}"), settings) == nil)
    }
  }

  @Test
  func `refuses base64url with padding, foreign characters, a lone character or spare bits, part by part`() {
    let good = (base64url(#"{"alg":"RS256"}"#), base64url("{}"), "AAAA")
    for bad in ["AAA=", "AA==", "AA AA", "AA\nAA", "AA+A", "AA/A", "A", "AAAAA", "AB", "AAB", "AA%3D", "ÄÄ"] {
      #expect(refusal("\(bad).\(good.1).\(good.2)") == .headerNotBase64URL, "\(bad)")
      #expect(refusal("\(good.0).\(bad).\(good.2)") == .payloadNotBase64URL, "\(bad)")
      #expect(refusal("\(good.0).\(good.1).\(bad)") == .signatureNotBase64URL, "\(bad)")
    }
    #expect(refusal("\(good.0)=.\(good.1).\(good.2)") == .headerNotBase64URL)
    #expect(refusal("\(good.0).\(good.1).\(good.2)") == nil)
  }

  static let invalidJSON: [String] = [
    "", "[]", "\"a\"", "1", "null", "true", "{", #"{"alg":"RS256",}"#, #"{'alg':'RS256'}"#, "{alg:1}",
    #"{"alg":"RS256"} x"#, #"{"alg":"RS256"}{}"#, #"{"alg":"RS256"/**/}"#, "\u{FEFF}{\"alg\":\"RS256\"}",
    #"{"alg":"RS256","alg":"RS256"}"#, #"{"alg":"RS256","\u0061lg":"HS256"}"#,
    #"{"alg":"RS256","x":{"a":1,"a":2}}"#,
    #"{"alg":"RS256","x":NaN}"#, #"{"alg":"RS256","x":Infinity}"#, #"{"alg":"RS256","x":01}"#,
    #"{"alg":"RS256","x":+1}"#, #"{"alg":"RS256","x":.5}"#, #"{"alg":"RS256","x":1e400}"#,
    #"{"alg":"RS256","x":"\uD800"}"#, #"{"alg":"RS256","x":"\x"}"#, "{\"alg\":\"RS256\",\"x\":\"\u{1}\"}",
    #"{"alg":"RS256","x":\#(String(repeating: "[", count: 64))\#(String(repeating: "]", count: 64))}"#,
    String(repeating: #"{"a":"#, count: 2000), String(repeating: "[", count: 10_000),
  ]

  @Test(arguments: invalidJSON)
  func `refuses header and claims that are not strict JSON objects`(_ text: String) {
    if !text.isEmpty {
      #expect(refusal(token(header: text)) == .headerNotJSON)
      #expect(refusal(token(payload: text)) == .payloadNotJSON)
    }
  }

  @Test func `refuses octets that are not UTF-8`() {
    let payloads: [[UInt8]] = [
      Array(#"{"a":""#.utf8) + [0xFF] + Array(#""}"#.utf8),
      Array(#"{"a":""#.utf8) + [0xC0, 0xAF] + Array(#""}"#.utf8),
      [0xFF, 0xFE, 0x7B, 0, 0x7D, 0], [0x7B, 0, 0x7D, 0], [0, 0x7B, 0, 0x7D],
      [0x78, 0x9C, 0xAB, 0xAE, 0x05, 0x00, 0x01, 0x75, 0x00, 0xF9],
    ]
    for payload in payloads {
      #expect(refusal("\(base64url(#"{"alg":"RS256"}"#)).\(base64url(payload)).AAAA") == .payloadNotJSON)
      #expect(refusal("\(base64url(payload)).e30.AAAA") == .headerNotJSON)
    }
  }

  @Test func `takes 64 levels and refuses one more`() {
    func nested(_ depth: Int) -> String {
      #"{"x":\#(String(repeating: "[", count: depth - 1))\#(String(repeating: "]", count: depth - 1))}"#
    }
    #expect(refusal(token(payload: nested(64))) == nil)
    #expect(refusal(token(payload: nested(65))) == .payloadNotJSON)
  }

  @Test(arguments: ["{}", #"{"alg":1}"#, #"{"alg":null}"#, #"{"alg":["RS256"]}"#, #"{"Alg":"RS256"}"#])
  func `refuses a missing algorithm or one that is no string`(_ header: String) {
    #expect(refusal(token(header: header)) == .algorithmMissing)
  }

  @Test(arguments: [
    "none", "None", "NONE", "nOnE", "", "rs256", "RS256 ", " RS256", #"RS256\u0000"#, #"\u0000RS256"#, "RS1",
    "RS2560",
    "ES256K", "Ed25519", "EDDSA", "eddsa", "HS1", "RSA-OAEP", "A128KW", "dir", "A256GCM", "HS256,RS256",
  ])
  func `refuses every algorithm but the thirteen, spelled exactly`(_ name: String) {
    #expect(refusal(token(header: #"{"alg":"\#(name)"}"#)) == .algorithmNotSupported)
  }

  @Test func `takes all thirteen algorithms`() throws {
    for algorithm in Algorithm.allCases {
      #expect(try Reading(token(header: #"{"alg":"\#(algorithm.name)"}"#)).algorithm == algorithm)
    }
  }

  @Test(arguments: ["1", "null", "true", "[]", "{}", "[\"a\"]", "\"\""])
  func `refuses a key ID that is no string or empty`(_ kid: String) {
    #expect(refusal(token(header: #"{"alg":"RS256","kid":\#(kid)}"#)) == .keyIDNotString)
  }

  @Test(arguments: [
    #""crit":["exp"]"#, #""crit":[]"#, #""crit":null"#, #""crit":["b64"],"b64":false"#, #""b64":false"#,
    #""b64":true"#,
  ])
  func `refuses crit and b64, whatever they hold`(_ member: String) {
    #expect(refusal(token(header: #"{"alg":"RS256",\#(member)}"#)) == .verificationFailed)
  }

  @Test func `reads keys and addresses in the header and does nothing with them`() {
    for name in ["jwk", "jku", "x5u", "x5c", "x5t", "typ", "cty", "zip"] {
      #expect(refusal(token(header: #"{"alg":"RS256","\#(name)":{"kty":"oct"}}"#)) == nil)
    }
  }

  @Test(arguments: [
    ("iss", TokenError.issuerNotString), ("sub", .subjectNotString), ("jti", .tokenIDNotString),
  ])
  func `refuses iss, sub and jti that are no strings`(_ name: String, _ error: TokenError) {
    for value in ["1", "null", "true", "[\"a\"]", "{}"] {
      #expect(refusal(token(payload: #"{"\#(name)":\#(value)}"#)) == error)
    }
    #expect(refusal(token(payload: #"{"\#(name)":""}"#)) == nil)
  }

  @Test(arguments: [
    ("iat", TokenError.issuedAtNotInteger, TokenError.issuedAtOutOfRange),
    ("nbf", .notBeforeNotInteger, .notBeforeOutOfRange),
    ("exp", .expiryNotInteger, .expiryOutOfRange),
  ])
  func `refuses times that are no numbers or out of range`(
    _ name: String, _ notNumber: TokenError, _ outOfRange: TokenError
  ) {
    for value in [#""1700000000""#, "null", "true", "[]", "{}", #""""#] {
      #expect(refusal(token(payload: #"{"\#(name)":\#(value)}"#)) == notNumber, "\(value)")
    }
    for value in [
      "-1", "-0.5", "-1e300", "18446744073709551615", "18446744073709551616", "1e40", "1.7e308",
      String(repeating: "9", count: 40), String(repeating: "9", count: 300),
    ] {
      #expect(refusal(token(payload: #"{"\#(name)":\#(value)}"#)) == outOfRange, "\(value)")
    }
    for value in ["1e400", "-1e400", String(repeating: "9", count: 5_000)] {
      #expect(refusal(token(payload: #"{"\#(name)":\#(value)}"#)) == .payloadNotJSON, "\(value)")
    }
    for value in ["0", "-0", "2e10", "1700000000.5", "1e-400", "9223372036854775807", "18446744073709549568"]
    {
      #expect(refusal(token(payload: #"{"\#(name)":\#(value)}"#)) == nil, "\(value)")
    }
  }

  @Test(arguments: ["1", "null", "{}", "[1]", #"["a",null]"#, #"[["a"]]"#, #"["a",{"b":1}]"#])
  func `refuses an audience that is no string and no list of strings`(_ value: String) {
    #expect(refusal(token(payload: #"{"aud":\#(value)}"#)) == .audienceNotStringOrList)
  }

  @Test func `reports the first fault in Envoy's order`() {
    #expect(refusal(token(header: "x", payload: "x", signature: "!")) == .headerNotJSON)
    #expect(refusal(token(header: #"{"alg":1,"kid":1}"#, payload: "x", signature: "!")) == .algorithmMissing)
    #expect(
      refusal(token(header: #"{"alg":"x","kid":1}"#, payload: "x", signature: "!")) == .algorithmNotSupported)
    #expect(
      refusal(token(header: #"{"alg":"RS256","kid":1}"#, payload: "x", signature: "!")) == .keyIDNotString)
    #expect(refusal(token(payload: "x", signature: "!")) == .payloadNotJSON)
    let bad = #"{"aud":1,"jti":1,"exp":"1","nbf":"1","iat":"1","sub":1,"iss":1}"#
    #expect(refusal(token(payload: bad, signature: "!")) == .issuerNotString)
    #expect(
      refusal(token(payload: bad.replacing(#","iss":1"#, with: ""), signature: "!")) == .subjectNotString)
    #expect(
      refusal(token(payload: #"{"aud":1,"jti":1,"exp":"1","nbf":"1","iat":-1}"#)) == .issuedAtOutOfRange)
    #expect(refusal(token(payload: #"{"aud":1,"jti":1,"exp":"1","nbf":-1}"#)) == .notBeforeOutOfRange)
    #expect(refusal(token(payload: #"{"aud":1,"jti":1,"exp":"1"}"#)) == .expiryNotInteger)
    #expect(refusal(token(payload: #"{"aud":1,"jti":1}"#)) == .tokenIDNotString)
    #expect(refusal(token(payload: #"{"aud":1}"#, signature: "!")) == .audienceNotStringOrList)
    #expect(refusal(token(signature: "!")) == .signatureNotBase64URL)
  }

  @Test func `leaves nothing of an earlier token behind`() throws {
    var unverified = UnverifiedToken()
    let full = token(
      header: #"{"alg":"RS256","kid":"k"}"#,
      payload: #"{"iss":"i","sub":"s","exp":1,"nbf":1,"iat":1,"aud":"a"}"#)
    try unverified.parse(Array(full.utf8).span)
    #expect(throws: TokenError.issuerNotString) {
      try unverified.parse(Array(token(payload: #"{"iss":1}"#).utf8).span)
    }
    func isEmpty(_ token: borrowing UnverifiedToken) -> Bool {
      token.keyID == nil && token.issuer == nil && token.subject == nil && token.expiry == nil
        && token.notBefore == nil && token.issuedAt == nil && token.audience == nil
        && token.payload.kind(of: token.payload.root) == .null && token.text.isEmpty
    }
    let emptyAfterRefusal = isEmpty(unverified)
    #expect(emptyAfterRefusal)
    try unverified.parse(Array(full.utf8).span)
    try unverified.parse(Array(token().utf8).span)
    let keyID = unverified.keyID
    let audience = unverified.audience
    #expect(keyID == nil && audience == nil)
  }

  @Test func `random and mutated text never traps`() {
    let seed = UInt64.random(in: 0 ... .max)
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let payload = #"{"iss":"i","aud":["a","b"],"exp":1700000000,"x":{"y":[1.5,null]}}"#
    let header = #"{"alg":"RS256","kid":"k"}"#
    for _ in 0..<20_000 {
      var parts = [Array(header.utf8), Array(payload.utf8)]
      let part = Int(generator.next() % 2)
      let index = Int.random(in: 0..<parts[part].count, using: &generator)
      parts[part][index] = UInt8(truncatingIfNeeded: generator.next())
      var text = Array("\(base64url(parts[0])).\(base64url(parts[1])).AAAA".utf8)
      if generator.next() % 4 == 0 {
        text[Int.random(in: 0..<text.count, using: &generator)] = UInt8(truncatingIfNeeded: generator.next())
      }
      _ = refusal(text)
    }
  }
}
