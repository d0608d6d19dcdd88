import Istio
import Lint
import Testing

@Suite struct PrincipalLintTests {
  private func allow(_ principals: String, app: String? = nil) -> String {
    policy("ALLOW", "{from: [{source: {requestPrincipals: [\(principals)]}}]}", app: app)
  }

  @Test func `a principal without a RequestAuthentication beside it is nobody's`() {
    #expect(places(.noRequestAuthentication, in: allow("\"*\"")) == ["5:40"])
    #expect(
      places(.noRequestAuthentication, in: allow("\"*\"", app: "x"), authentication("https://a", app: "y"))
        == ["5:40"])
    #expect(
      places(.noRequestAuthentication, in: allow("\"*\""), authentication("https://a", namespace: "bar"))
        == ["5:40"])
    #expect(places(.noRequestAuthentication, in: allow("\"*\""), authentication("https://a")) == [])
    #expect(
      places(
        .noRequestAuthentication, in: allow("\"*\""), authentication("https://a", namespace: "istio-system"))
        == [])
  }

  @Test func `a claim asked of no token is told with what comes of it`() {
    let when = "{when: [{key: \"request.auth.claims[a]\", notValues: [b]}]}"
    let found = findings(.noRequestAuthentication, in: policy("DENY", when))
    #expect(found.first?.message.contains("every request counts as one without") == true)
    let values = when.replacing("notValues", with: "values")
    #expect(
      findings(.noRequestAuthentication, in: policy("DENY", values)).first?.message
        .contains("the rule never matches") == true)
    #expect(places(.noRequestAuthentication, in: policy("DENY", "{to: [{operation: {paths: [/a]}}]}")) == [])
  }

  @Test func `an issuer that no rule accepts is named, with those that are accepted`() {
    let found = findings(
      .unknownIssuer, in: allow("\"https://b.example/*\""), authentication("https://b.example/"))
    #expect(found.map(\.place) == ["5:40"])
    #expect(found.first?.message.contains("a slash at the end counts") == true)
    for fine in ["https://b.example/*", "https://b.example/alice", "*/alice", "*b.example/alice", "*"] {
      #expect(
        places(.unknownIssuer, in: allow("\"\(fine)\""), authentication("https://b.example")) == [], "\(fine)"
      )
    }
    #expect(
      places(.unknownIssuer, in: allow("\"*c.example/alice\""), authentication("https://b.example")).count
        == 1)
  }

  @Test(arguments: [
    ("*@example.com", "the end of the subject"),
    ("accounts*", "the beginning of the issuer"), ("me@example.com", "has no slash"),
  ])
  func `a principal that does not say what it seems to is told what it says`(value: String, words: String) {
    let found = findings(.principalTrap, in: allow("\"\(value)\""), authentication("https://a"))
    #expect(found.map(\.place) == ["5:40"])
    #expect(found.first?.message.contains(words) == true)
  }

  @Test func `an issuer without keys must be an address, where they are looked for`() {
    func rule(_ text: String) -> String {
      "{apiVersion: security.istio.io/v1, kind: RequestAuthentication, metadata: {name: a, namespace: foo},\n"
        + " spec: {jwtRules: [{\(text)}]}}\n"
    }
    let found = findings(.noKeySource, in: rule("issuer: me@a.example"))
    #expect(found.map(\.place) == ["2:20"])
    #expect(found.first?.message.contains("`me@a.example` is none") == true)
    for fine in ["issuer: \"https://a\"", "issuer: me, jwksUri: \"https://a/keys\""] {
      #expect(places(.noKeySource, in: rule(fine)) == [], "\(fine)")
    }
  }

  /// What the loader says of a value is not said twice.
  @Test(arguments: ["*/*", "https://a*", "^https://a/.*$", "a*b"])
  func `a principal that the loader warns about has one finding`(value: String) {
    for code in [LintCode.principalTrap, .unknownIssuer] {
      #expect(places(code, in: allow("\"\(value)\""), authentication("https://a")) == [])
    }
    let loaded = ResourceLoader().load(file: "p.yaml", text: allow("\"\(value)\""))
    #expect(loaded.diagnostics.count == 1, "\(loaded.diagnostics)")
  }

  @Test func `a principal in full is no trap`() {
    for fine in ["*", "https://a/*", "https://a/b", "*a/b"] {
      #expect(places(.principalTrap, in: allow("\"\(fine)\""), authentication("https://a")) == [], "\(fine)")
    }
  }
}
