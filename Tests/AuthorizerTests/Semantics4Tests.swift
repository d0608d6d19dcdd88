import Authorizer
import Istio
import Policy
import Testing

/// Points 16 (which port the proxy sends is the proxy's matter), 20 (no key is fetched yet) and 21's gRPC form
/// (the proxy turns the status) are no authorizer's to decide; 5, 12 and 14 have more cases in section 2.5.
@Suite("Semantics 4: what a re-implementation gets wrong, point by point")
struct Semantics4Tests {
  private let a = TestIssuer.a

  @Test
  func `4.1: an exempt path needs no token, takes no bad one, and two policies exempt what both exempt`()
    throws
  {
    let rule =
      #"{from: [{source: {notRequestPrincipals: ["*"]}}], to: [{operation: {notPaths: ["/health*"]}}]}"#
    let gate = try Gate(Row.tokens + deny(rule))
    #expect(gate.status(.get("/health")) == 200 && gate.status(.get("/healthcheck-admin")) == 200)
    #expect(gate.status(.get("/x")) == 403)
    #expect(gate.status(Request.get("/health").bearer(try a.forged())) == 401)
    let two = try Gate(
      Row.tokens + deny(rule)
        + authorization("DENY", [rule.replacing("/health*", with: "/ping")], name: "two"))
    #expect(two.status(.get("/health")) == 403 && two.status(.get("/ping")) == 403)
  }

  @Test(arguments: [
    #"{from: [{source: {notRequestPrincipals: ["https://a/x"]}}]}"#,
    when("request.auth.claims[c]", "notValues: [x]"),
    when("request.auth.audiences", "notValues: [x]"), when("request.auth.presenter", "notValues: [x]"),
  ])
  func `4.2: a missing token satisfies every negative condition`(rule: String) throws {
    let gate = try Gate(Row.tokens + deny(rule))
    #expect(gate.status(Request()) == 403)
    #expect(gate.status(.saying(#"{"sub":"x","c":"x","aud":"x","azp":"x"}"#)) == 200)
  }

  @Test func `4.3: from and to as two list items mean either`() throws {
    let two = try Gate(Row.tokens + allow(from("requestPrincipals: [\"*\"]"), to("paths: [/a]")))
    #expect(two.status(.get("/a")) == 200)
    let one = #"{from: [{source: {requestPrincipals: ["*"]}}], to: [{operation: {paths: [/a]}}]}"#
    #expect(try Gate(Row.tokens + allow(one)).status(.get("/a")) == 403)
  }

  @Test func `4.4: a valid token without subject is no principal, and one with a number is 401`() throws {
    let gate = try Gate(Row.tokens + onlyKnown)
    #expect(gate.status(.saying("{}")) == 403 && gate.status(.saying(#"{"sub":1}"#)) == 401)
    #expect(gate.status(.saying(#"{"sub":"1"}"#)) == 200)
  }

  @Test func `4.5: another issuer's token is 401 where everybody may enter`() throws {
    let gate = try Gate(Row.tokens + everybody)
    #expect(gate.body(Request().bearer(try TestIssuer.c.token())) == "Jwt issuer is not configured")
    #expect(gate.status(Request()) == 200)
  }

  @Test(arguments: ["bearer", "BEARER", "Basic"])
  func `4.6: another letter case of Bearer is no token`(scheme: String) throws {
    let gate = try Gate(Row.tokens + onlyKnown)
    #expect(gate.ask(Request().with("authorization", "\(scheme) \(try a.token())")).reason == .noRuleMatched)
    #expect(gate.status(Request().bearer(try a.token())) == 200)
  }

  @Test func `4.7: two tokens of one rule must both verify, of two rules one`() throws {
    let (good, bad) = (try a.token(), try a.forged())
    let one = try Gate(authentication(a.rule("fromHeaders: [{name: x-a}, {name: x-b}]")))
    #expect(one.status(Request().with("x-a", good).with("x-b", bad)) == 401)
    #expect(one.status(Request().with("x-a", good).with("x-b", good)) == 200)
    let two = try Gate(
      authentication(a.rule("fromHeaders: [{name: x-a}]"), a.rule("fromHeaders: [{name: x-b}]")))
    #expect(two.status(Request().with("x-a", good).with("x-b", bad)) == 200)
    #expect(two.status(Request().with("x-a", bad).with("x-b", bad)) == 401)
  }

  @Test func `4.8: a wrong audience is 403 before the signature is looked at, without scheme and slash`()
    throws
  {
    let gate = try Gate(authentication(a.rule("audiences: [\"https://web/\"]")))
    #expect(gate.status(Request().bearer(try a.forged(#"{"aud":"x"}"#))) == 403)
    #expect(gate.status(Request().bearer(try a.forged(#"{"aud":"web"}"#))) == 401)
    #expect(gate.status(Request().bearer(try a.token(#"{"aud":["x","http://web"]}"#))) == 200)
    #expect(gate.status(Request().bearer(try a.token(#"{"aud":"WEB"}"#))) == 403)
  }

