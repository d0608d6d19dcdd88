import Istio
import Policy
import Testing

@Suite("Decisions: semantics 2.2 and 2.3")
struct DecisionTests {
  let anyone = "{}"

  @Test func `Without any policy everything passes`() throws {
    #expect(try Policies().outcome(.at("/")) == .allowed(.noPolicies))
    #expect(try Policies().outcome(Request { $0.hasHTTP = false }) == .denied(.notHTTP))
  }

  @Test func `A check without an HTTP request is denied whatever is allowed`() throws {
    #expect(try allow(anyone).outcome(Request { $0.hasHTTP = false }) == .denied(.notHTTP))
    #expect(try allow(anyone).passes(.at("/")))
  }

  @Test func `An ALLOW policy without rules denies everything that nothing else allows`() throws {
    #expect(try allow().outcome(.at("/")) == .denied(.noAllowRuleMatched))
    #expect(try allow().allow(to("paths: [/a]"), name: "other").passes(.at("/a")))
  }

  @Test func `A DENY policy without rules never matches`() throws {
    let policy = AuthorizationPolicy(
      metadata: .init(name: "d", namespace: "foo", position: here), attachment: .allWorkloads, action: .deny,
      rules: [], isDryRun: false)
    let table = try DecisionTable(compiling: [policy])
    var scratch = PolicyScratch()
    #expect(try Request.at("/").decide(table, &scratch).outcome == .allowed(.noAllowPolicies))
  }

  @Test func `An empty rule matches everything`() throws {
    #expect(try allow(anyone).passes(.at("/")))
    #expect(try !deny(anyone).passes(.at("/")))
  }

  @Test func `DENY is decided before ALLOW`() throws {
    let both = allow(anyone).deny(to("paths: [/admin]"))
    guard case .denied(.deniedByRule) = try both.outcome(.at("/admin")) else {
      Issue.record("not denied by the rule")
      return
    }
    #expect(try both.passes(.at("/other")))
  }

  @Test func `When DENY rules do not match and no ALLOW policy is enforced everything passes`() throws {
    #expect(try deny(to("paths: [/admin]")).outcome(.at("/")) == .allowed(.noAllowPolicies))
  }

  @Test func `When an ALLOW policy exists and no rule matches the check is denied`() throws {
    #expect(try allow(to("paths: [/a]")).outcome(.at("/b")) == .denied(.noAllowRuleMatched))
    #expect(try allow(to("paths: [/a]")).passes(.at("/a")))
  }

  @Test func `Rules are alternatives, and so are policies`() throws {
    #expect(try allow(to("paths: [/a]"), to("paths: [/b]")).passes(.at("/b")))
    #expect(try allow(to("paths: [/a]")).allow(to("paths: [/b]"), name: "two").passes(.at("/b")))
    #expect(try !allow(to("paths: [/a]"), to("paths: [/b]")).passes(.at("/c")))
  }

  @Test func `A rule needs a source and an operation and all conditions`() throws {
    let rule = """
      {from: [{source: {ipBlocks: [10.0.0.1]}}], to: [{operation: {methods: [GET]}}],
       when: [{key: "request.headers[x]", values: [a]}, {key: "request.headers[y]", values: [b]}]}
      """
    let whole = Request.with(("x", "a"), ("y", "b"))
    #expect(try matches(rule, whole))
    #expect(try !matches(rule, .with(("x", "a"))))
    #expect(try !matches(rule, .with(("y", "b"))))
    var other = whole
    other.method = "POST"
    #expect(try !matches(rule, other))
    other = whole
    other.source.address = "10.0.0.9"
    #expect(try !matches(rule, other))
  }

