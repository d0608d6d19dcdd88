import Foundation
import TestSupport
import Testing

/// deploy/envoy/mtls, run as it stands but for ports and places of files; and certificates that change.
@Suite(.enabled(if: Tools.hasEnvoy), .serialized)
struct MutualTLSTests {
  private static let example = Vectors.packageFolder.appendingPathComponent("deploy/envoy/mtls")
  private static let gateway =
    "spiffe://cluster.local/ns/istio-system/sa/istio-ingressgateway-service-account"

  /// The example's three parts in a folder of its own.
  private final class Running {
    let folder: Folder
    let server: CountersignProcess
    private let issuer: TestIssuer
    private(set) var envoy: Child?
    let port: UInt16

    init() throws {
      folder = try Folder()
      issuer = try TestIssuer()
      try folder.write(
        ".quickstart/policies/p.yaml", issuer.requestAuthentication() + TestIssuer.denyWithoutToken)
      try Self.makeCertificates(folder.url.appendingPathComponent(".mtls"), folder)
      for name in ["countersign.yaml", "envoy.yaml"] {
        try folder.write(
          "deploy/envoy/mtls/\(name)",
          try String(contentsOf: MutualTLSTests.example.appendingPathComponent(name), encoding: .utf8))
      }
      let file = folder.url.appendingPathComponent("deploy/envoy/mtls/countersign.yaml").path
      server = try CountersignProcess(
        folder: folder, workload: "istio-system/app=istio-ingressgateway", arguments: ["--config", file])
      port = try Tools.freePort()
    }

    static func makeCertificates(_ target: URL, _ folder: Folder) throws {
      let made = try Child(
        MutualTLSTests.example.appendingPathComponent("certificates"), [target.path],
        log: folder.url.appendingPathComponent("certificates.log"))
      guard made.exitCode(within: 30) == 0 else { throw Failure("no certificates:\n\(made.output)") }
    }

    /// Starts the example's Envoy, and waits until it answers.
    func startEnvoy() throws {
      guard let program = Tools.envoy else { throw Failure("no Envoy") }
      // The one of before would take half of the connections.
      envoy = nil
      let text = try String(
        contentsOf: MutualTLSTests.example.appendingPathComponent("envoy.yaml"), encoding: .utf8
      )
      .replacingOccurrences(of: "port_value: 8080", with: "port_value: \(port)")
      .replacingOccurrences(of: "port_value: 9191", with: "port_value: \(server.grpcPort)")
      .replacingOccurrences(of: ".mtls/", with: folder.url.path + "/.mtls/")
      let file = try folder.write("envoy.yaml", text)
      let child = try Child(
        program, ["-c", file, "--use-dynamic-base-id", "--concurrency", "1", "-l", "error"],
        log: folder.url.appendingPathComponent("envoy.log"))
      let port = port
      try child.wait("Envoy answers") { (try? HTTPClient.request(port: port, "/").status) != nil }
      envoy = child
    }

    func status(_ path: String, token: String? = nil) throws -> Int {
      let headers = token.map { [("Authorization", "Bearer \($0)")] } ?? []
      return try HTTPClient.request(port: port, path, headers: headers).status
    }

    func token() throws -> String { try issuer.token() }
  }

  @Test func `behind mutual TLS Envoy gets the same answers, and nobody else gets any`() throws {
    let running = try Running()
    try running.startEnvoy()
    #expect(try running.status("/productpage") == 200)
    #expect(try running.status("/other") == 403)
    #expect(try running.status("/other", token: running.token()) == 200)
    let server = running.server
    #expect(try server.metric("countersign_tls_handshakes_total", "completed") >= 1)
    let end = try server.metric("countersign_tls_certificate_not_after_timestamp_seconds")
    #expect(abs(end - Date().timeIntervalSince1970 - 86_400) < 600)
    #expect(server.child.output.contains("tls=client certificates required"), "\(server.child.output)")
    // Plain HTTP/2, as a check without TLS.
    let load = try Child(
      LoadToolTests.tool, ["127.0.0.1:\(server.grpcPort)", "--checks", "1", "--anonymous", "1"],
      log: running.folder.url.appendingPathComponent("load.log"))
    #expect(load.exitCode(within: 60) != 0)
    #expect(try server.metric("countersign_tls_handshakes_total", "failed") >= 1)
    #expect(server.child.output.contains("refused a connection: TLS failed"), "\(server.child.output)")
  }

