import Foundation
import Istio
import Testing

@Suite struct `Kinds that guard something elsewhere are told one by one` {
  private func load(_ version: String, _ kind: String, _ rest: String = "") -> LoadedResources {
    let text = "apiVersion: \(version)\nkind: \(kind)\nmetadata: {name: n, namespace: foo}\n\(rest)"
    return ResourceLoader().load(file: "p.yaml", text: text)
  }

  @Test(arguments: [
    ("authentication.istio.io/v1alpha1", "Policy", "RequestAuthentication"),
    ("authentication.istio.io/v1alpha1", "MeshPolicy", "RequestAuthentication"),
    ("rbac.istio.io/v1alpha1", "ServiceRole", "AuthorizationPolicy"),
    ("rbac.istio.io/v1alpha1", "ServiceRoleBinding", "AuthorizationPolicy"),
    ("rbac.istio.io/v1alpha1", "ClusterRbacConfig", "AuthorizationPolicy"),
    ("rbac.istio.io/v1alpha1", "RbacConfig", "AuthorizationPolicy"),
    ("rbac.istio.io/v1alpha1", "AuthorizationPolicy", "AuthorizationPolicy of security.istio.io"),
    ("config.istio.io/v1alpha2", "rule", "Mixer"),
    ("gateway.envoyproxy.io/v1alpha1", "SecurityPolicy", "RequestAuthentication"),
    ("kuadrant.io/v1", "AuthPolicy", "RequestAuthentication"),
    ("authorino.kuadrant.io/v1beta3", "AuthConfig", "RequestAuthentication"),
    ("policy.linkerd.io/v1alpha1", "AuthorizationPolicy", "AuthorizationPolicy of security.istio.io"),
    ("getambassador.io/v3alpha1", "FilterPolicy", "RequestAuthentication"),
  ])
  func `each object is a warning with its place, kind and name, and what replaces it`(
    version: String, kind: String, instead: String
  ) {
    let loaded = load(version, kind)
    #expect(loaded.findings == ["2:7 warning unenforced-kind"], "\(loaded.diagnostics)")
    let message = loaded.diagnostics.first?.message ?? ""
    #expect(message.hasPrefix("\(kind) `foo/n` of \(version.prefix { $0 != "/" }) is passed over"))
    #expect(message.components(separatedBy: "; ").last?.contains(instead) == true, "\(message)")
    #expect(loaded.resources.passedOver == [kind: 1] && loaded.count == 0)
  }

  @Test func `objects of a list and of one text are told each`() {
    let one = "apiVersion: rbac.istio.io/v1alpha1\nkind: ServiceRole\n"
    #expect(
      ResourceLoader().load(file: "p.yaml", text: "\(one)---\n\(one)").findings
        == ["2:7 warning unenforced-kind", "5:7 warning unenforced-kind"])
    let list =
      "apiVersion: rbac.istio.io/v1alpha1\nkind: ServiceRoleList\nitems:\n"
      + "- {apiVersion: rbac.istio.io/v1alpha1, kind: ServiceRole}"
    let loaded = ResourceLoader().load(file: "p.yaml", text: list)
    #expect(loaded.findings == ["4:46 warning unenforced-kind"])
    #expect(loaded.diagnostics.first?.message.hasPrefix("ServiceRole without a name") == true)
  }

  @Test func `objects that guard nothing by what they say are counted alone`() {
    let strict = "spec: {mtls: {mode: STRICT}}"
    for rest in [strict, "spec: {mtls: {mode: PERMISSIVE}, portLevelMtls: {80: {mode: STRICT}}}"] {
      #expect(
        load("security.istio.io/v1", "PeerAuthentication", rest).findings == ["2:7 warning unenforced-kind"])
    }
    for rest in ["", "spec: {}", "spec: {mtls: {mode: PERMISSIVE}}", "spec: {mtls: {mode: DISABLE}}"] {
      #expect(load("security.istio.io/v1", "PeerAuthentication", rest).diagnostics.isEmpty, "\(rest)")
    }
    let cases: [(String, String, String, String)] = [
      ("extensions.istio.io/v1alpha1", "WasmPlugin", "spec: {phase: AUTHN}", "spec: {phase: STATS}"),
      ("gateway.kgateway.dev/v1alpha1", "TrafficPolicy", "spec: {extAuth: {}}", "spec: {rateLimit: {}}"),
      ("traefik.io/v1alpha1", "Middleware", "spec: {forwardAuth: {}}", "spec: {stripPrefix: {}}"),
      ("configuration.konghq.com/v1", "KongPlugin", "plugin: jwt", "plugin: cors"),
      ("k8s.nginx.org/v1", "Policy", "spec: {jwt: {}}", "spec: {rateLimit: {}}"),
    ]
    for (version, kind, guards, does) in cases {
      #expect(load(version, kind, guards).findings == ["2:7 warning unenforced-kind"], "\(kind)")
      #expect(load(version, kind, does).diagnostics.isEmpty, "\(kind)")
    }
  }

  @Test(arguments: [
    ("policy.example.com/v1", "AuthorizationPolicy"), ("policy/v1", "PodDisruptionBudget"),
    ("kyverno.io/v1", "Policy"), ("rbac.authorization.k8s.io/v1", "Role"),
    ("kuadrant.io/v1", "RateLimitPolicy"),
    ("gateway.envoyproxy.io/v1alpha1", "BackendTrafficPolicy"), ("networking.k8s.io/v1", "NetworkPolicy"),
  ])
  func `kinds of like names that guard no requests are counted alone`(version: String, kind: String) {
    let loaded = load(version, kind)
    #expect(loaded.diagnostics.isEmpty && loaded.resources.passedOver == [kind: 1])
  }
}
