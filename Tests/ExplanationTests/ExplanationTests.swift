import Explanation
import ExtAuthz
import Istio
import JSON
import Policy
import Testing

@Suite struct ExplanationTests {
  private let readers =
    authentication("  audiences: [shop]")
    + policy(
      "ALLOW",
      #"{from: [{source: {requestPrincipals: ["https://dev.example/*"]}}], to: [{operation: {methods: [GET]}}]}"#,
      name: "readers")

  @Test func `the workload is told with what chose it`() throws {
    let web = Workload(name: "web", namespace: "foo", labels: ["app": "web"])
    let shop = Workload(
      name: "shop", namespace: "bar", labels: [:], serviceAccount: "shop", hosts: ["*.example.com"])
    let asked = try Explaining(policy("DENY", "{}", name: "all"), workloads: [web, shop])
    #expect(try asked.explain { $0.host = "x.org" }.workloadReason.contains("the default"))
    let byHost = try asked.explain { $0.host = "a.example.com" }
    #expect(byHost.workload?.name == "shop" && byHost.workloadReason.contains("hosts match"))
    let byAccount = try asked.explain { $0.destinationPrincipal = "spiffe://d/ns/bar/sa/shop" }
    #expect(byAccount.workload?.name == "shop" && byAccount.workloadReason.contains("service account"))
    let byName = try asked.explain { $0.contextExtensions = [("countersign.workload", "shop")] }
    #expect(byName.workload?.name == "shop" && byName.workloadReason.contains("named by the proxy"))
    let unknown = try asked.explain { $0.contextExtensions = [("countersign.workload", "nobody")] }
    #expect(unknown.workload == nil && unknown.outcome.reason == "unknown_workload")
    #expect(unknown.workloadReason.contains("name none of the configured ones: web, shop"))
  }

  @Test func `each resource is told to apply, or why not`() throws {
    let asked = try Explaining(
      policy("DENY", "{}", name: "here") + policy("DENY", "{}", name: "there", namespace: "bar")
        + policy("DENY", "{}", name: "root", namespace: "istio-system")
        + policy("DENY", "{}", name: "other", more: "selector: {matchLabels: {app: api}}, ")
        + policy("DENY", "{}", name: "mine", more: "selector: {matchLabels: {app: web}}, "))
    let told = Dictionary(
      uniqueKeysWithValues: try asked.explain().resources.map { ($0.name, ($0.applies, $0.reason)) })
    #expect(told["foo/here"]?.0 == true)
    #expect(told["bar/there"]?.0 == false && told["bar/there"]?.1.contains("another namespace") == true)
    #expect(told["istio-system/root"]?.0 == true)
    #expect(told["istio-system/root"]?.1 == "the root namespace: every workload")
    #expect(told["foo/other"]?.0 == false)
    #expect(told["foo/other"]?.1 == "its selector wants app=api; the workload has app=web")
    #expect(told["foo/mine"]?.0 == true)
  }

  @Test func `a rule that does not match tells the first field that fails, what it saw and wanted`() throws {
    let asked = try Explaining(readers)
    let token = try asked.token(audiences: ["shop"])
    let told = try asked.explain {
      $0.method = "POST"
      $0.headers = [("authorization", "Bearer \(token)")]
    }
    let failed = try #require(told.policyRules.first?.explanation.alternatives.first)
    #expect(failed.failed?.field == "methods")
    #expect(failed.observed == .values(["POST"]))
    #expect(told.outcome.status == 403 && told.outcome.reason == "no_rule_matched")
    #expect(told.text().contains("`methods` fails: saw \"POST\"; wanted any of [\"GET\"]"))
    #expect(try asked.explain().text().contains("`requestPrincipals` fails: no valid token"))
  }

  @Test func `the rule that decides is marked, and ALLOW rules behind a denial are not reached`() throws {
    let asked = try Explaining(policy("DENY", "{}", name: "shut") + policy("ALLOW", "{}", name: "open"))
    let told = try asked.explain()
    #expect(told.policyRules.map(\.effect) == [.decides, .moot])
    #expect(told.outcome.sentence.hasPrefix("rule 0 of foo/shut (policies.yaml:5:"))
  }

  @Test func `what is audited or in dry run matches and decides nothing`() throws {
    let dry = policy("DENY", "{}", name: "dry")
      .replacing("name: dry,", with: "name: dry, annotations: {\"istio.io/dry-run\": \"true\"},")
    let told = try Explaining(policy("AUDIT", "{}", name: "audit") + dry).explain()
    #expect(told.outcome.isAllowed)
    #expect(told.policyRules.map(\.effect) == [.matches, .matches])
    #expect(told.policyRules.map(\.action) == ["AUDIT", "DENY (dry run)"])
  }

  @Test func `an allowed request shows what the answer changes`() throws {
    let asked = try Explaining(
      authentication("  outputClaimToHeaders: [{header: x-user, claim: sub}]\n  fromParams: [t]"))
    let token = try asked.token()
    let told = try asked.explain { $0.path = "/a?t=\(token)" }
    #expect(told.outcome.isAllowed)
    #expect(told.outcome.setHeaders.map(\.name) == ["x-user"])
    #expect(told.outcome.setHeaders.map(\.value) == ["alice"])
    #expect(told.outcome.removedParameters == ["t"])
    #expect(told.text().contains("sets header x-user: \"alice\""))
  }

  @Test func `a refused token shows the client's challenge and body`() throws {
    let told = try Explaining(readers).explain { $0.headers = [("authorization", "Bearer a.b")] }
    #expect(told.outcome.status == 401)
    #expect(
      told.outcome.challenge == "Bearer realm=\"https://example.com/\", error=\"invalid_token\"")
    #expect(told.text().contains("www-authenticate: Bearer realm=\"https://example.com/\", error="))
    #expect(told.policyRules.isEmpty)
    #expect(told.text().contains("not asked: the token decided"))
  }

  @Test func `what a client sent cannot command the terminal`() throws {
    let asked = try Explaining(policy("ALLOW", "{to: [{operation: {paths: [/a]}}]}", name: "a"))
    let told = try asked.explain {
      $0.path = "/\u{1B}[2Jx\u{202E}"
      $0.host = "h\u{7}\n"
    }
    for scalar in told.text().unicodeScalars {
      #expect(scalar == "\n" || !(scalar.properties.generalCategory == .control || scalar == "\u{202E}"))
    }
  }

  @Test func `the JSON form is JSON, with everything in it`() throws {
    let asked = try Explaining(readers)
    let json = Array(try asked.explain { $0.path = "/\"\u{1}" }.json.utf8)
    var document = JSONDocument()
    try document.parse(json.span)
    for name in ["request", "workload", "resources", "tokens", "rules", "verdict"] {
      let key = Array(name.utf8)
      let hasMember = document.member(key.span, of: document.root) != nil
      #expect(hasMember, "\(name)")
    }
  }

  @Test func `a check without an HTTP request is explained as one`() throws {
    let asked = try Explaining(policy("ALLOW", "{}", name: "a"))
    let told = try asked.explainOctets([])
    #expect(!told.outcome.isAllowed && told.outcome.reason == "not_http")
    #expect(told.text().contains("no HTTP request"))
  }
}
