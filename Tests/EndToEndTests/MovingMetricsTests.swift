import Foundation
import Issuer
import Signatures
import TestSupport
import Testing
import WebTestServer

/// Each metric moves when what it counts happens: a scenario in which everything happens, and no family of the page
/// stands still.
@Suite(.enabled(if: Tools.hasEnvoy), .serialized)
struct MovingMetricsTests {
  /// Those that a run cannot move, and where they are tried instead.
  private static let still: Set<String> = [
    // Constants.
    "countersign_build_info", "process_start_time_seconds", "process_max_fds",
    // The listener of this scenario has no TLS: MutualTLSTests.
    "countersign_tls_handshakes_total", "countersign_tls_broken_connections_total",
    "countersign_tls_certificate_not_after_timestamp_seconds",
    // Envoy and curl keep to the limit that they are told: HTTPTests.
    "countersign_http2_refused_streams_total",
    // They move when the allocator likes.
    "jemalloc_metadata_bytes", "jemalloc_mapped_bytes", "jemalloc_retained_bytes", "jemalloc_resident_bytes",
    "process_virtual_memory_bytes", "jemalloc_active_bytes",
  ]

  private final class World {
    let folder: Folder
    let issuer: DevelopmentIssuer
    let unknown: DevelopmentIssuer
    let provider: RemoteKeysTests.Provider
    let server: CountersignProcess
    let envoy: EnvoyProcess
    var pages: [[String: String]] = []

    init() throws {
      folder = try Folder()
      issuer = try RemoteKeysTests.issuer("known")
      unknown = try RemoteKeysTests.issuer("unknown")
      provider = try RemoteKeysTests.Provider(issuer)
      try folder.write("policies/p.yaml", Self.policies(provider.port))
      let file = try folder.write(
        "countersign.yaml",
        """
        policies: [policies]
        threads: 1
        idleTimeout: 1s
        metrics: {ruleHits: true}
        decisionLog: {sink: /dev/full}
        jwks: {unknownKeyMemory: 1s}
        limits: {parkedChecks: 1, checkHeaders: 40, tokenCacheBytes: 65536, connections: 6}
        """)
      server = try CountersignProcess(folder: folder, arguments: ["--config", file])
      envoy = try EnvoyProcess(asking: server)
    }

    static func policies(_ port: UInt16) -> String {
      func rule(_ name: String, _ spec: String, _ annotations: String = "") -> String {
        """
        ---
        apiVersion: security.istio.io/v1
        kind: AuthorizationPolicy
        metadata: {name: \(name), namespace: istio-system\(annotations)}
        spec: {\(spec)}

        """
      }
      let paths = "rules: [{to: [{operation: {paths: [\"/denied*\"]}}]}]"
      return """
        apiVersion: security.istio.io/v1
        kind: RequestAuthentication
        metadata: {name: remote, namespace: istio-system}
        spec: {jwtRules: [{issuer: "\(RemoteKeysTests.issuerName)", jwksUri: "http://127.0.0.1:\(port)/keys"}]}

        """ + rule("deny", "action: DENY, \(paths)") + rule("watch", "action: AUDIT, \(paths)")
          + rule("planned", "action: DENY, rules: [{}]", ", annotations: {\"istio.io/dry-run\": \"true\"}")
    }

    /// Keeps what the page says now, by family.
    func look() throws {
      let text = try HTTPClient.request(port: server.adminPort, "/metrics").body
      var page: [String: String] = [:]
      var family = ""
      for line in text.split(separator: "\n") {
        if line.hasPrefix("# TYPE ") {
          family = String(line.split(separator: " ")[2])
          page[family] = page[family] ?? ""
        } else if !line.hasPrefix("#") {
          page[family]? += line + "\n"
        }
      }
      pages.append(page)
    }

    /// Calls the check port itself.
    func call(_ body: [UInt8], _ arguments: String...) throws {
      let file = folder.url.appendingPathComponent("body")
      try Data(body).write(to: file)
      let child = try Child(
        URL(fileURLWithPath: "/usr/bin/curl"),
        [
          "-s", "--max-time", "5", "--http2-prior-knowledge", "-H", "content-type: application/grpc", "-H",
          "te: trailers", "--data-binary", "@\(file.path)", "-o", "/dev/null",
        ] + arguments + [
          "http://127.0.0.1:\(server.grpcPort)/envoy.service.auth.v3.Authorization/Check"
        ], log: folder.url.appendingPathComponent("curl.log"))
      _ = child.exitCode(within: 10)
    }

    func token(of issuer: DevelopmentIssuer, _ subject: String = "s") throws -> String {
      try issuer.token(claims: Claims(issuer: issuer.name, subject: subject))
    }
  }

