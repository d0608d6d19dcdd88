import Policy
import Testing

@Suite("Sources: semantics 2.5")
struct SourceTests {
  let alice = "spiffe://cluster.local/ns/foo/sa/alice"

  // MARK: Principals

  @Test func `A principal is written without spiffe and matches exactly`() throws {
    let rule = from("principals: [cluster.local/ns/foo/sa/alice]")
    #expect(try matches(rule, .from(alice)))
    #expect(try !matches(rule, .from("spiffe://cluster.local/ns/foo/sa/alicex")))
    #expect(try !matches(rule, .from("spiffe://cluster.local/ns/foo/sa/Alice")))
    #expect(try !matches(from("principals: [\"spiffe://cluster.local/ns/foo/sa/alice\"]"), .from(alice)))
  }

  @Test func `A principal's wildcard stands for a beginning or an end`() throws {
    #expect(try matches(from("principals: [\"cluster.local/ns/foo/*\"]"), .from(alice)))
    #expect(try !matches(from("principals: [\"cluster.local/ns/fo/*\"]"), .from(alice)))
    #expect(try matches(from("principals: [\"*/sa/alice\"]"), .from(alice)))
    #expect(try !matches(from("principals: [\"*/sa/alic\"]"), .from(alice)))
    // An end needs `spiffe://` in front of it, a lone star does not.
    #expect(try !matches(from("principals: [\"*alice\"]"), .from("CN=alice")))
    #expect(try matches(from("principals: [\"*\"]"), .from("CN=alice")))
  }

  @Test func `A second star is itself and dots are dots`() throws {
    #expect(try matches(from("principals: [\"*/sa/*a\"]"), .from("spiffe://td/ns/x/sa/*a")))
    #expect(try !matches(from("principals: [\"*/sa/*a\"]"), .from("spiffe://td/ns/x/sa/ba")))
    #expect(try !matches(from("principals: [\"*/sa/a.b\"]"), .from("spiffe://td/ns/x/sa/axb")))
  }

  @Test func `A plaintext peer has no principal and satisfies notPrincipals`() throws {
    #expect(try !matches(from("principals: [\"*\"]"), .from("")))
    #expect(try matches(from("notPrincipals: [\"*\"]"), .from("")))
    #expect(try !matches(from("notPrincipals: [\"*\"]"), .from(alice)))
  }

  @Test func `A line end in an identity is covered by no wildcard`() throws {
    #expect(try !matches(from("principals: [\"*\"]"), .from("spiffe://a\nb")))
    #expect(try !matches(from("principals: [\"*/sa/b\"]"), .from("spiffe://a\n/sa/b")))
    #expect(try matches(from("principals: [\"a*\"]"), .from("spiffe://a\nb")))
    #expect(try !matches(from("namespaces: [b]"), .from("spiffe://a\n/ns/b/sa/c")))
    #expect(try !matches(from("namespaces: [b]"), .from("spiffe://a/ns/b/sa/\nc")))
  }

