import Istio
import Policy
import Testing

@Suite("Selection: semantics 1.1 and 2.1")
struct SelectionTests {
  static let gatewayLabel = PolicySelection.gatewayNameLabel
  let settings = PolicySettings()
  let web = Workload(name: "web", namespace: "foo", labels: ["app": "web", "version": "v1"])
  let gateway = Workload(name: "gw", namespace: "foo", labels: [gatewayLabel: "edge", "app": "gw"])
  let managed = Workload(
    name: "gw", namespace: "foo",
    labels: [gatewayLabel: "edge", PolicySelection.managedLabel: "istio.io-gateway-controller"])
  let waypoint = Workload(
    name: "wp", namespace: "foo",
    labels: [
      gatewayLabel: "waypoint", PolicySelection.managedLabel: "istio.io-mesh-controller", "app": "web",
    ])

  func select(_ attachment: Istio.Attachment, _ namespace: String, _ workload: Workload)
    -> PolicySelection.Selection
  {
    PolicySelection.selects(attachment, namespace: namespace, workload: workload, settings: settings)
  }

  func target(_ kind: String, _ name: String) -> Istio.Attachment {
    let group =
      switch kind {
      case "Service": ""
      case "ServiceEntry": "networking.istio.io"
      default: "gateway.networking.k8s.io"
      }
    return .targets([TargetReference(group: group, kind: kind, name: name, position: here)])
  }

  func isUndecidable(_ selection: PolicySelection.Selection) -> Bool {
    if case .undecidable = selection { true } else { false }
  }

