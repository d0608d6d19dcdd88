import Foundation

/// One Envoy with a listener that runs istiod's RBAC filters, and one for each mesh that asks Countersign; each
/// once without TLS and once with it. A header chooses the golden case, by its route.
final class GoldenEnvoy {
  static let caseHeader = "x-golden-case"

  let native: GoldenClient.Ports
  private(set) var asking: [GoldenCase.Mesh: GoldenClient.Ports] = [:]
  private let child: Child
  private let folder: Folder

  init(
    _ cases: [GoldenCase], servers: [GoldenCase.Mesh: CountersignProcess], client: GoldenClient,
    issuers: [String], jwks: String
  ) throws {
    guard let envoy = Tools.envoy else { throw Failure("no Envoy (make test installs it)") }
    folder = try Folder()
    native = GoldenClient.Ports(plain: try Tools.freePort(), tls: try Tools.freePort())
    let filters = [Self.jwtFilter(issuers, jwks), Self.rbac(0), Self.rbac(1)]
    var listeners = Self.listeners(native, filters, Self.routes(cases, Self.nativeConfiguration), client)
    var clusters: [String] = []
    for (mesh, server) in servers {
      let ports = GoldenClient.Ports(plain: try Tools.freePort(), tls: try Tools.freePort())
      asking[mesh] = ports
      let routes = Self.routes(cases.filter { $0.mesh == mesh }, Self.askingConfiguration)
      listeners += Self.listeners(ports, [Self.extAuthz(mesh)], routes, client)
      clusters.append(Self.cluster(mesh, server.grpcPort))
    }
    let file = try folder.write(
      "envoy.json",
      "{\"static_resources\": {\"listeners\": [\(listeners.joined(separator: ","))], \"clusters\": "
        + "[\(clusters.joined(separator: ","))]}}")
    child = try Child(
      envoy, ["-c", file, "--use-dynamic-base-id", "--concurrency", "1", "-l", "error"],
      log: folder.url.appendingPathComponent("envoy.log"))
    let port = native.plain
    try child.wait("Envoy answers") { (try? HTTPClient.request(port: port, "/").status) != nil }
  }

  // MARK: Routes

  /// The configuration of one case's route.
  private static func nativeConfiguration(_ one: GoldenCase) -> String {
    let parts = one.filters.enumerated().map { index, filter in
      """
      "rbac\(index)": {"@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBACPerRoute",
        "rbac": \(filter.withoutType.json)}
      """
    }
    return parts.joined(separator: ",")
  }

  private static func askingConfiguration(_ one: GoldenCase) -> String {
    """
    "ext_authz": {"@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
      "check_settings": {"context_extensions": {"countersign.workload": "\(one.name)"}}}
    """
  }

  private static func routes(_ cases: [GoldenCase], _ configuration: (GoldenCase) -> String) -> String {
    let routes = cases.map { one in
      """
      {"match": {"prefix": "/", "headers": [{"name": "\(caseHeader)", "string_match": {"exact": "\(one.name)"}}]},
       "direct_response": {"status": 200}, "typed_per_filter_config": {\(configuration(one))}}
      """
    }
    return routes.joined(separator: ",")
  }

  // MARK: Filters

  private static func rbac(_ index: Int) -> String {
    """
    {"name": "rbac\(index)", "typed_config": {
      "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC"}}
    """
  }

  private static func extAuthz(_ mesh: GoldenCase.Mesh) -> String {
    """
    {"name": "ext_authz", "typed_config": {
      "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
      "transport_api_version": "V3", "encode_raw_headers": true, "failure_mode_allow": false,
      "include_tls_session": true, "metadata_context_namespaces": ["envoy.filters.a.b"],
      "grpc_service": {"timeout": "5s", "envoy_grpc": {"cluster_name": "mesh\(mesh.rawValue)"}}}}
    """
  }

