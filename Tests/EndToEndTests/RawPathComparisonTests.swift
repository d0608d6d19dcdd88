import Testing

/// Paths with bytes that are not UTF-8, which Envoy takes over HTTP/2: against its own RBAC filter.
@Suite(.enabled(if: Tools.hasEnvoy), .serialized)
struct RawPathComparisonTests {
  private static let yaml = """
    apiVersion: security.istio.io/v1
    kind: AuthorizationPolicy
    metadata: {name: deny, namespace: istio-system}
    spec:
      action: DENY
      rules:
        - to: [{operation: {paths: ["/a!b", "/prefix/*", "*.end", "/t/{*}/u", "/r/{**}"]}}]
    ---
    apiVersion: security.istio.io/v1
    kind: AuthorizationPolicy
    metadata: {name: allow, namespace: istio-system}
    spec:
      action: ALLOW
      rules:
        - to: [{operation: {paths: ["*"]}}]

    """

  private static func rbac(_ action: String, _ permissions: [String]) -> String {
    """
    {"name": "envoy.filters.http.rbac", "typed_config": {
      "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
      "rules": {"action": "\(action)", "policies": {"one": {
        "permissions": [\(permissions.joined(separator: ","))], "principals": [{"any": true}]}}}}}
    """
  }

  private static func path(_ match: String) -> String { "{\"url_path\": {\"path\": {\(match)}}}" }

  private static func template(_ text: String) -> String {
    """
    {"uri_template": {"name": "envoy.path.match.uri_template.uri_template_matcher", "typed_config": {
      "@type": "type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig",
      "path_template": "\(text)"}}}
    """
  }

  private let server: CountersignProcess

  init() throws { server = try CountersignProcess(policies: Self.yaml) }

  /// Envoy with its own filters.
  private func native(normalizesPath: Bool) throws -> EnvoyProcess {
    try EnvoyProcess(
      filters: [
        Self.rbac(
          "DENY",
          [
            Self.path(#""exact": "/a!b""#), Self.path(#""prefix": "/prefix/""#),
            Self.path(#""suffix": ".end""#), Self.template("/t/*/u"), Self.template("/r/**"),
          ]), Self.rbac("ALLOW", [Self.path(#""safe_regex": {"regex": ".+"}"#)]),
      ], normalizesPath: normalizesPath)
  }

  @Test(arguments: [false, true])
  func `with raw headers a path is matched in its own bytes`(normalizesPath: Bool) throws {
    let native = try native(normalizesPath: normalizesPath)
    let asking = try EnvoyProcess(asking: server, rawHeaders: true, normalizesPath: normalizesPath)
    var seen: Set<Int> = []
    for text in [
      "/a!b", "/a@b", "/a@b?x=!", "/a@@b", "/prefix/@", "/prefix@/x", "/x@.end", "/x.en@d", "/x.end@",
      "/t/x/u",
      "/t/@/u", "/r/@", "/r/x@y", "/r/x", "/@", "/?@", "/a!b?@", "/a!b@",
    ] {
      for byte: UInt8 in [0xE9, 0xFF, 0x80] {
        let path = Array(text.utf8).map { $0 == UInt8(ascii: "@") ? byte : $0 }
        let expected = try HTTP2Request.status(port: native.port, path: path)
        let status = try HTTP2Request.status(port: asking.port, path: path)
        seen.insert(status)
        #expect(status == expected, "\(text) with \(byte): Envoy \(expected), Countersign \(status)")
      }
    }
    #expect(seen == [200, 403])
  }

  @Test func `without raw headers such a byte arrives as an exclamation mark`() throws {
    let native = try native(normalizesPath: false)
    let asking = try EnvoyProcess(asking: server, rawHeaders: false, normalizesPath: false)
    let path: [UInt8] = [0x2F, 0x61, 0xE9, 0x62]
    #expect(try HTTP2Request.status(port: native.port, path: path) == 200)
    #expect(try HTTP2Request.status(port: asking.port, path: path) == 403)
    // Normalised, it arrives percent-encoded, whatever the headers.
    let normalizing = try EnvoyProcess(asking: server, rawHeaders: false)
    #expect(try HTTP2Request.status(port: normalizing.port, path: path) == 200)
  }
}
