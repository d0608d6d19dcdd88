public import Istio

/// What applies to one workload.
public struct WorkloadPolicies: Sendable {
  public var workload: Workload
  /// In Istio's order: those of the workload's namespace, then those of the root namespace; each by
  /// `ObjectMetadata.isOrdered(before:)`.
  public var requestAuthentications: [RequestAuthentication]
  /// In the order they were loaded, without CUSTOM ones. An ALLOW policy whose attachment the labels do not
  /// decide is here without its rules: it allows nothing and keeps everything shut that no other policy
  /// allows.
  public var authorizationPolicies: [AuthorizationPolicy]

  public init(
    workload: Workload, requestAuthentications: [RequestAuthentication] = [],
    authorizationPolicies: [AuthorizationPolicy] = []
  ) {
    self.workload = workload
    self.requestAuthentications = requestAuthentications
    self.authorizationPolicies = authorizationPolicies
  }

  /// The rules of all RequestAuthentications by issuer ascending; rules of one issuer stay in the order of
  /// `requestAuthentications`. Envoy tries them in this order (semantics, section 1.1).
  public var jwtRules: [JWTRule] { PolicyPlan.jwtRules(of: requestAuthentications) }
}

extension WorkloadPolicies {
  /// Those of the workload's own namespace come before all others; each part keeps its order.
  fileprivate mutating func putOwnNamespaceFirst() {
    let own = workload.namespace
    requestAuthentications =
      requestAuthentications.filter { $0.metadata.namespace == own }
      + requestAuthentications.filter { $0.metadata.namespace != own }
  }
}

/// Which resources apply to which workload, and what is wrong with that.
public struct PolicyPlan: Sendable {
  /// One for each workload, in the order given.
  public private(set) var workloads: [WorkloadPolicies]
  /// Errors must keep the plan from being used.
  public private(set) var diagnostics: [Diagnostic] = []

  public var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }

  /// Attaches everything that was loaded.
  ///
  /// Errors: an attachment that labels do not decide, of a DENY policy or a RequestAuthentication
  /// (`undecidable-target`); a resource that applies to no workload (`unused-policy`, unless `allowUnused`);
  /// no policy at all but CUSTOM ones (`no-policies`, unless `allowEmpty`). Warnings: an undecided attachment
  /// of another policy.
  public init(_ resources: Resources, workloads: [Workload], settings: PolicySettings) {
    self.workloads = workloads.map { WorkloadPolicies(workload: $0) }
    let ordered = resources.requestAuthentications.sorted { $0.metadata.isOrdered(before: $1.metadata) }
    for resource in ordered { attach(resource, settings) }
    for index in self.workloads.indices { self.workloads[index].putOwnNamespaceFirst() }
    for policy in resources.authorizationPolicies { attach(policy, settings) }
    refuseEmptiness(of: resources, settings)
  }

  /// The rules of `authentications`, sorted as `WorkloadPolicies.jwtRules` says.
  public static func jwtRules(of authentications: [RequestAuthentication]) -> [JWTRule] {
    let rules = authentications.flatMap(\.jwtRules)
    // Issuers compare by their octets, as Go compares strings; `sorted` keeps equal ones in order only by the
    // offset.
    return rules.enumerated().sorted { left, right in
      let order = (Array(left.element.issuer.utf8), Array(right.element.issuer.utf8))
      if order.0 == order.1 { return left.offset < right.offset }
      return order.0.lexicographicallyPrecedes(order.1)
    }.map(\.element)
  }

  private mutating func attach(_ resource: RequestAuthentication, _ settings: PolicySettings) {
    let name = "RequestAuthentication `\(resource.metadata.namespace)/\(resource.metadata.name)`"
    var isUsed = false
    for index in workloads.indices {
      switch PolicySelection.selects(
        resource.attachment, namespace: resource.metadata.namespace, workload: workloads[index].workload,
        settings: settings)
      {
      case .applies:
        isUsed = true
        workloads[index].requestAuthentications.append(resource)
      case .undecidable(let why):
        isUsed = true
        report(.error, "undecidable-target", resource.attachment, resource.metadata, "\(name): \(why)")
      case .doesNotApply:
        break
      }
    }
    if !isUsed { refuseUnused(name, resource.attachment, resource.metadata, settings) }
  }

  private mutating func attach(_ policy: AuthorizationPolicy, _ settings: PolicySettings) {
    let name = "AuthorizationPolicy `\(policy.metadata.namespace)/\(policy.metadata.name)`"
    // Nothing of it is decided here; the loader has said so.
    if case .custom = policy.action { return }
    var isUsed = false
    for index in workloads.indices {
      switch PolicySelection.selects(
        policy.attachment, namespace: policy.metadata.namespace, workload: workloads[index].workload,
        settings: settings)
      {
      case .applies:
        isUsed = true
        workloads[index].authorizationPolicies.append(policy)
      case .undecidable(let why):
        isUsed = true
        attachUndecided(policy, to: index, "\(name): \(why)")
      case .doesNotApply:
        break
      }
    }
    if !isUsed { refuseUnused(name, policy.attachment, policy.metadata, settings) }
  }

  /// What is undecided must not open anything: a DENY that may apply is an error, an ALLOW that may apply
  /// allows nothing, but counts as one.
  private mutating func attachUndecided(_ policy: AuthorizationPolicy, to index: Int, _ text: String) {
    switch policy.action {
    case .deny where !policy.isDryRun:
      report(.error, "undecidable-target", policy.attachment, policy.metadata, text)
    case .allow where !policy.isDryRun:
      var shut = policy
      shut.rules = []
      workloads[index].authorizationPolicies.append(shut)
      report(
        .warning, "undecidable-target", policy.attachment, policy.metadata,
        "\(text); its rules allow nothing there, and what no other policy allows is denied")
    default:
      report(
        .warning, "undecidable-target", policy.attachment, policy.metadata,
        "\(text); it is not evaluated there")
    }
  }

  private mutating func refuseUnused(
    _ name: String, _ attachment: Attachment, _ metadata: ObjectMetadata, _ settings: PolicySettings
  ) {
    if settings.allowUnused { return }
    let unused = UnusedPolicy(
      name: name, attachment: attachment, metadata: metadata, workloads: workloads.map(\.workload),
      rootNamespace: settings.rootNamespace)
    report(.error, "unused-policy", attachment, metadata, unused.message)
  }

  private mutating func refuseEmptiness(of resources: Resources, _ settings: PolicySettings) {
    if settings.allowEmpty || !resources.requestAuthentications.isEmpty { return }
    let enforced = resources.authorizationPolicies.contains {
      if case .custom = $0.action { false } else { true }
    }
    if enforced { return }
    diagnostics.append(
      Diagnostic(
        .error, "no-policies", at: SourcePosition(file: "policies", line: 1, column: 1),
        "no RequestAuthentication and no AuthorizationPolicy is loaded, so everything would pass: add one, "
          + "or set `allowEmpty: true`"))
  }

  private mutating func report(
    _ severity: Diagnostic.Severity, _ code: String, _ attachment: Attachment, _ metadata: ObjectMetadata,
    _ message: String
  ) {
    let position =
      switch attachment {
      case .selector(_, let position): position
      case .targets(let targets): targets.first?.position ?? metadata.position
      case .allWorkloads: metadata.position
      }
    diagnostics.append(Diagnostic(severity, code, at: position, message))
  }
}
