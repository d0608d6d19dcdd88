import JSON
import JWT
import TestSupport
import Testing

/// What a body is that is no key set.
@Suite struct ForeignDocumentTests {
  private static let key = #"{"kty":"RSA","n":"AA","e":"AQAB"}"#
  private static let pem = "-----BEGIN CERTIFICATE-----\\nMII\\n-----END CERTIFICATE-----"

  @Test(arguments: [
    ("", ForeignDocument.empty), (" \n", .empty),
    ("-----BEGIN PUBLIC KEY-----\nMII\n", .pem(label: "PUBLIC KEY")),
    ("subject=/CN=a\n-----BEGIN CERTIFICATE-----\n", .pem(label: "CERTIFICATE")),
    ("<!doctype html><title>Sign in</title>", .html), ("\n <HTML><body>", .html),
    ("<?xml version='1.0'?><a/>", .xml),
    ("e30.e30.eA", .token), ("a.b.c.d.e\n", .token),
    (#"{"keys":[{"kty":"RSA""#, .cut(at: 21)), ("[1,", .cut(at: 3)),
    ("keys: []", .notJSON(.unexpectedCharacter(at: 0))), ("{\"a\":01}", .notJSON(.invalidNumber(at: 5))),
    (#"{"issuer":"a","jwks_uri":"https://a/k"}"#, .discovery(keysAddress: "https://a/k")),
    (#"{"jwks_uri":5}"#, .discovery(keysAddress: nil)),
    (#"{"keys":[]}"#, .keySet(of: "a list")), (#"{"keys":"x"}"#, .keySet(of: "a text")),
    (key, .key), ("[\(key)]", .keyList), ("{\"a\":\(key),\"b\":\(key)}", .keyMap(count: 2)),
    ("{\"a\":\"\(pem)\",\"b\":\"\(pem)\"}", .certificateMap(count: 2)),
    ("{\"a\":\"\(pem)\",\"b\":1}", .object(members: ["a", "b"])), ("{}", .object(members: [])),
    ("[]", .other("a list")), ("\"-----BEGIN X-----\"", .other("a text")), ("null", .other("null")),
    ("true", .other("a boolean")), ("1", .other("a number")),
  ])
  func `is recognised`(text: String, kind: ForeignDocument) {
    #expect(ForeignDocument(Array(text.utf8).span) == kind)
  }

  @Test func `bytes that are no text are recognised`() {
    #expect(ForeignDocument([0x1F, 0x8B, 8, 0].span) == .compressed)
    #expect(ForeignDocument([0x30, 0x82, 1, 2, 3, 4].span) == .der)
    #expect(ForeignDocument([0x7B, 0xFF, 0x7D].span) == .notJSON(.notUTF8))
  }

  @Test(arguments: [
    ("-----BEGIN PUBLIC KEY-----\nMII", "Jwks is an invalid JSON: it is a PEM file (\"PUBLIC KEY\")"),
    (#"{"keys":[{"#, "Jwks is an invalid JSON: it is JSON that is cut off at byte 10. A key set is JSON"),
    (key, "Jwks does not have [keys] field: it is a single JWK without `keys`: write"),
    (#"{"jwks_uri":"https://a/k"}"#, "the keys are at its `jwks_uri`, \"https://a/k\""),
    (#"{"error":"not_found","message":"x"}"#, "its first members are \"error\", \"message\""),
    ("{\"a\":\"\(pem)\"}", "it is a map {kid: certificate} of 1 entry"),
    (
      #"{"keys":{}}"#, "[keys] in Jwks is not an array: it is a JWK Set whose `keys` is an object, not a list"
    ),
  ])
  func `is said in the words of the key set's error`(text: String, words: String) {
    do {
      _ = try JWKSet.parse(Array(text.utf8).span, source: .remote)
      Issue.record("read")
    } catch {
      #expect(error.description.contains(words), "\(error)")
    }
  }

  @Test func `values that are not supported are shown escaped and cut`() {
    let long = String(repeating: "x", count: 500)
    #expect(
      keyRefusal(#"{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}"#)?.description
        == "[crv] is \"secp256k1\", none of P-256, P-384, P-521 (EC) or Ed25519 (OKP)")
    let algorithm = keyRefusal(#"{"kty":"RSA","alg":"\u001b[2J\#(long)","n":"AA","e":"AQAB"}"#)?.description
    #expect(algorithm?.hasPrefix("[alg] is \"\\u001b[2Jxxx") == true && (algorithm?.count ?? 999) < 300)
    #expect(keyRefusal(#"{"kty":"\u202e"}"#)?.description.hasPrefix("[kty] is \"\\u202e\"") == true)
  }

  /// The reader of key sets is the judge: what it takes is a key set, and nothing else is called one.
  @Test func `any bytes have a description in printable words, and only a key set is called one`() throws {
    var random = SeededGenerator(announcing: #function)
    let whole = Array("{\"keys\":[\(TestKeys.jwk(TestKeys.p256.one))],\"x\":{\"kid\":\"a\"}}".utf8)
    var taken = 0
    for _ in 0..<5_000 {
      var text = whole
      for _ in 0..<Int.random(in: 0...2, using: &random) {
        let at = Int.random(in: 0..<text.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: text[at] = UInt8.random(in: 0...255, using: &random)
        case 1: text.remove(at: at)
        default: text.removeLast(text.count - at - 1)
        }
      }
      let found = ForeignDocument(text.span)
      let isPrintable = found.description.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
      #expect(isPrintable && found.description.count < 600)
      if (try? JWKSet.parse(text.span, source: .remote)) != nil {
        taken += 1
        #expect(found == .keySet(of: "a list"))
      }
    }
    #expect(taken > 100)
  }
}
