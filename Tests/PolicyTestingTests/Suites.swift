import Istio
import PolicyTesting
import Testing

/// Policies of one workload, inline, with every kind of action.
let inlinePolicies = """
  workload: foo/app=web
  issuers: [{issuer: "https://dev.example", algorithm: ES256}]
  resources:
    - apiVersion: security.istio.io/v1
      kind: RequestAuthentication
      metadata: {name: tokens, namespace: foo}
      spec:
        jwtRules:
          - issuer: https://dev.example
            jwksUri: https://dev.example/keys
            audiences: [shop]
            outputClaimToHeaders: [{header: x-user, claim: sub}]
            fromHeaders: [{name: authorization, prefix: "Bearer "}]
            fromParams: [token]
            fromCookies: [session]
    - apiVersion: security.istio.io/v1
      kind: AuthorizationPolicy
      metadata: {name: readers, namespace: foo}
      spec:
        rules:
          - from: [{source: {requestPrincipals: ["https://dev.example/*"]}}]
            to: [{operation: {paths: [/api], methods: [GET]}}]
          - to: [{operation: {paths: [/open]}}]
          - when: [{key: connection.sni, values: [inner.example]}]
          - from: [{source: {principals: [cluster.local/ns/a/sa/b]}}]
          - when: [{key: "request.headers[x-a]", values: [b]}]
    - apiVersion: security.istio.io/v1
      kind: AuthorizationPolicy
      metadata: {name: blocked, namespace: foo}
      spec:
        action: DENY
        rules: [{from: [{source: {ipBlocks: [10.9.0.0/16]}}]}, {to: [{operation: {ports: ["8443"]}}]}]

  """

/// Runs tests, given as YAML's flow form, of the policies above.
func run(_ tests: String..., threads: Int = 1) throws -> TestRun {
  let text = inlinePolicies + "tests:\n" + tests.map { "  - \($0)\n" }.joined()
  return TestRun([try TestSuite(TestFile(file: "t.yaml", text: Array(text.utf8)))], threads: threads)
}

/// The differences of one test, as lines.
func differences(_ rest: String) throws -> [String] {
  let run = try run("{name: t, \(rest)}")
  return run.results.flatMap { $0.differences.map { "\($0.what): \($0.expected) / \($0.actual)" } }
}

/// What is wrong with a file, as lines.
func findings(_ text: String) -> [String] {
  do {
    _ = try TestFile(file: "t.yaml", text: Array(text.utf8))
    return []
  } catch {
    return error.diagnostics.map(\.description)
  }
}
