import Authorizer
import Bytes
import Check
import ExtAuthz
import Istio
import JWT
import Policy
import PolicyOracle

/// The real way of a check, from the octets of policies and messages to an answer: what is compared.
struct Gate: ~Copyable {
  /// Resources that were made to be valid were refused.
  struct Refused: Error, CustomStringConvertible {
    var diagnostics: [Diagnostic]
    var description: String { diagnostics.map(\.description).joined(separator: "\n") }
  }

  private let snapshot: PolicySnapshot
  private var authorizer: Authorizer
  private var check = Check()

  init(_ mesh: Mesh) throws {
    let loaded = ResourceLoader().load(file: "policies.yaml", text: mesh.yaml)
    if loaded.hasErrors { throw Refused(diagnostics: loaded.diagnostics.filter { $0.severity == .error }) }
    let workloads = mesh.workloads.map {
      Workload(name: $0.name, namespace: $0.namespace, labels: $0.labels, serviceAccount: $0.serviceAccount)
    }
    let compiled = PolicySnapshot.compile(
      .init(resources: loaded.resources, workloads: workloads, defaultWorkload: mesh.defaultWorkload),
      settings: Self.settings(of: mesh))
    guard let snapshot = compiled.snapshot else { throw Refused(diagnostics: compiled.diagnostics) }
    self.snapshot = snapshot
    authorizer = Authorizer(snapshot: snapshot)
  }

  private static func settings(of mesh: Mesh) -> AuthorizerSettings {
    var settings = AuthorizerSettings()
    settings.policy.rootNamespace = mesh.rootNamespace
    settings.policy.trustDomain = mesh.trustDomain
    settings.policy.trustDomainAliases = mesh.trustDomainAliases
    settings.policy.trustedProxies = mesh.trustedProxies
    settings.policy.pathNormalization = PathNormalization(rawValue: mesh.pathNormalization.rawValue) ?? .none
    settings.policy.allowUnused = true
    settings.policy.allowEmpty = true
    // Half of the sets by the index, however few entries they have.
    settings.policy.indexedEntries = mesh.yaml.utf8.count % 2 == 0 ? 0 : .max
    // Small enough that tokens leave it all the time.
    settings.tokenCacheOctets = 32 << 10
    return settings
  }

  mutating func answer(to request: ProxyRequest, now: Int) -> Answer {
    let message = CheckRequestText.octets(of: request)
    do {
      try CheckRequestReader.read(message.span, into: &check)
    } catch {
      return Answer(.other("\(error)"), status: 0)
    }
    let verdict = authorizer.authorize(check, in: message.span, now: UInt64(now))
    var answer = Answer(outcome(of: verdict), status: verdict.isAllowed ? 200 : Int(verdict.httpStatus))
    if let workload = verdict.workload, let decision = verdict.decision {
      answer.audit = decision.auditRule.map { name(of: $0, workload) }
      answer.dryRunDeny = dryRun(decision.dryRunDeny, workload)
      answer.dryRunAllow = dryRun(decision.dryRunAllow, workload)
    }
    if verdict.isAllowed { readChanges(into: &answer) }
    return answer
  }

  private func name(of rule: RuleIndex, _ workload: Int) -> String {
    snapshot.withRuleName(rule, workload: workload) { String(decoding: $0.copy(), as: UTF8.self) }
  }

  private func outcome(of verdict: Verdict) -> Answer.Outcome {
    if verdict.isAllowed != (verdict.reason == .allowed) {
      return .other("allowed although \(verdict.reason)")
    }
    let rule = verdict.rule.flatMap { rule in verdict.workload.map { name(of: rule, $0) } }
    switch verdict.reason {
    case .allowed: return rule.map { .allowedByRule($0) } ?? .allowed
    case .deniedByRule: return .deniedByRule(rule ?? "none")
    case .noRuleMatched: return .noRuleMatched
    case .malformedPath: return .malformedPath
    case .unknownWorkload: return .unknownWorkload
    case .token: return .token(fault(of: verdict))
    case .malformedMetadata, .malformedCertificate, .notHTTP, .tokenTooLarge, .tooManyTokens:
      return .other("\(verdict.reason)")
    }
  }

  private func fault(of verdict: Verdict) -> TokenFault {
    switch verdict.tokenError {
    case .missing: .missing
    case .notYetValid: .notYetValid
    case .expired: .expired
    case .issuerNotConfigured: .issuer
    case .audienceNotAllowed: .audience
    case .noKeyMatches: .noKey
    case .verificationFailed: .signature
    default: .malformed
    }
  }

  private func dryRun(_ dryRun: Decision.DryRun, _ workload: Int) -> Answer.DryRun {
    switch dryRun {
    case .none: .none
    case .noRuleMatched: .noRuleMatched
    case .matched(let rule): .matched(name(of: rule, workload))
    }
  }

  private func readChanges(into answer: inout Answer) {
    let octets = authorizer.changes.octets.copy()
    func text(_ range: ByteRange) -> String { String(decoding: octets[range.indices], as: UTF8.self) }
    for pair in authorizer.changes.setHeaders { answer.setHeaders[text(pair.name)] = text(pair.value) }
    answer.removedHeaders = Set(authorizer.changes.removedHeaders.map(text))
    answer.removedParameters = Set(authorizer.changes.removedParameters.map(text))
  }
}
