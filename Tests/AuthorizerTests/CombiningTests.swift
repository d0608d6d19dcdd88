import Authorizer
import Testing

@Suite("How rules combine: semantics 1.5")
struct CombiningTests {
  let a = TestIssuer.a
  let b = TestIssuer.b
  let xa = "fromHeaders: [{name: x-a}]"
  let xb = "fromHeaders: [{name: x-b}]"
  let required = "presence: REQUIRED"

  @Test func `One rule: a missing token passes, a bad one does not`() throws {
    let gate = try Gate(authentication(a.rule()))
    #expect(gate.status(Request()) == 200)
    #expect(gate.status(Request().bearer(try a.token())) == 200)
    #expect(gate.body(Request().bearer(try a.forged())) == "Jwt verification fails")
    #expect(gate.body(Request().bearer(try b.token())) == "Jwt issuer is not configured")
  }

  @Test func `Rules that share a place: a token that satisfies any of them passes`() throws {
    let gate = try Gate(authentication(a.rule(), b.rule()) + onlyKnown)
    #expect(gate.status(Request().bearer(try a.token())) == 200)
    #expect(gate.status(Request().bearer(try b.token())) == 200)
    #expect(gate.body(Request().bearer(try TestIssuer.c.token())) == "Jwt issuer is not configured")
    #expect(gate.body(Request().bearer(try a.forged())) == "Jwt verification fails")
    #expect(gate.body(Request().bearer(try b.forged())) == "Jwt verification fails")
  }

  @Test func `Two rules of one issuer are independent, and a token that satisfies either passes`() throws {
    let gate = try Gate(
      authentication(a.rule("audiences: [one]")) + authentication(a.rule("audiences: [two]"), name: "more")
        + onlyKnown)
    #expect(gate.status(Request().bearer(try a.token(#"{"sub":"me","aud":"one"}"#))) == 200)
    #expect(gate.status(Request().bearer(try a.token(#"{"sub":"me","aud":["x","two"]}"#))) == 200)
    #expect(gate.status(Request().bearer(try a.token(#"{"sub":"me","aud":"three"}"#))) == 403)
  }

  @Test func `The first success ends it: what other rules would find is neither checked nor removed`() throws
  {
    let gate = try Gate(authentication(a.rule(xa), b.rule(xb)) + onlyKnown)
    let bad = gate.ask(Request().with("x-a", try a.token()).with("x-b", "rubbish"))
    #expect(bad.status == 200)
    #expect(bad.removed == ["x-a"])
    // The other way round the first rule fails, and the second one's success counts.
    let later = gate.ask(Request().with("x-a", "rubbish").with("x-b", try b.token()))
    #expect(later.status == 200)
    #expect(later.removed == ["x-b"])
    #expect(gate.body(Request().with("x-b", "rubbish")) == malformed)
    #expect(gate.body(Request().with("x-a", "rubbish")) == malformed)
  }

  @Test func `Rules are tried by issuer, whatever their order in the resources`() throws {
    let tell = "outputClaimToHeaders: [{header: x-iss, claim: iss}]"
    let gate = try Gate(authentication(b.rule("\(xb), \(tell)"), a.rule("\(xa), \(tell)")))
    let both = Request().with("x-a", try a.token()).with("x-b", try b.token())
    #expect(gate.ask(both).set["x-iss"] == a.name)
    #expect(gate.ask(both).removed == ["x-a"])
  }

