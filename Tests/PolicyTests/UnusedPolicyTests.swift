import Istio
import Testing

@testable import Policy

/// The message of `unused-policy`: what is wanted, what is there, what would be right.
@Suite struct UnusedPolicyTests {
  private static let label = PolicySelection.gatewayNameLabel
  private let web = Workload(name: "web", namespace: "foo", labels: ["app": "web", "version": "v1"])
  private let gateway = Workload(name: "gw", namespace: "foo", labels: [label: "edge"])

  private func message(
    _ metadata: String, _ spec: String, _ workloads: [Workload], root: String = "istio-system"
  ) throws -> String {
    let text =
      "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: \(metadata)\nspec: \(spec)\n"
    let loaded = ResourceLoader().load(file: "p.yaml", text: text)
    try #require(!loaded.hasErrors, "\(loaded.diagnostics)")
    var settings = PolicySettings()
    settings.rootNamespace = root
    let plan = PolicyPlan(loaded.resources, workloads: workloads, settings: settings)
    let unused = plan.diagnostics.filter { $0.code == "unused-policy" }
    return try #require(unused.first, "\(plan.diagnostics)").message
  }

  @Test func `a missing namespace is named, with what was taken and what to write`() throws {
    #expect(
      try message("{name: a}", "{}", [web])
        == "AuthorizationPolicy `default/a` applies to no configured workload (foo/web). "
        + "Its metadata has no namespace, so `default` was taken. "
        + "Workload `foo/web` is in namespace `foo`, not in `default`. "
        + "Write `namespace: foo` in its metadata, or `namespace: istio-system` (the root namespace) for all "
        + "namespaces. If it is for a workload that is not configured here, set `allowUnused: true`")
    let named = try message("{name: a, namespace: bar}", "{}", [web])
    #expect(!named.contains("has no namespace") && named.contains("is in namespace `foo`, not in `bar`"))
  }

  @Test func `the labels that the selector wants and those of the nearest workload are shown`() throws {
    let far = Workload(name: "far", namespace: "bar", labels: ["app": "web", "version": "v2"])
    let api = Workload(name: "api", namespace: "foo", labels: [:])
    let text = try message(
      "{name: a, namespace: foo}", "{selector: {matchLabels: {app: web, version: v2}}}", [far, api, web])
    #expect(text.contains("(bar/far, foo/api, foo/web)"))
    #expect(
      text.contains(
        "Workload `foo/web` has the labels `app=web` `version=v1`, and the selector wants `app=web` `version=v2`. "
      ))
    #expect(!text.contains("Workload `foo/api`") && !text.contains("Workload `bar/far`"))
    #expect(text.contains("Correct the selector, or the labels of the workload"))
    let bare = try message("{name: a, namespace: foo}", "{selector: {matchLabels: {app: x}}}", [api])
    #expect(bare.contains("has the labels (none), and the selector wants `app=x`"))
  }

  @Test func `a selector in another namespace differs in both`() throws {
    let text = try message("{name: a}", "{selector: {matchLabels: {app: api}}}", [web])
    #expect(
      text.contains(
        "Workload `foo/web` is in namespace `foo`, not in `default`, and has the labels `app=web` `version=v1`"
      ))
    #expect(text.contains("Write `namespace: foo`") && text.contains("Correct the selector"))
  }

  @Test func `the label that targetRefs need is named`() throws {
    let spec = "{targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: edge}]}"
    let text = try message("{name: a, namespace: foo}", spec, [web])
    #expect(
      text.contains(
        "Workload `foo/web` has no label `gateway.networking.k8s.io/gateway-name`, without which no "))
    #expect(text.contains("(they name Gateway `edge`)"))
    #expect(text.contains("Give the workload the label `gateway.networking.k8s.io/gateway-name=edge`"))
    let other = try message("{name: a, namespace: foo}", spec.replacing("edge", with: "other"), [gateway])
    #expect(
      other.contains(
        "serves Gateway `edge` (label `\(Self.label)`), and the `targetRefs` name Gateway `other`"))
    #expect(other.contains("Name Gateway `edge` in `targetRefs`, or correct the label"))
    let away = try message("{name: a, namespace: istio-system}", spec, [gateway])
    #expect(
      away.contains(
        "Workload `foo/gw` is in namespace `foo`, not in `istio-system`. Write `namespace: foo` in"))
    #expect(!away.contains("root namespace"))
  }

  @Test func `a waypoint takes no policy without targetRefs`() throws {
    let waypoint = Workload(
      name: "wp", namespace: "foo",
      labels: [Self.label: "wp", PolicySelection.managedLabel: PolicySelection.waypointController])
    let text = try message("{name: a, namespace: foo}", "{}", [waypoint])
    #expect(text.contains("Workload `foo/wp` is a waypoint, to which only `targetRefs` attach"))
    #expect(text.contains("Name the waypoint's target in `targetRefs`"))
  }

  @Test func `without any workload it says how to name one, and many are not all listed`() throws {
    #expect(
      try message("{name: a}", "{}", []).contains(
        "none is configured. Name one with `--workload NAMESPACE/key=value`"))
    let many = (0..<30).map { Workload(name: "w\($0)", namespace: "foo", labels: [:]) }
    let text = try message("{name: a}", "{}", many)
    #expect(text.contains("foo/w7, and 22 more)") && !text.contains("w8,") && text.count < 1_200)
    #expect(text.contains("Workload `foo/w2` ") && !text.contains("Workload `foo/w3` "))
  }
}
