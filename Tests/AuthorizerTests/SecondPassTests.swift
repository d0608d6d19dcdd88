import Authorizer
import Signatures
import Testing

@Suite("Rules are asked a second time: semantics 1.5")
struct SecondPassTests {
  let a = TestIssuer.a
  let b = TestIssuer.b
  let c = TestIssuer.c

  /// Two optional rules that look in the default places.
  func gate(_ more: String = "", settings: AuthorizerSettings = AuthorizerSettings()) throws -> Gate {
    try Gate(authentication(a.rule(more), b.rule(more)) + onlyKnown, settings: settings)
  }

  func request(header: String, parameter: String) -> Request {
    Request("GET", "/?access_token=\(parameter)").bearer(header)
  }

  @Test func `Two valid tokens of two issuers in the default places pass, and the header's principal counts`()
    throws
  {
    let gate = try Gate(
      authentication(a.rule(), b.rule()) + allow(from(#"requestPrincipals: ["https://a/me"]"#)))
    let answer = gate.ask(request(header: try a.token(), parameter: try b.token()))
    #expect(answer.status == 200)
    #expect(answer.removed.contains("authorization"))
    #expect(answer.removedParameters == ["access_token"])
    // With the places exchanged the first pass takes nothing out that would help.
    let other = gate.ask(request(header: try b.token(), parameter: try a.token()))
    #expect(other.status == 403 && other.reason == .noRuleMatched)
  }

  @Test func `A token that the first pass removed cannot help a bad one`() throws {
    let gate = try gate()
    #expect(gate.body(request(header: try a.forged(), parameter: try b.token())) == "Jwt verification fails")
    #expect(gate.body(request(header: "rubbish", parameter: try b.token())) == malformed)
    #expect(
      gate.body(request(header: try c.token(), parameter: try b.token())) == "Jwt issuer is not configured")
    #expect(gate.body(request(header: try a.token(past), parameter: try b.token())) == "Jwt is expired")
  }

  @Test func `A token that is forwarded stays, so the second pass refuses it again`() throws {
    let gate = try gate("forwardOriginalToken: true")
    #expect(
      gate.body(request(header: try a.token(), parameter: try b.token())) == "Jwt issuer is not configured")
  }

  @Test
  func
    `Lines of one header: the last good one takes the bad one above it out, where there are several rules`()
    throws
  {
    // Envoy takes lines from the last. It removes the header with the good token, and the second pass finds none.
    let rules = [a.rule("fromHeaders: [{name: x-t}]"), b.rule("fromHeaders: [{name: x-u}]")]
    let gate = try Gate(authentication(rules.joined(separator: ", ")) + onlyKnown)
    let (good, bad) = (try a.token(), try a.forged())
    #expect(gate.status(.lines("x-t", bad, good)) == 200)
    #expect(gate.status(.lines("x-t", good, bad)) == 401)
    #expect(gate.status(.lines("x-t", good, good)) == 200)
    let alone = try Gate(authentication(rules[0]) + onlyKnown)
    #expect(alone.status(.lines("x-t", bad, good)) == 401)
    // In one joined line nobody can tell where a token begins: it is refused.
    #expect(gate.status(.joined("x-t", "\(bad),\(good)")) == 401)
  }

  @Test func `What a limit kept from being verified is not forgiven when another rule takes it out`() throws {
    let rules = [
      a.rule("fromHeaders: [{name: x-t, prefix: 'A:'}]"), b.rule("fromHeaders: [{name: x-t, prefix: 'B:'}]"),
    ]
    let gate = try Gate(authentication(rules.joined(separator: ", ")) + onlyKnown)
    // B accepts the last line, which takes all lines out, and refuses the one before it.
    let ofB = [("B:" + (try b.forged())), ("B:" + (try b.token()))]
    func request(_ ofA: [String]) -> Request {
      (ofA + ofB).reduce(Request().raw) { next, line in next.with("x-t", line) }
    }
    let bad = "A:" + (try a.forged())
    #expect(gate.status(request([bad])) == 200)
    #expect(!gate.ask(request([String](repeating: bad, count: 9))).isAllowed)
    #expect(!gate.ask(request(["A:" + String(repeating: "a.", count: 40_000)])).isAllowed)
  }

  @Test func `One rule has no second pass`() throws {
    let gate = try Gate(authentication(a.rule()) + onlyKnown)
    #expect(
      gate.body(request(header: try b.token(), parameter: try a.token())) == "Jwt issuer is not configured")
  }

