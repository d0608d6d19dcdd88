import Foundation
import Testing
import WebTestServer

/// Client certificates with several names, against Envoy's RBAC filter under the same policies.
@Suite(.enabled(if: Tools.hasEnvoy), .serialized)
struct CertificateComparisonTests {
  private static let identities: [IdentityForBoth] = {
    let first = "one.example/ns/first/sa/a"
    let second = "two.example/ns/second/sa/b"
    let fields: [(String, String)] = [
      ("principals: [\"\(first)\"]", IdentityForBoth.exact("spiffe://\(first)")),
      ("principals: [\"\(second)\"]", IdentityForBoth.exact("spiffe://\(second)")),
      ("principals: [\"two.example/*\"]", #""prefix": "spiffe://two.example/""#),
      ("principals: [\"*/sa/b\"]", IdentityForBoth.expression("spiffe://.*/sa/b")),
      ("principals: [\"*\"]", IdentityForBoth.expression(".+")),
      ("principals: [\"peer.example\"]", IdentityForBoth.exact("spiffe://peer.example")),
      ("namespaces: [first]", IdentityForBoth.expression(".*/ns/first/.*")),
      ("namespaces: [second]", IdentityForBoth.expression(".*/ns/second/.*")),
      // Only a DNS name or the subject says these, whatever URI names there are.
      ("namespaces: [dns]", IdentityForBoth.expression(".*/ns/dns/.*")),
      ("namespaces: [subject]", IdentityForBoth.expression(".*/ns/subject/.*")),
      ("namespaces: [third]", IdentityForBoth.expression(".*/ns/third/.*")),
      ("serviceAccounts: [second/b]", IdentityForBoth.expression("spiffe://.+/ns/second/(.+/|)sa/b(/.+)?")),
      ("serviceAccounts: [first/b]", IdentityForBoth.expression("spiffe://.+/ns/first/(.+/|)sa/b(/.+)?")),
      ("trustDomains: [two.example]", #""prefix": "spiffe://two.example/""#),
    ]
    return fields.flatMap { yaml, match in
      [
        IdentityForBoth(yaml: yaml, match: match),
        IdentityForBoth(
          yaml: "not" + yaml.prefix(1).uppercased() + yaml.dropFirst(), match: match, isNegated: true),
      ]
    }
  }()

  private let authority: TestAuthority
  private let clients: [(name: String, identity: TestAuthority.Identity)]

  init() throws {
    let authority = try TestAuthority()
    self.authority = authority
    let uris = ["URI:spiffe://one.example/ns/first/sa/a", "URI:spiffe://two.example/ns/second/sa/b"]
    let wanted: [(String, subject: String, [String])] = [
      ("two URIs and DNS names", "peer", uris + ["DNS:peer.example", "DNS:/ns/dns/x"]),
      ("a telling subject", #"\/ns\/subject\/x"#, uris),
      ("DNS names alone", "peer", ["DNS:peer.example", "DNS:/ns/dns/x"]),
      ("a subject alone", #"\/ns\/subject\/x"#, ["email:a@peer.example"]),
      ("an address beside", "peer", ["IP:10.0.0.1"] + uris.reversed()),
    ]
    clients = try wanted.map { ($0.0, try authority.identity($0.subject, $0.2)) }
  }

  @Test(arguments: ["ALLOW", "DENY"])
  func `every name of a certificate is matched as Envoy matches it`(action: String) throws {
    let comparison = try CertificateComparison(
      action, Self.identities, clients: clients.map(\.identity), by: authority)
    var statuses: Set<Int> = []
    for (client, one) in clients.enumerated() {
      for (index, identity) in Self.identities.enumerated() {
        let seen = try comparison.statuses(client: client, identity: index)
        statuses.insert(seen.native)
        #expect(
          seen.native == seen.asking,
          "\(action) \(identity.yaml), \(one.name): Envoy \(seen.native), Countersign \(seen.asking)")
      }
    }
    #expect(statuses == [200, 403])
  }

  @Test func `without the certificate only the first name is known`() throws {
    let comparison = try CertificateComparison(
      "ALLOW", Self.identities, clients: [clients[0].identity], by: authority, sendsCertificate: false)
    func answers(_ yaml: String) throws -> (native: Int, asking: Int) {
      let index = try #require(Self.identities.firstIndex { $0.yaml == yaml })
      return try comparison.statuses(client: 0, identity: index)
    }
    #expect(try answers("namespaces: [first]") == (200, 200))
    #expect(try answers("namespaces: [second]") == (200, 403))
    #expect(try answers("notNamespaces: [second]") == (403, 200))
  }
}