  @Test func `A specific error beats an unknown issuer, which beats a missing token`() throws {
    let gate = try Gate(authentication(a.rule(xa), b.rule(xb)))
    let stranger = try TestIssuer.c.token()
    #expect(gate.body(Request().with("x-a", stranger)) == "Jwt issuer is not configured")
    #expect(gate.body(Request().with("x-b", stranger)) == "Jwt issuer is not configured")
    #expect(
      gate.body(Request().with("x-a", stranger).with("x-b", try b.token(past))) == "Jwt is expired")
    #expect(
      gate.body(Request().with("x-a", try a.token(past)).with("x-b", stranger)) == "Jwt is expired")
    #expect(gate.status(Request()) == 200)
  }

  @Test func `Of several specific errors the last alternative's is told, which begins at the first rule`()
    throws
  {
    // Behind the rules stands ALL over the same rules, each allowed to be missing: its first failure comes last.
    let gate = try Gate(authentication(a.rule(xa), b.rule(xb)))
    #expect(
      gate.body(Request().with("x-a", try a.token(past)).with("x-b", try b.forged())) == "Jwt is expired")
    #expect(
      gate.body(Request().with("x-a", try a.forged()).with("x-b", try b.token(past)))
        == "Jwt verification fails")
  }

  @Test func `A single required token that is missing is 401`() throws {
    let gate = try Gate(authentication(a.rule(required)))
    let answer = gate.ask(Request())
    #expect(answer.status == 401 && answer.body == "Jwt is missing")
    #expect(gate.status(Request().bearer(try a.token())) == 200)
    #expect(gate.body(Request().bearer(try b.token())) == "Jwt issuer is not configured")
    #expect(gate.body(Request().with("authorization", "Basic x")) == "Jwt is missing")
  }

  @Test func `With one required rule every rule counts, and an optional one may be missing only`() throws {
    let gate = try Gate(authentication(a.rule("\(xa), \(required)"), b.rule(xb)))
    #expect(gate.status(Request().with("x-a", try a.token())) == 200)
    #expect(gate.status(Request().with("x-a", try a.token()).with("x-b", try b.token())) == 200)
    #expect(
      gate.body(Request().with("x-a", try a.token()).with("x-b", try b.forged())) == "Jwt verification fails")
    #expect(gate.body(Request().with("x-b", try b.token())) == "Jwt is missing")
    #expect(
      gate.body(Request().with("x-a", try a.token()).with("x-b", try a.token()))
        == "Jwt issuer is not configured")
  }

  @Test func `Two required rules that read one header cannot both be satisfied`() throws {
    let gate = try Gate(authentication(a.rule("\(xa), \(required)"), b.rule("\(xa), \(required)")))
    #expect(gate.body(Request().with("x-a", try a.token())) == "Jwt is missing", "the first rule consumed it")
    #expect(gate.body(Request().with("x-a", try b.token())) == "Jwt issuer is not configured")
    let forwarding = "\(xa), \(required), forwardOriginalToken: true"
    let kept = try Gate(authentication(a.rule(forwarding), b.rule(forwarding)))
    #expect(kept.body(Request().with("x-a", try a.token())) == "Jwt issuer is not configured")
  }

  @Test func `A preflight passes without a look at its tokens, and anything less than one does not`() throws {
    let gate = try Gate(authentication(a.rule(required)))
    let preflight = Request("OPTIONS").with("origin", "https://x").with(
      "access-control-request-method", "PUT")
    #expect(gate.status(preflight) == 200)
    #expect(gate.status(preflight.bearer("rubbish")) == 200)
    #expect(gate.status(preflight.changed { $0.method = "GET" }) == 401)
    #expect(gate.status(preflight.changed { $0.method = "options" }) == 401)
    for name in ["origin", "access-control-request-method"] {
      #expect(gate.status(preflight.changed { $0.headers.removeAll { $0.name == name } }) == 401, "\(name)")
      let empty = preflight.changed { $0.headers.removeAll { $0.name == name } }.with(name, "")
      #expect(gate.status(empty) == 401, "empty \(name)")
    }
  }

  @Test func `A preflight has no principal, whatever token it carries`() throws {
    let gate = try Gate(authentication(a.rule()) + onlyKnown)
    let preflight = Request("OPTIONS").with("origin", "https://x").with(
      "access-control-request-method", "PUT")
    #expect(gate.ask(preflight.bearer(try a.token())).reason == .noRuleMatched)
    #expect(gate.status(Request("OPTIONS").bearer(try a.token())) == 200)
  }

  @Test func `Claims of one request are gone in the next`() throws {
    let gate = try Gate(authentication(a.rule()) + onlyKnown)
    for _ in 0..<3 {
      #expect(gate.status(Request().bearer(try a.token())) == 200)
      #expect(gate.ask(Request()).reason == .noRuleMatched)
      #expect(gate.ask(Request().changed { $0.hasHTTP = false }).removed.isEmpty)
    }
  }

  @Test func `A rule that fails after a good token leaves that one's claims to nobody`() throws {
    // The cookie is verified first, then the header fails: the other rule's claims are what policies see.
    let twoPlaces = "fromHeaders: [{name: x-a}], fromCookies: [c]"
    let gate = try Gate(
      authentication(a.rule(twoPlaces), b.rule(xb))
        + allow(from("requestPrincipals: [\"\(b.name)/*\"]"))
        + deny(from("requestPrincipals: [\"\(a.name)/*\"]")))
    let mixed = Request().with("cookie", "c=\(try a.token())").with("x-a", try a.forged())
    #expect(gate.body(mixed) == "Jwt verification fails")
    #expect(gate.status(mixed.with("x-b", try b.token())) == 200)
  }
}