  /// Writes the header of a request into the metadata that one pair asks for.
  private static let metadataFilter = """
    {"name": "metadata", "typed_config": {
      "@type": "type.googleapis.com/envoy.extensions.filters.http.header_to_metadata.v3.Config",
      "request_rules": [{"header": "\(GoldenRequests.metadataHeader)", "on_header_present": {
        "metadata_namespace": "envoy.filters.a.b", "key": "c", "type": "STRING"}}]}}
    """

  private static func jwtFilter(_ issuers: [String], _ jwks: String) -> String {
    let providers = issuers.enumerated().map { index, issuer in
      """
      "p\(index)": {"issuer": \(GoldenRequests.quoted(issuer)), "forward": true,
        "local_jwks": {"inline_string": \(GoldenRequests.quoted(jwks))}, "payload_in_metadata": "payload",
        "normalize_payload_in_metadata": {"space_delimited_claims": ["scope", "permission"]}}
      """
    }
    let any = issuers.indices.map { "{\"provider_name\": \"p\($0)\"}" } + ["{\"allow_missing\": {}}"]
    return """
      {"name": "jwt", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        "providers": {\(providers.joined(separator: ","))}, "rules": [{"match": {"prefix": "/"},
          "requires": {"requires_any": {"requirements": [\(any.joined(separator: ","))]}}}]}}
      """
  }

  // MARK: Listeners and clusters

  private static func listeners(
    _ ports: GoldenClient.Ports, _ filters: [String], _ routes: String, _ client: GoldenClient
  ) -> [String] {
    let proxy = """
      {"name": "proxy", "typed_config": {"allow_requests_without_proxy_protocol": true,
        "@type": "type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol"}}
      """
    let inspector = """
      {"name": "tls", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"}}
      """
    let socket = """
      , "transport_socket": {"name": "tls", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": {
          "tls_certificates": [{"certificate_chain": {"filename": "\(client.server.certificate)"},
            "private_key": {"filename": "\(client.server.key)"}}],
          "validation_context": {"trusted_ca": {"filename": "\(client.authority)"}}}}}
      """
    let chain = manager(filters, routes)
    return [
      listener(ports.plain, filter: proxy, chain: chain, socket: ""),
      listener(ports.tls, filter: inspector, chain: chain, socket: socket),
    ]
  }

  private static func listener(_ port: UInt16, filter: String, chain: String, socket: String) -> String {
    """
    {"address": {"socket_address": {"address": "127.0.0.1", "port_value": \(port)}},
     "listener_filters": [\(filter)], "filter_chains": [{"filters": [\(chain)]\(socket)}]}
    """
  }

  private static func manager(_ filters: [String], _ routes: String) -> String {
    let router = """
      {"name": "router", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}
      """
    let name = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    return """
      {"name": "http", "typed_config": {"@type": "type.googleapis.com/\(name)", "stat_prefix": "golden",
        "normalize_path": true, "use_remote_address": false, "delayed_close_timeout": "0s",
        "http_protocol_options": {"allow_custom_methods": true},
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [\(routes)]}]},
        "http_filters": [\(([metadataFilter] + filters + [router]).joined(separator: ","))]}}
      """
  }

  private static func cluster(_ mesh: GoldenCase.Mesh, _ port: UInt16) -> String {
    """
    {"name": "mesh\(mesh.rawValue)", "type": "STATIC", "connect_timeout": "1s",
     "load_assignment": {"cluster_name": "mesh\(mesh.rawValue)", "endpoints": [{"lb_endpoints": [{"endpoint": {
       "address": {"socket_address": {"address": "127.0.0.1", "port_value": \(port)}}}}]}]},
     "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
       "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
       "explicit_http_config": {"http2_protocol_options": {}}}}}
    """
  }
}

extension Tree {
  /// A filter's configuration as a message inside another.
  fileprivate var withoutType: Tree {
    var copy = self
    copy["@type"] = nil
    return copy
  }
}