  @Test(arguments: [
    (#"{}"#, 200), (#"{"exp":1799999940}"#, 200), (#"{"exp":1799999939}"#, 401),
    (#"{"nbf":1800000060}"#, 200),
    (#"{"nbf":1800000061}"#, 401), (#"{"exp":"1900000000"}"#, 401),
  ])
  func `4.9: expiry is optional, sixty seconds are forgiven, text is none`(claims: String, status: Int) throws
  {
    #expect(try Gate(Row.tokens).status(.saying(claims)) == status)
  }

  @Test(arguments: [
    Row(
      when("request.auth.claims[c]", #"values: ["1", "true", "x"]"#), matches: [.saying(#"{"c":["y","x"]}"#)],
      not: [
        .saying(#"{"c":1}"#), .saying(#"{"c":true}"#), .saying(#"{"c":[["x"]]}"#), .saying(#"{"c":[1]}"#),
      ])
  ])
  func `4.10: numbers and truth values never match`(row: Row) throws { try row.hold() }

  @Test func `4.11: a name with a dot is a condition's, never an output header's`() throws {
    let token = try a.token(#"{"a.b":"x"}"#)
    let gate = try Gate(
      authentication(a.rule("outputClaimToHeaders: [{header: x-c, claim: a.b}]"))
        + allow(when("request.auth.claims[a.b]", "values: [x]")))
    #expect(gate.ask(Request().bearer(token)).isAllowed)
    #expect(gate.ask(Request().bearer(token)).set["x-c"] == nil)
    let nested = try Gate(authentication(a.rule("outputClaimToHeaders: [{header: x-c, claim: a.b}]")))
    #expect(nested.ask(Request().bearer(try a.token(#"{"a":{"b":"x"}}"#))).set["x-c"] == "x")
  }

  @Test(arguments: [
    Row(
      when("request.auth.claims[scope]", "values: [a]"),
      matches: [.saying(#"{"scope":"b a"}"#), .saying(#"{"scope":["b","a"]}"#)],
      not: [.saying(#"{"scope":"b\ta"}"#), .saying(#"{"scope":"b,a"}"#)])
  ])
  func `4.12: scope is a list or text divided by blanks`(row: Row) throws { try row.hold() }

  @Test(arguments: [
    Row(to("hosts: [a.com]"), matches: [Request().at(host: "A.COM")], not: [Request().at(host: "a.com:1")]),
    Row(to("paths: [/a]"), matches: [.get("/a?b"), .get("/a#b")], not: [.get("/a%23b")]),
    Row(
      to("paths: [/a]"), matches: [.get("/b/../a"), .get("//b/..//a")], not: [.get("/b/a")],
      AuthorizerSettings(normalizing: .mergeSlashes)),
    Row(
      from("serviceAccounts: [\"a.c\"]"), matches: [.peer("spiffe://td/ns/foo/sa/a.c")],
      not: [.peer("spiffe://td/ns/foo/sa/abc")]),
    Row(
      from("namespaces: [\"a.c\"]"), matches: [.peer("spiffe://td/ns/a.c/sa/x")],
      not: [.peer("spiffe://td/ns/abc/sa/x")]),
    Row(
      when("request.headers[x]", "values: [a]"), matches: [.lines("x", "b", "a")], not: [.lines("x", "b,a")]),
  ])
  func `4.13: the spellings of published weaknesses`(row: Row) throws { try row.hold() }

  @Test(arguments: [
    Row(when("request.headers[x]", "values: [\"*\"]"), matches: [.joined("x", "")], not: [Request()]),
    Row(
      when("request.auth.claims[c]", "values: [\"*\"]"), matches: [.saying(#"{"c":"x"}"#)],
      not: [.saying(#"{"c":""}"#)]),
  ])
  func `4.14: a star is present for headers and not empty for text`(row: Row) throws { try row.hold() }

  @Test func `4.15: a service account alone is of the policy's namespace`() throws {
    let gate = try Gate(allow(from("serviceAccounts: [joe]")))
    #expect(gate.status(.peer("spiffe://td/ns/foo/sa/joe")) == 200)
    #expect(gate.status(.peer("spiffe://td/ns/bar/sa/joe")) == 403)
  }

  @Test func `4.17: an ALLOW policy in the root namespace shuts every workload`() throws {
    let other = Workload(name: "other", namespace: "bar", labels: [:])
    let root = authorization("ALLOW", [to("paths: [/a]")], name: "root", namespace: "istio-system")
    let gate = try Gate(root, workloads: [Gate.workload, other])
    for name in ["web", "other"] {
      #expect(gate.status(Request.get("/x").extended("countersign.workload", name)) == 403)
      #expect(gate.status(Request.get("/a").extended("countersign.workload", name)) == 200)
    }
  }

  @Test func `4.18: without its last ALLOW policy a workload is open`() throws {
    #expect(try Gate(Row.tokens + deny(to("paths: [/d]"))).status(.get("/x")) == 200)
    #expect(try Gate(Row.tokens + deny(to("paths: [/d]")) + onlyKnown).status(.get("/x")) == 403)
  }

  @Test func `4.19: output headers are cleared without a token and on preflight`() throws {
    let gate = try Gate(
      authentication(a.rule("outputPayloadToHeader: x-p, outputClaimToHeaders: [{header: x-c, claim: c}]")))
    let preflight = Request("OPTIONS").with("origin", "http://o").with("access-control-request-method", "GET")
    for request in [Request(), preflight] {
      let answer = gate.ask(request.with("x-p", "forged").with("x-c", "forged"))
      #expect(
        answer.isAllowed && answer.removed.contains("x-p") && answer.removed.contains("x-c"), "\(answer)")
      #expect(!answer.removed.contains("origin"))
    }
  }

  @Test func `4.21: 401 says who are you, 403 says not you, each with Envoy's text`() throws {
    let gate = try Gate(Row.tokens + onlyKnown)
    let unknown = gate.ask(Request().bearer("x"))
    #expect(unknown.status == 401 && unknown.body == malformed && unknown.challenge != nil)
    let denied = gate.ask(Request())
    #expect(denied.status == 403 && denied.body == "RBAC: access denied" && denied.challenge == nil)
  }

  @Test func `4.22: of several matching rules the id that sorts first is told`() throws {
    let gate = try Gate(
      authorization("DENY", ["{}"], name: "b") + authorization("DENY", ["{}", "{}"], name: "a"))
    #expect(gate.ask(Request()).rule == "ns[foo]-policy[a]-rule[0]")
  }
}
