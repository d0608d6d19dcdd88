import Foundation
import Testing

/// Rules of one issuer in several objects, against Envoy's JWT filter with its providers in istiod's order, and tokens
/// as large as a proxy lets through.
@Suite(.enabled(if: Tools.hasEnvoy), .serialized)
struct EnvoyOrderTests {
  /// One rule of the issuer in an object of its own, which tells its name by a header.
  private struct Object {
    var name: String
    var created: String?
    var yaml: String
    var provider: String

    func text(_ jwks: String) -> String {
      let time = created.map { ", creationTimestamp: \"\($0)\"" } ?? ""
      return """
        ---
        apiVersion: security.istio.io/v1
        kind: RequestAuthentication
        metadata: {name: \(name), namespace: istio-system\(time)}
        spec:
          jwtRules:
            - issuer: \(KeysForBoth.issuer)
              jwks: '\(jwks)'
              outputClaimToHeaders: [{header: x-\(name), claim: sub}]
              \(yaml)

        """
    }

    func rule(_ jwks: String) -> RuleForBoth {
      RuleForBoth(
        issuer: KeysForBoth.issuer, jwks: jwks,
        provider: #", "claim_to_headers": [{"header_name": "x-\#(name)", "claim_name": "sub"}]\#(provider)"#)
    }
  }

  @Test func `rules of one issuer are asked in istiod's order, wherever they are`() throws {
    let keys = try KeysForBoth()
    // In istiod's order: without a time, then by time, then by name.
    let objects = [
      Object(name: "z", created: nil, yaml: "audiences: [one]", provider: #", "audiences": ["one"]"#),
      Object(
        name: "y", created: "2025-01-01T00:00:00Z",
        yaml: "forwardOriginalToken: true\n      audiences: [one, two]",
        provider: #", "forward": true, "audiences": ["one", "two"]"#),
      Object(
        name: "a", created: "2026-01-01T02:00:00+02:00", yaml: "audiences: [two, three]",
        provider: #", "audiences": ["two", "three"]"#),
      Object(
        name: "b", created: "2026-01-01T00:00:00Z", yaml: "fromParams: [t]",
        provider: #", "from_params": ["t"]"#),
    ]
    for text in [objects.map { $0.text(keys.jwks) }, objects.reversed().map { $0.text(keys.jwks) }] {
      let comparison = try Comparison(
        objects.map { $0.rule(keys.jwks) }, authentications: text.joined())
      var cases: [ComparisonCase] = []
      for audience in ["one", "two", "three", "four"] {
        let token = try keys.token("\"sub\":\"me\",\"aud\":\"\(audience)\"")
        cases += [
          ComparisonCase(name: audience, headers: [("Authorization", "Bearer \(token)")]),
          ComparisonCase(name: "\(audience) in a parameter", target: "/p?t=\(token)"),
          ComparisonCase(
            name: "\(audience) twice", target: "/p?t=\(token)",
            headers: [("Authorization", "Bearer \(token)")]),
        ]
      }
      for wrong in try comparison.differences(cases) { Issue.record("\(wrong)") }
    }
  }

  @Test func `tokens as large as Envoy lets through are judged in the same way`() throws {
    let keys = try KeysForBoth()
    let comparison = try Comparison([RuleForBoth(issuer: KeysForBoth.issuer, jwks: keys.jwks)])
    let many = (0..<2_000).map { "\"c\($0)\":\($0)" }.joined(separator: ",")
    let groups = (0..<800).map { "\"/tenants/tenant-\($0)/projects/default\"" }.joined(separator: ",")
    var contents = [("2,000 claims", many), ("800 groups", "\"groups\":[\(groups)]")]
    for size in [9_000, 24_000, 40_000] {
      contents.append(("a claim of \(size) bytes", "\"c\":\"\(String(repeating: "x", count: size))\""))
    }
    var cases: [ComparisonCase] = []
    for (name, claims) in contents {
      let token = try keys.token(claims)
      for (kind, text) in [("", token), (", broken", TestIssuer.broken(token))] {
        cases.append(ComparisonCase(name: name + kind, headers: [("Authorization", "Bearer \(text)")]))
      }
    }
    for wrong in try comparison.differences(cases) { Issue.record("\(wrong.prefix(400))") }
  }
}
