import Foundation
import Issuer
import Signatures
import TestSupport
import Testing
import WebTestServer

/// The examples of deploy/jwks, run as they stand but for ports and places of files.
@Suite(.enabled(if: Tools.hasEnvoy), .serialized)
struct KeyExampleTests {
  static func example(_ path: String) throws -> String {
    try String(
      contentsOf: Vectors.packageFolder.appendingPathComponent("deploy/jwks/\(path)"), encoding: .utf8)
  }

  private static func issuer(_ name: String, _ keyID: String) throws -> DevelopmentIssuer {
    DevelopmentIssuer(name: name, keys: [try IssuerKey.generate(for: .es256, keyID: keyID)])
  }

  private func token(_ issuer: DevelopmentIssuer) throws -> String {
    try issuer.token(claims: Claims(issuer: issuer.name, subject: "s"))
  }

  @Test func `in-cluster keys come from nginx by plain HTTP, and change with its file`() throws {
    let nginx = "/usr/sbin/nginx"
    try #require(FileManager.default.isExecutableFile(atPath: nginx), "make test installs nginx-light")
    let name = "in-cluster@countersign.example"
    // Names of two lengths: nginx tells two files of one second apart by their size alone.
    let (first, second) = (try Self.issuer(name, "one"), try Self.issuer(name, "second"))
    let port = try Tools.freePort()
    let folder = try Folder()
    _ = try folder.write("jwks.json", first.publicJWKSet)
    let configuration = try Self.example("in-cluster/nginx.conf").replacingOccurrences(
      of: ":8089", with: ":\(port)")
    _ = try folder.write("nginx.conf", configuration)
    let child = try Child(
      URL(fileURLWithPath: nginx), ["-p", folder.url.path, "-e", "stderr", "-c", "nginx.conf"],
      log: folder.url.appendingPathComponent("nginx.log"))
    // By its own way out, or its worker would live on.
    defer {
      child.send(SIGTERM)
      _ = child.exitCode(within: 10)
    }
    try child.wait("nginx answers") { (try? HTTPClient.request(port: port, "/get_jwks").status) == 200 }
    let policies = try Self.example("in-cluster/policies.yaml").replacingOccurrences(
      of: ":8089", with: ":\(port)")
    let server = try CountersignProcess(policies: policies)
    let envoy = try EnvoyProcess(asking: server)
    #expect(try envoy.get("/productpage").status == 200)
    #expect(try envoy.get("/other").status == 403)
    #expect(try envoy.get("/other", token: token(first)).status == 200)
    #expect(try envoy.get("/other", token: token(second)).status == 401)
    _ = try folder.write("jwks.json", second.publicJWKSet)
    let third = try Self.issuer(name, "three")
    try child.wait("the new key has come") {
      // A key ID that nobody knows causes the fetch; the one of `second` may be remembered as unknown.
      _ = try? envoy.get("/other", token: token(third))
      return (try? envoy.get("/other", token: token(second)).status) == 200
    }
    #expect(try envoy.get("/other", token: token(first)).status == 401)
  }

  @Test func `external keys come by ServiceEntry and DestinationRule, over TLS`() throws {
    let issuer = try Self.issuer("https://keys.example.com", "one")
    let authority = try TestAuthority()
    let identity = try authority.identity("keys", ["DNS:keys.example.com"])
    let provider = try WebTestServer(tls: .init(certificate: identity.certificate, key: identity.key)) { _ in
      WebTestServer.answer(issuer.publicJWKSet)
    }
    let policies = try Self.example("external/policies.yaml")
      .replacingOccurrences(of: "8443}", with: "\(provider.port)}")
      .replacingOccurrences(of: "/etc/countersign/keys-ca.pem", with: authority.certificate)
    let server = try CountersignProcess(policies: policies)
    let envoy = try EnvoyProcess(asking: server)
    #expect(try envoy.get("/other").status == 403)
    #expect(try envoy.get("/other", token: token(issuer)).status == 200)
    #expect(provider.requests.first?.headers["host"] == "keys.example.com:443")

    // Another authority: no keys, and the operator hears why.
    let stranger = try TestAuthority()
    let wary = try CountersignProcess(
      policies: policies.replacingOccurrences(of: authority.certificate, with: stranger.certificate))
    #expect(try EnvoyProcess(asking: wary).get("/other", token: token(issuer)).status == 401)
    #expect(wary.child.output.contains("TLS: the server's certificate"))
  }

  @Test func `mutual TLS shows the client's certificate, and a careless rule is warned of`() throws {
    let issuer = try Self.issuer("https://keys.example.com", "one")
    let authority = try TestAuthority()
    let identity = try authority.identity("keys", ["DNS:inner.example"])
    let client = try authority.identity("client", ["DNS:client.example"])
    let provider = try WebTestServer(
      tls: .init(
        certificate: identity.certificate, key: identity.key, clientAuthority: authority.certificate)
    ) { _ in WebTestServer.answer(issuer.publicJWKSet) }
    let plain = try Self.example("external/policies.yaml").replacingOccurrences(
      of: "8443}", with: "\(provider.port)}")
    let files = "clientCertificate: \(client.certificate)\n      privateKey: \(client.key)"
    let mutual =
      plain
      .replacingOccurrences(
        of: "mode: SIMPLE", with: "mode: MUTUAL\n      \(files)\n      sni: inner.example"
      )
      .replacingOccurrences(of: "/etc/countersign/keys-ca.pem", with: authority.certificate)
      .replacingOccurrences(of: "[keys.example.com]\n---", with: "[inner.example]\n---")
    let server = try CountersignProcess(policies: mutual)
    #expect(try EnvoyProcess(asking: server).get("/other", token: token(issuer)).status == 200)

    let careless =
      mutual
      .replacingOccurrences(of: "caCertificates: \(authority.certificate)", with: "insecureSkipVerify: true")
      .replacingOccurrences(of: "subjectAltNames: [inner.example]", with: "")
    let trusting = try CountersignProcess(policies: careless)
    #expect(try EnvoyProcess(asking: trusting).get("/other", token: token(issuer)).status == 200)
    #expect(trusting.child.output.contains("whoever sits on the way can make keys"))
  }
}
