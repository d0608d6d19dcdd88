import Authorizer
import Bytes
import Testing

/// Where Countersign answers otherwise than Envoy 1.40 on purpose. Keys and encodings that only `JWT` can show
/// have their tests in KeyRingTests, KeySetTests and TokenReadingTests.
@Suite("Difference from Envoy")
struct DifferenceTests {
  private let a = TestIssuer.a

  private func status(_ token: String) throws -> Int {
    try Gate(Row.tokens + onlyKnown).status(Request().bearer(token))
  }

  private func encoded(_ text: String) -> String {
    var octets = ByteBuffer()
    Base64.encodeURL(Array(text.utf8).span, into: &octets)
    return String(decoding: octets.copy(), as: UTF8.self)
  }

  @Test func `Empty sections of a token are not skipped: it has three parts, as RFC 7519 says`() throws {
    let token = try a.token()
    #expect(try status(token) == 200)
    for odd in [token.replacing(".", with: ".."), "." + token, token + "."] {
      #expect(try status(odd) == 401, "\(odd)")
    }
  }

  @Test func `exp of zero has expired: zero is a time`() throws {
    #expect(try status(a.token(#"{"sub":"me","exp":0}"#)) == 401)
    #expect(try status(a.token(#"{"sub":"me","exp":1900000000}"#)) == 200)
  }