  @Test func `A policy applies in its namespace, and everywhere from the root namespace`() {
    #expect(select(.allWorkloads, "foo", web) == .applies)
    #expect(select(.allWorkloads, "istio-system", web) == .applies)
    #expect(select(.allWorkloads, "bar", web) == .doesNotApply)
    var other = settings
    other.rootNamespace = "bar"
    #expect(
      PolicySelection.selects(.allWorkloads, namespace: "bar", workload: web, settings: other) == .applies)
  }

  @Test func `A selector needs every label to be equal`() {
    #expect(select(.selector(["app": "web"], here), "foo", web) == .applies)
    #expect(select(.selector(["app": "web", "version": "v1"], here), "foo", web) == .applies)
    #expect(select(.selector(["app": "web", "version": "v2"], here), "foo", web) == .doesNotApply)
    #expect(select(.selector(["app": "web", "zone": ""], here), "foo", web) == .doesNotApply)
    #expect(select(.selector(["app": "Web"], here), "foo", web) == .doesNotApply)
    #expect(select(.selector(["app": "web"], here), "istio-system", web) == .applies)
    #expect(select(.selector(["app": "web"], here), "bar", web) == .doesNotApply)
  }

  @Test func `Without the gateway's label every targetRef is ignored`() {
    #expect(select(target("Gateway", "edge"), "foo", web) == .doesNotApply)
    #expect(select(target("Service", "web"), "foo", web) == .doesNotApply)
  }

  @Test func `A Gateway is targeted by name in its own namespace`() {
    #expect(select(target("Gateway", "edge"), "foo", gateway) == .applies)
    #expect(select(target("Gateway", "other"), "foo", gateway) == .doesNotApply)
    #expect(select(target("Gateway", "edge"), "istio-system", gateway) == .doesNotApply)
    #expect(select(.selector(["app": "gw"], here), "foo", gateway) == .applies)
    #expect(select(.allWorkloads, "foo", gateway) == .applies)
  }

  @Test func `Any one target suffices`() {
    let both = Istio.Attachment.targets([
      TargetReference(group: "", kind: "Service", name: "a", position: here),
      TargetReference(group: "gateway.networking.k8s.io", kind: "Gateway", name: "edge", position: here),
    ])
    #expect(select(both, "foo", gateway) == .applies)
    #expect(select(both, "foo", web) == .doesNotApply)
  }

  @Test func `What a waypoint serves is not told by labels`() {
    for kind in ["Service", "ServiceEntry"] {
      #expect(isUndecidable(select(target(kind, "a"), "foo", waypoint)))
      #expect(isUndecidable(select(target(kind, "a"), "foo", gateway)))
      #expect(select(target(kind, "a"), "foo", managed) == .doesNotApply)
    }
    #expect(isUndecidable(select(target("GatewayClass", "istio-waypoint"), "istio-system", waypoint)))
    #expect(select(target("GatewayClass", "istio-waypoint"), "foo", waypoint) == .doesNotApply)
    #expect(select(target("GatewayClass", "istio-waypoint"), "istio-system", managed) == .doesNotApply)
  }

  @Test func `A waypoint is never selected without a target`() {
    #expect(select(.allWorkloads, "foo", waypoint) == .doesNotApply)
    #expect(select(.selector(["app": "web"], here), "foo", waypoint) == .doesNotApply)
    #expect(select(target("Gateway", "waypoint"), "foo", waypoint) == .applies)
  }

  // MARK: The plan

  func policy(
    _ name: String, _ action: AuthorizationPolicy.Action = .deny,
    _ attachment: Istio.Attachment = .allWorkloads,
    namespace: String = "foo", dryRun: Bool = false
  ) -> AuthorizationPolicy {
    AuthorizationPolicy(
      metadata: .init(name: name, namespace: namespace, position: here), attachment: attachment,
      action: action,
      rules: [Rule(position: here)], isDryRun: dryRun)
  }

  func authentication(
    _ name: String, issuers: [String], _ attachment: Istio.Attachment = .allWorkloads,
    namespace: String = "foo"
  ) -> RequestAuthentication {
    let rules = issuers.map { issuer in
      var rule = JWTRule(position: here)
      rule.issuer = issuer
      rule.fromHeaders = [.init(name: name, prefix: "")]
      return rule
    }
    return RequestAuthentication(
      metadata: .init(name: name, namespace: namespace, position: here), attachment: attachment,
      jwtRules: rules)
  }

  func plan(
    _ policies: [AuthorizationPolicy], _ authentications: [RequestAuthentication] = [],
    _ workloads: [Workload],
    _ change: (inout PolicySettings) -> Void = { _ in }
  ) -> PolicyPlan {
    var resources = Resources()
    resources.authorizationPolicies = policies
    resources.requestAuthentications = authentications
    var settings = PolicySettings()
    change(&settings)
    return PolicyPlan(resources, workloads: workloads, settings: settings)
  }

  @Test func `Each workload gets what applies to it`() {
    let two = Workload(name: "two", namespace: "bar", labels: [:])
    let plan = self.plan(
      [policy("a"), policy("b", namespace: "istio-system"), policy("c", namespace: "bar")],
      [authentication("r", issuers: ["i"])], [web, two])
    #expect(plan.diagnostics.isEmpty)
    #expect(plan.workloads[0].authorizationPolicies.map(\.metadata.name) == ["a", "b"])
    #expect(plan.workloads[1].authorizationPolicies.map(\.metadata.name) == ["b", "c"])
    #expect(plan.workloads[0].requestAuthentications.count == 1)
    #expect(plan.workloads[1].requestAuthentications.isEmpty)
  }

  @Test func `The rules of all RequestAuthentications are one list by issuer and otherwise in order`() {
    let plan = self.plan(
      [], [authentication("one", issuers: ["b", "a"]), authentication("two", issuers: ["B", "a", ""])], [web])
    let rules = plan.workloads[0].jwtRules
    #expect(rules.map(\.issuer) == ["", "B", "a", "a", "b"])
    #expect(rules[2].fromHeaders[0].name == "one" && rules[3].fromHeaders[0].name == "two")
  }

  @Test func `A resource that applies to no workload is an error unless allowed`() {
    let strict = plan(
      [policy("a"), policy("b", namespace: "bar")], [authentication("r", issuers: ["i"], namespace: "baz")],
      [web])
    #expect(strict.diagnostics.map(\.code) == ["unused-policy", "unused-policy"])
    #expect(strict.hasErrors)
    #expect(strict.diagnostics.contains { $0.message.contains("`bar/b`") && $0.message.contains("foo/web") })
    let lenient = plan([policy("b", namespace: "bar")], [], [web]) { $0.allowUnused = true }
    #expect(lenient.diagnostics.isEmpty)
    #expect(lenient.workloads[0].authorizationPolicies.isEmpty)
  }

  @Test func `No policy at all is an error unless allowed, and CUSTOM ones do not count`() {
    #expect(plan([], [], [web]).diagnostics.map(\.code) == ["no-policies"])
    #expect(plan([policy("c", .custom("p"))], [], [web]).diagnostics.map(\.code) == ["no-policies"])
    #expect(plan([], [], [web]) { $0.allowEmpty = true }.diagnostics.isEmpty)
    #expect(plan([], [authentication("r", issuers: ["i"])], [web]).diagnostics.isEmpty)
  }

  @Test func `An undecided DENY or RequestAuthentication is an error`() {
    let service = target("Service", "a")
    let denied = plan([policy("d", .deny, service)], [], [waypoint])
    #expect(denied.diagnostics.map(\.code) == ["undecidable-target"])
    #expect(denied.hasErrors)
    let authenticated = plan([], [authentication("r", issuers: ["i"], service)], [waypoint])
    #expect(authenticated.diagnostics.map(\.severity) == [.error])
  }

  @Test func `An undecided ALLOW is a warning and opens nothing`() throws {
    let plan = self.plan([policy("a", .allow, target("Service", "a"))], [], [waypoint])
    #expect(plan.diagnostics.map(\.severity) == [.warning])
    let table = try DecisionTable(compiling: plan.workloads[0].authorizationPolicies)
    var scratch = PolicyScratch()
    #expect(try Request.at("/").decide(table, &scratch).outcome == .denied(.noAllowRuleMatched))
  }

  @Test func `An undecided AUDIT or dry-run policy is a warning and is not evaluated`() {
    let service = target("Service", "a")
    let plan = self.plan(
      [policy("u", .audit, service), policy("d", .deny, service, dryRun: true)], [], [waypoint])
    #expect(plan.diagnostics.map(\.severity) == [.warning, .warning])
    #expect(plan.workloads[0].authorizationPolicies.isEmpty)
  }
}
