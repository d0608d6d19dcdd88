import Authorizer
import Policy
import Testing

private let joe = "spiffe://cluster.local/ns/foo/sa/joe"
private let bar = "spiffe://cluster.local/ns/bar/sa/joe"

@Suite("Semantics 2.5: who and from where")
struct Semantics2SourceTests {
  static let identities = [
    Row(
      from("principals: [cluster.local/ns/foo/sa/joe]"), matches: [.peer(joe)],
      not: [.peer(bar), .peer(joe + "x"), .peer("cluster.local/ns/foo/sa/joe"), Request()]),
    Row(
      from("principals: [\"spiffe://cluster.local/ns/foo/sa/joe\"]"),
      matches: [.peer("spiffe://" + joe)], not: [.peer(joe), Request()]),
    Row(
      from("principals: [\"cluster.local/ns/foo/*\"]"), matches: [.peer(joe)],
      not: [.peer(bar), .peer("x" + joe), Request()]),
    Row(
      from("principals: [\"*/sa/joe\"]"), matches: [.peer(joe), .peer(bar)],
      not: [.peer(joe + "/x"), .peer("dns/sa/joe"), Request()]),
    Row(
      from("principals: [\"*\"]"), matches: [.peer(joe), .peer("dns.example.com")],
      not: [Request(), .peer("")]),
    Row(
      from("principals: [cluster.local/*/sa/joe]"), matches: [.peer("spiffe://cluster.local/*/sa/joe")],
      not: [.peer(joe)]),
    Row(from("notPrincipals: [\"*\"]"), matches: [Request()], not: [.peer(joe)]),
    Row(
      from("principals: [\"*\"], notPrincipals: [cluster.local/ns/foo/sa/joe]"), matches: [.peer(bar)],
      not: [.peer(joe), Request()]),
    Row(
      when("source.principal", "values: [cluster.local/ns/foo/sa/joe]"), matches: [.peer(joe)],
      not: [.peer(bar), Request()]),
    Row(
      from("namespaces: [foo]"), matches: [.peer(joe)],
      not: [.peer(bar), .peer("spiffe://cluster.local/ns/foo2/sa/joe"), Request()]),
    Row(
      from("namespaces: [\"f*\"]"), matches: [.peer(joe), .peer("spiffe://td/ns/fa/b/sa/x")],
      not: [.peer(bar)]),
    Row(
      from("namespaces: [\"f.o\"]"), matches: [.peer("spiffe://td/ns/f.o/sa/x")], not: [.peer(joe)]),
    Row(from("notNamespaces: [foo]"), matches: [.peer(bar), Request()], not: [.peer(joe)]),
    Row(when("source.namespace", "notValues: [foo]"), matches: [.peer(bar), Request()], not: [.peer(joe)]),
    Row(
      from("serviceAccounts: [joe]"), matches: [.peer(joe), .peer("spiffe://td/ns/foo/x/sa/joe/y")],
      not: [.peer(bar), .peer(joe + "x"), Request()]),
    Row(
      from("serviceAccounts: [bar/joe]"), matches: [.peer(bar)],
      not: [.peer(joe), .peer("spiffe://td/ns/bar/sa/bar/joe"), Request()]),
    Row(
      from("serviceAccounts: [\"j.e\"]"), matches: [.peer("spiffe://td/ns/foo/sa/j.e")], not: [.peer(joe)]),
    Row(from("notServiceAccounts: [joe]"), matches: [.peer(bar), Request()], not: [.peer(joe)]),
    Row(when("source.serviceAccount", "values: [bar/joe]"), matches: [.peer(bar)], not: [.peer(joe)]),
    Row(
      from("trustDomains: [td]"), matches: [.peer("spiffe://td/ns/foo/sa/joe")],
      not: [.peer("spiffe://td2/ns/foo/sa/joe"), .peer("td/ns/foo/sa/joe"), Request()]),
    Row(from("trustDomains: [\"*\"]"), matches: [.peer(joe)], not: [.peer("dns.example.com"), Request()]),
    Row(
      from("trustDomains: [\"*.corp\"]"), matches: [.peer("spiffe://a.corp/ns/x/sa/y")],
      not: [.peer("spiffe://evil/x.corp/ns/x/sa/y"), .peer("spiffe://corp/ns/x/sa/y")]),
    Row(from("notTrustDomains: [td]"), matches: [.peer(joe), Request()], not: [.peer("spiffe://td/x")]),
    Row(when("source.trustDomain", "values: [td]"), matches: [.peer("spiffe://td/x")], not: [.peer(joe)]),
  ]

