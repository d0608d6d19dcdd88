import Foundation
import Issuer
import Signatures
import Synchronization
import Testing
import WebTestServer

/// Keys by `jwksUri` and discovery, behind the real Envoy.
@Suite(.enabled(if: Tools.hasEnvoy), .serialized)
struct RemoteKeysTests {
  /// A provider whose key set a test changes.
  final class Provider: Sendable {
    private let stored: WebTestServer

    init(_ issuer: DevelopmentIssuer) throws {
      let text = Shared(issuer.publicJWKSet)
      let flags = Flags()
      stored = try WebTestServer { request in
        if flags.isDown { return [.reset] }
        let wait = WebTestServer.Step.wait(milliseconds: flags.delay)
        if request.target.hasSuffix("openid-configuration") {
          let host = request.headers["host"] ?? ""
          return WebTestServer.answer("{\"issuer\":\"x\",\"jwks_uri\":\"http://\(host)/keys\"}")
        }
        return [wait] + WebTestServer.answer(text.value)
      }
      shared = text
      self.flags = flags
    }

    let shared: Shared
    let flags: Flags
    var port: UInt16 { stored.port }
    var fetches: Int { stored.requests.count { $0.target == "/keys" } }
    func publish(_ issuer: DevelopmentIssuer) { shared.value = issuer.publicJWKSet }
  }

  final class Shared: Sendable {
    private let stored: Mutex<String>
    init(_ text: String) { stored = Mutex(text) }
    func append(_ text: String) { stored.withLock { $0 += text } }
    var value: String {
      get { stored.withLock { $0 } }
      set { stored.withLock { $0 = newValue } }
    }
  }

  final class Flags: Sendable {
    private let stored = Mutex((isDown: false, delay: 0))
    var isDown: Bool {
      get { stored.withLock { $0.isDown } }
      set { stored.withLock { $0.isDown = newValue } }
    }
    var delay: Int {
      get { stored.withLock { $0.delay } }
      set { stored.withLock { $0.delay = newValue } }
    }
  }

  static let issuerName = "me@example.com"

  static func issuer(_ keyID: String) throws -> DevelopmentIssuer {
    DevelopmentIssuer(name: issuerName, keys: [try IssuerKey.generate(for: .es256, keyID: keyID)])
  }

  static func policies(_ keys: String, issuer: String = issuerName) -> String {
    """
    apiVersion: security.istio.io/v1
    kind: RequestAuthentication
    metadata: {name: remote, namespace: istio-system}
    spec: {jwtRules: [{issuer: "\(issuer)"\(keys.isEmpty ? "" : ", " + keys)}]}
    ---
    apiVersion: security.istio.io/v1
    kind: AuthorizationPolicy
    metadata: {name: known, namespace: istio-system}
    spec: {rules: [{from: [{source: {requestPrincipals: ["*"]}}]}]}

    """
  }

  private func token(_ issuer: DevelopmentIssuer, _ name: String = issuerName) throws -> String {
    try issuer.token(claims: Claims(issuer: name, subject: "s"))
  }

  @Test func `keys by jwksUri verify, and a new key is fetched when a token names it`() throws {
    let (first, second) = (try Self.issuer("one"), try Self.issuer("two"))
    let provider = try Provider(first)
    let server = try CountersignProcess(
      policies: Self.policies("jwksUri: \"http://127.0.0.1:\(provider.port)/keys\""))
    let envoy = try EnvoyProcess(asking: server)
    #expect(try envoy.get("/", token: token(first)).status == 200)
    #expect(try envoy.get("/").status == 403)
    #expect(provider.fetches == 1)
    let early = try envoy.get("/", token: token(second))
    #expect(early.status == 401 && early.body == "Jwks doesn't have key to match kid or alg from Jwt")

    let third = try Self.issuer("three")
    provider.publish(DevelopmentIssuer(name: Self.issuerName, keys: first.keys + third.keys))
    // Slow, so that the checks meet while it runs.
    provider.flags.delay = 300
    let before = provider.fetches
    let statuses = Shared("")
    let group = DispatchGroup()
    let port = envoy.port
    for _ in 0..<8 {
      let text = try token(third)
      DispatchQueue.global().async(group: group) {
        let headers = [("Authorization", "Bearer \(text)")]
        let status = (try? HTTPClient.request(port: port, "/", headers: headers).status) ?? 0
        statuses.append("\(status) ")
      }
    }
    group.wait()
    #expect(statuses.value == String(repeating: "200 ", count: 8))
    #expect(provider.fetches - before <= 2)
    #expect(try envoy.get("/", token: token(first)).status == 200)
    #expect(try server.metric("countersign_jwks_keys") == 2)
    let label = "provider=\"istio-system/remote[0]\""
    #expect(try server.metric("countersign_jwks_unknown_kid_total", label, "action=\"wait\"") > 0)
    #expect(try server.metric("countersign_jwks_fetches_total", label, "result=\"changed\"") == 2)
  }

  @Test func `an inline set is a provider among the metrics, which all say what they are from the start`()
    throws
  {
    let set = try Self.issuer("one").publicJWKSet.replacingOccurrences(of: "\"", with: "\\\"")
    let server = try CountersignProcess(policies: Self.policies("jwks: \"\(set)\""))
    let label = "provider=\"istio-system/remote[0]\""
    #expect(try server.metric("countersign_jwks_keys", label) == 1)
    #expect(try server.metric("countersign_jwks_stale", label) == 0)
    let page = try HTTPClient.request(port: server.adminPort, "/metrics").body
    for name in ["fetches_total", "age_seconds", "keys", "stale", "unknown_kid_total"] {
      #expect(page.contains("# HELP countersign_jwks_\(name) "))
      #expect(page.contains("# TYPE countersign_jwks_\(name) "))
    }
    #expect(page.contains("countersign_jwks_age_seconds{\(label)} "))
  }

