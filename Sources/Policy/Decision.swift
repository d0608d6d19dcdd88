public import Istio

/// A rule of a decision table. It means nothing to another table.
@frozen
public struct RuleIndex: Sendable, Hashable {
  public let value: UInt32
  init(_ value: Int) { self.value = UInt32(value) }
}

/// What the policies of a workload say about one check. Only a complete evaluation by `DecisionTable` makes
/// one.
public struct Decision: Sendable, Equatable {
  public enum AllowReason: Sendable, Equatable {
    /// No ALLOW and no DENY policy is enforced for the workload.
    case noPolicies
    /// No DENY rule matched, and no ALLOW policy is enforced.
    case noAllowPolicies
    case allowedByRule(RuleIndex)
  }

  public enum DenyReason: Sendable, Equatable {
    case deniedByRule(RuleIndex)
    /// ALLOW policies are enforced, and no rule of theirs matched.
    case noAllowRuleMatched
    /// The check holds no HTTP request.
    case notHTTP
    /// The path cannot be normalised (semantics, section 2.7): a proxy would answer 400. Or the proxy sent two.
    case malformedPath
    /// A policy asks for filter metadata, and what the proxy sent is no `google.protobuf.Struct`.
    case malformedMetadata
    /// A rule of the workload reads the source's identity, and the certificate that the proxy sent cannot be read.
    case malformedCertificate
  }

  public enum Outcome: Sendable, Equatable {
    case allowed(AllowReason)
    case denied(DenyReason)
  }

  /// What policies in dry-run mode would have said.
  public enum DryRun: Sendable, Equatable {
    /// There are none.
    case none
    case matched(RuleIndex)
    case noRuleMatched
  }

  public let outcome: Outcome
  /// The first AUDIT rule that matched. It never changes the outcome.
  public let auditRule: RuleIndex?
  public let dryRunDeny: DryRun
  public let dryRunAllow: DryRun

  init(
    _ outcome: Outcome, auditRule: RuleIndex? = nil, dryRunDeny: DryRun = .none, dryRunAllow: DryRun = .none
  ) {
    self.outcome = outcome
    self.auditRule = auditRule
    self.dryRunDeny = dryRunDeny
    self.dryRunAllow = dryRunAllow
  }

  /// The rules that matched without a say in the outcome: of AUDIT policies and of those in dry-run mode.
  @inlinable
  public func forEachSilentRule(_ body: (RuleIndex) -> Void) {
    if let auditRule { body(auditRule) }
    if case .matched(let rule) = dryRunDeny { body(rule) }
    if case .matched(let rule) = dryRunAllow { body(rule) }
  }

  public var isAllowed: Bool {
    if case .allowed = outcome { true } else { false }
  }
}

/// Which rule of which policy, for logs, metrics and `explain`.
public struct RuleDescription: Sendable, Hashable {
  public var namespace: String
  public var name: String
  /// Counts the policy's rules from 0, as Istio does.
  public var index: Int
  /// `ns[NAMESPACE]-policy[NAME]-rule[INDEX]`, as Envoy reports it.
  public var id: String
  public var isDryRun: Bool
  public var position: SourcePosition
}

/// One field of a rule: the smallest thing that can fail.
public struct ClauseDescription: Sendable {
  /// Counted from 0 within the rule.
  public enum Place: Sendable, Hashable {
    case source(Int)
    case operation(Int)
    case condition(Int)
  }

  public var place: Place
  /// As Istio writes it: `notPaths`, or for a condition its key.
  public var field: String
  /// None of the values may match.
  public var isNegated: Bool
  /// As written, before trust domain aliases.
  public var values: [Located<String>]
}

/// Why a rule matched a check or did not.
public struct RuleExplanation: Sendable {
  /// One source with one operation, counted from 0; nil where the rule names none.
  public struct Alternative: Sendable {
    public var source: Int?
    public var operation: Int?
    /// The first clause, as written, that failed; nil when all held.
    public var failed: ClauseDescription?
    /// What that clause was held against.
    public var observed: ObservedValue?
    /// Every clause with what it saw, in the order in which they are written; empty unless all of them held.
    public var fields: [Field] = []
  }

  /// One clause that held, and the value that it saw.
  public struct Field: Sendable {
    public var clause: ClauseDescription
    public var observed: ObservedValue
  }

  public var rule: RuleDescription
  public var matched: Bool
  public var alternatives: [Alternative]
}

/// Resources that no table can be made of. Istio's own validation refuses all of this before.
public struct CompilationError: Error, Sendable, CustomStringConvertible {
  /// At least one, each with the position of the offending value.
  public let diagnostics: [Diagnostic]

  /// The findings, one a line.
  public var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}