  @Test func `From and to as separate rules are alternatives`() throws {
    #expect(
      try matches("{from: [{source: {ipBlocks: [10.0.0.1]}}], to: [{operation: {paths: [/a]}}]}", .at("/a")))
    #expect(
      try !matches("{from: [{source: {ipBlocks: [10.0.0.1]}}], to: [{operation: {paths: [/a]}}]}", .at("/b")))
    let separate = allow(from("ipBlocks: [10.0.0.1]"), to("paths: [/a]"))
    #expect(try separate.passes(.at("/b")))
  }

  @Test func `Fields of an operation must all match, values of a field are alternatives`() throws {
    let rule = to("methods: [GET, PUT], paths: [/a]")
    #expect(try matches(rule, Request("PUT", "/a")))
    #expect(try !matches(rule, Request("POST", "/a")))
    #expect(try !matches(rule, Request("PUT", "/b")))
  }

  @Test func `Operations of a rule are alternatives`() throws {
    let rule =
      "{to: [{operation: {paths: [/a], methods: [GET]}}, {operation: {paths: [/b], methods: [PUT]}}]}"
    #expect(try matches(rule, Request("GET", "/a")))
    #expect(try matches(rule, Request("PUT", "/b")))
    #expect(try !matches(rule, Request("PUT", "/a")))
  }

  @Test func `Excluded values are none of the values, and the rest must hold too`() throws {
    let rule = to("paths: [\"/a*\"], notPaths: [/a/x, /a/y]")
    #expect(try matches(rule, .at("/a/z")))
    #expect(try !matches(rule, .at("/a/x")))
    #expect(try !matches(rule, .at("/a/y")))
    #expect(try !matches(rule, .at("/b")))
  }

  @Test func `A condition takes any of its values and none of its notValues`() throws {
    let rule = when("request.headers[x]", "values: [\"a*\"], notValues: [ab]")
    #expect(try matches(rule, .with(("x", "ac"))))
    #expect(try !matches(rule, .with(("x", "ab"))))
    #expect(try !matches(rule, .with(("x", "b"))))
  }

  @Test func `AUDIT is recorded and changes nothing`() throws {
    let audited = deny(to("paths: [/d]")).audit(to("paths: [/a, /d]"))
    let passed = try audited.decide(.at("/a"))
    #expect(passed.isAllowed)
    #expect(passed.auditRule != nil)
    #expect(try audited.decide(.at("/b")).auditRule == nil)
    let denied = try audited.decide(.at("/d"))
    #expect(!denied.isAllowed)
    #expect(denied.auditRule != nil)
    #expect(try Policies().audit(anyone).outcome(.at("/")) == .allowed(.noPolicies))
  }

  @Test func `A dry-run DENY is reported and not enforced`() throws {
    let policies = Policies().adding("DENY", [to("paths: [/d]")], name: "d", dryRun: true)
    let matched = try policies.decide(.at("/d"))
    #expect(matched.isAllowed)
    guard case .matched = matched.dryRunDeny else {
      Issue.record("\(matched)")
      return
    }
    #expect(try policies.decide(.at("/x")).dryRunDeny == .noRuleMatched)
    #expect(matched.dryRunAllow == .none)
  }

  @Test func `When all ALLOW policies are in dry-run nothing is denied`() throws {
    let policies = Policies().adding("ALLOW", [to("paths: [/a]")], name: "a", dryRun: true)
    let other = try policies.decide(.at("/b"))
    #expect(other.isAllowed)
    #expect(other.dryRunAllow == .noRuleMatched)
    #expect(try !policies.allow(to("paths: [/c]")).passes(.at("/a")))
  }

  @Test func `Of the rules that match, the one whose id comes first is reported`() throws {
    let rules = (0..<12).map { _ in "{}" }
    let policies = Policies().adding("DENY", rules, name: "z").adding("DENY", rules, name: "b")
      .adding("DENY", ["{to: [{operation: {paths: [/no]}}]}"] + rules, name: "a")
    let table = try policies.table()
    var scratch = PolicyScratch()
    guard case .denied(.deniedByRule(let rule)) = try Request.at("/").decide(table, &scratch).outcome else {
      Issue.record("not denied")
      return
    }
    // Rule 0 of `a` does not match; octet for octet `rule[10]` comes before `rule[1]`.
    #expect(table.describe(rule).id == "ns[foo]-policy[a]-rule[10]")
    #expect(table.describe(rule).index == 10)
    let short = try Policies().adding("DENY", rules, name: "b")
      .adding("DENY", [to("paths: [/no]"), "{}", "{}"], name: "a").table()
    guard case .denied(.deniedByRule(let first)) = try Request.at("/").decide(short, &scratch).outcome else {
      Issue.record("not denied")
      return
    }
    #expect(short.describe(first).id == "ns[foo]-policy[a]-rule[1]")
  }

  @Test func `The picture: DENY notRequestPrincipals and notPaths`() throws {
    let rule = """
      {from: [{source: {notRequestPrincipals: ["*"]}}], to: [{operation: {notPaths: [/productpage]}}]}
      """
    let token = #"{"iss":"testing@secure.istio.io","sub":"testing@secure.istio.io"}"#
    let policy = deny(rule)
    #expect(try policy.passes(Request("GET", "/productpage")))
    #expect(try policy.passes(Request("GET", "/productpage", claims: token)))
    for path in ["/api/v1/products/0", "/api/v1/products/1", "/productpage/", "/Productpage"] {
      #expect(try !policy.passes(Request("GET", path)))
      #expect(try policy.passes(Request("GET", path, claims: token)))
    }
    // A token without a subject is no principal.
    #expect(try !policy.passes(Request("GET", "/api", claims: #"{"iss":"testing@secure.istio.io"}"#)))
    #expect(try policy.passes(Request("GET", "/productpage?x=1")))
  }

  @Test func `notPaths in two policies exempt only what both name`() throws {
    let both = deny(to("notPaths: [/a, /b]")).deny(to("notPaths: [/b, /c]"), name: "second")
    #expect(try both.passes(.at("/b")))
    #expect(try !both.passes(.at("/a")))
    #expect(try !both.passes(.at("/c")))
  }

  @Test func `A scratch serves tables of any size one after the other`() throws {
    var scratch = PolicyScratch()
    let small = try allow(to("paths: [/a]")).table()
    let large = try Policies().adding(
      "ALLOW", (0..<300).map { to("paths: [/p\($0)]") }, name: "large"
    ).table()
    for index in [0, 63, 64, 127, 128, 299] {
      #expect(try Request.at("/p\(index)").decide(large, &scratch).isAllowed)
      #expect(try Request.at("/a").decide(small, &scratch).isAllowed)
      #expect(try !Request.at("/p\(index)").decide(small, &scratch).isAllowed)
      #expect(try !Request.at("/a").decide(large, &scratch).isAllowed)
    }
  }
}

let here = SourcePosition(file: "test.yaml", line: 1, column: 1)
