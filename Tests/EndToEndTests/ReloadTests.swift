import Foundation
import Issuer
import Signatures
import System
import Testing

/// Policies change while the service runs.
@Suite struct ReloadTests {
  /// A server whose policies lie in a folder of the test's, and an Envoy that asks it.
  private struct Running {
    let folder: Folder
    let server: CountersignProcess
    let envoy: EnvoyProcess

    init(_ policies: String, configuration: String = "") throws {
      folder = try Folder()
      try folder.write("policies/a.yaml", policies)
      let file = try folder.write("countersign.yaml", "policies: [policies]\n" + configuration)
      server = try CountersignProcess(arguments: ["--config", file])
      envoy = try EnvoyProcess(asking: server)
    }

    func status(_ path: String = "/") throws -> Int { try envoy.get(path).status }

    /// Waits until the answer is another one.
    func becomes(_ status: Int, _ path: String = "/") throws {
      try server.child.wait("\(path) is answered \(status)") { (try? self.status(path)) == status }
    }

    func verbose() throws -> String {
      try HTTPClient.request(port: server.adminPort, "/readyz?verbose").body
    }
  }

  private static func rule(_ name: String, _ action: String, _ path: String) -> String {
    """
    ---
    apiVersion: security.istio.io/v1
    kind: AuthorizationPolicy
    metadata: {name: \(name), namespace: istio-system}
    spec: {action: \(action), rules: [{to: [{operation: {paths: ["\(path)"]}}]}]}

    """
  }

  @Test(.enabled(if: Tools.hasEnvoy))
  func `a changed file, a new one and a removed one take effect without a restart`() throws {
    let running = try Running(Self.rule("a", "DENY", "/a"))
    #expect(try running.status("/a") == 403 && running.status("/b") == 200)
    try running.folder.write("policies/a.yaml", Self.rule("a", "DENY", "/b"))
    try running.becomes(403, "/b")
    #expect(try running.status("/a") == 200)
    try running.folder.write("policies/deep/er/b.yaml", Self.rule("b", "DENY", "/a"))
    try running.becomes(403, "/a")
    // A folder that came later is watched too.
    try running.folder.write("policies/deep/er/b.yaml", Self.rule("b", "DENY", "/c"))
    try running.becomes(403, "/c")
    try FileManager.default.removeItem(at: running.folder.url.appendingPathComponent("policies/deep"))
    try running.becomes(200, "/c")
    #expect(try running.status("/b") == 403)
    #expect(try running.server.metric("countersign_policy_generation") >= 5)
    #expect(try running.server.metric("countersign_reloads_total", "success") >= 4)
  }

  @Test(.enabled(if: Tools.hasEnvoy))
  func `a policy that is a link is loaded when the file that it leads to changes, wherever that lies`() throws
  {
    let running = try Running(Self.rule("a", "DENY", "/a"))
    let target = try running.folder.write("elsewhere/b.yaml", Self.rule("b", "DENY", "/b"))
    try FileManager.default.createSymbolicLink(
      atPath: running.folder.url.appendingPathComponent("policies/b.yaml").path, withDestinationPath: target)
    try running.becomes(403, "/b")
    try running.folder.write("elsewhere/b.yaml", Self.rule("b", "DENY", "/c"))
    try running.becomes(403, "/c")
    #expect(try running.status("/b") == 200)
  }

  @Test(.enabled(if: Tools.hasEnvoy))
  func `what is wrong is told with its place, and the policies of before stay`() throws {
    let running = try Running(Self.rule("a", "DENY", "/a"))
    let before = try running.server.metric("countersign_last_reload_success_timestamp_seconds")
    #expect(before > 1_700_000_000)
    try running.folder.write(
      "policies/a.yaml", Self.rule("a", "DENY", "/b").replacingOccurrences(of: "paths", with: "pahts"))
    let child = running.server.child
    try child.wait("it is told") { child.output.contains("reload refused") }
    #expect(child.output.contains("a.yaml:5:49: error: unknown field `pahts`"), "\(child.output)")
    #expect(child.output.contains("did you mean `paths`?"))
    #expect(try running.status("/a") == 403 && running.status("/b") == 200)
    #expect(try running.server.metric("countersign_reloads_total", "failure") == 1)
    #expect(try running.server.metric("countersign_policy_generation") == 1)
    let told = try running.verbose()
    #expect(told.contains("[!] reload: refused") && told.contains("a.yaml:5:37") && told.hasSuffix("ready\n"))
    // Neither does a folder without any policy open the gate.
    try running.folder.write("policies/a.yaml", "# nothing\n")
    try child.wait("it is told again") {
      ((try? running.server.metric("countersign_reloads_total", "failure")) ?? 0) == 2
    }
    #expect(try running.status("/a") == 403)
    try running.folder.write("policies/a.yaml", Self.rule("a", "DENY", "/b"))
    try running.becomes(403, "/b")
    // Workers go over a moment before the main thread takes the note back.
    try child.wait("the note is taken back") { (try? running.verbose().contains("reload")) == false }
  }

