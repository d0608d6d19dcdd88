import Istio
import Testing

@Suite("Semantics 2.5: names of claims that no token has are found")
struct ClaimNameTests {
  private func findings(_ key: String, values: String = "values: [b]", action: String = "ALLOW")
    -> [Diagnostic]
  {
    let spec =
      "  action: \(action)\n  rules:\n  - to: [{operation: {ports: ['1']}}]\n    when:\n    - key: \(key)\n      \(values)"
    return ResourceLoader().load(file: "p.yaml", text: SpecCase("", spec).text(kind: "AuthorizationPolicy"))
      .diagnostics
  }

  @Test(arguments: [
    (#"'request.auth.claims["role"]'"#, "write `request.auth.claims[role]`"),
    (#""request.auth.claims['role']""#, "write `request.auth.claims[role]`"),
    ("'request.auth.claims[ role ]'", "write `request.auth.claims[role]`"),
    (#"'request.auth.claims[a]["b"]'"#, "write `request.auth.claims[a][b]`"),
    ("'request.auth.claims[groups][0]'", "write `request.auth.claims[groups]`"),
    ("'request.auth.claims[groups][*]'", "write `request.auth.claims[groups]`"),
    ("'request.auth.claims[groups][12][id]'", "write `request.auth.claims[groups][id]`"),
    ("'request.auth.claims[*]'", "`*` is a name too"),
    ("'request.auth.claims[groups[0]]'", "the brackets do not match"),
  ])
  func `quotes, blanks and indexes in the name of a claim never match`(key: String, words: String) {
    let found = findings(key)
    #expect(found.map(\.code) == ["never-matches"] && found.map(\.severity) == [.warning], "\(found)")
    #expect(found.first?.position.description == "p.yaml:10:12")
    #expect(found.first?.message.contains(words) == true, "\(found)")
  }

  @Test func `what comes of it is told`() {
    let key = "'request.auth.claims[groups][0]'"
    func message(_ values: String, _ action: String) -> String {
      findings(key, values: values, action: action).first?.message ?? ""
    }
    #expect(message("values: [b]", "DENY").hasSuffix("; as it is, it denies nothing"))
    #expect(message("notValues: [b]", "DENY").hasSuffix("; as it is, it excludes nothing"))
    #expect(message("values: [b]", "ALLOW").hasSuffix("write `request.auth.claims[groups]`"))
  }

  @Test(arguments: [
    ("'request.auth.claims[realm_access.roles]'", "write `request.auth.claims[realm_access][roles]`"),
    (
      "'request.auth.claims[resource_access.web][roles]'",
      "write `request.auth.claims[resource_access][web][roles]`"
    ),
  ])
  func `a name with a dot is one name, and most often two are meant`(key: String, words: String) {
    let found = findings(key, action: "DENY")
    #expect(found.map(\.code) == ["dotted-claim"], "\(found)")
    #expect(found.first?.message.contains("is one name with a dot in it") == true)
    #expect(found.first?.message.contains(words) == true, "\(found)")
  }

  @Test(arguments: [
    "role", "realm_access][roles", "https://x/y", "example.com/roles", "kubernetes.io][namespace",
    "com.example.roles",
    "https://x.y/z][roles", "cognito:groups", "resource_access][my.client][roles", "a b", "x][2fa", "level2",
    "0",
  ])
  func `names that tokens have are taken without a word`(names: String) {
    #expect(
      findings("'request.auth.claims[\(names)]'").isEmpty, "\(findings("'request.auth.claims[\(names)]'"))")
  }
}
