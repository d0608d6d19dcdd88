import Foundation
import Issuer
import Signatures
import TestSupport
import Testing

/// The first thing that a newcomer tries, with a real Envoy in front.
@Suite(.enabled(if: Tools.hasEnvoy), .serialized)
struct GateTests {
  @Test func `a RequestAuthentication alone rejects bad tokens and lets requests without one pass`() throws {
    let issuer = try TestIssuer()
    let server = try CountersignProcess(policies: issuer.requestAuthentication())
    let envoy = try EnvoyProcess(asking: server)
    let token = try issuer.token()
    for path in ["/productpage", "/api/v1/products/0", "/"] {
      #expect(try envoy.get(path).status == 200)
      #expect(try envoy.get(path, token: token).status == 200)
      let refused = try envoy.get(path, token: TestIssuer.broken(token))
      #expect(refused.status == 401)
      #expect(refused.body == "Jwt verification fails")
      #expect(
        refused.header("www-authenticate")
          == "Bearer realm=\"http://www.example.com\(path)\", error=\"invalid_token\"")
    }
  }

  @Test func `with the DENY policy every path but the exempt one needs a valid token`() throws {
    let issuer = try TestIssuer()
    let server = try CountersignProcess(
      policies: issuer.requestAuthentication() + TestIssuer.denyWithoutToken)
    let envoy = try EnvoyProcess(asking: server)
    let token = try issuer.token()
    // Envoy was asked once already, without a token, to see that it had started.
    let before = try server.metric("countersign_checks_total", "reason=\"denied_by_rule\"")
    try expectTable(envoy, token: token, bad: TestIssuer.broken(token))
    #expect(try server.metric("countersign_checks_total", "reason=\"denied_by_rule\"") == before + 2)
    #expect(try server.metric("countersign_checks_total", "reason=\"token\"") == 3)
    // Each of the two tokens is verified once, and known the two times after.
    #expect(try server.metric("countersign_token_verifications_total", "algorithm=\"ES256\"") == 2)
    #expect(try server.metric("countersign_token_cache_misses_total") == 2)
    #expect(try server.metric("countersign_token_cache_hits_total") == 4)
    #expect(try server.metric("countersign_token_cache_entries") == 2)
  }

  @Test(.enabled(if: Vectors.available))
  func `the table holds with Istio's own sample token and key set`() throws {
    let samples = "istio/security/tools/jwt/samples"
    let jwks = String(decoding: try Vectors.read("\(samples)/jwks.json"), as: UTF8.self)
    let token = String(decoding: try Vectors.read("\(samples)/demo.jwt"), as: UTF8.self)
      .trimmingCharacters(in: .whitespacesAndNewlines)
    let server = try CountersignProcess(
      policies: TestIssuer.requestAuthentication(
        issuer: "testing@secure.istio.io", jwks: jwks.replacingOccurrences(of: "\n", with: ""))
        + TestIssuer.denyWithoutToken)
    let envoy = try EnvoyProcess(asking: server)
    try expectTable(envoy, token: token, bad: TestIssuer.broken(token))
  }

  private func expectTable(_ envoy: EnvoyProcess, token: String, bad: String) throws {
    let rows = [("/productpage", 200), ("/api/v1/products/0", 403), ("/api/v1/products/1", 403)]
    for (path, withoutToken) in rows {
      let anonymous = try envoy.get(path)
      #expect(anonymous.status == withoutToken, "\(path) without a token")
      if withoutToken == 403 { #expect(anonymous.body == "RBAC: access denied") }
      #expect(try envoy.get(path, token: token).status == 200, "\(path) with a valid token")
      #expect(try envoy.get(path, token: bad).status == 401, "\(path) with an invalid token")
    }
  }

  @Test func `each algorithm passes, and fails when its signature is changed`() throws {
    let issuer = try TestIssuer(Algorithm.allCases)
    let server = try CountersignProcess(
      policies: issuer.requestAuthentication() + TestIssuer.denyWithoutToken)
    let envoy = try EnvoyProcess(asking: server)
    for algorithm in Algorithm.allCases {
      let token = try issuer.token(algorithm: algorithm)
      #expect(try envoy.get("/api", token: token).status == 200, "\(algorithm)")
      let refused = try envoy.get("/api", token: TestIssuer.broken(token))
      #expect(refused.status == 401, "\(algorithm)")
      #expect(refused.body == "Jwt verification fails", "\(algorithm)")
      let expired = try issuer.token(Claims(subject: "alice", expiry: 1_000_000_000), algorithm: algorithm)
      #expect(try envoy.get("/api", token: expired).body == "Jwt is expired", "\(algorithm)")
      for result in ["valid", "invalid"] {
        let count = try server.metric(
          "countersign_token_verifications_total", "algorithm=\"\(algorithm.name)\"", "result=\"\(result)\"")
        #expect(count == 1, "\(algorithm) \(result)")
      }
    }
  }

  @Test func `what policies set is the token's and never the client's, and the token is gone upstream`()
    throws
  {
    let issuer = try TestIssuer()
    let server = try CountersignProcess(
      policies: issuer.requestAuthentication(
        """
        outputPayloadToHeader: x-jwt-payload
        outputClaimToHeaders: [{header: x-user, claim: sub}, {header: x-team, claim: org.team}]
        """))
    let envoy = try EnvoyProcess(asking: server)
    let forged = [("x-user", "mallory"), ("x-jwt-payload", "forged"), ("x-team", "root")]
    let token = try issuer.token(Claims(json: #"{"org":{"team":"blue"}}"#, subject: "alice"))
    let seen = try envoy.get("/?access_token=&keep=a%20b", headers: forged)
    #expect(seen.status == 401, "an empty access_token is a malformed token")

    let passed = try envoy.get("/?keep=a%20b", token: token, headers: forged).body.lowercased()
    #expect(passed.contains("x-user: alice"))
    #expect(passed.contains("x-team: blue"))
    #expect(passed.contains("x-jwt-payload: \(token.split(separator: ".")[1].lowercased())"))
    #expect(!passed.contains("mallory") && !passed.contains("forged") && !passed.contains("root"))
    #expect(!passed.contains("authorization"))

    let anonymous = try envoy.get("/", headers: forged).body.lowercased()
    for name in ["x-user", "x-jwt-payload", "x-team"] { #expect(!anonymous.contains(name)) }

    let byQuery = try envoy.get("/p?b=1&access_token=\(token)&a=x%26y").body
    #expect(byQuery.hasPrefix("GET /p?"))
    #expect(!byQuery.contains("access_token"))
    #expect(byQuery.contains("a=x%26y") && byQuery.contains("b=1"), "the rest stays as it was encoded")
  }

  @Test func `with raw headers each line is judged on its own`() throws {
    let policy = """
      apiVersion: security.istio.io/v1
      kind: AuthorizationPolicy
      metadata: {name: no-debug, namespace: istio-system}
      spec:
        action: DENY
        rules:
          - when: [{key: "request.headers[x-mode]", values: [debug]}]

      """
    let server = try CountersignProcess(policies: policy)
    for raw in [true, false] {
      let envoy = try EnvoyProcess(asking: server, rawHeaders: raw)
      #expect(try envoy.get("/", headers: [("x-mode", "normal")]).status == 200)
      #expect(try envoy.get("/", headers: [("x-mode", "debug")]).status == 403)
      #expect(try envoy.get("/", headers: [("x-mode", "normal"), ("x-mode", "debug")]).status == 403)
    }
  }
}