  @Test(arguments: identities)
  func `2.5: principals, namespaces, service accounts and trust domains`(row: Row) throws { try row.hold() }

  private static let renamed = AuthorizerSettings {
    $0.trustDomain = "new"
    $0.trustDomainAliases = ["old"]
  }

  @Test(arguments: [
    Row(
      from("principals: [cluster.local/ns/foo/sa/joe]"),
      matches: [.peer("spiffe://new/ns/foo/sa/joe"), .peer("spiffe://old/ns/foo/sa/joe")],
      not: [.peer(joe), .peer("spiffe://older/ns/foo/sa/joe")], renamed),
    Row(
      from("principals: [old/ns/foo/sa/joe]"), matches: [.peer("spiffe://new/ns/foo/sa/joe")],
      not: [.peer("spiffe://new/ns/bar/sa/joe")], renamed),
    Row(
      from("principals: [third/ns/foo/sa/joe]"), matches: [.peer("spiffe://third/ns/foo/sa/joe")],
      not: [.peer("spiffe://new/ns/foo/sa/joe")], renamed),
    Row(
      from("notPrincipals: [new/ns/foo/sa/joe]"), matches: [.peer("spiffe://third/ns/foo/sa/joe")],
      not: [.peer("spiffe://old/ns/foo/sa/joe"), .peer("spiffe://new/ns/foo/sa/joe")], renamed),
    Row(
      from("principals: [old/x]"), matches: [.peer("spiffe://old/x")], not: [.peer("spiffe://new/x")],
      renamed),
    Row(
      from("trustDomains: [old]"), matches: [.peer("spiffe://new/x"), .peer("spiffe://old/x")],
      not: [.peer("spiffe://third/x")], renamed),
  ])
  func `2.5: aliases of the trust domain stand for each other in principals of five parts`(row: Row) throws {
    try row.hold()
  }

  @Test func `2.5: a service account without namespace is one of the policy's, in the root namespace too`()
    throws
  {
    let rule = from("serviceAccounts: [joe]")
    let gate = try Gate(authorization("ALLOW", [rule], name: "root", namespace: "istio-system"))
    #expect(gate.status(.peer("spiffe://cluster.local/ns/istio-system/sa/joe")) == 200)
    #expect(gate.status(.peer(joe)) == 403)
  }

  // MARK: Addresses

  private static func hops(_ count: Int) -> AuthorizerSettings {
    AuthorizerSettings { $0.trustedProxies = count }
  }
  private static let client = from("remoteIpBlocks: [203.0.113.7]")

