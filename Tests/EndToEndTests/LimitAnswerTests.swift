import Foundation
import Testing

/// What a check beyond a limit comes to behind an Envoy that lets pass when its authorizer fails.
@Suite(.enabled(if: Tools.hasEnvoy))
struct LimitAnswerTests {
  @Test(arguments: [("denial", 431), ("error", 200), ("unavailable", 200)])
  func `only an answer that is a denial stops a proxy that lets pass on failure`(answer: String, status: Int)
    throws
  {
    let folder = try Folder()
    try folder.write("p/p.yaml", try TestIssuer().requestAuthentication() + TestIssuer.denyWithoutToken)
    let file = try folder.write(
      "c.yaml", "policies: [p]\nlimits: {checkHeaders: 20, tokenBytes: 1024, answer: \(answer)}\n")
    let server = try CountersignProcess(folder: folder, arguments: ["--config", file])
    let envoy = try EnvoyProcess(
      filters: [
        """
        {"name": "envoy.filters.http.ext_authz", "typed_config": {
          "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
          "transport_api_version": "V3", "failure_mode_allow": true,
          "grpc_service": {"timeout": "5s", "envoy_grpc": {"cluster_name": "countersign"}}}}
        """
      ], clusters: [EnvoyProcess.cluster("countersign", port: server.grpcPort, http2: true)])
    #expect(try envoy.get("/other").status == 403, "a check within the limits is judged")
    let many = (0..<30).map { ("x-many-\($0)", "v") }
    #expect(try envoy.get("/other", headers: many).status == status)
    #expect(try server.metric("countersign_limited_checks_total", "parts") == 1)
    let token = "Bearer " + String(repeating: "a", count: 1_025)
    #expect(try envoy.get("/other", headers: [("authorization", token)]).status == status)
    #expect(try server.metric("countersign_limited_checks_total", "token") == 1)
  }
}
