import Foundation
import TestSupport
import Testing

/// deploy/envoy/unix, run as it stands but for its port and the socket's place.
@Suite(.enabled(if: Tools.hasEnvoy))
struct UnixSocketTests {
  @Test func `Envoy asks on a Unix socket that belongs to the two of them`() throws {
    let folder = try Folder()
    let issuer = try TestIssuer()
    let policies = try folder.write("p.yaml", issuer.requestAuthentication() + TestIssuer.denyWithoutToken)
    let socket = folder.url.appendingPathComponent("check.sock").path
    let server = try Child(
      Tools.countersign,
      [
        "serve", "--policies", policies, "--workload", "istio-system/app=istio-ingressgateway", "--grpc",
        "unix:\(socket)", "--admin", "off", "--log-format", "text",
      ], log: folder.url.appendingPathComponent("countersign.log"))
    try server.wait("it listens") { server.output.contains("listener=grpc") }
    let attributes = try FileManager.default.attributesOfItem(atPath: socket)
    #expect(attributes[.posixPermissions] as? Int == 0o660)
    let port = try Tools.freePort()
    let text = try String(
      contentsOf: Vectors.packageFolder.appendingPathComponent("deploy/envoy/unix/envoy.yaml"),
      encoding: .utf8
    )
    .replacingOccurrences(of: "port_value: 8080", with: "port_value: \(port)")
    .replacingOccurrences(of: "/run/countersign/check.sock}", with: "\(socket)}")
    let envoy = try Child(
      try #require(Tools.envoy),
      [
        "-c", try folder.write("envoy.yaml", text), "--use-dynamic-base-id", "--concurrency", "1", "-l",
        "error",
      ], log: folder.url.appendingPathComponent("envoy.log"))
    try envoy.wait("Envoy answers") { (try? HTTPClient.request(port: port, "/").status) != nil }
    #expect(try HTTPClient.request(port: port, "/productpage").status == 200)
    #expect(try HTTPClient.request(port: port, "/other").status == 403)
    let token = try issuer.token()
    #expect(
      try HTTPClient.request(port: port, "/other", headers: [("Authorization", "Bearer \(token)")]).status
        == 200)
    server.send(SIGTERM)
    #expect(server.exitCode(within: 10) == 0)
    #expect(!FileManager.default.fileExists(atPath: socket), "the socket goes with its listener")
  }
}