  @Test(arguments: [
    Row(
      from("ipBlocks: [10.1.0.0/16, \"2001:db8::/32\"]"),
      matches: [.address("10.1.2.3"), .address("2001:db8::1"), .address("10.1.2.3", forwarded: "9.9.9.9")],
      not: [
        .address("10.2.0.1"), .address("2001:db9::1"), .address("9.9.9.9", forwarded: "10.1.2.3"), Request(),
      ]),
    Row(from("ipBlocks: [10.1.2.3]"), matches: [.address("10.1.2.3")], not: [.address("10.1.2.4")]),
    Row(from("notIpBlocks: [10.1.0.0/16]"), matches: [.address("10.2.0.1")], not: [.address("10.1.0.1")]),
    Row(
      when("source.ip", "values: [10.1.0.0/16]"), matches: [.address("10.1.0.1")],
      not: [.address("10.2.0.1", forwarded: "10.1.0.1")]),
    Row(
      client, matches: [.address("10.0.0.1", forwarded: "203.0.113.7"), .address("203.0.113.7")],
      not: [
        .address("203.0.113.7", forwarded: "9.9.9.9"),
        .address("10.0.0.1", forwarded: "203.0.113.7, 9.9.9.9"),
      ]),
    Row(
      client, matches: [.address("10.0.0.1", forwarded: "8.8.8.8, 203.0.113.7, 10.0.0.2")],
      not: [
        .address("10.0.0.1", forwarded: "203.0.113.7, 8.8.8.8, 10.0.0.2"),
        .address("10.0.0.1", forwarded: "203.0.113.7"),
      ], hops(1)),
    Row(
      client, matches: [.address("10.0.0.1", forwarded: "203.0.113.7, 8.8.8.8, 10.0.0.2")],
      not: [.address("10.0.0.1", forwarded: "8.8.8.8, 203.0.113.7, 10.0.0.2")], hops(2)),
    Row(
      from("notRemoteIpBlocks: [203.0.113.0/24]"), matches: [.address("10.0.0.1")],
      not: [.address("10.0.0.1", forwarded: "203.0.113.9")]),
    Row(
      when("remote.ip", "values: [203.0.113.7]"), matches: [.address("10.0.0.1", forwarded: "203.0.113.7")],
      not: [.address("203.0.113.7", forwarded: "10.0.0.1")]),
    Row(
      when("destination.ip", "values: [10.9.0.0/16]"), matches: [.local("10.9.0.1", 80)],
      not: [.local("10.8.0.1", 80), .address("10.9.0.1")]),
    Row(
      when("destination.port", "values: [\"8080\"]"), matches: [.local("10.9.0.1", 8080)],
      not: [.local("", 80)]),
    Row(
      when("connection.sni", "values: [\"*.example.com\"]"),
      matches: [.named("a.example.com"), .named("A.Example.COM")],
      not: [.named("example.com"), .named(nil)]),
    Row(
      when("connection.sni", "values: [\"A.example.com\", \"B*\", other]"),
      matches: [.named("other"), .named("OTHER")],
      not: [.named("A.example.com"), .named("a.example.com"), .named("B"), .named("b")]),
    Row(
      when("connection.sni", "notValues: [\"secret.test\"]"), matches: [.named("other.test")],
      not: [.named("SECRET.test"), .named("secret.TEST")]),
    Row(
      when("connection.sni", "notValues: [\"a.example.com\"]"),
      matches: [.named(nil), .named("b.example.com")],
      not: [.named("a.example.com")]),
  ])
  func `2.5 and 2.8: addresses, ports and server name of the connection`(row: Row) throws { try row.hold() }

  @Test(arguments: [
    "", "203.0.113.7:80", "[2001:db8::1]", "\"203.0.113.7\"", "203.0.113.007", "unknown", "203.0.113.7 x",
  ])
  func `2.8: an entry that is no bare address means the peer, and nothing further left is tried`(
    entry: String
  )
    throws
  {
    let gate = try Gate(allow(from("remoteIpBlocks: [10.0.0.1]")))
    #expect(gate.status(.address("10.0.0.1", forwarded: "203.0.113.7, \(entry)")) == 200)
    #expect(gate.status(.address("10.0.0.2", forwarded: "10.0.0.1, \(entry)")) == 403)
  }

  @Test func `2.8: several forwarding lines are joined before entries are counted`() throws {
    let gate = try Gate(allow(Self.client), settings: Self.hops(1))
    #expect(gate.status(Request.address("10.0.0.1", forwarded: "203.0.113.7", "10.0.0.2").raw) == 200)
    #expect(gate.status(Request.address("10.0.0.1", forwarded: "10.0.0.2", "203.0.113.7").raw) == 403)
  }

  @Test(arguments: [
    Row(
      when("experimental.envoy.filters.a.b[k]", "values: [v]"),
      matches: [.metadata("envoy.filters.a.b", "k", "v")],
      not: [
        .metadata("envoy.filters.a.b", "k", "w"), .metadata("envoy.filters.a", "k", "v"),
        .metadata("envoy.filters.a.b", "v", "v"), .metadata("envoy.filters.a.b", "k", "v", list: true),
        Request(),
      ]),
    Row(
      when("experimental.envoy.filters.a.b[k]", "values: [\"[v]\"]"),
      matches: [.metadata("envoy.filters.a.b", "k", "u", "v", list: true)],
      not: [.metadata("envoy.filters.a.b", "k", "u", list: true), .metadata("envoy.filters.a.b", "k", "v")]),
    Row(
      when("experimental.envoy.filters.a.b[k]", "notValues: [v]"), matches: [Request()],
      not: [.metadata("envoy.filters.a.b", "k", "v")]),
  ])
  func `2.5: metadata that other filters left`(row: Row) throws { try row.hold() }
}
