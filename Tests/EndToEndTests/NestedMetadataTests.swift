import Testing

/// Nested keys of metadata that a real filter of Envoy writes; where Envoy's RBAC filter can say the same, against it.
@Suite(.enabled(if: Tools.hasEnvoy), .serialized)
struct NestedMetadataTests {
  private static let written = """
    {"name": "envoy.filters.http.set_metadata", "typed_config": {
      "@type": "type.googleapis.com/envoy.extensions.filters.http.set_metadata.v3.Config",
      "metadata": [{"metadata_namespace": "envoy.filters.a", "value": {
        "params": {"name": "delete_all", "count": 3, "share": 1.5, "force": true, "tags": ["x", 7]}}}]}}
    """

  private static let asking = """
    {"name": "envoy.filters.http.ext_authz", "typed_config": {
      "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
      "transport_api_version": "V3", "metadata_context_namespaces": ["envoy.filters.a"],
      "grpc_service": {"timeout": "5s", "envoy_grpc": {"cluster_name": "countersign"}}}}
    """

  /// A rule of its own path for each: the names, the pattern, Envoy's matcher where it has one, and the outcome.
  private static let cases: [(names: [String], pattern: String, native: String?, matches: Bool)] = [
    (["params", "name"], "delete_all", #"{"string_match": {"exact": "delete_all"}}"#, true),
    (["params", "name"], "delete_*", #"{"string_match": {"prefix": "delete_"}}"#, true),
    (["params", "name"], "delete", #"{"string_match": {"exact": "delete"}}"#, false),
    (["params", "tags"], "x", #"{"list_match": {"one_of": {"string_match": {"exact": "x"}}}}"#, true),
    (["params", "tags"], "y", #"{"list_match": {"one_of": {"string_match": {"exact": "y"}}}}"#, false),
    (["params", "count"], "3", #"{"double_match": {"exact": 3}}"#, true),
    (["params", "share"], "1.5", #"{"double_match": {"exact": 1.5}}"#, true),
    (["params", "force"], "true", #"{"bool_match": true}"#, true),
    (["params", "force"], "false", #"{"bool_match": false}"#, false),
    (["params", "tags"], "7", nil, true),
    (["params", "missing"], "*", #"{"present_match": true}"#, false),
  ]

  private static var yaml: String {
    let rules = cases.enumerated().map { index, one in
      let key = "experimental.envoy.filters.a" + one.names.map { "[\($0)]" }.joined()
      return "    - to: [{operation: {paths: [\"/\(index)\"]}}]\n"
        + "      when: [{key: \"\(key)\", values: [\"\(one.pattern)\"]}]\n"
    }
    return """
      apiVersion: security.istio.io/v1
      kind: AuthorizationPolicy
      metadata: {name: nested, namespace: istio-system}
      spec:
        rules:
      \(rules.joined())
      """
  }

  private static var rbac: String {
    let policies = cases.enumerated().compactMap { index, one -> String? in
      guard let native = one.native else { return nil }
      let path = one.names.map { "{\"key\": \"\($0)\"}" }.joined(separator: ",")
      return """
        "\(index)": {"permissions": [{"url_path": {"path": {"exact": "/\(index)"}}}], "principals": [
          {"metadata": {"filter": "envoy.filters.a", "path": [\(path)], "value": \(native)}}]}
        """
    }
    return """
      {"name": "envoy.filters.http.rbac", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
        "rules": {"action": "ALLOW", "policies": {\(policies.joined(separator: ","))}}}}
      """
  }

  @Test func `nested values are matched as they were written`() throws {
    let server = try CountersignProcess(policies: Self.yaml)
    let asking = try EnvoyProcess(
      filters: [Self.written, Self.asking],
      clusters: [EnvoyProcess.cluster("countersign", port: server.grpcPort, http2: true)])
    let native = try EnvoyProcess(filters: [Self.written, Self.rbac])
    for (index, one) in Self.cases.enumerated() {
      let expected = one.matches ? 200 : 403
      #expect(try asking.get("/\(index)").status == expected, "\(one.names) \(one.pattern)")
      if one.native != nil { #expect(try native.get("/\(index)").status == expected, "\(one.names): Envoy") }
    }
  }

  @Test func `without the filter no value matches`() throws {
    let server = try CountersignProcess(policies: Self.yaml)
    let asking = try EnvoyProcess(
      filters: [Self.asking],
      clusters: [EnvoyProcess.cluster("countersign", port: server.grpcPort, http2: true)])
    for index in Self.cases.indices { #expect(try asking.get("/\(index)").status == 403) }
  }
}