  @Test(.enabled(if: Tools.hasEnvoy))
  func `SIGHUP loads too, the configuration file as well, and tells what takes a restart`() throws {
    let workloads = """
      workloads: [{name: w, namespace: istio-system, labels: {app: istio-ingressgateway}}]
      defaultWorkload: w

      """
    let running = try Running(
      Self.rule("a", "DENY", "/a")
        + Self.rule("b", "DENY", "/b").replacingOccurrences(
          of: "namespace: istio-system", with: "namespace: other"),
      configuration: workloads + "allowUnused: true\n")
    #expect(try running.status("/a") == 403 && running.status("/b") == 200)
    let generation = try running.server.metric("countersign_policy_generation")
    running.server.child.send(SIGHUP)
    try running.server.child.wait("it has loaded") {
      ((try? running.server.metric("countersign_policy_generation")) ?? 0) > generation
    }
    try running.folder.write(
      "countersign.yaml",
      "policies: [policies]\nallowUnused: true\nrootNamespace: other\nlimits: {streams: 7}\n" + workloads)
    try running.becomes(403, "/b")
    try running.folder.write("countersign.yaml", "polices: [policies]\n" + workloads)
    let child = running.server.child
    try child.wait("the configuration's error is told") {
      child.output.contains("countersign.yaml:1:1: error: unknown key `polices`; did you mean `policies`?")
    }
    #expect(!child.output.contains("CommandFailure"))
    #expect(try running.status("/b") == 403)
    let output = child.output
    #expect(output.contains("changed, needs a restart: limits.streams"), "\(output)")
    #expect(child.isRunning)
  }

