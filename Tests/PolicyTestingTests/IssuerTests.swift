import Istio
import PolicyTesting
import Testing

/// Which keys sign a token, and which issuers a file may list.
@Suite struct IssuerTests {
  /// Policies with a rule for any issuer and, besides, one of `https://own.example`.
  private static func policies(anyIssuer: String = "", issuers: String = "") -> String {
    """
    workload: foo/app=web
    \(issuers)
    resources:
      - apiVersion: security.istio.io/v1
        kind: RequestAuthentication
        metadata: {name: tokens, namespace: foo}
        spec:
          jwtRules:
            - {\(anyIssuer)jwksUri: "https://keys.example/set", audiences: [any]}
            - {issuer: "https://own.example", jwksUri: "https://own.example/keys", audiences: [own]}
      - apiVersion: security.istio.io/v1
        kind: AuthorizationPolicy
        metadata: {name: principals, namespace: foo}
        spec: {rules: [{from: [{source: {requestPrincipals: ["*"]}}]}]}

    """
  }

  private static func suite(_ head: String, _ tests: [String]) throws -> TestSuite {
    let text = head + "tests:\n" + tests.map { "  - \($0)\n" }.joined()
    return try TestSuite(TestFile(file: "t.yaml", text: Array(text.utf8)))
  }

  private static func findings(_ head: String, _ test: String) -> [String] {
    do {
      _ = try suite(head, [test])
      return []
    } catch let error as TestFileRefused {
      return error.diagnostics.map(\.description)
    } catch {
      return ["\(error)"]
    }
  }

  @Test func `a token without issuer is signed by the keys of the rules that name none`() throws {
    let run = TestRun(
      [
        try Self.suite(
          Self.policies(issuers: "issuers: [{issuer: \"\", algorithm: RS256}]"),
          [
            "{name: any, token: {subject: a, audiences: any, claims: {iss: \"https://x\"}}, expect: {status: 200}}",
            "{name: no principal without iss, token: {subject: a, audiences: any}, expect: {status: 403}}",
            "{name: the audience counts, token: {subject: a, audiences: own, claims: {iss: z}}, expect: {status: 403, "
              + "reason: token}}",
            "{name: own keys are others, token: {issuer: \"https://own.example\", subject: a, audiences: any}, "
              + "expect: {status: 401}}",
            "{name: own, token: {issuer: \"https://own.example\", subject: a, audiences: own}, expect: {status: 200}}",
            "{name: a lie, token: {subject: a, audiences: own, claims: {iss: \"https://own.example\"}}, "
              + "expect: {status: 403, reason: token}}",
            "{name: another alg, token: {subject: a, algorithm: ES256, audiences: any, claims: {iss: z}}, "
              + "expect: {status: 401}}",
          ])
      ], threads: 1)
    #expect(run.results.count == 7)
    #expect(run.results.filter { !$0.passed }.map(TestRun.text) == [])
    #expect(run.unreached.isEmpty)
  }

  @Test func `a token without issuer needs a rule without one`() {
    let test = "{name: a, token: {subject: b}, expect: {status: 200}}"
    #expect(Self.findings(Self.policies(), test) == [])
    let found = Self.findings(Self.policies(anyIssuer: "issuer: \"https://a.example\", "), test)
    #expect(found.count == 1)
    #expect(
      found.first?.contains(": error: a token needs `issuer`, or `text`: no rule of the policies is") == true)
    #expect(found.first?.contains("they have: `https://a.example`, `https://own.example`") == true)
  }

  @Test func `an issuer that no rule names is an error with its position and the issuers there`() {
    let test = "{name: a, expect: {status: 403}}"
    let found = Self.findings(
      Self.policies(
        issuers: "issuers: [{issuer: \"https://own.example\"}, {issuer: \"https://own.example/\"}]"), test)
    #expect(
      found == [
        "t.yaml:2:44: error: no rule of the policies has the issuer `https://own.example/`; they have: any issuer (a "
          + "rule without `issuer`), `https://own.example` [unknown-issuer]"
      ])
    let empty = Self.findings(
      Self.policies(anyIssuer: "issuer: a, ", issuers: "issuers: [{issuer: \"\"}]"), test)
    #expect(
      empty.first?.hasPrefix("t.yaml:2:11: error: no rule of the policies is without `issuer`; they") == true)
    let none = Self.findings(
      "workload: foo/\nissuers: [{issuer: a}]\nresources: [{apiVersion: security.istio.io/v1, kind: "
        + "AuthorizationPolicy, metadata: {name: a, namespace: foo}}]\n", test)
    #expect(none.first?.contains("the policies have no RequestAuthentication") == true)
  }

  @Test func `an ALLOW policy without rules is why a request is denied`() throws {
    let head =
      "workload: foo/\nresources: [{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, "
      + "metadata: {name: shut, namespace: foo}}]\n"
    let run = TestRun([try Self.suite(head, ["{name: a, expect: {status: 200}}"])], threads: 1)
    #expect(run.results.first?.words.contains { $0.hasPrefix("ALLOW foo/shut has no rules here") } == true)
  }
}