  @Test(arguments: ["cluster.local", "td1", "old-td"])
  func `A principal of our trust domain means all its names`(domain: String) throws {
    var settings = PolicySettings()
    settings.trustDomain = "td1"
    settings.trustDomainAliases = ["old-td"]
    let rule = from("principals: [cluster.local/ns/foo/sa/a]")
    #expect(
      try matches(rule, .from("spiffe://\(domain)/ns/foo/sa/a"), settings) == (domain != "cluster.local"))
    #expect(
      try matches(from("principals: [old-td/ns/foo/sa/a]"), .from("spiffe://\(domain)/ns/foo/sa/a"), settings)
        == (domain != "cluster.local"))
    #expect(
      try matches(from("notPrincipals: [td1/ns/foo/sa/a]"), .from("spiffe://\(domain)/ns/foo/sa/a"), settings)
        == (domain == "cluster.local"))
  }

  @Test func `A foreign trust domain and other shapes stay as written`() throws {
    var settings = PolicySettings()
    settings.trustDomain = "td1"
    settings.trustDomainAliases = ["td2"]
    let foreign = from("principals: [other/ns/foo/sa/a]")
    #expect(try matches(foreign, .from("spiffe://other/ns/foo/sa/a"), settings))
    #expect(try !matches(foreign, .from("spiffe://td1/ns/foo/sa/a"), settings))
    let short = from("principals: [td1/sa/a]")
    #expect(try matches(short, .from("spiffe://td1/sa/a"), settings))
    #expect(try !matches(short, .from("spiffe://td2/sa/a"), settings))
  }

  @Test func `A suffix that covers one name stays and the other names are added`() throws {
    var settings = PolicySettings()
    settings.trustDomain = "td1"
    settings.trustDomainAliases = ["foobar"]
    let rule = from("principals: [\"*bar/ns/foo/sa/a\"]")
    for domain in ["td1", "foobar", "xbar"] {
      #expect(try matches(rule, .from("spiffe://\(domain)/ns/foo/sa/a"), settings))
    }
    #expect(try !matches(rule, .from("spiffe://td2/ns/foo/sa/a"), settings))
    let any = from("principals: [\"*/ns/foo/sa/a\"]")
    #expect(try matches(any, .from("spiffe://td9/ns/foo/sa/a"), settings))
  }

  @Test func `source.principal is the same condition`() throws {
    let rule = when("source.principal", "values: [cluster.local/ns/foo/sa/alice]")
    #expect(try matches(rule, .from(alice)))
    #expect(try !matches(rule, .from("")))
    #expect(try matches(when("source.principal", "notValues: [\"*\"]"), .from("")))
  }

  // MARK: Namespaces

  @Test func `A namespace matches a whole part behind ns`() throws {
    #expect(try matches(from("namespaces: [foo]"), .from(alice)))
    #expect(try !matches(from("namespaces: [fo]"), .from(alice)))
    #expect(try !matches(from("namespaces: [oo]"), .from(alice)))
    #expect(try !matches(from("namespaces: [alice]"), .from(alice)))
    #expect(try !matches(from("namespaces: [foo]"), .from("spiffe://td/ns/foo")))
    #expect(try matches(from("namespaces: [foo]"), .from("spiffe://td/ns/ns/ns/foo/sa/b")))
  }

  @Test func `Stars in a namespace stand for anything and the rest is literal`() throws {
    #expect(try matches(from("namespaces: [\"f*\"]"), .from(alice)))
    #expect(try matches(from("namespaces: [\"*o\"]"), .from(alice)))
    #expect(try matches(from("namespaces: [\"*\"]"), .from(alice)))
    #expect(try matches(from("namespaces: [\"a*b*c\"]"), .from("spiffe://td/ns/a1b2c/sa/x")))
    #expect(try matches(from("namespaces: [\"a*x\"]"), .from("spiffe://td/ns/a/sa/x/y")))
    #expect(try !matches(from("namespaces: [\"a*b*c\"]"), .from("spiffe://td/ns/a1c2b/sa/x")))
    #expect(try !matches(from("namespaces: [\"f.o\"]"), .from(alice)))
    #expect(try !matches(from("namespaces: [\"g*\"]"), .from(alice)))
    #expect(try !matches(from("namespaces: [\"*\"]"), .from("")))
    #expect(try matches(when("source.namespace", "notValues: [\"*\"]"), .from("")))
  }

  // MARK: Service accounts

  @Test func `A service account without a namespace is one of the policy's`() throws {
    #expect(try matches(from("serviceAccounts: [alice]"), .from(alice)))
    #expect(try !matches(from("serviceAccounts: [alice]"), .from("spiffe://cluster.local/ns/bar/sa/alice")))
    #expect(
      try matches(from("serviceAccounts: [bar/alice]"), .from("spiffe://cluster.local/ns/bar/sa/alice")))
    #expect(try !matches(from("serviceAccounts: [bar/alice]"), .from(alice)))
    let root = Policies().adding(
      "ALLOW", [from("serviceAccounts: [alice]")], name: "r", namespace: "istio-system")
    #expect(try root.passes(.from("spiffe://td/ns/istio-system/sa/alice")))
    #expect(try !root.passes(.from(alice)))
  }

  @Test func `Other parts may stand around a service account's`() throws {
    let rule = from("serviceAccounts: [bar/alice]")
    #expect(try matches(rule, .from("spiffe://td/x/y/ns/bar/z/sa/alice")))
    #expect(try matches(rule, .from("spiffe://td/ns/bar/sa/alice/pod/1")))
    #expect(try !matches(rule, .from("spiffe://td/ns/bar/sa/alice/")))
    #expect(try !matches(rule, .from("spiffe://td/ns/bar/sa/alice-junk")))
    #expect(try !matches(rule, .from("spiffe://td/ns/bar//sa/alice")))
    #expect(try !matches(rule, .from("spiffe:///ns/bar/sa/alice")))
    #expect(try !matches(rule, .from("td/ns/bar/sa/alice")))
    #expect(try !matches(rule, .from("spiffe://td/ns/bar/xsa/alice")))
    #expect(try matches(rule, .from("spiffe://td/ns/bar/ns/bar/sa/alice")))
    #expect(try matches(from("notServiceAccounts: [bar/alice]"), .from("")))
  }

  @Test func `Expression characters in a service account are literal`() throws {
    #expect(try !matches(from("serviceAccounts: [\"a.b\"]"), .from("spiffe://td/ns/foo/sa/axb")))
    #expect(try matches(from("serviceAccounts: [\"a.b\"]"), .from("spiffe://td/ns/foo/sa/a.b")))
  }

  // MARK: Trust domains

  @Test func `A trust domain matches its identities and its other names`() throws {
    var settings = PolicySettings()
    settings.trustDomain = "td1"
    settings.trustDomainAliases = ["td2"]
    let rule = from("trustDomains: [td1]")
    for domain in ["td1", "td2"] {
      #expect(try matches(rule, .from("spiffe://\(domain)/ns/a/sa/b"), settings))
    }
    #expect(try !matches(rule, .from("spiffe://td11/ns/a/sa/b"), settings))
    #expect(try !matches(rule, .from("spiffe://td1"), settings))
    #expect(try !matches(from("trustDomains: [cluster.local]"), .from("spiffe://td1/ns/a/sa/b"), settings))
  }

  @Test func `A trust domain's star never crosses a slash`() throws {
    #expect(try matches(from("trustDomains: [\"bad*\"]"), .from("spiffe://bad.example/ns/a/sa/b")))
    #expect(try !matches(from("trustDomains: [\"bad*\"]"), .from("spiffe://good/bad/sa/b")))
    #expect(try matches(from("trustDomains: [\"*.example\"]"), .from("spiffe://bad.example/x")))
    #expect(try !matches(from("trustDomains: [\"*.example\"]"), .from("spiffe://bad/x.example/y")))
    #expect(try matches(from("trustDomains: [\"*\"]"), .from("spiffe://a/b")))
    #expect(try !matches(from("trustDomains: [\"*\"]"), .from("CN=a")))
    #expect(try matches(from("notTrustDomains: [\"*\"]"), .from("")))
    #expect(try matches(when("source.trustDomain", "values: [\"b*\"]"), .from("spiffe://b/c")))
  }

  // MARK: Addresses

  @Test func `ipBlocks are held against the peer`() throws {
    let rule = from("ipBlocks: [\"10.0.0.0/24\", \"2001:db8::1\"]")
    #expect(try matches(rule, Request { $0.source.address = "10.0.0.77" }))
    #expect(try !matches(rule, Request { $0.source.address = "10.0.1.77" }))
    #expect(try matches(rule, Request { $0.source.address = "2001:db8:0::1" }))
    #expect(try !matches(rule, Request { $0.source.address = "::ffff:10.0.0.77" }))
    #expect(try !matches(rule, Request { $0.source.address = "" }))
    #expect(try matches(from("notIpBlocks: [10.0.0.0/24]"), Request { $0.source.address = "" }))
    #expect(try matches(when("source.ip", "values: [10.0.0.1]"), Request()))
    // Forwarding headers change nothing about the peer.
    #expect(try !matches(from("ipBlocks: [9.9.9.9]"), .with(("x-forwarded-for", "9.9.9.9"))))
  }

  func isRemote(_ address: String, _ request: Request, trusted: Int = 0) throws -> Bool {
    var settings = PolicySettings()
    settings.trustedProxies = trusted
    let one = try matches(from("remoteIpBlocks: [\"\(address)\"]"), request, settings)
    let two = try matches(when("remote.ip", "values: [\"\(address)\"]"), request, settings)
    #expect(one == two)
    return one
  }

  @Test func `The client is the right-most forwarded address and else the peer`() throws {
    #expect(try isRemote("10.0.0.1", Request()))
    #expect(try isRemote("2.2.2.2", .with(("x-forwarded-for", "1.1.1.1, 2.2.2.2"))))
    #expect(try !isRemote("1.1.1.1", .with(("x-forwarded-for", "1.1.1.1, 2.2.2.2"))))
    #expect(try isRemote("1.1.1.1", .with(("x-forwarded-for", "1.1.1.1,2.2.2.2")), trusted: 1))
    #expect(try isRemote("10.0.0.1", .with(("x-forwarded-for", "1.1.1.1,2.2.2.2")), trusted: 2))
    #expect(try isRemote("2001:db8::5", .with(("x-forwarded-for", "9.9.9.9, 2001:db8::5"))))
  }

  @Test(arguments: [
    "", "1.1.1.1:80", "[2001:db8::1]", "\"1.1.1.1\"", "1.1.1.01", "unknown", "1.1.1.1 2.2.2.2", "1.1.1",
  ])
  func `A forwarded entry that is no bare address counts as none and nothing further left is tried`(
    entry: String
  ) throws {
    let request = Request.with(("x-forwarded-for", "3.3.3.3, \(entry)"))
    #expect(try isRemote("10.0.0.1", request))
    #expect(try !isRemote("3.3.3.3", request))
  }

  @Test func `Several forwarding lines are one list and empty lines do not count`() throws {
    let request = Request.with(
      ("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", ""), ("x-forwarded-for", "2.2.2.2,3.3.3.3"),
      ("x-forwarded-for", " "))
    #expect(try isRemote("3.3.3.3", request))
    #expect(try isRemote("2.2.2.2", request, trusted: 1))
    #expect(try isRemote("1.1.1.1", request, trusted: 2))
    #expect(try isRemote("10.0.0.1", request, trusted: 3))
  }

  @Test func `The client's address is what the proxy saw even when the answer sets the header`() throws {
    var request = Request.with(("x-forwarded-for", "1.1.1.1"))
    request.setHeaders = [("x-forwarded-for", "7.7.7.7")]
    #expect(try isRemote("1.1.1.1", request))
  }

  @Test func `destination.ip and destination.port are the local end`() throws {
    #expect(try matches(when("destination.ip", "values: [10.0.0.2]"), Request()))
    #expect(try !matches(when("destination.ip", "values: [10.0.0.1]"), Request()))
    #expect(try matches(when("destination.port", "values: [\"8080\"]"), Request()))
    #expect(try !matches(when("destination.port", "values: [\"808\"]"), Request()))
    #expect(try matches(when("destination.port", "notValues: [\"80\"]"), Request()))
    #expect(try !matches(to("ports: [\"0\"]"), Request { $0.destination = .init(address: "", port: 0) }))
  }

  @Test func `Without a server name it is empty text`() throws {
    let none = Request()
    let named = Request { $0.serverName = "a.example.com" }
    #expect(try matches(when("connection.sni", "values: [\"*.example.com\"]"), named))
    #expect(try !matches(when("connection.sni", "values: [\"*.EXAMPLE.com\"]"), named))
    #expect(try !matches(when("connection.sni", "values: [\"*\"]"), none))
    #expect(try matches(when("connection.sni", "notValues: [\"*\"]"), none))
    #expect(try !matches(when("connection.sni", "notValues: [\"*\"]"), named))
  }
}