  @Test func `times of the end apply at a reload, keys that need a restart are named, and flags win`() throws
  {
    let folder = try Folder()
    try folder.write("policies/a.yaml", Self.rule("a", "DENY", "/a"))
    let file = try folder.write("countersign.yaml", "policies: [policies]\ndrainDelay: 1h\n")
    let server = try CountersignProcess(
      folder: folder, arguments: ["--config", file, "--threads", "1"])
    try folder.write(
      "countersign.yaml",
      """
      policies: [policies]
      drainDelay: 1500ms
      shutdownTimeout: 7s
      threads: 2
      listeners: {grpc: "127.0.0.1:1", unixMode: "0600"}
      limits: {connections: 9, jwksKeys: 9}
      decisionLog: {sink: stdout}

      """)
    try server.child.wait("it has loaded") { server.child.output.contains("reloaded") }
    let output = server.child.output
    // Flags say what `threads` and `listeners.grpc` are: nothing has changed there.
    #expect(
      output.contains(
        "changed, needs a restart: listeners.unixMode, decisionLog.sink, limits.connections\n"), "\(output)")
    server.child.send(SIGTERM)
    #expect(server.child.exitCode(within: 20) == 0, "\(server.child.output)")
    #expect(
      server.child.output.contains("1500 ms") && server.child.output.contains("7 s"), "\(server.child.output)"
    )
  }

  @Test func `a reload before the first provider has answered does not keep the service from being ready`()
    throws
  {
    let folder = try Folder()
    // Connects, and is never answered.
    let silent = try SilentListener()
    let remote = TestIssuer.requestAuthentication(issuer: "me", jwks: "x").replacingOccurrences(
      of: "jwks: 'x'", with: "jwksUri: http://127.0.0.1:\(silent.port)/")
    try folder.write("policies/a.yaml", remote)
    let child = try Child(
      Tools.countersign,
      [
        "serve", "--policies", folder.url.appendingPathComponent("policies").path, "--workload",
        "istio-system/app=istio-ingressgateway", "--grpc", "127.0.0.1:0", "--admin", "127.0.0.1:0",
        "--log-format", "text",
      ], log: folder.url.appendingPathComponent("log"))
    try child.wait("it listens") { child.output.contains("listener=admin") }
    let port = try #require(
      child.output.firstMatch(of: /address=127\.0\.0\.1:(\d+) listener=admin/).flatMap { UInt16($0.1) })
    #expect(try HTTPClient.request(port: port, "/readyz").status == 503)
    try folder.write("policies/a.yaml", try TestIssuer().requestAuthentication())
    try child.wait("it is ready", within: 4) {
      (try? HTTPClient.request(port: port, "/readyz").status) == 200
    }
    #expect(child.output.contains("generation=2"), "\(child.output)")
  }

  @Test(.enabled(if: Tools.hasEnvoy))
  func `the exchange of links of a mounted ConfigMap is one reload`() throws {
    let folder = try Folder()
    try folder.write("policies/..1/a.yaml", Self.rule("a", "DENY", "/a"))
    try folder.write("policies/..2/a.yaml", Self.rule("a", "DENY", "/b"))
    let policies = folder.url.appendingPathComponent("policies")
    let data = policies.appendingPathComponent("..data").path
    try FileManager.default.createSymbolicLink(atPath: data, withDestinationPath: "..1")
    try FileManager.default.createSymbolicLink(
      atPath: policies.appendingPathComponent("a.yaml").path, withDestinationPath: "..data/a.yaml")
    let server = try CountersignProcess(arguments: ["--policies", policies.path])
    let envoy = try EnvoyProcess(asking: server)
    #expect(try envoy.get("/a").status == 403)
    try FileManager.default.createSymbolicLink(atPath: data + "_tmp", withDestinationPath: "..2")
    #expect(unsafe rename(data + "_tmp", data) == 0)
    try server.child.wait("the new policy decides") { (try? envoy.get("/b").status) == 403 }
    #expect(try envoy.get("/a").status == 200)
    #expect(try server.metric("countersign_policy_generation") == 2)
  }

  @Test func `reloads under load fail no check, and no verdict is neither the old nor the new one's`() throws
  {
    let folder = try Folder()
    let issuer = DevelopmentIssuer(name: "me", keys: [try IssuerKey.generate(for: .es256, keyID: "load")])
    let key = try folder.write("key.jwk", issuer.keys[0].privateJWK)
    let set = issuer.publicJWKSet.replacingOccurrences(of: "\"", with: "\\\"")
    let policies = RemoteKeysTests.policies("jwks: \"\(set)\"", issuer: "me")
    let file = try folder.write("policies/policies.yaml", policies)
    let server = try CountersignProcess(arguments: ["--policies", file])
    let report = folder.url.appendingPathComponent("report.json")
    let load = try Child(
      LoadToolTests.tool,
      [
        "127.0.0.1:\(server.grpcPort)", "--key", key, "--issuer", "me", "--duration", "6", "--tokens", "50",
        "--anonymous", "0.3", "--bad", "0.2", "--json", report.path, "--require-honest",
      ], log: folder.url.appendingPathComponent("load.log"))
    var writes = 0
    while load.isRunning {
      // A valid one that says something else elsewhere, a broken one.
      let more = writes % 2 == 0 ? Self.rule("more", "DENY", "/nowhere/\(writes)") : "kind: [broken"
      try folder.write("policies/policies.yaml", policies + more)
      writes += 1
      Foundation.Thread.sleep(forTimeInterval: 0.15)
    }
    #expect(load.exitCode(within: 30) == 0, "\(load.output)")
    let object = try JSONSerialization.jsonObject(with: Data(contentsOf: report)) as? [String: Any]
    let read = try #require(object)
    for (name, status) in [("honest", nil), ("anonymous", "403"), ("bad", "401")] {
      let one = try #require(read[name] as? [String: Any])
      let count = try #require(one["sent"] as? Int)
      #expect(count > 100, "\(name)")
      if let status {
        #expect((one["denied"] as? [String: Int]) == [status: count], "\(name)")
      } else {
        #expect(one["allowed"] as? Int == count, "\(name)")
      }
    }
    #expect(try server.metric("countersign_reloads_total", "success") > 5)
    #expect(try server.metric("countersign_reloads_total", "failure") > 5)
  }
}

/// Takes connections into its backlog and says nothing.
private final class SilentListener {
  private let holder: Holder
  var port: UInt16 { holder.port }

  init() throws { holder = try Holder() }

  private struct Holder: ~Copyable {
    let listener: Listener
    let port: UInt16

    init() throws {
      listener = try Listener(try ListenAddress("127.0.0.1:0"))
      let text = listener.address.description.split(separator: ":").last ?? ""
      port = UInt16(text) ?? 0
    }
  }
}
