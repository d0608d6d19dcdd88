import Foundation
import Testing
import WebTestServer

@Suite struct JWKSFetchCommandTests {
  private let set = """
    {"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a\\u001b","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    {"kty":"oct","kid":"shared","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}
    """

  func run(
    _ arguments: [String], environment: [String: String] = [:]
  ) throws -> (code: Int32?, output: String) {
    let folder = try Folder()
    let child = try Child(
      Tools.countersign, ["jwks", "fetch"] + arguments, log: folder.url.appendingPathComponent("log"),
      environment: environment)
    let code = child.exitCode(within: 30)
    return (code, child.output)
  }

  @Test func `a set is told with its keys, and why one is skipped`() throws {
    let set = self.set
    let server = try WebTestServer { _ in
      WebTestServer.answer(set, headers: ["Content-Type: application/json", "Cache-Control: max-age=3600"])
    }
    let (code, output) = try run(["http://127.0.0.1:\(server.port)/keys"])
    #expect(code == 0)
    #expect(output.contains("address    127.0.0.1\n"))
    #expect(output.contains("fresh      1 hour\n"))
    #expect(output.contains("key 0      \"a\\u001b\": Ed25519, verifies EdDSA"))
    #expect(
      output.contains("skipped    key 1 (kid \"shared\") a shared secret must not come from a remote key set")
    )
  }

  @Test func `the peer of TLS is told, and the options say what a mesh would`() throws {
    let authority = try TestAuthority()
    let identity = try authority.identity("server", ["DNS:keys.example"])
    let set = self.set
    let server = try WebTestServer(tls: .init(certificate: identity.certificate, key: identity.key)) { _ in
      WebTestServer.answer(set)
    }
    let base = ["https://keys.example/keys", "--connect", "127.0.0.1:\(server.port)"]
    let (code, output) = try run(base + ["--ca", authority.certificate])
    #expect(code == 0)
    #expect(output.contains("peer       /CN=server, signed by /CN=test authority"))
    let untrusted = try run(base)
    #expect(untrusted.code == 1 && untrusted.output.contains("TLS: "))
    let careless = try run(base + ["--insecure-skip-verify"])
    #expect(careless.code == 0 && careless.output.contains("warning: certificates are not verified"))
  }

  @Test func `what is no set, no address or no option is told by the code`() throws {
    let server = try WebTestServer { _ in WebTestServer.answer("<html>") }
    let (code, output) = try run(["http://127.0.0.1:\(server.port)/"])
    #expect(code == 1 && output.contains("Jwks is an invalid JSON: it is an HTML page"))
    #expect(!output.contains("(at:"), "\(output)")
    let metadata = try run(["http://169.254.169.254/latest/meta-data"])
    #expect(metadata.code == 1 && metadata.output.contains("never asked for keys"))
    #expect(try run(["http://127.0.0.1/", "--cert", "a"]).code == 2)
    #expect(try run(["http://127.0.0.1/", "--connect", "a"]).code == 2)
  }

  @Test(arguments: [
    ("-----BEGIN PUBLIC KEY-----\nMII\n", "Jwks is an invalid JSON: it is a PEM file (\"PUBLIC KEY\")"),
    (
      #"{"kty":"RSA","n":"AA","e":"AQAB"}"#,
      "Jwks does not have [keys] field: it is a single JWK without `keys`"
    ),
    (
      #"{"a":"-----BEGIN CERTIFICATE-----"}"#, "it is a map {kid: certificate} of 1 entry"
    ),
    (
      #"{"issuer":"a","jwks_uri":"https://a/k"}"#,
      "it is a discovery document: the keys are at its `jwks_uri`"
    ),
    (
      #"{"keys":[{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}]}"#, "[crv] is \"secp256k1\", none of P-256"
    ),
  ])
  func
    `a body that is no set is called what it is, and the service's log says the same of its issuer and address`(
      body: String, words: String
    ) throws
  {
    let server = try WebTestServer { _ in WebTestServer.answer(body) }
    let url = "http://127.0.0.1:\(server.port)/keys"
    let (code, output) = try run([url])
    #expect(code == 1 && output.contains(words), "\(output)")
    let service = try CountersignProcess(
      policies: RemoteKeysTests.policies("jwksUri: \"\(url)\"", issuer: "https://i.example"))
    let line = try #require(service.child.output.split(separator: "\n").first { $0.contains("event=failed") })
    #expect(line.contains(words) && line.contains("issuer=https://i.example"), "\(line)")
    #expect(line.contains("address=\(url)"), "\(line)")
  }

  @Test func `the admin page of keys lists those that are skipped with the reasons`() throws {
    let set = self.set
    let server = try WebTestServer { _ in WebTestServer.answer(set) }
    let service = try CountersignProcess(
      policies: RemoteKeysTests.policies("jwksUri: \"http://127.0.0.1:\(server.port)/keys\""))
    let body = try HTTPClient.request(port: service.adminPort, "/keys").body
    let object = try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]
    let provider = (object?["providers"] as? [[String: Any]])?.first
    let skipped = try #require((provider?["skipped"] as? [[String: Any]])?.first)
    #expect(skipped["index"] as? Int == 1 && skipped["kid"] as? String == "shared")
    #expect((skipped["reason"] as? String)?.hasPrefix("a shared secret must not come from a remote") == true)
  }

  @Test(arguments: [200, 201, 203, 206])
  func `any 2xx with a set is a set, and without a whole one an error`(status: Int) throws {
    let set = self.set
    let server = try WebTestServer { request in
      let body = ["/whole": set, "/part": String(set.dropLast(5))][request.target] ?? ""
      return WebTestServer.answer(body, status: "\(status) X")
    }
    let base = "http://127.0.0.1:\(server.port)"
    let whole = try run([base + "/whole"])
    #expect(whole.code == 0 && whole.output.contains("status     \(status), "), "\(whole.output)")
    let part = try run([base + "/part"])
    #expect(part.code == 1 && part.output.contains("Jwks is an invalid JSON"), "\(part.output)")
    let empty = try run([base + "/empty"])
    let text = "status \(status) with an empty body where a JSON document is expected"
    #expect(empty.code == 1 && empty.output.contains(text), "\(empty.output)")
  }

  @Test func `a proxy of the environment is asked, but never for a metadata address`() throws {
    let set = self.set
    let proxy = try WebTestServer { _ in WebTestServer.answer(set) }
    let environment = ["http_proxy": "http://127.0.0.1:\(proxy.port)", "no_proxy": "near.example"]
    let (code, output) = try run(["http://keys.example/keys"], environment: environment)
    #expect(code == 0, "\(output)")
    #expect(proxy.requests.map(\.target) == ["http://keys.example/keys"])
    // Where an endpoint is named, that is where it goes.
    let direct = try WebTestServer { _ in WebTestServer.answer(set) }
    let named = ["http://keys.example/keys", "--connect", "127.0.0.1:\(direct.port)"]
    #expect(try run(named, environment: environment).code == 0)
    #expect(direct.requests.count == 1)
    let metadata = try run(["http://169.254.169.254/latest"], environment: environment)
    #expect(metadata.code == 1 && metadata.output.contains("never asked for keys"))
    #expect(try run(["http://near.example/keys", "--timeout", "500"], environment: environment).code == 1)
    #expect(proxy.requests.count == 1)
  }
}
