import Bytes
public import Check
public import Policy

/// What of the policies a request reaches. Cold, for tests of policies: it allocates.
extension Authorizer {
  /// Every rule of the workload held against the check that `authorize` has just judged; none when tokens
  /// decided, since no rule was asked then.
  /// - Precondition: `verdict` is the last one of this value, for this check.
  public mutating func explainRules(
    of verdict: Verdict, for check: borrowing Check, in message: Span<UInt8>
  ) -> [RuleExplanation] {
    guard verdict.decision != nil, let workload = verdict.workload else { return [] }
    var explanations: [RuleExplanation] = []
    for rule in snapshot.workloads[workload].table.allRules {
      let explanation = snapshot.workloads[workload].table.explain(
        rule, for: check, in: message, changes: authentication.changes, claims: authentication.claims,
        scratch: &scratch)
      if let explanation { explanations.append(explanation) }
    }
    return explanations
  }

  /// Which of the workload's `jwtRules`, in the order of `WorkloadPolicies.jwtRules`, accept a token of the
  /// check when asked in the order of a verdict. It authenticates again: what the verdict before left in this
  /// value is gone.
  public mutating func acceptingTokenRules(
    for check: borrowing Check, in message: Span<UInt8>, workload: Int, now: UInt64
  ) -> [Int] {
    authentication.reset()
    var accepting: [Int] = []
    if Authentication.isPreflight(check, in: message) { return [] }
    let requiresToken = snapshot.workloads[workload].requiresToken
    for index in snapshot.workloads[workload].rules.indices {
      switch authentication.evaluate(
        snapshot.workloads[workload].rules[index], check, in: message, now: now)
      {
      case .passed:
        accepting.append(index)
        if !requiresToken { return accepting }
      case .missing:
        if requiresToken && snapshot.workloads[workload].rules[index].isRequired { return accepting }
      case .failed: if requiresToken { return accepting }
      }
    }
    return accepting
  }
}
