import Bytes
import Fetch
import Testing
import WebTestServer

/// Whom TLS believes (semantics, sections 1.8 and 1.9; security checklist 2.2).
@Suite struct TrustTests {
  private let authority: TestAuthority

  init() throws { authority = try TestAuthority() }

  private func server(_ names: [String], clientAuthority: String? = nil) throws -> WebTestServer {
    let identity = try authority.identity("server", names)
    return try WebTestServer(
      tls: .init(certificate: identity.certificate, key: identity.key, clientAuthority: clientAuthority)
    ) { _ in WebTestServer.answer("{}") }
  }

  private func request(_ server: WebTestServer, host: String = "keys.example") -> FetchRequest {
    var request = FetchRequest(url: "https://\(host)/keys")
    request.endpoints = [.init(host: "127.0.0.1", port: server.port)]
    request.trust.authorities = authority.certificate
    return request
  }

  @Test func `a certificate of a trusted authority for the URL's host is believed`() throws {
    let server = try server(["DNS:keys.example"])
    let answer = try #require(try fetch(request(server)).answer)
    #expect(answer.connection.peerSubject == "/CN=server")
    #expect(answer.connection.peerIssuer == "/CN=test authority")
    #expect(server.requests.first?.headers["host"] == "keys.example")
  }

  @Test func `another host, another authority and an unknown one are not`() throws {
    let server = try server(["DNS:keys.example"])
    let stranger = try TestAuthority()
    for (change, words) in [
      ({ $0.url = "https://other.example/keys" }, "name"),
      ({ $0.trust.authorities = stranger.certificate }, "certificate"),
      ({ $0.trust.authorities = nil }, "certificate"),
    ] as [((inout FetchRequest) throws -> Void, String)] {
      var asked = request(server)
      try change(&asked)
      guard case .tls(let why) = try fetch(asked).error else {
        Issue.record("believed")
        continue
      }
      #expect(why.contains(words), "\(why)")
    }
    #expect(server.requests.isEmpty)
  }

  @Test func `an expired certificate is not believed`() throws {
    let identity = try authority.identity("old", ["DNS:keys.example"], days: -1)
    let server = try WebTestServer(tls: .init(certificate: identity.certificate, key: identity.key)) { _ in
      WebTestServer.answer("{}")
    }
    guard case .tls(let why) = try fetch(request(server)).error else {
      Issue.record("believed")
      return
    }
    #expect(why.contains("expired"))
  }

  @Test func `names that the rule gives take the place of the host's, to the letter`() throws {
    let server = try server(["DNS:inner.example", "URI:spiffe://mesh/ns/a/sa/b"])
    var asked = request(server)
    for name in ["inner.example", "spiffe://mesh/ns/a/sa/b"] {
      asked.trust.subjectAltNames = ["nobody.example", name]
      #expect(try fetch(asked).answer != nil, "\(name)")
    }
    for name in ["keys.example", "INNER.example", "*.example", "inner.example.", "spiffe://mesh"] {
      asked.trust.subjectAltNames = [name]
      guard case .tls(let why) = try fetch(asked).error else {
        Issue.record("\(name)")
        continue
      }
      #expect(why.contains("wants \(name)"))
    }
  }

  @Test func `the server name that the rule gives is sent and checked, and the host stays the URL's`() throws
  {
    let server = try server(["DNS:inner.example"])
    var asked = request(server)
    asked.trust.serverName = "inner.example"
    #expect(try fetch(asked).answer != nil)
    #expect(server.requests.first?.headers["host"] == "keys.example")
  }

  @Test func `mutual TLS shows the client's certificate`() throws {
    let client = try authority.identity("client", ["URI:spiffe://a"])
    let server = try server(["DNS:keys.example"], clientAuthority: authority.certificate)
    var asked = request(server)
    #expect(try fetch(asked).answer == nil)
    asked.trust.clientCertificate = client.certificate
    asked.trust.clientKey = client.key
    #expect(try fetch(asked).answer != nil)
    asked.trust.clientKey = "/nonexistent"
    guard case .tls = try fetch(asked).error else {
      Issue.record("no key, and no error of TLS")
      return
    }
  }

