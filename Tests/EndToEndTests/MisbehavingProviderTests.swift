import Foundation
import Issuer
import Signatures
import Synchronization
import Testing
import WebTestServer

/// Providers of keys that answer badly, behind the real Envoy: none takes keys away, fills the memory or delays
/// another.
@Suite(.enabled(if: Tools.hasEnvoy), .serialized)
struct MisbehavingProviderTests {
  /// How a provider answers; its name is its path.
  enum Manner: String, CaseIterable {
    case good, slow, stalling, trickling, truncating, huge, html, list, empty, refusing, breaking
    case redirecting, looping, leaving, metadata, flapping

    /// Whether keys come of it.
    var works: Bool { [.good, .slow, .redirecting, .flapping].contains(self) }

    /// The result that the metrics show.
    var result: String {
      switch self {
      case .good, .slow, .redirecting, .flapping: "changed"
      case .stalling, .trickling: "timeout"
      case .truncating, .breaking: "broken"
      case .huge: "too_long"
      case .html, .list, .empty: "no_key_set"
      case .refusing: "status"
      case .looping, .leaving, .metadata: "redirect"
      }
    }
  }

  /// One server for all of them.
  final class Providers: Sendable {
    let server: WebTestServer
    /// From now on all answer well.
    let mended = Shared()

    init(_ keys: String) throws {
      let mended = self.mended
      let turns = Mutex(0)
      server = try WebTestServer { request in
        let name = String(request.target.dropFirst())
        if name == "target" || mended.value { return WebTestServer.answer(keys) }
        guard let manner = Manner(rawValue: name) else { return WebTestServer.answer("", status: "404 No") }
        let turn = turns.withLock { turns in
          if manner == .flapping { turns += 1 }
          return turns
        }
        return Self.answer(manner, keys, host: request.headers["host"] ?? "", turn: turn)
      }
    }

    final class Shared: Sendable {
      private let stored = Mutex(false)
      var value: Bool {
        get { stored.withLock { $0 } }
        set { stored.withLock { $0 = newValue } }
      }
    }

    private static func answer(
      _ manner: Manner, _ keys: String, host: String, turn: Int
    ) -> [WebTestServer.Step] {
      let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n"
      func moved(_ place: String) -> [WebTestServer.Step] {
        WebTestServer.answer("", status: "302 Found", headers: ["Location: \(place)"])
      }
      switch manner {
      case .good: return WebTestServer.answer(keys)
      case .slow: return [.wait(milliseconds: 400)] + WebTestServer.answer(keys)
      case .stalling: return [.send(Array((head + "{").utf8)), .wait(milliseconds: 20_000)]
      case .trickling:
        return [.send(Array(head.utf8))]
          + (0..<40).flatMap { _ in [.send([0x20]), .wait(milliseconds: 100)] as [WebTestServer.Step] }
      case .truncating: return [.send(Array((head + keys).utf8))]
      case .huge:
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
        return [.send(Array(head.utf8)), .flood([UInt8](repeating: 0x20, count: 1 << 20))]
      case .html:
        return WebTestServer.answer("<html>sign in</html>", headers: ["Content-Type: text/html"])
      case .list: return WebTestServer.answer("[]")
      case .empty: return WebTestServer.answer("")
      case .refusing: return WebTestServer.answer("{}", status: "503 Service Unavailable")
      case .breaking: return [.reset]
      case .redirecting: return moved("http://\(host)/target")
      case .looping: return moved("http://\(host)/looping")
      case .leaving: return moved("http://localhost:\(host.split(separator: ":").last ?? "1")/target")
      case .metadata: return moved("http://169.254.169.254/latest")
      case .flapping:
        return turn % 2 == 1
          ? WebTestServer.answer(keys) : WebTestServer.answer("", status: "500 Internal Server Error")
      }
    }
  }

  private func policies(_ port: UInt16) -> String {
    let rules = Manner.allCases.map {
      "    - {issuer: \($0.rawValue), jwksUri: \"http://127.0.0.1:\(port)/\($0.rawValue)\", timeout: 1s}"
    }
    return """
      apiVersion: security.istio.io/v1
      kind: RequestAuthentication
      metadata: {name: many, namespace: istio-system}
      spec:
        jwtRules:
      \(rules.joined(separator: "\n"))

      """
  }

  private let key: IssuerKey
  init() throws { key = try IssuerKey.generate(for: .edDSA, keyID: "one") }

  private func token(_ manner: Manner, _ key: IssuerKey? = nil) throws -> String {
    try DevelopmentIssuer(name: manner.rawValue, keys: [key ?? self.key])
      .token(claims: Claims(issuer: manner.rawValue, subject: "s"))
  }

  @Test func `each is told by its kind, none delays another, and all are believed once they answer well`()
    throws
  {
    let providers = try Providers(DevelopmentIssuer(name: "", keys: [key]).publicJWKSet)
    let started = Date()
    let server = try CountersignProcess(policies: policies(providers.server.port))
    // Every one has a second: together they take little more, since none waits for another.
    #expect(Date().timeIntervalSince(started) < 10)
    let envoy = try EnvoyProcess(asking: server)
    for manner in Manner.allCases {
      let answer = try envoy.get("/", token: token(manner))
      let label = "provider=\"istio-system/many[\(Manner.allCases.firstIndex(of: manner) ?? 0)]\""
      let results = try server.metric(
        "countersign_jwks_fetches_total", label, "result=\"\(manner.result)\"")
      #expect(results >= 1, "\(manner)")
      if manner.works {
        #expect(answer.status == 200, "\(manner): \(answer.body)")
      } else {
        #expect(answer.status == 401 && answer.body == "Jwks remote fetch is failed", "\(manner): \(answer)")
        #expect(try server.metric("countersign_jwks_keys", label) == 0)
      }
    }
    // Ten endless megabytes and more have cost no memory: each fetch is cut off at its limit.
    #expect(try server.metric("process_resident_memory_bytes") < 200_000_000)
    providers.mended.value = true
    for manner in Manner.allCases where !manner.works {
      let token = try token(manner)
      try server.child.wait("\(manner) has mended") { (try? envoy.get("/", token: token).status) == 200 }
    }
  }

  @Test func `keys that are there stay, whatever comes after them`() throws {
    let providers = try Providers(DevelopmentIssuer(name: "", keys: [key]).publicJWKSet)
    providers.mended.value = true
    let server = try CountersignProcess(policies: policies(providers.server.port))
    let envoy = try EnvoyProcess(asking: server)
    providers.mended.value = false
    let stranger = try IssuerKey.generate(for: .edDSA, keyID: "two")
    for manner in Manner.allCases {
      // A key ID that is not there makes the provider answer once more, in its manner.
      #expect(try envoy.get("/", token: token(manner, stranger)).status == 401, "\(manner)")
      #expect(try envoy.get("/", token: token(manner)).status == 200, "\(manner)")
    }
    #expect(try server.metric("countersign_jwks_stale") >= 10)
    #expect(try server.metric("countersign_jwks_keys") == Double(Manner.allCases.count))
  }
}