  @Test func `a key that left the set verifies no more once that was fetched`() throws {
    let (first, second) = (try Self.issuer("one"), try Self.issuer("two"))
    let provider = try Provider(first)
    let server = try CountersignProcess(
      policies: Self.policies("jwksUri: \"http://127.0.0.1:\(provider.port)/keys\""))
    let envoy = try EnvoyProcess(asking: server)
    #expect(try envoy.get("/", token: token(first)).status == 200)
    provider.publish(second)
    #expect(try envoy.get("/", token: token(second)).status == 200)
    #expect(try envoy.get("/", token: token(first)).status == 401)
  }

  @Test func `discovery finds the set from the issuer`() throws {
    let issuer = try Self.issuer("one")
    let provider = try Provider(issuer)
    let name = "http://127.0.0.1:\(provider.port)"
    let server = try CountersignProcess(policies: Self.policies("", issuer: name))
    let envoy = try EnvoyProcess(asking: server)
    #expect(try envoy.get("/", token: token(issuer, name)).status == 200)
  }

  @Test func `without keys tokens are refused as Envoy does, and requests without one are not`() throws {
    let issuer = try Self.issuer("one")
    let provider = try Provider(issuer)
    provider.flags.isDown = true
    let server = try CountersignProcess(
      policies: Self.policies("jwksUri: \"http://127.0.0.1:\(provider.port)/keys\""))
    let envoy = try EnvoyProcess(asking: server)
    let refused = try envoy.get("/", token: token(issuer))
    #expect(refused.status == 401 && refused.body == "Jwks remote fetch is failed")
    #expect(try envoy.get("/").status == 403)
    #expect(server.child.output.contains("the transfer broke off"))
    provider.flags.isDown = false
    // The next attempt comes after about a second.
    try server.child.wait("keys have come") { (try? envoy.get("/", token: token(issuer)).status) == 200 }
  }

  @Test func `an outage refuses nobody, and a restart in it opens with the keys on disk`() throws {
    let issuer = try Self.issuer("one")
    let provider = try Provider(issuer)
    let folder = try Folder()
    let state = folder.url.appendingPathComponent("state/keys")
    let file = try folder.write("c.yaml", "jwks: {stateFolder: \(state.path)}\n")
    let policies = Self.policies("jwksUri: \"http://127.0.0.1:\(provider.port)/keys\"")
    let text = try token(issuer)
    do {
      let server = try CountersignProcess(policies: policies, arguments: ["--config", file])
      #expect(try EnvoyProcess(asking: server).get("/", token: text).status == 200)
    }
    let saved = try FileManager.default.contentsOfDirectory(at: state, includingPropertiesForKeys: nil)
    #expect(saved.count == 1)
    let attributes = try FileManager.default.attributesOfItem(atPath: saved[0].path)
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    provider.flags.isDown = true
    do {
      let server = try CountersignProcess(policies: policies, arguments: ["--config", file])
      #expect(try EnvoyProcess(asking: server).get("/", token: text).status == 200)
      #expect(try server.metric("countersign_jwks_stale") == 1)
    }
    // Damaged, it is refused, told, and fetched anew.
    try Data("countersign-keys 1 00\nnonsense".utf8).write(to: saved[0])
    provider.flags.isDown = false
    let server = try CountersignProcess(policies: policies, arguments: ["--config", file])
    #expect(server.child.output.contains("the checksum does not fit"))
    #expect(try EnvoyProcess(asking: server).get("/", token: text).status == 200)
  }

  @Test func `a check that comes before the first fetch has landed waits for it`() throws {
    let issuer = try Self.issuer("one")
    let provider = try Provider(issuer)
    provider.flags.delay = 1_500
    let folder = try Folder()
    let file = try folder.write("c.yaml", "jwks: {waitForKeys: false}\n")
    let server = try CountersignProcess(
      policies: Self.policies("jwksUri: \"http://127.0.0.1:\(provider.port)/keys\""),
      arguments: ["--config", file])
    let envoy = try EnvoyProcess(asking: server)
    #expect(try envoy.get("/", token: token(issuer)).status == 200)
  }

  @Test func `a flood of invented key IDs costs the provider its bucket alone`() throws {
    let issuer = try Self.issuer("one")
    let provider = try Provider(issuer)
    let server = try CountersignProcess(
      policies: Self.policies("jwksUri: \"http://127.0.0.1:\(provider.port)/keys\""))
    let envoy = try EnvoyProcess(asking: server)
    let key = issuer.keys[0]
    let start = Date()
    for index in 0..<300 {
      let forged = try Mint.token(
        headerOctets: Array("{\"alg\":\"ES256\",\"kid\":\"x\(index)\"}".utf8),
        payloadOctets: Array("{\"iss\":\"\(Self.issuerName)\"}".utf8), key: key.signingKey,
        algorithm: key.algorithm)
      #expect(try envoy.get("/", token: forged).status == 401)
    }
    let seconds = Date().timeIntervalSince(start)
    #expect(Double(provider.fetches) <= 12 + seconds)
    #expect(try server.metric("countersign_jwks_unknown_kid_total", "action=\"limited\"") > 0)
    #expect(try envoy.get("/", token: token(issuer)).status == 200)
  }
}
