public import Istio

/// Which policies are attached to a workload, decided from its namespace and labels (semantics, section 2.1).
public enum PolicySelection {
  public enum Selection: Sendable, Equatable {
    case applies
    case doesNotApply
    /// The labels do not tell; why.
    case undecidable(String)
  }

  /// The label that names a workload's Kubernetes Gateway. Only a workload that has it can be the target of a
  /// `targetRef`.
  public static let gatewayNameLabel = "gateway.networking.k8s.io/gateway-name"
  /// The label by which Istio tells the gateways it runs from waypoints.
  public static let managedLabel = "gateway.istio.io/managed"
  static let waypointController = "istio.io-mesh-controller"
  static let gatewayController = "istio.io-gateway-controller"

  /// Whether a policy of `namespace` applies to `workload`.
  public static func selects(
    _ attachment: Attachment, namespace: String, workload: Workload, settings: PolicySettings
  ) -> Selection {
    let isNear = namespace == workload.namespace || namespace == settings.rootNamespace
    switch attachment {
    case .allWorkloads:
      return isNear && !isWaypoint(workload) ? .applies : .doesNotApply
    case .selector(let labels, _):
      if !isNear || isWaypoint(workload) { return .doesNotApply }
      for (key, value) in labels where workload.labels[key] != value { return .doesNotApply }
      return .applies
    case .targets(let targets):
      guard let gateway = workload.labels[gatewayNameLabel] else { return .doesNotApply }
      var found = Selection.doesNotApply
      for target in targets {
        switch reaches(
          target, gateway: gateway, namespace: namespace, workload: workload, settings: settings)
        {
        case .applies: return .applies
        case .undecidable(let why): found = .undecidable(why)
        case .doesNotApply: break
        }
      }
      return found
    }
  }

  private static func reaches(
    _ target: TargetReference, gateway: String, namespace: String, workload: Workload,
    settings: PolicySettings
  ) -> Selection {
    switch (target.group, target.kind) {
    case ("gateway.networking.k8s.io", "Gateway"):
      return target.name == gateway && namespace == workload.namespace ? .applies : .doesNotApply
    case ("gateway.networking.k8s.io", "GatewayClass"):
      if namespace != settings.rootNamespace || isIngressGateway(workload) { return .doesNotApply }
    case ("", "Service"), ("core", "Service"), ("networking.istio.io", "ServiceEntry"):
      if isIngressGateway(workload) { return .doesNotApply }
    default:
      break
    }
    return .undecidable(
      "the labels of workload `\(workload.name)` do not tell whether it serves \(target.kind) "
        + "`\(target.name)`: name the Gateway or use a selector, or label the workload "
        + "`\(managedLabel): \(gatewayController)` if it is no waypoint")
  }

  private static func isWaypoint(_ workload: Workload) -> Bool {
    workload.labels[gatewayNameLabel] != nil && workload.labels[managedLabel] == waypointController
  }

  private static func isIngressGateway(_ workload: Workload) -> Bool {
    workload.labels[managedLabel] == gatewayController
  }
}
