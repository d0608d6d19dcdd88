import Authorizer
import JWT
import Testing

@Suite("What a refused client is told: semantics 1.10")
struct ChallengeTests {
  let a = TestIssuer.a

  /// The challenge to a bad token.
  func challenge(_ request: Request, _ more: String = "") throws -> String? {
    try Gate(authentication(a.rule(more))).ask(request.bearer("rubbish")).challenge
  }

  @Test func `The realm is the address as the client sent it, query included`() throws {
    let request = Request.get("/x/y?q=1&z=%20").at(host: "127.0.0.1:18080").with("x-forwarded-proto", "http")
    #expect(
      try challenge(request) == #"Bearer realm="http://127.0.0.1:18080/x/y?q=1&z=%20", error="invalid_token""#
    )
    let behind = request.changed { $0.scheme = "https" }
    #expect(try challenge(behind)?.hasPrefix(#"Bearer realm="http://"#) == true)
    let bare = behind.changed { $0.headers = [] }
    #expect(try challenge(bare)?.hasPrefix(#"Bearer realm="https://"#) == true)
    #expect(try challenge(.get("/a\"b"))?.contains("/a\"b\"") == true, "as Envoy: a quote stays raw")
  }

  @Test func `The path before rewriting is told where the proxy kept it`() throws {
    let rewritten = Request.get("/inner").with("x-envoy-original-path", "/outer?x=1")
    #expect(
      try challenge(rewritten) == #"Bearer realm="http://example.com/outer?x=1", error="invalid_token""#)
  }

  @Test func `A missing token is told without an error`() throws {
    let gate = try Gate(authentication(a.rule("presence: REQUIRED")))
    #expect(gate.ask(.get("/p")).challenge == #"Bearer realm="http://example.com/p""#)
    #expect(
      gate.ask(Request.get("/p").bearer("x")).challenge
        == #"Bearer realm="http://example.com/p", error="invalid_token""#)
  }

  @Test func `A denial by policy challenges nobody`() throws {
    let answer = try Gate(authentication(a.rule()) + onlyKnown).ask(Request())
    #expect(answer.challenge == nil && answer.body == "RBAC: access denied" && answer.status == 403)
  }

  @Test func `Path and query are cut at 256 octets, never inside a character`() throws {
    func path(_ text: String) throws -> String {
      let all = try #require(try challenge(.get(text)))
      return String(all.split(separator: "\"")[1].dropFirst("http://example.com".count))
    }
    let exact = "/" + String(repeating: "p", count: 200) + "?" + String(repeating: "q", count: 54)
    #expect(exact.utf8.count == 256)
    #expect(try path(exact) == exact)
    #expect(try path(exact + "r") == exact)
    let almost = "/" + String(repeating: "p", count: 254)
    #expect(try path(almost + "é") == almost)
    #expect(try path(almost + "😀x") == almost)
    let fits = "/" + String(repeating: "p", count: 251)
    #expect(try path(fits + "😀") == fits + "😀")
    #expect(try path(fits + "😀x") == fits + "😀")
    #expect(try path("/" + String(repeating: "é", count: 300)).utf8.count == 255)
  }

  @Test
  func `Control characters cannot end the header, and octets that are no text are spelled as Envoy does`()
    throws
  {
    let hostile = Request.get("/a\r\nx-admin: 1\u{0}\u{7F}b\tc").at(host: "h\r\n").with(
      "x-forwarded-proto", "p\n")
    #expect(try challenge(hostile) == #"Bearer realm="p://h/ax-admin: 1bc", error="invalid_token""#)
    let noText = Request.get("/").with("x-envoy-original-path", octets: [0x2F, 0xFF, 0xC3, 0x41])
    #expect(try challenge(noText) == #"Bearer realm="http://example.com/!!A", error="invalid_token""#)
    // Nothing but continuation octets: the cut ends, and so does what is written.
    let endless = Request.get("/").with(
      "x-envoy-original-path", octets: [UInt8](repeating: 0x80, count: 1000))
    let written = try #require(try challenge(endless))
    #expect(written == #"Bearer realm="http://example.com", error="invalid_token""#)
  }

  @Test func `An absent path and host make a short realm, not a fault`() throws {
    let empty = Request("", "").at(host: "").changed { $0.scheme = "" }
    #expect(try challenge(empty) == #"Bearer realm="://", error="invalid_token""#)
  }

  @Test func `Every fault of a token gets Envoy's text through the whole way`() throws {
    let gate = try Gate(authentication(a.rule("audiences: [me]")))
    let faults: [(String, String)] = [
      (try a.token(#"{"aud":"me","nbf":1900000000}"#), "Jwt not yet valid"),
      (try a.token(past), "Jwt is expired"),
      ("a.b", malformed),
      ("e!0.e30.e30", "Jwt header is an invalid Base64url encoded"),
      ("e31.e30.e30", "Jwt header is an invalid Base64url encoded"),
      ("W10.e30.e30", "Jwt header is an invalid JSON"),
      ("e30.e30.e30", "Jwt header [alg] field is required and must be a string"),
      ("eyJhbGciOiJub25lIn0.e30.e30", "Jwt header [alg] is not supported"),
      ("eyJhbGciOiJIUzI1NiIsImtpZCI6MX0.e30.e30", "Jwt header [kid] field is not a string"),
      ("eyJhbGciOiJIUzI1NiJ9.!.e30", "Jwt payload is an invalid Base64url encoded"),
      ("eyJhbGciOiJIUzI1NiJ9.W10.e30", "Jwt payload is an invalid JSON"),
      ("eyJhbGciOiJIUzI1NiJ9.e30.!", "Jwt signature is an invalid Base64url encoded"),
      (try a.token(#"{"iss":1}"#), "Jwt payload [iss] field is not a string"),
      (try a.token(#"{"sub":1}"#), "Jwt payload [sub] field is not a string"),
      (try a.token(#"{"jti":1}"#), "Jwt payload [jti] field is not a string"),
      (try a.token(#"{"exp":"1"}"#), "Jwt payload [exp] field is not an integer"),
      (try a.token(#"{"nbf":true}"#), "Jwt payload [nbf] field is not an integer"),
      (try a.token(#"{"iat":null}"#), "Jwt payload [iat] field is not an integer"),
      (try a.token(#"{"exp":-1}"#), "Jwt payload [exp] field is not a positive 64 bit integer"),
      (try a.token(#"{"nbf":1e30}"#), "Jwt payload [nbf] field is not a positive 64 bit integer"),
      (try a.token(#"{"iat":-0.5}"#), "Jwt payload [iat] field is not a positive 64 bit integer"),
      (try a.token(#"{"aud":1}"#), "Jwt payload [aud] field is not a string or string list"),
      (try a.token(#"{"iss":"x"}"#), "Jwt issuer is not configured"),
      (try a.token(#"{"aud":"you"}"#), "Audiences in Jwt are not allowed"),
      (try a.forged(#"{"aud":"me"}"#), "Jwt verification fails"),
      (
        try TestIssuer(a.name, seed: 0xA0, keyID: "other").token(#"{"aud":"me"}"#),
        "Jwks doesn't have key to match kid or alg from Jwt"
      ),
    ]
    for (token, text) in faults {
      let answer = gate.ask(Request().bearer(token))
      #expect(answer.body == text, "\(token)")
      #expect(answer.status == (text.hasPrefix("Audiences") ? 403 : 401), "\(text)")
      #expect(answer.reason == .token)
      #expect(answer.challenge?.hasSuffix(#"error="invalid_token""#) == true)
    }
    #expect(gate.status(Request().bearer(try a.token(#"{"aud":"me"}"#))) == 200)
  }
}