  @Test func `certificates and names change without a restart, and what is wrong with them changes nothing`()
    throws
  {
    let running = try Running()
    let server = running.server
    try running.startEnvoy()
    #expect(try running.status("/productpage") == 200)
    // Half a change: a certificate that is not the key's.
    let files = running.folder.url.appendingPathComponent(".mtls")
    let next = running.folder.url.appendingPathComponent(".next")
    try Running.makeCertificates(next, running.folder)
    func take(_ name: String) throws {
      try Data(contentsOf: next.appendingPathComponent(name)).write(
        to: files.appendingPathComponent(name), options: .atomic)
    }
    try take("countersign.pem")
    try server.child.wait("half a change is refused") {
      server.child.output.contains("countersign-key.pem: not the key of the first certificate in")
    }
    #expect(try running.status("/productpage") == 200)
    #expect(try server.metric("countersign_reloads_total", "failure") >= 1)
    // The other half, with another authority: the Envoy of before is trusted no more.
    try take("countersign-key.pem")
    try take("ca.pem")
    try server.child.wait("the old gateway is told to go") {
      ((try? server.metric("countersign_goaways_total", "trust")) ?? 0) >= 1
    }
    try server.child.wait("the old gateway is refused") { (try? running.status("/productpage")) == 403 }
    try take("gateway.pem")
    try take("gateway-key.pem")
    try running.startEnvoy()
    #expect(try running.status("/productpage") == 200)
    // Another name.
    let file = running.folder.url.appendingPathComponent("deploy/envoy/mtls/countersign.yaml")
    let text = try String(contentsOf: file, encoding: .utf8)
    try text.replacingOccurrences(of: Self.gateway, with: "spiffe://cluster.local/ns/a/sa/other")
      .write(to: file, atomically: true, encoding: .utf8)
    try server.child.wait("the gateway of another name is refused") {
      (try? running.status("/productpage")) == 403
    }
    try server.child.wait("the operator hears why") {
      // One refusal a second is told: another attempt, another line.
      _ = try? running.status("/productpage")
      return server.child.output.contains("it names \(Self.gateway), not among allowedClients")
    }
  }

  @Test func `a start with files that are wrong fails, and says which`() throws {
    let folder = try Folder()
    try folder.write("p/p.yaml", try TestIssuer().requestAuthentication())
    let authority = try Folder()
    try Running.makeCertificates(authority.url, folder)
    let base = authority.url.path
    for (lines, saying) in [
      ("certificate: \(base)/none.pem\n  key: \(base)/countersign-key.pem", "none.pem"),
      ("certificate: \(base)/gateway.pem\n  key: \(base)/countersign-key.pem", "not the key of the first"),
      ("certificate: \(base)/ca-key.pem\n  key: \(base)/ca-key.pem", "no certificate"),
      ("certificate: \(base)/countersign.pem", "`key` is missing"),
    ] {
      let file = try folder.write("c.yaml", "policies: [p]\ntls:\n  \(lines)\n")
      let child = try Child(
        Tools.countersign,
        ["serve", "--config", file, "--workload", "a/b=c", "--grpc", "127.0.0.1:0", "--admin", "off"],
        log: folder.url.appendingPathComponent("log"))
      #expect(child.exitCode(within: 20) == 1)
      #expect(child.output.contains(saying), "\(child.output)")
    }
  }
}
