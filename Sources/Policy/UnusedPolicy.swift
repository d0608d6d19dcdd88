import Istio

/// A resource that applies to no configured workload: what it wants, what the nearest workloads are, and what would be
/// right.
struct UnusedPolicy {
  /// `AuthorizationPolicy `ns/name``
  var name: String
  var attachment: Attachment
  var metadata: ObjectMetadata
  var workloads: [Workload]
  var rootNamespace: String

  /// Workloads that are described; the others are only named.
  private static let mostDescribed = 3
  /// Workloads that are named.
  private static let mostNamed = 8

  /// The whole text of the error.
  var message: String {
    if workloads.isEmpty {
      return "\(name) applies to no configured workload: none is configured. Name one with `--workload "
        + "NAMESPACE/key=value`, or under `workloads` in the configuration file"
    }
    let named = workloads.prefix(Self.mostNamed).map { "\($0.namespace)/\($0.name)" }.joined(separator: ", ")
    let more = workloads.count > Self.mostNamed ? ", and \(workloads.count - Self.mostNamed) more" : ""
    var sentences = ["\(name) applies to no configured workload (\(named)\(more))"]
    if !metadata.hasNamespace {
      sentences.append("Its metadata has no namespace, so `\(metadata.namespace)` was taken")
    }
    let nearest = nearest
    sentences += nearest.prefix(Self.mostDescribed).map { workload in
      "Workload `\(workload.namespace)/\(workload.name)` \(reasons(workload).joined(separator: ", and "))"
    }
    if let first = nearest.first { sentences += remedies(first) }
    sentences.append("If it is for a workload that is not configured here, set `allowUnused: true`")
    return sentences.joined(separator: ". ")
  }

  // MARK: The nearest workloads

  /// The workloads with the fewest differences, in the order of the configuration.
  private var nearest: [Workload] {
    let distances = workloads.map(distance)
    let least = distances.min() ?? 0
    return zip(workloads, distances).filter { $1 == least }.map(\.0)
  }

  /// A namespace counts more than all labels.
  private func distance(_ workload: Workload) -> Int {
    let ofLabels: Int
    switch attachment {
    case .allWorkloads: ofLabels = 0
    case .selector(let labels, _): ofLabels = differing(labels, workload).count
    case .targets: ofLabels = workload.labels[PolicySelection.gatewayNameLabel] == nil ? 1 : 0
    }
    return (isNear(workload) ? 0 : 10_000) + ofLabels
  }

  private func isNear(_ workload: Workload) -> Bool {
    if metadata.namespace == workload.namespace { return true }
    if case .targets(let targets) = attachment, targets.allSatisfy({ $0.kind == "Gateway" }) { return false }
    return metadata.namespace == rootNamespace
  }

  private func differing(_ labels: [String: String], _ workload: Workload) -> [String: String] {
    labels.filter { workload.labels[$0.key] != $0.value }
  }

  private func isWaypoint(_ workload: Workload) -> Bool {
    workload.labels[PolicySelection.managedLabel] == PolicySelection.waypointController
      && workload.labels[PolicySelection.gatewayNameLabel] != nil
  }

  // MARK: Words

  /// Why the resource does not apply to a workload; each continues "Workload `x` …".
  private func reasons(_ workload: Workload) -> [String] {
    var reasons: [String] = []
    if !isNear(workload) {
      reasons.append("is in namespace `\(workload.namespace)`, not in `\(metadata.namespace)`")
    }
    switch attachment {
    case .allWorkloads:
      if isWaypoint(workload) { reasons.append("is a waypoint, to which only `targetRefs` attach") }
    case .selector(let labels, _):
      if isWaypoint(workload) { reasons.append("is a waypoint, to which only `targetRefs` attach") }
      if !differing(labels, workload).isEmpty {
        reasons.append(
          "has the labels \(Self.text(workload.labels)), and the selector wants \(Self.text(labels))")
      }
    case .targets(let targets): reasons += targetReasons(targets, workload)
    }
    return reasons.isEmpty ? ["does not match"] : reasons
  }

  private func targetReasons(_ targets: [TargetReference], _ workload: Workload) -> [String] {
    let label = PolicySelection.gatewayNameLabel
    let wanted = targets.map { "\($0.kind) `\($0.name)`" }.joined(separator: ", ")
    guard let gateway = workload.labels[label] else {
      return ["has no label `\(label)`, without which no `targetRefs` attach to it (they name \(wanted))"]
    }
    if !isNear(workload), targets.contains(where: { $0.kind == "Gateway" && $0.name == gateway }) {
      return []
    }
    var reasons = ["serves Gateway `\(gateway)` (label `\(label)`), and the `targetRefs` name \(wanted)"]
    if targets.contains(where: { $0.kind == "GatewayClass" }), metadata.namespace != rootNamespace {
      reasons.append("takes a GatewayClass only from policies of the root namespace `\(rootNamespace)`")
    }
    if targets.contains(where: { $0.kind == "Service" || $0.kind == "ServiceEntry" }) {
      reasons.append("is no waypoint, and only waypoints are reached by a Service or ServiceEntry")
    }
    return reasons
  }

  /// What would make the resource apply to a workload.
  private func remedies(_ workload: Workload) -> [String] {
    var remedies: [String] = []
    if !isNear(workload) {
      remedies.append(
        "Write `namespace: \(workload.namespace)` in its metadata"
          + (isForEveryNamespace
            ? ", or `namespace: \(rootNamespace)` (the root namespace) for all namespaces" : ""))
    }
    switch attachment {
    case .allWorkloads:
      if isWaypoint(workload) { remedies.append("Name the waypoint's target in `targetRefs`") }
    case .selector(let labels, _):
      if isWaypoint(workload) {
        remedies.append("Replace the selector by `targetRefs`")
      } else if !differing(labels, workload).isEmpty {
        remedies.append("Correct the selector, or the labels of the workload in the configuration")
      }
    case .targets(let targets): remedies += targetRemedies(targets, workload)
    }
    return remedies
  }

  private func targetRemedies(_ targets: [TargetReference], _ workload: Workload) -> [String] {
    let label = PolicySelection.gatewayNameLabel
    guard let gateway = workload.labels[label] else {
      let name = targets.first { $0.kind == "Gateway" }?.name ?? "NAME"
      return ["Give the workload the label `\(label)=\(name)` if it serves that Gateway, or use a selector"]
    }
    if targets.contains(where: { $0.kind == "Gateway" && $0.name == gateway }) { return [] }
    return ["Name Gateway `\(gateway)` in `targetRefs`, or correct the label"]
  }

  /// A Gateway is found in the policy's own namespace alone.
  private var isForEveryNamespace: Bool {
    if case .targets(let targets) = attachment { return !targets.contains { $0.kind == "Gateway" } }
    return true
  }

  private static func text(_ labels: [String: String]) -> String {
    if labels.isEmpty { return "(none)" }
    return labels.sorted { $0.key < $1.key }.map { "`\($0.key)=\($0.value)`" }.joined(separator: " ")
  }
}
