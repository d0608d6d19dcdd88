import Bytes
public import Check
public import JWT
public import Policy

/// Why a check came to its verdict. Cold, for people and for tests of policies: it allocates.
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

  /// Whether what `authorize` does with tokens is recorded, for `trace`.
  public var tracesTokens: Bool {
    get { authentication.trace != nil }
    set { authentication.trace = newValue ? AuthenticationTrace() : nil }
  }

  /// What the last `authorize` did with the check's tokens; nothing when `tracesTokens` is off, or when the
  /// check was denied before any token was looked for. Its rules are those of
  /// `WorkloadPolicies.jwtRules`, in that order.
  public var trace: AuthenticationTrace { authentication.trace ?? AuthenticationTrace() }

  /// What a token says of itself.
  public static func facts(of token: borrowing UnverifiedToken) -> AuthenticationTrace.Facts {
    Authentication.facts(of: token)
  }

  /// Which workload the check is about, and what said so.
  public func workloadChoice(for check: borrowing Check, in message: Span<UInt8>) -> WorkloadChoice {
    snapshot.finder.choice(for: check, in: message)
  }
}
