import Istio
import Testing

@Suite("Semantics 1.4, 1.7, 1.8: token rules that can never work are found")
struct TokenValueTests {
  /// Findings of a rule that begins at 7:5 of `p.yaml`.
  private func findings(_ rule: String) -> [Diagnostic] {
    let text = SpecCase("", "  jwtRules:\n  - \(rule)").text(kind: "RequestAuthentication")
    let loaded = ResourceLoader().load(file: "p.yaml", text: text)
    #expect(!loaded.hasErrors && loaded.count == 1, "\(loaded.diagnostics)")
    return loaded.diagnostics
  }

  private func expect(
    _ rule: String, _ code: String?, at column: Int = 0, _ words: String...,
    here: SourceLocation = #_sourceLocation
  ) {
    let found = findings(rule)
    #expect(found.map(\.code) == (code.map { [$0] } ?? []), "\(found)", sourceLocation: here)
    guard let first = found.first, code != nil else { return }
    #expect(
      first.severity == .warning && first.position.description == "p.yaml:7:\(column)", sourceLocation: here)
    for word in words { #expect(first.message.contains(word), "\(first)", sourceLocation: here) }
  }

  private func location(_ entry: String) -> String {
    "{issuer: a, jwksUri: 'https://a/keys', fromHeaders: [{\(entry)}]}"
  }

  @Test func `Authorization without a prefix, or with one in lower case, never gives a token`() {
    for name in ["Authorization", "authorization"] {
      expect(
        location("name: \(name)"), "useless-token-location", at: 65, "`Bearer TOKEN`",
        "add `prefix: \"Bearer \"`")
    }
    expect(location("name: Authorization, prefix: ''"), "useless-token-location", at: 65)
    for prefix in ["bearer ", "BEARER ", "bearer"] {
      expect(
        location("name: Authorization, prefix: '\(prefix)'"), "useless-token-location", at: 88,
        "compared with case",
        "write `prefix: \"Bearer \"`")
    }
  }

  @Test(arguments: [
    "name: Authorization, prefix: 'Bearer '", "name: Authorization, prefix: 'Token '",
    "name: Authorization, prefix: 'Bearer'", "name: x-jwt-assertion", "name: x-jwt, prefix: 'bearer '",
  ])
  func `other locations may hold tokens`(entry: String) { expect(location(entry), nil) }

  private func keys(_ uri: String) -> String { "{issuer: a, jwksUri: '\(uri)'}" }

  @Test func `a discovery document is no key set`() {
    for end in ["openid-configuration", "oauth-authorization-server", "openid-configuration?x=1"] {
      expect(
        keys("https://a.example/realms/x/.well-known/\(end)"), "not-a-key-set", at: 26, "discovery document",
        "`jwks_uri`")
    }
    expect(
      keys("https://a.example/.well-known/openid-configuration"), "not-a-key-set", at: 26,
      "remove `jwksUri` if `issuer` is `https://a.example`")
    expect(keys("https://a.example/.well-known/oauth-authorization-server/realms/x"), "not-a-key-set", at: 26)
    for fine in [
      ".well-known/jwks.json", ".well-known/openid-configuration-keys",
      "x?y=/.well-known/openid-configuration",
    ] {
      expect(keys("https://a.example/\(fine)"), nil)
    }
  }

  @Test(arguments: [
    (
      "https://www.googleapis.com/robot/v1/metadata/x509/securetoken@system.gserviceaccount.com",
      "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com"
    ),
    ("https://www.googleapis.com/oauth2/v1/certs", "https://www.googleapis.com/oauth2/v3/certs"),
    ("https://www.gstatic.com/iap/verify/public_key", "https://www.gstatic.com/iap/verify/public_key-jwk"),
  ])
  func `Google's addresses of PEM texts are told with those of the same keys as JWKs`(
    uri: String, right: String
  ) {
    expect(keys(uri), "not-a-key-set", at: 26, "PEM", "write `\(right)`")
    expect(keys(right), nil)
  }

  @Test(arguments: [
    ("https://login.example/{tenantid}/v2.0", "`{tenantid}`"), ("https://sts.example/*", "`*`"),
    ("https://a.example/$TENANT", "`$TENANT`"), ("https://a.example/${TENANT}", "`${TENANT}`"),
    ("https://a.example/<tenant>/", "`<tenant>`"),
    (" https://a.example", "has a blank at an end"), ("https://a.example\t", "write `https://a.example`"),
  ])
  func `placeholders and blanks in an issuer are compared as they are`(issuer: String, words: String) {
    expect("{issuer: \"\(issuer)\", jwksUri: 'https://a/keys'}", "literal-issuer", at: 14, words)
  }

  @Test(arguments: [
    "https://a.example/t/v2.0", "me@a.example", "a b", "cost$", "https://a.example/$1", "a{b",
  ])
  func `other issuers are taken without a word`(issuer: String) {
    expect("{issuer: \"\(issuer)\", jwksUri: 'https://a/keys'}", nil)
  }

  private func output(_ claim: String) -> String {
    "{issuer: a, jwksUri: 'https://a/k', outputClaimToHeaders: [{header: x, claim: \(claim)}]}"
  }

  @Test func `a claim whose own name has dots is never output`() {
    for claim in [
      "https://x.y/z", "x.example/roles", "kubernetes.io", "kubernetes.io.namespace.x/y", "com.example.role",
    ] {
      expect(
        output("'\(claim)'"), "unreachable-claim", at: 83, "dots divide `\(claim)`",
        "under a name without dots")
    }
    for claim in ["'[realm_access][roles]'", "' realm_access roles'"] {
      expect(output(claim), "unreachable-claim", at: 83, "write `realm_access.roles`")
    }
    for fine in [
      "email", "realm_access.roles", "a.b.c", "'cognito:groups'", "'https://localhost/x'", "a_b-c",
    ] {
      expect(output(fine), nil)
    }
  }
}
