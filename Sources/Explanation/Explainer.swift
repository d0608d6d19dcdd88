public import Authorizer
import Bytes
import Check
public import ExtAuthz
import Istio
public import KeySets
import JWT
import Policy

/// Explains checks with one set of policies. Cold: it allocates.
public struct Explainer: Sendable {
  private let input: PolicySnapshot.Input
  let settings: AuthorizerSettings
  private let snapshot: PolicySnapshot
  private let plan: PolicyPlan

  /// - Parameter snapshot: compiled from `input` with `settings`.
  public init(_ snapshot: PolicySnapshot, of input: PolicySnapshot.Input, settings: AuthorizerSettings) {
    self.input = input
    self.settings = settings
    self.snapshot = snapshot
    plan = PolicyPlan(input.resources, workloads: input.workloads, settings: settings.policy)
  }

  /// The reasoning of one check.
  /// - Parameters:
  ///   - message: the octets of a `CheckRequest`.
  ///   - now: seconds since 1970.
  ///   - keys: of the snapshot's key sources, in their order; empty: none has come.
  public func explain(
    _ message: [UInt8], now: UInt64, checkRequest: CheckRequestSettings = CheckRequestSettings(),
    keys: [KeyBoard.Entry] = []
  ) throws(WireError) -> Explanation {
    var check = Check()
    try CheckRequestReader.read(message.span, into: &check, settings: checkRequest)
    var authorizer = Authorizer(snapshot: snapshot)
    authorizer.tracesTokens = true
    if !keys.isEmpty { authorizer.adoptKeys(keys) }
    let verdict = authorizer.authorize(check, in: message.span, now: now)
    let rules = authorizer.explainRules(of: verdict, for: check, in: message.span)

    var explanation = Explanation()
    explanation.request = Self.request(check, message)
    let choice = authorizer.workloadChoice(for: check, in: message.span)
    explanation.workload = choice.workload.map { input.workloads[$0] }
    explanation.workloadReason = Self.words(for: choice, known: input.workloads)
    if let index = choice.workload {
      explanation.resources = resources(for: input.workloads[index])
      let trace = authorizer.trace
      explanation.isPreflight = trace.isPreflight
      explanation.requiresToken = trace.requiresToken
      explanation.tokenRules = tokenRules(trace.rules, of: plan.workloads[index], now: now)
      explanation.secondPass = trace.secondPass.map { tokenRules($0, of: plan.workloads[index], now: now) }
      let request = RequestPlaces(check, message)
      for (number, rule) in plan.workloads[index].jwtRules.enumerated()
      where explanation.tokenRules[number].outcome == .noToken {
        explanation.tokenRules[number].hints = request.hints(for: rule)
      }
      explanation.unreadTokens = request.unreadTokens(by: plan.workloads[index].jwtRules)
      explanation.policyRules = Self.policyRules(rules, verdict, plan.workloads[index], snapshot)
      if verdict.reason == .noRuleMatched {
        explanation.emptyPolicies = emptyPolicies(of: plan.workloads[index])
      }
    }
    explanation.outcome = outcome(of: verdict, authorizer, check, message)
    return explanation
  }

  private static func request(_ check: borrowing Check, _ message: [UInt8]) -> Explanation.Request {
    func text(_ range: ByteRange) -> String { String(decoding: message[range.indices], as: UTF8.self) }
    return Explanation.Request(
      method: text(check.method), path: text(check.path), host: text(check.host),
      sourceAddress: text(check.source.address), sourcePrincipal: text(check.source.principal),
      isHTTP: check.hasHTTP)
  }

  private static func words(for choice: WorkloadChoice, known: [Workload]) -> String {
    let names = known.map(\.name).joined(separator: ", ")
    switch (choice.by, choice.workload != nil) {
    case (.name, true): return "named by the proxy: context_extensions `countersign.workload`"
    case (.name, false):
      return
        "the proxy's context_extensions `countersign.workload` name none of the configured ones: \(names)"
    case (.serviceAccount, _): return "its service account is that of the destination's principal"
    case (.host, _): return "its hosts match the request's"
    case (.default, true): return "the default: nothing else names one"
    case (.default, false): return "nothing names one, and there is no default; configured: \(names)"
    }
  }

