import Foundation
import Testing

/// How the server leaves while others depend on it.
@Suite struct DrainTests {
  private func configuration(_ text: String, _ folder: Folder) throws -> [String] {
    let policies = try folder.write("policies/p.yaml", try TestIssuer().requestAuthentication())
    let file = try folder.write("countersign.yaml", "policies: [\(policies)]\n" + text)
    return ["--config", file]
  }

  @Test(.enabled(if: Tools.hasEnvoy))
  func `of two instances behind one Envoy, one is stopped under load, and no check fails`() throws {
    let folders = [try Folder(), try Folder()]
    let servers = try folders.map {
      try CountersignProcess(folder: $0, arguments: configuration("drainDelay: 2s\n", $0))
    }
    let endpoints = servers.map { server in
      """
      {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": \(server.grpcPort)}}}}
      """
    }
    let cluster = """
      {"name": "countersign", "type": "STATIC", "connect_timeout": "1s",
       "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
         "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
         "explicit_http_config": {"http2_protocol_options": {}}}},
       "health_checks": [{"timeout": "1s", "interval": "0.2s", "unhealthy_threshold": 1, "healthy_threshold": 1,
         "no_traffic_interval": "0.2s", "grpc_health_check": {}}],
       "load_assignment": {"cluster_name": "countersign", "endpoints": [{"lb_endpoints": [
         \(endpoints.joined(separator: ","))]}]}}
      """
    let filter = """
      {"name": "envoy.filters.http.ext_authz", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
        "transport_api_version": "V3", "failure_mode_allow": false, "status_on_error": {"code": "ServiceUnavailable"},
        "grpc_service": {"timeout": "5s", "envoy_grpc": {"cluster_name": "countersign"}}}}
      """
    let envoy = try EnvoyProcess(filters: [filter], clusters: [cluster])
    try servers[0].child.wait("both are asked") {
      _ = try? envoy.get("/")
      return servers.allSatisfy { ((try? $0.metric("countersign_checks_total")) ?? 0) > 0 }
    }
    let ends = Date().addingTimeInterval(5)
    var (asked, failed) = (0, 0)
    var isStopped = false
    while Date() < ends {
      if !isStopped, ends.timeIntervalSinceNow < 4 {
        servers[0].child.send(SIGTERM)
        isStopped = true
      }
      let status = try envoy.get("/").status
      asked += 1
      if status != 200 { failed += 1 }
    }
    #expect(asked > 200 && failed == 0, "\(failed) of \(asked)")
    #expect(servers[0].child.exitCode(within: 10) == 0, "\(servers[0].child.output)")
    #expect(servers[1].child.isRunning)
  }

  @Test func `during drainDelay readiness is off and everything else goes on`() throws {
    let folder = try Folder()
    let server = try CountersignProcess(folder: folder, arguments: configuration("drainDelay: 1h\n", folder))
    server.child.send(SIGTERM)
    try server.child.wait("not ready") {
      (try? HTTPClient.request(port: server.adminPort, "/readyz").status) == 503
    }
    #expect(try HTTPClient.request(port: server.adminPort, "/livez").status == 200)
    let told = try HTTPClient.request(port: server.adminPort, "/readyz?verbose").body
    #expect(told.contains("[-] stopping\n") && told.hasSuffix("not ready\n"), "\(told)")
    // A new connection is still served.
    let load = try Child(
      LoadToolTests.tool, ["127.0.0.1:\(server.grpcPort)", "--checks", "20", "--anonymous", "1"],
      log: folder.url.appendingPathComponent("load.log"))
    #expect(load.exitCode(within: 30) == 0, "\(load.output)")
    #expect(server.child.isRunning)
    server.child.send(SIGTERM)
    #expect(server.child.exitCode(within: 10) == 0, "\(server.child.output)")
    #expect(server.child.output.contains("a second signal: ending at once"))
  }

  @Test func `Ctrl-C does not wait for anybody to turn elsewhere`() throws {
    let folder = try Folder()
    let server = try CountersignProcess(folder: folder, arguments: configuration("drainDelay: 1h\n", folder))
    server.child.send(SIGINT)
    #expect(server.child.exitCode(within: 10) == 0, "\(server.child.output)")
  }
}
