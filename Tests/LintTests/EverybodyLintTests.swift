import Istio
import Lint
import Policy
import Testing

@Suite struct EverybodyLintTests {
  private func spec(_ spec: String) -> String {
    "{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: p, namespace: foo},\n spec: {\(spec)}}\n"
  }

  @Test func `an ALLOW policy with an action or a selector and no rules allows nothing`() {
    let found = findings(.allowsNothing, in: spec("action: ALLOW"))
    #expect(found.map(\.place) == ["2:17"])
    #expect(found.first?.message.contains("write `rules: [{}]`") == true)
    #expect(places(.allowsNothing, in: spec("selector: {matchLabels: {app: a}}")) == ["2:19"])
    #expect(places(.allowsNothing, in: spec("action: ALLOW, rules: []")) == ["2:17"])
    for fine in ["", "rules: [{}]", "action: ALLOW, rules: [{}]", "action: AUDIT", "action: DENY, rules: []"]
    {
      #expect(places(.allowsNothing, in: spec(fine)) == [], "\(fine)")
    }
  }

  private let someone = "{requestPrincipals: [\"*\"]}"
  private let nobody = "{notRequestPrincipals: [\"*\"]}"

  private func rule(_ source: String, _ operation: String = "") -> String {
    "{from: [{source: \(source)}]\(operation.isEmpty ? "" : ", to: [{operation: {\(operation)}}]")}"
  }

  private func deny(_ one: String, _ other: String) -> [String] {
    places(.deniesEverybody, in: policy("DENY", one, name: "a"), policy("DENY", other, name: "b"))
  }

  @Test func `denying those with a token and those without one denies everybody`() {
    let found = findings(
      .deniesEverybody, in: policy("DENY", rule(someone), name: "a"), policy("DENY", rule(nobody), name: "b"))
    #expect(found.map(\.place) == ["5:40"])
    #expect(found.first?.message.contains("the DENY rule at p.yaml:10:43") == true)
    #expect(found.first?.message.contains("every request is denied") == true)
    #expect(deny(rule(nobody), rule(someone)).count == 1)
    // In one policy, in one rule, by a condition.
    #expect(places(.deniesEverybody, in: policy("DENY", "\(rule(someone)), \(rule(nobody))")).count == 1)
    #expect(
      places(.deniesEverybody, in: policy("DENY", "{from: [{source: \(someone)}, {source: \(nobody)}]}"))
        .count == 1)
    #expect(deny("{when: [{key: request.auth.principal, values: [\"*\"]}]}", rule(nobody)).count == 1)
    let issuer = "\"https://a/*\""
    #expect(
      deny(rule("{requestPrincipals: [\(issuer)]}"), rule("{notRequestPrincipals: [\(issuer)]}")).count == 1)
    #expect(deny(rule(someone), rule("{notRequestPrincipals: [\(issuer)]}")).count == 1)
  }

  @Test(arguments: [
    ("paths: [/a]", "paths: [/a, /b]"), ("paths: [\"/a/*\"]", "paths: [\"/a/*\"]"),
    ("paths: [/a/b]", "paths: [\"/a/*\"]"),
    ("paths: [/a]", ""), ("", "notPaths: [/a]"), ("paths: [/b]", "notPaths: [/a]"),
    ("methods: [GET]", "paths: [/a]"),
    ("paths: [\"/a/{*}/c\"]", "paths: [\"/a/{**}\"]"), ("paths: [\"*.html\"]", "notPaths: [/x]"),
    ("hosts: [a.example], paths: [/a]", "hosts: [\"*.example\"]"), ("notPaths: [/a]", "notPaths: [/b]"),
  ])
  func `paths that both rules match are told`(one: String, other: String) {
    #expect(deny(rule(someone, one), rule(nobody, other)).count == 1)
  }

  @Test(arguments: [
    ("paths: [/login]", "notPaths: [/login]"), ("paths: [/a]", "paths: [/b]"),
    ("paths: [/a]", "notPaths: [\"/a*\"]"),
    ("methods: [GET]", "methods: [POST]"), ("methods: [GET]", "notMethods: [GET]"),
    ("ports: [\"80\"]", "ports: [\"81\"]"),
    ("hosts: [a.example]", "hosts: [b.example]"), ("paths: [\"/a/{*}\"]", "paths: [/a/b/c]"),
    ("paths: [/login]", "notPaths: [\"/{*}\"]"),
  ])
  func `rules whose paths, methods, hosts or ports differ leave everybody something`(
    one: String, other: String
  ) {
    #expect(deny(rule(someone, one), rule(nobody, other)) == [])
  }

  @Test func `other rules about tokens are no denial of everybody`() {
    #expect(deny(rule(nobody), rule(nobody)) == [])
    #expect(deny(rule("{requestPrincipals: [\"https://a/b\"]}"), rule(nobody)) == [])
    #expect(deny(rule("{requestPrincipals: [\"*\"], ipBlocks: [10.0.0.0/8]}"), rule(nobody)) == [])
    let when = ", when: [{key: \"request.headers[x]\", values: [y]}]}"
    #expect(deny("{from: [{source: \(someone)}]\(when)", rule(nobody)) == [])
    #expect(
      places(
        .deniesEverybody, in: policy("DENY", rule(someone), name: "a", app: "x"),
        policy("DENY", rule(nobody), name: "b", app: "y")) == [])
    #expect(
      places(
        .deniesEverybody, in: policy("ALLOW", rule(someone), name: "a"),
        policy("DENY", rule(nobody), name: "b"))
        == [])
  }
}
