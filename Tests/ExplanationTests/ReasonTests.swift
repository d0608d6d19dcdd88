import Explanation
import ExtAuthz
import Istio
import Policy
import Testing

/// What a reader needs beyond the first field that fails.
@Suite struct ReasonTests {
  @Test func `the rule that decides shows what each of its fields saw, in text and in JSON`() throws {
    let rule =
      #"{from: [{source: {notRequestPrincipals: ["*"]}}], to: [{operation: {methods: [GET], paths: ["/a*"]}}],"#
      + #" when: [{key: "request.headers[x-team]", values: [red, blue]}]}"#
    let told = try Explaining(authentication() + policy("DENY", rule, name: "d")).explain {
      $0.path = "/abc"
      $0.headers = [("x-team", "blue")]
    }
    #expect(told.outcome.reason == "denied_by_rule")
    let alternative = try #require(told.policyRules.first?.explanation.alternatives.first)
    #expect(
      alternative.fields.map(\.clause.field) == [
        "notRequestPrincipals", "methods", "paths", "request.headers[x-team]",
      ])
    #expect(
      alternative.fields.map(\.observed) == [
        .absent("no valid token"), .values(["GET"]), .values(["/abc"]), .values(["blue"]),
      ])
    let text = told.text()
    #expect(text.contains("from[0] with to[0]: every field matches\n"))
    #expect(text.contains("`notRequestPrincipals` matches: no valid token; wanted none of [\"*\"]\n"))
    #expect(
      text.contains("`request.headers[x-team]` matches: saw \"blue\"; wanted any of [\"red\", \"blue\"]\n"))
    #expect(told.json.contains("\"fields\": ["))
  }

  @Test
  func `an alternative that fails lists no fields but the one that fails, and a rule without fields says so`()
    throws
  {
    let told = try Explaining(
      policy(
        "ALLOW", "{to: [{operation: {methods: [PUT], paths: [/a]}}, {operation: {paths: [/]}}]}", name: "a")
        + policy("AUDIT", "{}", name: "u")
    ).explain()
    let alternatives = try #require(told.policyRules.first?.explanation.alternatives)
    #expect(alternatives.map(\.fields.count) == [0, 1])
    #expect(alternatives[0].failed?.field == "methods")
    #expect(told.text().contains("the rule: it has no field, so every request matches"))
  }

  @Test(arguments: [
    ("", "`sub` is empty"), (nil, "`sub` is missing"),
  ])
  func `an accepted token that makes no request principal says so`(subject: String?, fault: String) throws {
    let asked = try Explaining(
      authentication() + policy("DENY", #"{from: [{source: {notRequestPrincipals: ["*"]}}]}"#, name: "d"))
    let token = try asked.token(subject: subject)
    let told = try asked.explain { $0.headers = [("authorization", "Bearer \(token)")] }
    #expect(told.tokenRules[0].outcome == .accepted && told.outcome.status == 403)
    let note = "accepted, and makes no request principal: \(fault)"
    #expect(told.tokenRules[0].tokens[0].note == note)
    #expect(told.text().contains("      note: \(note)\n") && told.json.contains(note))
    #expect(told.text().contains("`notRequestPrincipals` matches: no request principal: "))
    // Outside a request too.
    let good = try asked.token()
    let other = try asked.explain { $0.headers = [("authorization", "Bearer \(good)")] }
    #expect(other.tokenRules[0].tokens[0].note == nil && !other.text().contains("request principal:"))
  }

  @Test func `an ALLOW policy without rules is named when it denies, and not otherwise`() throws {
    let empty =
      "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n"
      + "metadata: {name: shut, namespace: foo}\nspec: {}\n"
    let denied = try Explaining(empty).explain()
    let sentence = "ALLOW foo/shut has no rules: it allows nothing, and denies what nothing else allows"
    #expect(denied.outcome.reason == "no_rule_matched" && denied.emptyPolicies.map(\.sentence) == [sentence])
    #expect(denied.text().contains(sentence) && denied.json.contains(sentence))
    #expect(!denied.text().contains("no rule applies to the workload"))
    let allowed = try Explaining(empty + policy("ALLOW", "{}", name: "open")).explain()
    #expect(allowed.outcome.isAllowed && allowed.emptyPolicies.isEmpty)
    let elsewhere = try Explaining(empty + policy("DENY", "{}", name: "d")).explain()
    #expect(elsewhere.outcome.reason == "denied_by_rule" && elsewhere.emptyPolicies.isEmpty)
  }

  @Test func `an ALLOW policy whose target the labels do not decide is named as such when it denies`() throws
  {
    let waypoint = Workload(
      name: "web", namespace: "foo",
      labels: [
        "gateway.networking.k8s.io/gateway-name": "wp",
        "gateway.istio.io/managed": "istio.io-mesh-controller",
      ])
    let target = "targetRefs: [{kind: Service, group: \"\", name: a}], "
    let told = try Explaining(policy("ALLOW", "{}", name: "shop", more: target), workloads: [waypoint])
      .explain()
    #expect(told.outcome.reason == "no_rule_matched")
    #expect(
      told.emptyPolicies.map(\.sentence) == [
        "ALLOW foo/shop may apply, which the labels do not decide: here it allows nothing, and denies what nothing "
          + "else allows"
      ])
  }

  @Test(arguments: [
    ("bearer T", "begins with `bearer `: the prefix is compared with its case, so there is no token"),
    ("BEARER T", "begins with `BEARER `: the prefix is compared with its case, so there is no token"),
    ("x bearer T", "has `bearer `: the prefix is compared with its case, so there is no token"),
    ("Basic YTpi", "does not have the prefix `Bearer `, so there is no token"),
  ])
  func `a header without its prefix is named under the rule`(value: String, words: String) throws {
    let asked = try Explaining(authentication())
    let token = try asked.token()
    let told = try asked.explain { $0.headers = [("authorization", value.replacing("T", with: token))] }
    #expect(told.tokenRules[0].outcome == .noToken)
    let hint = try #require(told.tokenRules[0].hints.first)
    #expect(hint.hasPrefix("header `authorization` \(words)") && told.tokenRules[0].hints.count == 1)
    #expect(told.text().contains("    \(hint)\n") && told.json.contains("header `authorization`"))
    let right = try asked.explain { $0.headers = [("authorization", "Bearer \(token)")] }
    #expect(right.tokenRules[0].hints.isEmpty)
  }

  @Test func `a token where no rule looks is named with its place`() throws {
    let asked = try Explaining(authentication("  fromHeaders: [{name: x-jwt}]"))
    let token = try asked.token()
    let told = try asked.explain {
      $0.path = "/?t=\(token)&u=1#?v=\(token)"
      $0.headers = [
        ("authorization", "Bearer \(token)"), ("x-other", token), ("cookie", "a=b; c=\"\(token)\""),
        ("x-version", "1.2.3"),
      ]
    }
    #expect(
      told.unreadTokens == [
        "header `authorization`", "header `x-other`", "query parameter `t`", "cookie `c`",
      ])
    #expect(told.text().contains("  a JWT is in header `authorization`, which no rule reads\n"))
    #expect(told.json.contains("\"unread\": [\n"))
    let read = try asked.explain { $0.headers = [("x-jwt", token)] }
    #expect(read.unreadTokens.isEmpty)
    #expect(
      try Explaining(policy("ALLOW", "{}", name: "a")).explain {
        $0.headers = [("authorization", "Bearer \(token)")]
      }.unreadTokens == ["header `authorization`"])
  }
}