  @Test func `no metric stands still in a scenario in which everything happens`() throws {
    let world = try World()
    try world.look()
    try askAndReload(world)
    try breakRules(world)
    try waitForKeys(world)
    try crowd(world)
    try world.server.child.wait("an idle connection is told to go") {
      ((try? world.server.metric("countersign_goaways_total", "idle")) ?? 0) > 0
    }
    try world.look()
    let families = Set(world.pages.flatMap(\.keys))
    let moved = families.filter { family in Set(world.pages.map { $0[family] ?? "" }).count > 1 }
    let stuck = families.subtracting(moved).subtracting(Self.still)
    #expect(stuck.isEmpty, "\(stuck.sorted())")
    // And nothing is excused that is not there.
    #expect(Self.still.isSubset(of: families), "\(Self.still.subtracting(families).sorted())")
    for result in ["success", "failure"] {
      #expect(try world.server.metric("countersign_reloads_total", result) >= 1)
    }
    for action in ["AUDIT", "DENY"] {
      #expect(try world.server.metric("countersign_policy_decisions_total", "action=\"\(action)\"") >= 1)
    }
  }

  private func askAndReload(_ world: World) throws {
    #expect(try world.envoy.get("/").status == 200)
    #expect(try world.envoy.get("/denied").status == 403)
    // More tokens than the cache has room for, twice each.
    for subject in 0..<60 {
      let token = try world.token(of: world.issuer, "\(subject)" + String(repeating: "x", count: 200))
      for _ in 0..<2 { #expect(try world.envoy.get("/", token: token).status == 200) }
    }
    try world.look()
    for (text, result) in [("kind: [", "failure"), (World.policies(world.provider.port) + "\n", "success")] {
      try world.folder.write("policies/p.yaml", text)
      try world.server.child.wait("a reload ends with \(result)") {
        ((try? world.server.metric("countersign_reloads_total", result)) ?? 0) > 0
      }
    }
  }

  private func breakRules(_ world: World) throws {
    try world.call([0, 0, 0, 0, 2, 0x0A, 0xFF])
    try world.call([0, 0, 0, 0, 0], "-H", "grpc-timeout: 1n")
    try world.call([0, 0, 0, 0, 0], "-X", "GET")
    let many = (0..<60).map { ("x-many-\($0)", "v") }
    #expect(try world.envoy.get("/", headers: many).status == 431)
  }

  /// A key that nobody has, at a provider that takes its time and then fails.
  private func waitForKeys(_ world: World) throws {
    world.provider.flags.delay = 1_500
    let token = try world.token(of: world.unknown)
    let port = world.envoy.port
    // Two that wait, of which one finds no room.
    let asking = (0..<2).map { _ in
      Foundation.Thread {
        _ = try? HTTPClient.request(port: port, "/", headers: [("Authorization", "Bearer \(token)")])
      }
    }
    for thread in asking { thread.start() }
    try world.server.child.wait("a check waits") {
      ((try? world.server.metric("countersign_checks_in_flight")) ?? 0) == 1
        && ((try? world.server.metric("countersign_parking_full_total")) ?? 0) >= 1
    }
    try world.look()
    #expect(try world.server.metric("countersign_streams") >= 1)
    try world.server.child.wait("it is answered") {
      ((try? world.server.metric("countersign_checks_in_flight")) ?? 1) == 0
    }
    // A client that goes away while its check waits: the proxy cancels it.
    world.provider.flags.delay = 3_000
    let other = try world.token(of: try RemoteKeysTests.issuer("unknown too"))
    let leaving = try Child(
      URL(fileURLWithPath: "/usr/bin/curl"),
      ["-s", "--max-time", "0.5", "-H", "Authorization: Bearer \(other)", "http://127.0.0.1:\(port)/"],
      log: world.folder.url.appendingPathComponent("leaving.log"))
    _ = leaving.exitCode(within: 10)
    try world.server.child.wait("the proxy cancels it") {
      ((try? world.server.metric("countersign_resets_total", "peer")) ?? 0) >= 1
    }
    // Another key joins the first.
    world.provider.publish(
      DevelopmentIssuer(name: world.issuer.name, keys: world.issuer.keys + world.unknown.keys))
    try world.server.child.wait("the new key has come") {
      _ = try? world.envoy.get("/", token: other)
      return ((try? world.server.metric("countersign_jwks_keys")) ?? 0) == 2
    }
    world.provider.flags.isDown = true
    let third = try world.token(of: try RemoteKeysTests.issuer("unknown as well"))
    try world.server.child.wait("the provider fails") {
      _ = try? world.envoy.get("/", token: third)
      return ((try? world.server.metric("countersign_jwks_stale")) ?? 0) == 1
    }
    try world.look()
  }

  private func crowd(_ world: World) throws {
    let sockets = try (0..<8).map { _ in try OpenSocket(port: world.server.grpcPort) }
    try world.server.child.wait("one connection too many") {
      ((try? world.server.metric("countersign_connections_refused_total", "limit")) ?? 0) >= 1
    }
    try world.look()
    _ = sockets.count
  }
}

/// A connection on which nothing is said.
private final class OpenSocket {
  private let descriptor: Int32

  init(port: UInt16) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = descriptor
    let result = unsafe withUnsafePointer(to: &address) { start in
      unsafe start.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(descriptor, $0, length)
      }
    }
    if result != 0 { throw Failure("no connection to \(port)") }
  }

  deinit { close(descriptor) }
}