  @Test(arguments: [#""crit":["x"]"#, #""b64":true"#, #""kid":"""#])
  func `Headers with crit, b64 or an empty kid are refused: what must be understood is not ignored`(
    member: String
  ) throws {
    // The parse comes first: what it refuses is never asked for its issuer.
    let parts = try TestIssuer.c.token().split(separator: ".")
    let header = encoded("{\"alg\":\"HS256\",\(member)}")
    let answer = try Gate(Row.tokens).ask(Request().bearer("\(header).\(parts[1]).\(parts[2])"))
    #expect(answer.status == 401 && answer.body != "Jwt issuer is not configured", "\(answer)")
    let plain = encoded(#"{"alg":"HS256"}"#)
    let read = try Gate(Row.tokens).ask(Request().bearer("\(plain).\(parts[1]).\(parts[2])"))
    #expect(read.body == "Jwt issuer is not configured", "without it the header is read")
  }

  @Test(arguments: ["{'sub':'me'}", "{sub:\"me\"}", #"{"sub":"me",}"#, #"{"sub":"me","sub":"you"}"#, "null"])
  func `JSON is strict: two readers must not read two things`(payload: String) throws {
    let parts = try a.token().split(separator: ".")
    let answer = try Gate(Row.tokens).ask(Request().bearer("\(parts[0]).\(encoded(payload)).\(parts[2])"))
    #expect(answer.body == "Jwt payload is an invalid JSON")
    let good = encoded(#"{"iss":"https://a"}"#)
    let read = try Gate(Row.tokens).ask(Request().bearer("\(parts[0]).\(good).\(parts[2])"))
    #expect(read.body == "Jwt verification fails")
  }

  @Test func `A padded signature is refused: one token has one spelling`() throws {
    let token = try a.token()
    #expect(try status(token) == 200)
    #expect(try status(token + "=") == 401)
  }

  @Test func `A condition with an unknown key refuses the policy: a DENY must not vanish`() throws {
    for action in ["ALLOW", "DENY"] {
      let bad = authorization(action, [when("request.unknown", "values: [x]")], name: "p")
      #expect(throws: NotLoaded.self) { try Gate(bad) }
      let good = authorization(action, [when("request.headers[x]", "values: [x]")], name: "p")
      #expect(throws: Never.self) { try Gate(good) }
    }
  }

  @Test func `Invalid content refuses the policy: dropped silently it could widen a rule`() throws {
    #expect(throws: NotLoaded.self) { try Gate(deny(from("ipBlocks: [10.0.0.0/33]"))) }
    #expect(throws: Never.self) { try Gate(deny(from("ipBlocks: [10.0.0.0/32]"))) }
  }

  @Test func `A query without its token stays as it was encoded: only the parameter is named for removal`()
    throws
  {
    let gate = try Gate(authentication(a.rule()))
    let answer = gate.ask(.get("/?x=%20y&access_token=\(try a.token())"))
    #expect(answer.isAllowed && answer.removedParameters == ["access_token"])
    #expect(answer.set[":path"] == nil && answer.set.isEmpty)
    #expect(gate.ask(.get("/?x=%20y")).removedParameters.isEmpty)
  }

  @Test func `An output header has one value: two would mean two things`() throws {
    let gate = try Gate(
      authentication(
        a.rule("fromHeaders: [{name: x-1}, {name: x-2}], outputClaimToHeaders: [{header: x-c, claim: c}]")))
    let (one, two) = (try a.token(#"{"c":"1"}"#), try a.token(#"{"c":"2"}"#))
    #expect(gate.ask(Request().with("x-1", one).with("x-2", two)).set["x-c"] == "1")
    #expect(gate.ask(Request().with("x-2", two)).set["x-c"] == "2")
  }

  @Test(arguments: ["\\n", "\\r", "\\u0000"])
  func `A claim that would end a header is not sent: Envoy fails the request`(octet: String) throws {
    let gate = try Gate(authentication(a.rule("outputClaimToHeaders: [{header: x-c, claim: c}]")))
    let answer = gate.ask(Request().bearer(try a.token("{\"c\":\"a\(octet)b\"}")))
    #expect(answer.isAllowed && answer.set["x-c"] == nil && answer.removed.contains("x-c"))
    #expect(gate.ask(Request().bearer(try a.token(#"{"c":"ab"}"#))).set["x-c"] == "ab")
  }

  @Test func `Joined lines deny where a part would and allow only as a whole: no more than Envoy allows`()
    throws
  {
    let rule = when("request.headers[x]", "values: [a]")
    #expect(try Gate(deny(rule)).status(.joined("x", "b,a")) == 403)
    #expect(try Gate(allow(rule)).status(.joined("x", "b,a")) == 403)
    #expect(try Gate(allow(rule)).status(.lines("x", "b", "a")) == 200)
  }

  @Test func `A pattern with a comma never allows a joined value: it could lie across two lines`() throws {
    let rule = when("request.headers[x]", #"values: ["a,b", "a,*", "*,b"]"#)
    #expect(try Gate(allow(rule)).status(.joined("x", "a,b")) == 403)
    #expect(try Gate(allow(rule)).status(.lines("x", "a,b")) == 200)
    // It still denies.
    #expect(try Gate(deny(rule)).status(.joined("x", "a,b")) == 403)
    #expect(try Gate(deny(rule)).status(.joined("x", "a")) == 200)
  }

  @Test
  func `Two tokens behind different prefixes in one joined header are refused: where one ends is a guess`()
    throws
  {
    let gate = try Gate(
      authentication(a.rule("fromHeaders: [{name: x-t, prefix: 'A '}, {name: x-t, prefix: 'B '}]"))
        + onlyKnown)
    let (one, two) = (try a.token(), try a.token(#"{"sub":"you"}"#))
    #expect(gate.body(.joined("x-t", "A \(one),B \(two)")) == malformed)
    #expect(gate.body(.joined("x-t", "B \(one),A \(two)")) == malformed)
    #expect(gate.status(.lines("x-t", "A \(one)", "B \(two)")) == 200)
    #expect(gate.status(.joined("x-t", "B \(two)")) == 200)
  }

  @Test func `Joined cookies that read two ways are refused: a guess could take another's token`() throws {
    let gate = try Gate(authentication(a.rule("fromCookies: [t]")) + onlyKnown)
    let token = try a.token()
    #expect(gate.status(.joined("cookie", "a=1,t=\(token)")) == 401)
    #expect(gate.status(.joined("cookie", "a=1; t=\(token)")) == 200)
  }

  @Test func `More tokens for one rule than the setting are refused: work is bounded`() throws {
    let gate = try Gate(authentication(a.rule("fromHeaders: [{name: x-t}]")))
    let token = try a.token()
    func lines(_ count: Int) -> Request {
      (0..<count).reduce(Request().raw) { next, _ in next.with("x-t", token) }
    }
    #expect(gate.status(lines(8)) == 200)
    let refused = gate.ask(lines(9))
    #expect(refused.status == 431 && refused.reason == .tooManyTokens)
    #expect(refused.body == "Jwt is there more often than the limit")
  }
}
