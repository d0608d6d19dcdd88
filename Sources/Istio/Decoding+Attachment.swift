internal import YAML

extension Decoding {
  static let attachmentFields = ["selector", "targetRef", "targetRefs"]

  /// What a policy may be attached to besides workloads: API group and kind.
  private static let targets: [(group: String, kind: String)] = [
    ("", "Service"), ("networking.istio.io", "ServiceEntry"), ("gateway.networking.k8s.io", "Gateway"),
    ("gateway.networking.k8s.io", "GatewayClass"),
  ]

  /// Reads `selector`, `targetRef` and `targetRefs`, of which one may be set (semantics, sections 1.3 and
  /// 2.1).
  mutating func attachment(_ spec: Fields) -> Attachment {
    let given = Self.attachmentFields.compactMap { spec.member($0) }.sorted {
      ($0.position.line, $0.position.column) < ($1.position.line, $1.position.column)
    }
    if given.count > 1 {
      let names = "`\(given[0].name)` is set too"
      error(
        .severalAttachments, given[1].position, "only one of `selector` and `targetRefs` may be set; \(names)"
      )
    }
    var targets: [TargetReference] = []
    for node in list(
      spec, "targetRefs", limit: settings.limits.targetReferences,
      emptyMeans: "the policy applies to every workload in its scope") ?? []
    {
      if let target = targetReference(node, "targetRefs") { targets.append(target) }
    }
    if let legacy = spec.member("targetRef"), let target = targetReference(legacy.value, "targetRef"),
      targets.isEmpty
    {
      targets.append(target)
    }
    if let member = spec.member("selector"), let selector = selector(member.value) { return selector }
    return targets.isEmpty ? .allWorkloads : .targets(targets)
  }

  private mutating func selector(_ node: YAMLNode) -> Attachment? {
    guard let fields = fields(of: node, "selector", known: ["matchLabels"]) else { return nil }
    guard let labels = fields.member("matchLabels")?.value, labels.members?.isEmpty != true else {
      let message = "the selector has no labels and selects every workload; remove it or name labels"
      warning(.emptySelector, place(node.position), message)
      return .allWorkloads
    }
    guard let members = labels.members else {
      error(.wrongType, labels.position, "`matchLabels` must be a mapping, not \(labels.kindText)")
      return nil
    }
    if members.count > settings.limits.matchLabels {
      let message =
        "`matchLabels` has \(members.count) labels; Istio takes at most \(settings.limits.matchLabels)"
      error(.tooMany, members[settings.limits.matchLabels].position, message)
    }
    var result: [String: String] = [:]
    for member in members {
      if member.name.isEmpty { error(.invalidSelector, member.position, "a label must have a name") }
      if member.name.utf8.contains(0x2A) {
        let message = "`\(member.name)` has a wildcard; a selector takes whole label names"
        error(.invalidSelector, member.position, message)
      }
      if !member.name.utf8.allSatisfy({ $0 < 0x80 }) {
        error(
          .invalidSelector, member.position, "no workload has the label `\(member.name)`: labels are ASCII")
      }
      guard let value = text(member.value, member.name, allowsEmpty: true) else { continue }
      if value.value.utf8.contains(0x2A) {
        let message = "`\(value.value)` has a wildcard; a selector takes whole label values"
        error(.invalidSelector, value.position, message)
      }
      if value.value.utf8.count > settings.limits.labelValueLength {
        let message = "the label's value is longer than \(settings.limits.labelValueLength) characters"
        error(.tooLong, value.position, message)
      }
      result[member.name] = value.value
    }
    return .selector(result, place(node.position))
  }

  private mutating func targetReference(_ node: YAMLNode, _ what: String) -> TargetReference? {
    guard !node.isNull else {
      error(.nullValue, node.position, "`\(what)` has an entry without value; remove it")
      return nil
    }
    let known = ["group", "kind", "name", "namespace"]
    guard let fields = fields(of: node, what, known: known) else { return nil }
    if let namespace = fields.member("namespace"), namespace.value.text != "" {
      let message = "`namespace` must not be set: a policy is attached within its own namespace"
      error(.invalidTarget, namespace.position, message)
    }
    let group = text(fields, "group", allowsEmpty: true)
    if !fields.has("name") { missing("name", in: what, at: node.position) }
    if !fields.has("kind") { missing("kind", in: what, at: node.position) }
    guard let name = text(fields, "name"), let kind = text(fields, "kind") else { return nil }
    let limits = settings.limits
    for (value, limit) in [(name, limits.targetNameLength), (kind, limits.targetKindLength)]
    where value.value.utf8.count > limit {
      error(.tooLong, value.position, "the value is longer than \(limit) characters")
    }
    // Only the group may be wrong by its absence: `Service` is the one kind of the core group.
    let canonical = group?.value == "core" ? "" : group?.value ?? ""
    guard Self.targets.contains(where: { $0.group == canonical && $0.kind == kind.value }) else {
      let found = canonical.isEmpty ? kind.value : "\(canonical)/\(kind.value)"
      let allowed = Self.targets.map { $0.group.isEmpty ? "`\($0.kind)`" : "`\($0.group)/\($0.kind)`" }
      let message = "a policy cannot be attached to `\(found)`; it takes \(allowed.joined(separator: ", "))"
      error(.invalidTarget, kind.position, message)
      return nil
    }
    return TargetReference(
      group: canonical, kind: kind.value, name: name.value, position: place(node.position))
  }
}
