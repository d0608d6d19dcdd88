/// Says what comes of a request, straight from the specification (`istio-semantics.md`, sections 1.4 to 1.7
/// and 2.1 to 2.8; the project's design, sections 2 and 7, where it differs from Envoy on purpose).
///
/// Nothing is compiled, remembered or skipped: every clause of every rule is evaluated and counted.
public struct Oracle {
  let mesh: Mesh
  let request: ProxyRequest
  let now: Int
  let recorder: CoverageRecorder
  /// What the policies see: tokens have been taken out and headers set by then.
  var changes = Changes()
  /// The claims that policies see.
  var believed: Believed?

  struct Changes {
    var setHeaders: [String: String] = [:]
    var removedHeaders: Set<String> = []
    var removedParameters: Set<String> = []
  }

  struct Believed {
    var token: Token
    /// Names of top-level claims that are lists of words.
    var wordLists: [String]
  }

  /// How far clocks may differ, in seconds.
  static let skew = 60

  /// - Parameter now: seconds since 1970.
  public static func answer(
    to request: ProxyRequest, in mesh: Mesh, now: Int, recorder: CoverageRecorder
  ) -> Answer {
    var oracle = Oracle(mesh: mesh, request: request, now: now, recorder: recorder)
    return oracle.answer()
  }

  func saw(_ event: Coverage.Event) { recorder.coverage.count(event) }

  private mutating func answer() -> Answer {
    guard let workload = workload() else {
      saw(.unknownWorkload)
      return Answer(.unknownWorkload, status: 403)
    }
    if let fault = authenticate(at: workload) {
      recorder.coverage.count(fault)
      return Answer(.token(fault), status: fault.status)
    }
    guard let path = normalizedPath() else {
      saw(.malformedPath)
      return Answer(.malformedPath, status: 403)
    }
    var answer = decide(at: workload, path: path)
    if answer.isAllowed {
      answer.setHeaders = changes.setHeaders
      answer.removedHeaders = changes.removedHeaders.subtracting(changes.setHeaders.keys)
      answer.removedParameters = changes.removedParameters
    }
    return answer
  }

  // MARK: Workloads (design, section 2; semantics, section 2.1)

  private func workload() -> Mesh.Workload? {
    if let name = request.workload {
      saw(.namedWorkload)
      return mesh.workloads.first { $0.name == name }
    }
    let byAccount = mesh.workloads.first { workload in
      guard let account = workload.serviceAccount else { return false }
      return Expression(
        .text("spiffe://"), .segment, .text("/ns/\(workload.namespace)/sa/\(account)")
      ).matches(request.destination.principal)
    }
    saw(byAccount == nil ? .defaultWorkload : .accountWorkload)
    return byAccount ?? mesh.workloads.first { $0.name == mesh.defaultWorkload }
  }

  func applies(_ attachment: Mesh.Attachment, of namespace: String, to workload: Mesh.Workload) -> Bool {
    let gateway = workload.labels["gateway.networking.k8s.io/gateway-name"]
    let isWaypoint =
      gateway != nil && workload.labels["gateway.istio.io/managed"] == "istio.io-mesh-controller"
    if namespace != workload.namespace {
      if namespace != mesh.rootNamespace {
        saw(.foreignPolicy)
        return false
      }
      saw(.rootPolicy)
    }
    switch attachment {
    case .allWorkloads:
      if isWaypoint { saw(.waypoint) }
      return !isWaypoint
    case .selector(let labels):
      let fits = labels.allSatisfy { workload.labels[$0.key] == $0.value }
      saw(fits ? .selectorApplies : .selectorDiffers)
      return fits && !isWaypoint
    case .targets(let targets):
      // Of the targets, a Gateway alone can be told from labels; the generator puts no other one where a
      // waypoint could be meant.
      let fits = targets.contains {
        $0.group == "gateway.networking.k8s.io" && $0.kind == "Gateway" && $0.name == gateway
          && namespace == workload.namespace
      }
      saw(fits ? .targetApplies : .targetDiffers)
      return fits
    }
  }

  // MARK: Decision (semantics, sections 2.2 and 2.3)

