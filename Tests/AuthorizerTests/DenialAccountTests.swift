import Authorizer
import Istio
import Testing

@Suite struct DenialAccountTests {
  let a = TestIssuer.a
  let b = TestIssuer.b

  /// Rules, each on a line of its own that begins with its column.
  private func denying(_ rules: String...) -> String {
    "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: gate, namespace: foo}\n"
      + "spec:\n  action: DENY\n  rules:\n" + rules.map { "  - \($0)\n" }.joined()
  }

  @Test func `a DENY rule tells what it asks for and where it is written`() throws {
    let gate = try Gate(
      denying(
        #"{to: [{operation: {paths: ["/never"]}}]}"#,
        #"{from: [{source: {notRequestPrincipals: ["*"]}}], "#
          + #"to: [{operation: {notPaths: ["/open", "/b", "/c", "/d"]}}]}"#
      ))
    let account = gate.account(.get("/closed"))
    #expect(
      account.why == #"all of these held: notRequestPrincipals: none of ["*"]; "#
        + #"notPaths: none of ["/open", "/b", "/c" and 1 more]"#)
    #expect(account.position?.description == "policies.yaml:9:5")
    let never = gate.account(.get("/never"))
    #expect(never.why == #"all of these held: paths: one of ["/never"]"#)
    #expect(never.position?.description == "policies.yaml:8:5")
  }

  @Test func `a rule with several sources does not claim which one matched`() throws {
    let gate = try Gate(
      denying(
        "{from: [{source: {ipBlocks: [10.0.0.0/8]}}, {source: {notIpBlocks: [10.0.0.0/8]}}], "
          + #"when: [{key: "request.headers[x-a]", values: [one]}]}"#))
    #expect(
      gate.account(.get("/").with("x-a", "one").changed { $0.source.address = "10.1.1.1" }).why
        == "one of the sources, one of the operations and all conditions held: "
        + "from[0] ipBlocks: one of [\"10.0.0.0/8\"]; "
        + "from[1] notIpBlocks: none of [\"10.0.0.0/8\"]; when[0] request.headers[x-a]: one of [\"one\"]")
  }

  @Test func `long rules and long values are cut, and a rule without fields says so`() throws {
    let long = String(repeating: "x", count: 300)
    let gate = try Gate(
      denying(
        "{to: [{operation: {paths: [/\(long)], methods: [GET]}}], when: ["
          + (0..<4).map { "{key: \"request.headers[x-\($0)]\", values: [v]}" }.joined(separator: ", ") + "]}")
    )
    var request = Request.get("/" + long)
    for index in 0..<4 { request = request.with("x-\(index)", "v") }
    let why = gate.account(request).why
    #expect(
      why.contains("\"/" + String(repeating: "x", count: 79) + "…\"") && why.hasSuffix("; and 2 more"),
      "\(why)")
    #expect(why.count < 400)
    #expect(try Gate(denying("{}")).account(.get("/")).why == "the rule matches every request")
  }

  @Test func `where no ALLOW rule matched, the account names the first of them`() throws {
    let rule = #"{to: [{operation: {paths: ["/open"]}}]}"#
    let one = try Gate(allow(rule)).account(.get("/closed"))
    #expect(
      one.why.hasPrefix("the only ALLOW rule did not match: ns[foo]-policy[allow]-rule[0] at policies.yaml:"))
    #expect(one.position == nil)
    let two = try Gate(allow(rule, rule) + authorization("DENY", [rule], name: "deny")).account(
      .get("/closed"))
    #expect(
      two.why.hasPrefix("none of 2 ALLOW rules matched; the first is ns[foo]-policy[allow]-rule[0] at"))
    let none = try Gate(authorization("ALLOW", [], name: "nothing")).account(.get("/"))
    #expect(none.why == "an ALLOW policy without rules matches nothing")
  }

  @Test func `a token of an unknown issuer is named beside those that are configured`() throws {
    let gate = try Gate(authentication(a.rule(), b.rule()))
    let account = gate.account(Request().bearer(try TestIssuer.c.token()))
    #expect(account.why == #"iss is "https://c" (not verified); configured: ["https://a", "https://b"]"#)
    #expect(account.position == nil)
  }

  @Test func `a refused token tells which check failed, and the rule of its issuer`() throws {
    let gate = try Gate(authentication(a.rule("audiences: [one]"), b.rule()))
    let forged = gate.account(Request().bearer(try b.forged()))
    #expect(
      forged.why == #"no fitting key of the rule made the signature; iss is "https://b" (not verified)"#)
    #expect(forged.position?.file == "policies.yaml" && forged.position?.line == 5)
    let expired = gate.account(Request().bearer(try b.token(past)))
    #expect(expired.why.hasPrefix("exp is earlier than now") && expired.position == forged.position)
    let audience = gate.account(Request().bearer(try a.token(#"{"sub":"me","aud":"two"}"#)))
    #expect(audience.why.hasPrefix(#"aud is none of the rule's audiences: ["one"]; iss is "https://a""#))
    #expect(audience.position != nil && audience.position != forged.position)
  }

  @Test func `which rule refused is not claimed where several take the issuer, or it is not known`() throws {
    let several = try Gate(authentication(a.rule(), a.rule("audiences: [one]")))
    #expect(several.account(Request().bearer(try a.forged())).position == nil)
    let gate = try Gate(authentication(a.rule(), b.rule()))
    let rubbish = gate.account(Request().bearer("rubbish"))
    #expect(rubbish.why == "" && rubbish.position == nil)
    // Two tokens were refused: neither is singled out.
    let places = try Gate(
      authentication(a.rule("fromHeaders: [{name: x-a}]"), b.rule("fromHeaders: [{name: x-b}]")))
    let two = places.account(Request().with("x-a", try a.forged()).with("x-b", try b.forged()))
    #expect(!two.why.contains("iss is") && two.position == nil, "\(two)")
    // With one rule there is no doubt.
    #expect(try Gate(authentication(a.rule())).account(Request().bearer("rubbish")).position != nil)
  }

  @Test func `a token that was accepted, and a subject that was not verified, are never shown`() throws {
    let gate = try Gate(authentication(a.rule()) + denying(#"{to: [{operation: {paths: ["/x"]}}]}"#))
    let accepted = gate.account(.get("/x").bearer(try a.token(#"{"sub":"alice"}"#)))
    #expect(accepted.why == #"all of these held: paths: one of ["/x"]"#)
    let refused = gate.account(.get("/x").bearer(try a.forged(#"{"sub":"alice"}"#)))
    #expect(!refused.why.contains("alice") && refused.why.contains("https://a"))
  }

  @Test func `a check for no workload names those there are`() throws {
    let gate = try Gate(authentication(a.rule()))
    let account = gate.account(Request().extended("countersign.workload", "nobody"))
    #expect(account.why == #"the check names no workload of the configuration: ["web"]"#)
    // A path that cannot be normalised needs no more words.
    #expect(gate.account(Request().changed { $0.hasHTTP = false }).why == "")
  }
}
