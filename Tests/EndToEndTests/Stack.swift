import Foundation
import System
import TestSupport

/// A running `countersign serve` of a test's own, on free ports.
final class CountersignProcess {
  let grpcPort: UInt16
  let adminPort: UInt16
  let child: Child
  private let folder: Folder

  /// Starts the server and waits until it says that it is ready.
  /// - Parameter policies: the text of all policies.
  convenience init(
    policies: String, workload: String = "istio-system/app=istio-ingressgateway", arguments: [String] = []
  ) throws {
    let folder = try Folder()
    let file = try folder.write("policies/policies.yaml", policies)
    try self.init(folder: folder, workload: workload, arguments: ["--policies", file] + arguments)
  }

  /// The same with policies that the arguments name.
  init(
    folder: Folder? = nil, workload: String = "istio-system/app=istio-ingressgateway", arguments: [String]
  ) throws {
    let folder = try folder ?? Folder()
    self.folder = folder
    child = try Child(
      Tools.countersign,
      [
        "serve", "--workload", workload, "--grpc", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--log-format",
        "text",
      ]
        + arguments,
      log: folder.url.appendingPathComponent("countersign.log"))
    let child = child
    try child.wait("countersign is ready") { Self.port("admin", in: child.output) != nil }
    guard let grpc = Self.port("grpc", in: child.output), let admin = Self.port("admin", in: child.output)
    else {
      throw Failure("no ports in:\n\(child.output)")
    }
    grpcPort = grpc
    adminPort = admin
    try child.wait("/readyz says 200") {
      (try? HTTPClient.request(port: admin, "/readyz").status) == 200
    }
  }

  /// The port in the log's line `listening listener=NAME address=127.0.0.1:PORT`.
  private static func port(_ listener: String, in log: String) -> UInt16? {
    for line in log.split(separator: "\n")
    where line.contains("listening") && line.contains("listener=\(listener)") {
      guard let address = line.range(of: "address=127.0.0.1:") else { continue }
      return UInt16(line[address.upperBound...].prefix { $0.isNumber })
    }
    return nil
  }

  /// The value of a metric's line, summed over the lines that hold all of `labels`.
  func metric(_ name: String, _ labels: String...) throws -> Double {
    let text = try HTTPClient.request(port: adminPort, "/metrics").body
    return text.split(separator: "\n").filter { line in
      (line.hasPrefix(name + "{") || line.hasPrefix(name + " ")) && labels.allSatisfy { line.contains($0) }
    }.reduce(0) { $0 + (Double($1.split(separator: " ").last ?? "") ?? 0) }
  }
}

/// An Envoy in front of a server, with an upstream that tells what it was sent.
final class EnvoyProcess {
  let port: UInt16
  private let child: Child
  private let folder: Folder
  private let upstream: EchoUpstream

  /// - Parameter filters: the HTTP filters before the router, as JSON objects' texts.
  /// - Parameter normalizesPath: Envoy's `normalize_path`, which also percent-encodes bytes that are not ASCII.
  init(filters: [String], clusters: [String] = [], normalizesPath: Bool = true) throws {
    guard let envoy = Tools.envoy else { throw Failure("no Envoy (make test installs it)") }
    folder = try Folder()
    upstream = try EchoUpstream()
    port = try Tools.freePort()
    let configuration = Self.configuration(
      port: port, filters: filters, normalizesPath: normalizesPath,
      clusters: clusters + [Self.cluster("upstream", port: upstream.port, http2: false)])
    let file = try folder.write("envoy.json", configuration)
    child = try Child(
      envoy, ["-c", file, "--use-dynamic-base-id", "--concurrency", "1", "-l", "error"],
      log: folder.url.appendingPathComponent("envoy.log"))
    let port = port
    try child.wait("Envoy answers") { (try? HTTPClient.request(port: port, "/").status) != nil }
  }

  /// Envoy that asks the server about every request.
  convenience init(
    asking server: CountersignProcess, rawHeaders: Bool = false, normalizesPath: Bool = true
  ) throws {
    try self.init(
      filters: [
        """
        {"name": "envoy.filters.http.ext_authz", "typed_config": {
          "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
          "transport_api_version": "V3", "encode_raw_headers": \(rawHeaders), "failure_mode_allow": false,
          "grpc_service": {"timeout": "5s", "envoy_grpc": {"cluster_name": "countersign"}}}}
        """
      ],
      clusters: [Self.cluster("countersign", port: server.grpcPort, http2: true)],
      normalizesPath: normalizesPath)
  }

  func get(
    _ target: String, method: String = "GET", token: String? = nil, headers: [(String, String)] = []
  ) throws -> HTTPAnswer {
    let authorization = token.map { [("Authorization", "Bearer \($0)")] } ?? []
    return try HTTPClient.request(port: port, method: method, target, headers: authorization + headers)
  }

  static func cluster(_ name: String, port: UInt16, http2: Bool) -> String {
    let options =
      http2
      ? """
      , "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}}}}
      """ : ""
    return """
      {"name": "\(name)", "type": "STATIC", "connect_timeout": "1s", "load_assignment": {"cluster_name": "\(name)",
        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"socket_address": {
          "address": "127.0.0.1", "port_value": \(port)}}}}]}]}\(options)}
      """
  }

  private static func configuration(
    port: UInt16, filters: [String], normalizesPath: Bool, clusters: [String]
  ) -> String {
    let router = """
      {"name": "envoy.filters.http.router", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}
      """
    let manager =
      "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3"
      + ".HttpConnectionManager"
    return """
      {"static_resources": {"listeners": [{"address": {"socket_address": {
        "address": "127.0.0.1", "port_value": \(port)}}, "filter_chains": [{"filters": [{
          "name": "envoy.filters.network.http_connection_manager", "typed_config": {
            "@type": "\(manager)",
            "stat_prefix": "test", "normalize_path": \(normalizesPath), "delayed_close_timeout": "0s",
            "route_config": {"virtual_hosts": [{
              "name": "all", "domains": ["*"], "routes": [
                {"match": {"prefix": "/"}, "route": {"cluster": "upstream"}}]}]},
            "http_filters": [\((filters + [router]).joined(separator: ","))]}}]}]}],
        "clusters": [\(clusters.joined(separator: ","))]}}
      """
  }
}