  private func decide(at workload: Mesh.Workload, path: String) -> Answer {
    let policies = mesh.policies.filter {
      $0.action != .custom && applies($0.attachment, of: $0.namespace, to: workload)
    }
    /// The first of the matching rules' names; of names, octets are compared.
    func match(_ action: Mesh.Policy.Action, isDryRun: Bool) -> String? {
      var names: [String] = []
      for policy in policies where policy.action == action && policy.isDryRun == isDryRun {
        if (policy.rules ?? []).isEmpty { saw(.policyWithoutRules) }
        for (index, rule) in (policy.rules ?? []).enumerated() where holds(rule, of: policy, path: path) {
          names.append("ns[\(policy.namespace)]-policy[\(policy.name)]-rule[\(index)]")
        }
      }
      return names.min { $0.precedes($1) }
    }
    func has(_ action: Mesh.Policy.Action, isDryRun: Bool = false) -> Bool {
      policies.contains { $0.action == action && $0.isDryRun == isDryRun }
    }
    var answer = Answer(.allowed, status: 200)
    answer.audit = match(.audit, isDryRun: false)
    if has(.audit) { saw(answer.audit == nil ? .auditUnmatched : .auditMatched) }
    if has(.deny, isDryRun: true) {
      answer.dryRunDeny = match(.deny, isDryRun: true).map { .matched($0) } ?? .noRuleMatched
      saw(answer.dryRunDeny == .noRuleMatched ? .dryRunDenyUnmatched : .dryRunDenyMatched)
    }
    if has(.allow, isDryRun: true) {
      answer.dryRunAllow = match(.allow, isDryRun: true).map { .matched($0) } ?? .noRuleMatched
      saw(answer.dryRunAllow == .noRuleMatched ? .dryRunAllowUnmatched : .dryRunAllowMatched)
    }
    let allowing = match(.allow, isDryRun: false)
    if let denying = match(.deny, isDryRun: false) {
      saw(.deniedByRule)
      answer.outcome = .deniedByRule(denying)
      answer.status = 403
    } else if !has(.allow) {
      saw(.allowed)
    } else if let allowing {
      saw(.allowedByRule)
      answer.outcome = .allowedByRule(allowing)
    } else {
      saw(.noRuleMatched)
      answer.outcome = .noRuleMatched
      answer.status = 403
    }
    return answer
  }

  private func holds(_ rule: Mesh.Rule, of policy: Mesh.Policy, path: String) -> Bool {
    let from = rule.from.map { all($0, of: policy, path: path) }
    let to = rule.to.map { all($0, of: policy, path: path) }
    let when = rule.when.map { condition in
      let lists = [
        holds(condition.term, condition.rest, condition.values, isNegated: false, of: policy, path: path),
        holds(condition.term, condition.rest, condition.notValues, isNegated: true, of: policy, path: path),
      ]
      return !lists.contains(false)
    }
    let isMatch =
      (from.isEmpty || from.contains(true)) && (to.isEmpty || to.contains(true)) && !when.contains(false)
    if isMatch, from.isEmpty, to.isEmpty, when.isEmpty { saw(.ruleWithoutTerms) }
    if isMatch, from.contains(false) { saw(.severalSources) }
    if isMatch, to.contains(false) { saw(.severalOperations) }
    return isMatch
  }

  private func all(_ fields: [Mesh.Field], of policy: Mesh.Policy, path: String) -> Bool {
    let results = fields.map {
      holds($0.term, "", $0.values, isNegated: $0.isNegated, of: policy, path: path)
    }
    return !results.contains(false)
  }

  /// Any of the values, or none of the notValues. An absent list holds.
  private func holds(
    _ term: Mesh.Term, _ rest: String, _ values: [String], isNegated: Bool, of policy: Mesh.Policy,
    path: String
  ) -> Bool {
    if values.isEmpty { return true }
    // What must hold for an ALLOW rule, and what must not hold for another, has to be certain.
    let certainly = (policy.action == .allow) != isNegated
    let results = values.map { value in
      let matched = matches(
        Clause(term: term, rest: rest, certainly: certainly, namespace: policy.namespace, path: path), value)
      recorder.coverage.count(term, Coverage.Form(value), matched: matched)
      return matched
    }
    let any = results.contains(true)
    recorder.coverage.count(term, isNegated: isNegated, matched: any)
    return any != isNegated
  }
}
