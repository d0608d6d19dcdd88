import Check
import Policy
import TestSupport
import Testing

@Suite("Certificates with several names: semantics 2.5")
struct CertificateTests {
  private let several = Request {
    $0.source.principal = "spiffe://one.example/ns/first/sa/a"
    $0.source.certificate = PeerCertificate.several
  }
  /// The same without the certificate.
  private let first = Request.from("spiffe://one.example/ns/first/sa/a")

  /// Whether the field matches with the certificate, and without; its negated form must say the opposite.
  private func found(
    _ field: String, _ value: String, _ key: String
  ) throws -> (certificate: Bool, principal: Bool) {
    let negated = "not" + field.prefix(1).uppercased() + field.dropFirst()
    func one(_ request: Request) throws -> Bool {
      let found = try matches(from("\(field): [\"\(value)\"]"), request)
      #expect(try matches(from("\(negated): [\"\(value)\"]"), request) != found, "\(negated) \(value)")
      #expect(try matches(when(key, "values: [\"\(value)\"]"), request) == found, "\(key) \(value)")
      #expect(try matches(when(key, "notValues: [\"\(value)\"]"), request) != found, "\(key) \(value)")
      return found
    }
    return (try one(several), try one(first))
  }

  @Test func `any name of the certificate matches, and without it the first alone`() throws {
    let cases: [(field: String, key: String, value: String, certificate: Bool, principal: Bool)] = [
      ("principals", "source.principal", "one.example/ns/first/sa/a", true, true),
      ("principals", "source.principal", "two.example/ns/second/sa/b", true, false),
      ("principals", "source.principal", "two.example/*", true, false),
      ("principals", "source.principal", "*/sa/b", true, false),
      ("principals", "source.principal", "*", true, true),
      ("principals", "source.principal", "three.example/ns/second/sa/b", false, false),
      // A DNS name is no SPIFFE identity.
      ("principals", "source.principal", "peer.example", false, false),
      ("namespaces", "source.namespace", "first", true, true),
      ("namespaces", "source.namespace", "second", true, false),
      ("namespaces", "source.namespace", "dns", true, false),
      ("namespaces", "source.namespace", "subject", true, false),
      ("namespaces", "source.namespace", "third", false, false),
      ("serviceAccounts", "source.serviceAccount", "second/b", true, false),
      ("serviceAccounts", "source.serviceAccount", "first/b", false, false),
      ("trustDomains", "source.trustDomain", "two.example", true, false),
      ("trustDomains", "source.trustDomain", "two.*", true, false),
      ("trustDomains", "source.trustDomain", "peer.example", false, false),
    ]
    for one in cases {
      let seen = try found(one.field, one.value, one.key)
      #expect(
        seen == (one.certificate, one.principal), "\(one.field) \(one.value): \(seen)")
    }
  }

  @Test func `each name is held against the whole field, not a part of it against each`() throws {
    // Trust domain of one name and namespace of the other: fields are asked one by one, as in Envoy.
    #expect(try matches(from("trustDomains: [one.example], namespaces: [second]"), several))
    // One value must fit one name.
    #expect(try !matches(from("principals: [one.example/ns/second/sa/b]"), several))
  }

  @Test func `a certificate without alternative names has its subject`() throws {
    let bare = Request {
      $0.source.principal = "CN=peer,O=/ns/subject/x"
      $0.source.certificate = PeerCertificate.bare
    }
    #expect(try matches(from("principals: [\"*\"]"), bare))
    #expect(try matches(from("namespaces: [subject]"), bare))
    #expect(try !matches(from("namespaces: [second]"), bare))
    // A proxy that sends no principal: the certificate says it.
    let silent = Request { $0.source.certificate = PeerCertificate.bare }
    #expect(try matches(from("namespaces: [subject]"), silent))
  }

  @Test func `a certificate that cannot be read denies where a rule reads the identity, whatever it says`()
    throws
  {
    for text in [
      "rubbish", "%", String(PeerCertificate.several.dropLast(100)), String(repeating: "A", count: 60_000),
    ] {
      let bad = Request {
        $0.source.principal = "spiffe://one.example/ns/first/sa/a"
        $0.source.certificate = text
      }
      let asking = [
        "principals: [\"*\"]", "notPrincipals: [x]", "namespaces: [first]", "notNamespaces: [x]",
        "serviceAccounts: [first/a]", "trustDomains: [one.example]", "notTrustDomains: [x]",
      ]
      for source in asking {
        #expect(try allow(from(source), "{}").outcome(bad) == .denied(.malformedCertificate), "\(source)")
        #expect(try deny(from(source)).outcome(bad) == .denied(.malformedCertificate), "\(source)")
        #expect(try Policies().audit(from(source)).outcome(bad) == .denied(.malformedCertificate))
      }
      for key in ["principal", "namespace", "serviceAccount", "trustDomain"] {
        #expect(
          try deny(when("source.\(key)", "values: [x]")).outcome(bad) == .denied(.malformedCertificate))
      }
      // Another condition of the rule fails first: the answer does not depend on that.
      let guarded = "{from: [{source: {namespaces: [x]}}], to: [{operation: {methods: [POST]}}]}"
      #expect(try deny(guarded).outcome(bad) == .denied(.malformedCertificate))
      // No rule reads the identity: it is not looked at.
      #expect(try allow(to("paths: [\"/*\"]")).passes(bad))
      #expect(try !deny(to("paths: [\"/*\"]")).passes(bad))
    }
  }

  @Test func `a table with an index of candidates decides the same`() throws {
    var rules = (0..<40).map { to("paths: [\"/p\($0)\"]") }
    rules.append("{from: [{source: {namespaces: [second]}}], to: [{operation: {paths: [/]}}]}")
    let policies = Policies().adding("ALLOW", rules, name: "many")
    #expect(try policies.passes(several))
    #expect(try !policies.passes(first))
    let bad = Request { $0.source.certificate = "rubbish" }
    #expect(try policies.outcome(bad) == .denied(.malformedCertificate))
    let path = Request {
      $0.path = "/p1"
      $0.source.certificate = "rubbish"
    }
    #expect(try policies.outcome(path) == .denied(.malformedCertificate))
  }

  @Test func `a known certificate is read once, and tables share what a worker has read`() throws {
    let one = try allow(from("namespaces: [second]")).table()
    let other = try deny(from("namespaces: [third]")).table()
    var scratch = PolicyScratch()
    for _ in 0..<5 {
      #expect(try several.decide(one, &scratch).isAllowed)
      #expect(try several.decide(other, &scratch).isAllowed)
      #expect(try !first.decide(one, &scratch).isAllowed, "nothing of the last check stays")
    }
    #expect(scratch.readCertificates == 1)
    let silent = try allow("{}").table()
    let bare = Request { $0.source.certificate = PeerCertificate.bare }
    _ = try bare.decide(silent, &scratch)
    #expect(scratch.readCertificates == 1, "no rule reads the identity")
  }

  @Test func `all names are shown for a field that failed`() throws {
    let table = try allow(from("namespaces: [third]")).table()
    var scratch = PolicyScratch()
    let explanation = try several.read { check, octets, changes, claims in
      table.explain(
        table.allRules[0], for: check, in: octets.span, changes: changes, claims: claims, scratch: &scratch)
    }
    #expect(
      explanation?.alternatives.first?.observed
        == .values([
          "spiffe://one.example/ns/first/sa/a", "spiffe://two.example/ns/second/sa/b", "peer.example",
          "/ns/dns/x",
          "CN=peer,O=/ns/subject/x",
        ]))
  }
}