  // MARK: Resources

  private func resources(for workload: Workload) -> [Explanation.Resource] {
    var all: [Explanation.Resource] = []
    func add(_ kind: String, _ metadata: ObjectMetadata, _ attachment: Attachment, isCustom: Bool = false) {
      let selection = PolicySelection.selects(
        attachment, namespace: metadata.namespace, workload: workload, settings: settings.policy)
      var reason = reason(selection, metadata, attachment, workload)
      if isCustom { reason = "action CUSTOM: the proxy asks its provider, nothing of it is evaluated here" }
      all.append(
        Explanation.Resource(
          kind: kind, name: "\(metadata.namespace)/\(metadata.name)", position: metadata.position,
          applies: selection == .applies && !isCustom, reason: reason))
    }
    for resource in input.resources.requestAuthentications {
      add("RequestAuthentication", resource.metadata, resource.attachment)
    }
    for policy in input.resources.authorizationPolicies {
      var isCustom = false
      if case .custom = policy.action { isCustom = true }
      add("AuthorizationPolicy", policy.metadata, policy.attachment, isCustom: isCustom)
    }
    return all
  }

  private func reason(
    _ selection: PolicySelection.Selection, _ metadata: ObjectMetadata, _ attachment: Attachment,
    _ workload: Workload
  ) -> String {
    let isRoot = metadata.namespace == settings.policy.rootNamespace
    switch selection {
    case .undecidable(let why): return why
    case .applies:
      switch attachment {
      case .selector(let labels, _): return "its selector matches: \(Self.text(labels))"
      case .targets: return "its targetRefs name the workload's gateway"
      case .allWorkloads:
        return isRoot ? "the root namespace: every workload" : "every workload of its namespace"
      }
    case .doesNotApply:
      if metadata.namespace != workload.namespace, !isRoot {
        return "another namespace than the workload's, `\(workload.namespace)`"
      }
      switch attachment {
      case .selector(let labels, _):
        let differing = labels.filter { workload.labels[$0.key] != $0.value }
        return "its selector wants \(Self.text(differing)); the workload has \(Self.text(workload.labels))"
      case .targets: return "its targetRefs name another target"
      case .allWorkloads: return "a waypoint: only targetRefs attach to it"
      }
    }
  }

  private static func text(_ labels: [String: String]) -> String {
    labels.isEmpty
      ? "no labels" : labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
  }

  // MARK: Rules

  private static func policyRules(
    _ rules: [RuleExplanation], _ verdict: Verdict, _ policies: WorkloadPolicies,
    _ snapshot: PolicySnapshot
  ) -> [Explanation.PolicyRule] {
    var deciding: String?
    if let rule = verdict.rule, let workload = verdict.workload {
      deciding = snapshot.describe(rule, workload: workload).id
    }
    var actions: [String: AuthorizationPolicy.Action] = [:]
    for policy in policies.authorizationPolicies {
      actions["\(policy.metadata.namespace)/\(policy.metadata.name)"] = policy.action
    }
    return rules.map { rule in
      let action = actions["\(rule.rule.namespace)/\(rule.rule.name)"]
      let isEnforced = !rule.rule.isDryRun && action != .audit
      var effect = Explanation.PolicyRule.Effect.noMatch
      if isEnforced, rule.rule.id == deciding {
        effect = .decides
      } else if verdict.reason == .deniedByRule, action == .allow, isEnforced {
        effect = .moot
      } else if rule.matched {
        effect = .matches
      }
      return Explanation.PolicyRule(
        explanation: rule, action: name(of: action) + (rule.rule.isDryRun ? " (dry run)" : ""),
        effect: effect)
    }
  }

