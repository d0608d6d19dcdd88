import Foundation
import Testing
import WebTestServer

/// The server name that a client asks for in TLS, in any letter case, against Envoy's RBAC filter.
@Suite(.enabled(if: Tools.hasEnvoy), .serialized)
struct ServerNameComparisonTests {
  private static let values: [IdentityForBoth] = [
    ("secret.test", #""exact": "secret.test""#), ("SECRET.test", #""exact": "SECRET.test""#),
    ("secret*", #""prefix": "secret""#), ("Secret*", #""prefix": "Secret""#),
    ("*.test", #""suffix": ".test""#),
    ("*.Test", #""suffix": ".Test""#), ("*", IdentityForBoth.expression(".+")),
  ].flatMap { value, match in
    [
      IdentityForBoth(yaml: "values: [\"\(value)\"]", match: match, term: .serverName),
      IdentityForBoth(yaml: "notValues: [\"\(value)\"]", match: match, isNegated: true, term: .serverName),
    ]
  }

  private static let names = [
    "secret.test", "SECRET.test", "sEcReT.TeSt", "other.test", "OTHER.example", nil,
  ]

  @Test(arguments: ["ALLOW", "DENY"])
  func `a server name is compared in lower case, as Envoy does`(action: String) throws {
    let authority = try TestAuthority()
    let client = try authority.identity("peer", ["URI:spiffe://one.example/ns/a/sa/b"])
    let comparison = try CertificateComparison(
      action, Self.values, clients: Self.names.map { _ in client }, serverNames: Self.names, by: authority)
    var statuses: Set<Int> = []
    for (index, name) in Self.names.enumerated() {
      for (value, one) in Self.values.enumerated() {
        let (native, asking) = try comparison.statuses(client: index, identity: value)
        #expect(native == asking, "\(action) \(one.yaml), the client asks for \(name ?? "no name")")
        statuses.insert(native)
      }
    }
    #expect(statuses == [200, 403])
  }
}