  @Test func `With a required rule there is no second pass`() throws {
    let gate = try gate("presence: REQUIRED")
    #expect(
      gate.body(request(header: try a.token(), parameter: try b.token())) == "Jwt issuer is not configured")
  }

  @Test(arguments: [0, 1 << 20])
  func `No signature is checked twice, with and without a cache`(cacheBytes: Int) throws {
    var settings = AuthorizerSettings()
    settings.tokenCacheOctets = cacheBytes
    let gate = try Gate(
      authentication(
        a.rule("fromHeaders: [{name: x-b, prefix: 'T '}], fromParams: [y], forwardOriginalToken: true"),
        b.rule("fromHeaders: [{name: x-a}, {name: x-b, prefix: 'B '}]")) + onlyKnown, settings: settings)
    func signatures() -> UInt64 {
      [true, false].reduce(0) { $0 + gate.verifications.total(.hs256, succeeded: $1) }
    }
    // The first pass: A accepts `y` and refuses its line of `x-b`. B accepts the last line of `x-b`, which takes all
    // lines out, and refuses the line before it. The second pass: A accepts `y` again, and B finds no token.
    let lines = Request("GET", "/?y=\(try a.token())").with("x-b", "T \(try a.forged())")
      .with("x-b", "B \(try b.forged())").with("x-b", "B \(try b.token())").raw
    #expect(gate.status(lines) == 200)
    #expect(signatures() == 4)

    // The same, and B refuses a token in `x-a`, which nothing takes out.
    let before = signatures()
    let stays = Request("GET", "/?y=\(try a.token(#"{"sub":"2"}"#))").with(
      "x-b", "T \(try a.forged(#"{"sub":"2"}"#))"
    )
    .with("x-a", try b.forged(#"{"sub":"2"}"#)).with("x-b", "B \(try b.token(#"{"sub":"2"}"#))").raw
    #expect(gate.body(stays) == "Jwt verification fails")
    #expect(signatures() - before == 4)
  }

  @Test func `A rule that is asked loses what was set under its output headers`() throws {
    let payload = "outputPayloadToHeader: x-payload"
    // A0 accepts its query token and writes the header; its header token is bad. A1 is asked and clears it; B passes.
    let gate = try Gate(
      authentication(
        a.rule("fromHeaders: [{name: x-a}], fromParams: [q], \(payload)"),
        a.rule("audiences: [other], fromHeaders: [{name: x-a1}], \(payload)"),
        b.rule("fromHeaders: [{name: x-b}]")) + onlyKnown)
    let request = Request("GET", "/?q=\(try a.token())").with("x-a", "rubbish").with("x-b", try b.token())
    let answer = gate.ask(request)
    #expect(answer.status == 200)
    #expect(answer.set.isEmpty)
    #expect(answer.removed.contains("x-payload"))

    // Without A1 nobody clears it: Envoy sends the header of the rule that failed half-way.
    let alone = try Gate(
      authentication(
        a.rule("fromHeaders: [{name: x-a}], fromParams: [q], \(payload)"),
        b.rule("fromHeaders: [{name: x-b}]"))
        + onlyKnown)
    #expect(alone.ask(request).set.keys.sorted() == ["x-payload"])
  }

  @Test func `A rule that reads a header which an earlier rule has set reads that value`() throws {
    let gate = try Gate(
      authentication(
        a.rule("presence: REQUIRED, outputClaimToHeaders: [{header: x-inner, claim: inner}]"),
        b.rule("fromHeaders: [{name: x-inner}]")))
    let inner = try b.token()
    let nested = gate.ask(Request().bearer(try a.token("{\"sub\":\"me\",\"inner\":\"\(inner)\"}")))
    #expect(nested.status == 200)
    #expect(nested.removed.contains("x-inner") && nested.set.isEmpty)
    #expect(gate.body(Request().bearer(try a.token(#"{"sub":"me","inner":"no token"}"#))) == malformed)
    #expect(gate.status(Request().bearer(try a.token())) == 200)
    // The client's own line never counts.
    #expect(gate.status(Request().bearer(try a.token()).with("x-inner", "rubbish")) == 200)
  }
}