  @Test func `TLS over an http address is what a rule may ask for`() throws {
    let server = try server(["DNS:keys.example"])
    var asked = request(server)
    asked.url = "http://keys.example:443/keys"
    asked.trust.forcesTLS = true
    #expect(try fetch(asked).answer != nil)
    #expect(server.requests.first?.headers["host"]?.hasPrefix("keys.example") == true)
  }

  @Test func `whoever skips verification believes anybody`() throws {
    let server = try server(["DNS:other.example"])
    var asked = request(server)
    asked.trust.authorities = nil
    asked.trust.skipsVerification = true
    #expect(try fetch(asked).answer != nil)
  }
}

@Suite struct AddressGuardTests {
  @Test(arguments: [
    "169.254.169.254", "169.254.0.1", "fe80::1", "febf::1", "fd00:ec2::254", "100.100.100.200",
    "168.63.129.16",
    "::ffff:169.254.169.254", "::169.254.169.254", "64:ff9b::169.254.169.254", "2002:a9fe:a9fe::1",
  ])
  func `metadata services are never connected to, however they are written`(address: String) throws {
    #expect(!AddressGuard().permits(try #require(IPAddress(address))))
  }

  @Test(arguments: [
    "127.0.0.1", "10.0.0.1", "169.253.255.255", "169.255.0.1", "::1", "2001:db8::1", "::ffff:10.0.0.1",
  ])
  func `other addresses are`(address: String) throws {
    #expect(AddressGuard().permits(try #require(IPAddress(address))))
  }

  @Test func `the lists can be extended and relaxed`() throws {
    let loopback = try #require(IPPrefix("127.0.0.0/8"))
    let service = try #require(IPPrefix("169.254.20.10"))
    let guarding = AddressGuard(blocking: [loopback], allowing: [service])
    #expect(!guarding.permits(try #require(IPAddress("127.0.0.1"))))
    #expect(guarding.permits(try #require(IPAddress("169.254.20.10"))))
    #expect(!guarding.permits(try #require(IPAddress("169.254.20.11"))))
  }

  @Test func `the guard stands behind name resolution and each endpoint`() throws {
    let server = try WebTestServer { _ in WebTestServer.answer("{}") }
    var asked = FetchRequest(url: "http://localhost:\(server.port)/")
    asked.addressGuard = AddressGuard(blocking: ["127.0.0.0/8", "::1"].compactMap(IPPrefix.init))
    guard case .blockedAddress = try fetch(asked).error else {
      Issue.record("connected")
      return
    }
    asked.url = "http://keys.example/"
    asked.endpoints = [.init(host: "127.0.0.1", port: server.port)]
    guard case .blockedAddress(let address) = try fetch(asked).error else {
      Issue.record("connected")
      return
    }
    #expect(address == "127.0.0.1")
    #expect(server.requests.isEmpty)
  }
}

@Suite struct FreshnessTests {
  @Test(
    arguments: [
      (nil, nil, nil), ("max-age=60", nil, 60), ("public, max-age=60", "20", 40), ("max-age=60", "90", 0),
      ("no-store", nil, 0), ("max-age=60, no-cache", nil, 0), ("max-age=x", nil, 0), ("max-age=-1", nil, 0),
      ("max-age", nil, 0), ("MAX-AGE=\"60\"", nil, 60), ("max-age=99999999999999999999", nil, 1 << 31),
      ("s-maxage=10, max-age=60", nil, 10), ("public", nil, nil), ("max-age=60", "x", 60),
    ] as [(String?, String?, UInt64?)])
  func `cache headers are read as RFC 9111 says`(control: String?, age: String?, seconds: UInt64?) throws {
    let server = try WebTestServer { _ in
      let headers = [control.map { "Cache-Control: \($0)" }, age.map { "Age: \($0)" }].compactMap { $0 }
      return WebTestServer.answer("{}", headers: headers)
    }
    let answer = try #require(try fetch(FetchRequest(url: "http://127.0.0.1:\(server.port)/")).answer)
    #expect(answer.freshness.seconds == seconds)
  }
}
