internal import YAML

/// Kinds that guard something elsewhere, or once did, and that are passed over here.
struct OtherGuard {
  var group: String
  /// Empty: all kinds of the group.
  var kinds: [String] = []
  /// Only objects with one of these members of `spec`; empty: all.
  var members: [String] = []
  /// Only objects of which this is true besides.
  var matters: (@Sendable (YAMLNode) -> Bool)?
  /// What does here what the object did.
  var instead: String

  static let policies = "write an AuthorizationPolicy of \(Decoding.group)"
  static let both =
    "write a RequestAuthentication for its tokens and an AuthorizationPolicy of \(Decoding.group) for its rules"

  static let all: [OtherGuard] = [
    OtherGuard(
      group: "authentication.istio.io",
      instead:
        "Istio removed it: write a RequestAuthentication for its tokens, and an AuthorizationPolicy that "
        + "demands them"),
    OtherGuard(group: "rbac.istio.io", instead: "Istio removed it: \(policies)"),
    OtherGuard(group: "config.istio.io", instead: "Istio removed Mixer: \(policies) for what it checked"),
    OtherGuard(
      group: Decoding.group, kinds: ["PeerAuthentication"],
      matters: { node in
        let spec = node.member("spec")?.value
        let ports = spec?.member("portLevelMtls")?.value.members ?? []
        let modes = [spec?.member("mtls")?.value] + ports.map(\.value)
        return modes.contains { $0?.member("mode")?.value.text == "STRICT" }
      },
      instead: "let the proxy's listener demand certificates of clients (`require_client_certificate`)"),
    OtherGuard(
      group: "extensions.istio.io", kinds: ["WasmPlugin"],
      matters: { node in
        ["AUTHN", "AUTHZ"].contains(node.member("spec")?.value.member("phase")?.value.text ?? "")
      },
      instead: both),
    OtherGuard(group: "gateway.envoyproxy.io", kinds: ["SecurityPolicy"], instead: both),
    OtherGuard(group: "kuadrant.io", kinds: ["AuthPolicy"], instead: both),
    OtherGuard(group: "authorino.kuadrant.io", kinds: ["AuthConfig"], instead: both),
    OtherGuard(
      group: "gateway.kgateway.dev", kinds: ["TrafficPolicy"],
      members: ["extAuth", "jwtAuth", "jwt", "rbac", "basicAuth", "apiKeyAuth"], instead: both),
    OtherGuard(group: "enterprise.gloo.solo.io", kinds: ["AuthConfig"], instead: both),
    OtherGuard(group: "getambassador.io", kinds: ["AuthService", "Filter", "FilterPolicy"], instead: both),
    OtherGuard(group: "gateway.kyma-project.io", kinds: ["APIRule"], instead: both),
    OtherGuard(group: "oathkeeper.ory.sh", kinds: ["Rule"], instead: both),
    OtherGuard(
      group: "policy.linkerd.io", kinds: ["AuthorizationPolicy", "ServerAuthorization"], instead: policies),
    OtherGuard(group: "consul.hashicorp.com", kinds: ["ServiceIntentions"], instead: policies),
    OtherGuard(group: "traefik.io", kinds: ["Middleware"], members: traefik, instead: both),
    OtherGuard(group: "traefik.containo.us", kinds: ["Middleware"], members: traefik, instead: both),
    OtherGuard(
      group: "configuration.konghq.com", kinds: ["KongPlugin", "KongClusterPlugin"],
      matters: { kong.contains($0.member("plugin")?.value.text ?? "") }, instead: both),
    OtherGuard(
      group: "k8s.nginx.org", kinds: ["Policy"],
      members: ["jwt", "oidc", "basicAuth", "apiKey", "accessControl"], instead: both),
  ]

  private static let traefik = ["forwardAuth", "basicAuth", "digestAuth", "ipAllowList", "ipWhiteList"]
  private static let kong: Set<String> = [
    "jwt", "openid-connect", "oauth2", "key-auth", "basic-auth", "hmac-auth", "ldap-auth", "acl",
    "ip-restriction",
  ]

  /// The entry for objects of a kind; nil for kinds that guard nothing, and for those that are used here.
  static func entry(group: String, kind: String) -> OtherGuard? {
    all.first { $0.group == group && ($0.kinds.isEmpty || $0.kinds.contains(kind)) }
  }

  /// Whether it says something of this object.
  func concerns(_ node: YAMLNode) -> Bool {
    if let matters, !matters(node) { return false }
    if members.isEmpty { return true }
    let spec = node.member("spec")?.value
    return members.contains { spec?.member($0) != nil }
  }
}

extension Decoding {
  /// Warns about an object that guards something where it is enforced. It is not enforced here, and the count of
  /// objects that were passed over is easily missed.
  mutating func warnAboutOtherGuard(_ node: YAMLNode, group: String, kind: String) {
    guard let entry = OtherGuard.entry(group: group, kind: kind), entry.concerns(node) else { return }
    let metadata = node.member("metadata")?.value
    let name = metadata?.member("name")?.value.text
    let namespace = metadata?.member("namespace")?.value.text
    let full = [namespace, name].compactMap { $0 }.joined(separator: "/")
    warning(
      .unenforcedKind, place(node.member("kind")?.value.position ?? node.position),
      "\(kind) \(full.isEmpty ? "without a name" : "`\(full)`") of \(group) is passed over and nothing of it is "
        + "enforced here, so what it guards is open unless something else guards it; \(entry.instead)")
  }
}