  /// Enforced ALLOW policies without rules. The plan takes the rules from a policy whose attachment is undecided.
  private func emptyPolicies(of policies: WorkloadPolicies) -> [Explanation.EmptyPolicy] {
    policies.authorizationPolicies.filter { $0.action == .allow && !$0.isDryRun && $0.rules.isEmpty }.map {
      policy in
      let name = "\(policy.metadata.namespace)/\(policy.metadata.name)"
      let hasRules = input.resources.authorizationPolicies.contains {
        $0.metadata.position == policy.metadata.position && !$0.rules.isEmpty
      }
      let reason =
        hasRules
        ? "ALLOW \(name) may apply, which the labels do not decide: here it allows nothing, and denies what "
          + "nothing else allows"
        : "ALLOW \(name) has no rules: it allows nothing, and denies what nothing else allows"
      return Explanation.EmptyPolicy(name: name, position: policy.metadata.position, sentence: reason)
    }
  }

  private static func name(of action: AuthorizationPolicy.Action?) -> String {
    switch action {
    case .allow: "ALLOW"
    case .deny: "DENY"
    case .audit: "AUDIT"
    case .custom, nil: "CUSTOM"
    }
  }

  // MARK: Outcome

  private func outcome(
    of verdict: Verdict, _ authorizer: borrowing Authorizer, _ check: borrowing Check, _ message: [UInt8]
  ) -> Explanation.Outcome {
    var outcome = Explanation.Outcome()
    outcome.isAllowed = verdict.isAllowed
    outcome.reason = "\(verdict.reason.label)"
    outcome.sentence = sentence(for: verdict)
    if verdict.isAllowed {
      let octets = authorizer.changes.octets.copy()
      func text(_ range: ByteRange) -> String { String(decoding: octets[range.indices], as: UTF8.self) }
      outcome.setHeaders = authorizer.changes.setHeaders.map { (text($0.name), text($0.value)) }
      outcome.removedHeaders = authorizer.changes.removedHeaders.map(text)
      outcome.removedParameters = authorizer.changes.removedParameters.map(text)
      return outcome
    }
    outcome.status = Int(verdict.httpStatus)
    outcome.body = "\(verdict.body)"
    if let error = verdict.tokenError, error != .tooLarge, error != .tooMany {
      var challenge = ByteBuffer(capacity: 128)
      Authorizer.appendChallenge(for: error, check, in: message.span, to: &challenge)
      outcome.challenge = String(decoding: challenge.copy(), as: UTF8.self)
    }
    return outcome
  }

  private func sentence(for verdict: Verdict) -> String {
    var rule = ""
    if let index = verdict.rule, let workload = verdict.workload {
      let described = snapshot.describe(index, workload: workload)
      rule = "rule \(described.index) of \(described.namespace)/\(described.name) (\(described.position))"
    }
    switch verdict.reason {
    case .allowed:
      if !rule.isEmpty { return "\(rule) allows it, and no DENY rule matches" }
      if case .allowed(.noAllowPolicies)? = verdict.decision?.outcome {
        return "no DENY rule matches, and no ALLOW policy applies to the workload"
      }
      return "no DENY or ALLOW policy applies to the workload"
    case .tokenTooLarge:
      return
        "a token is larger than `limits.tokenBytes`; this is the answer unless `limits.answer` says otherwise"
    case .tooManyTokens:
      return
        "a rule finds more tokens than `limits.tokensPerRule`; this is the answer unless `limits.answer` says otherwise"
    case .token: return verdict.tokenError == .missing ? "a required token is missing" : "a token is refused"
    case .deniedByRule: return "\(rule) denies it"
    case .noRuleMatched:
      return "ALLOW policies apply to the workload, and none of their rules matches"
    case .malformedPath:
      return "the path cannot be normalised, or the proxy sent two of them, so it cannot be compared"
    case .malformedMetadata: return "a policy asks for filter metadata, and what the proxy sent is unreadable"
    case .malformedCertificate:
      return "a policy reads the source's identity, and the certificate that the proxy sent is unreadable"
    case .unknownWorkload: return "the request belongs to no configured workload"
    case .notHTTP: return "the check holds no HTTP request: a TCP filter asks"
    }
  }
}
