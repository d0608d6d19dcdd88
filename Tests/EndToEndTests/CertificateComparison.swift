import Foundation
import WebTestServer

/// A part of a rule as Istio's YAML and as the RBAC terms that Istio would make of it, tried on a path of its own.
struct IdentityForBoth {
  /// What is compared.
  enum Term {
    /// The identity of the peer: `yaml` is a field of `source`.
    case peer
    /// The requested server name: `yaml` is a list of a condition on `connection.sni`.
    case serverName
  }

  var yaml: String
  /// The member of a `StringMatcher` over the text.
  var match: String
  var isNegated = false
  var term = Term.peer

  /// A member of the rule.
  fileprivate var clause: String {
    switch term {
    case .peer: "from: [{source: {\(yaml)}}]"
    case .serverName: "when: [{key: connection.sni, \(yaml)}]"
    }
  }

  fileprivate var principal: String {
    guard term == .peer else { return #"{"any": true}"# }
    let asked = #"{"authenticated": {"principal_name": {\#(match)}}}"#
    return isNegated ? #"{"not_id": \#(asked)}"# : asked
  }

  /// The permission for a path and, where it is what is compared, the server name.
  fileprivate func permission(path: String) -> String {
    let path = #"{"url_path": {"path": {"exact": "\#(path)"}}}"#
    guard term == .serverName else { return path }
    let asked = #"{"requested_server_name": {\#(match)}}"#
    let name = isNegated ? #"{"not_rule": \#(asked)}"# : asked
    return #"{"and_rules": {"rules": [\#(path), \#(name)]}}"#
  }

  static func exact(_ value: String) -> String { #""exact": "\#(value)""# }
  static func expression(_ value: String) -> String { #""safe_regex": {"regex": "\#(value)"}"# }
}

/// One Envoy with a TLS listener that has its own RBAC filter, and one that asks Countersign; and for each client
/// certificate a plain listener that reaches both with it.
final class CertificateComparison {
  private let server: CountersignProcess
  private let envoy: Child
  private let folder = try? Folder()
  private let ports: [UInt16]

  /// - Parameters:
  ///   - action: of the policies that are compared, ALLOW or DENY: identity `n` is tried at `/n`.
  ///   - serverNames: what each client asks for in TLS.
  init(
    _ action: String, _ identities: [IdentityForBoth], clients: [TestAuthority.Identity],
    serverNames: [String?] = [], by authority: TestAuthority, sendsCertificate: Bool = true
  ) throws {
    guard let program = Tools.envoy, let folder else { throw Failure("no Envoy") }
    server = try CountersignProcess(policies: Self.yaml(action, identities))
    let own = try authority.identity("server", ["DNS:server.example"])
    let (native, asking) = (try Tools.freePort(), try Tools.freePort())
    ports = try clients.map { _ in try Tools.freePort() }
    let listeners = [
      Self.listener(native, [Self.rbac(action, identities)], tls: (own, authority)),
      Self.listener(asking, [Self.check(sendsCertificate: sendsCertificate)], tls: (own, authority)),
    ]
    let entries = ports.enumerated().map { Self.listener($1, [], tls: nil, toward: $0) }
    var clusters = [EnvoyProcess.cluster("countersign", port: server.grpcPort, http2: true)]
    for (index, client) in clients.enumerated() {
      let name = serverNames.isEmpty ? nil : serverNames[index]
      clusters.append(Self.cluster("native-\(index)", native, client, serverName: name))
      clusters.append(Self.cluster("asking-\(index)", asking, client, serverName: name))
    }
    let file = try folder.write(
      "envoy.json",
      """
      {"static_resources": {"listeners": [\((listeners + entries).joined(separator: ","))],
        "clusters": [\(clusters.joined(separator: ","))]}}
      """)
    envoy = try Child(
      program, ["-c", file, "--use-dynamic-base-id", "--concurrency", "1", "-l", "error"],
      log: folder.url.appendingPathComponent("envoy.log"))
    for port in ports {
      try envoy.wait("Envoy answers") { (try? HTTPClient.request(port: port, "/").status) != nil }
    }
  }

  /// The statuses that a client gets for an identity: of Envoy's own filter, and by Countersign.
  func statuses(client: Int, identity: Int) throws -> (native: Int, asking: Int) {
    func status(_ host: String) throws -> Int {
      try HTTPClient.request(port: ports[client], "/\(identity)", host: host).status
    }
    return (try status("native"), try status("asking"))
  }

  private static func yaml(_ action: String, _ identities: [IdentityForBoth]) -> String {
    let rules = identities.enumerated().map {
      "    - {\($1.clause), to: [{operation: {paths: [\"/\($0)\"]}}]}\n"
    }
    return """
      apiVersion: security.istio.io/v1
      kind: AuthorizationPolicy
      metadata: {name: compared, namespace: istio-system}
      spec:
        action: \(action)
        rules:
      \(rules.joined())
      """
  }

  private static func rbac(_ action: String, _ identities: [IdentityForBoth]) -> String {
    let policies = identities.enumerated().map { index, one in
      """
      "\(index)": {"permissions": [\(one.permission(path: "/\(index)"))], "principals": [\(one.principal)]}
      """
    }
    return """
      {"name": "envoy.filters.http.rbac", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
        "rules": {"action": "\(action)", "policies": {\(policies.joined(separator: ","))}}}}
      """
  }

  private static func check(sendsCertificate: Bool) -> String {
    """
    {"name": "envoy.filters.http.ext_authz", "typed_config": {
      "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
      "transport_api_version": "V3", "include_peer_certificate": \(sendsCertificate),
      "include_tls_session": true,
      "grpc_service": {"timeout": "5s", "envoy_grpc": {"cluster_name": "countersign"}}}}
    """
  }

  private static func files(_ identity: TestAuthority.Identity) -> String {
    """
    "tls_certificates": [{"certificate_chain": {"filename": "\(identity.certificate)"},
      "private_key": {"filename": "\(identity.key)"}}]
    """
  }

  private static func cluster(
    _ name: String, _ port: UInt16, _ client: TestAuthority.Identity, serverName: String?
  ) -> String {
    let asked = serverName.map { #""sni": "\#($0)","# } ?? ""
    let tls = """
      , "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", \(asked)
        "common_tls_context": {\(files(client))}}}}
      """
    return EnvoyProcess.cluster(name, port: port, http2: false).trimmingCharacters(
      in: .whitespacesAndNewlines
    )
    .dropLast() + tls
  }

  /// With TLS it answers itself; without, it passes on to the listeners with TLS as the client `toward`.
  private static func listener(
    _ port: UInt16, _ filters: [String], tls: (own: TestAuthority.Identity, authority: TestAuthority)?,
    toward client: Int = 0
  ) -> String {
    let socket = tls.map {
      """
      "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "require_client_certificate": true, "common_tls_context": {\(files($0.own)),
          "validation_context": {"trusted_ca": {"filename": "\($0.authority.certificate)"}}}}},
      """
    }
    let hosts =
      tls != nil
      ? """
      {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200}}]}
      """
      : ["native", "asking"].map {
        """
        {"name": "\($0)", "domains": ["\($0)"\($0 == "native" ? #", "*""# : "")], "routes": [
          {"match": {"prefix": "/"}, "route": {"cluster": "\($0)-\(client)"}}]}
        """
      }.joined(separator: ",")
    let router = """
      {"name": "envoy.filters.http.router", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}
      """
    // RBAC reads the server name that this filter has seen, as Istio's listeners have it.
    let inspector = """
      "listener_filters": [{"name": "envoy.filters.listener.tls_inspector", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"}}],
      """
    let manager =
      "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3"
      + ".HttpConnectionManager"
    return """
      {"address": {"socket_address": {"address": "127.0.0.1", "port_value": \(port)}}, \(tls == nil ? "" : inspector)
       "filter_chains": [{
        \(socket ?? "") "filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": {
          "@type": "\(manager)", "stat_prefix": "test", "delayed_close_timeout": "0s",
          "route_config": {"virtual_hosts": [\(hosts)]},
          "http_filters": [\((filters + [router]).joined(separator: ","))]}}]}]}
      """
  }
}
