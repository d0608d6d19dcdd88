public import JWT
public import Policy

/// The answer to a check. One that allows can be made in one place only, from the two values that only
/// complete evaluations make (`AuthenticationPassed`, and `Decision` of the decision table); everything else
/// denies (design, section 6, invariant 1).
public struct Verdict: Sendable {
  /// Why, in a word: the label of the metric and of the answer's metadata.
  public enum Reason: UInt8, Sendable, CaseIterable {
    /// No policy asks for anything, or a rule allows.
    case allowed
    /// A token was refused; `tokenError` says why.
    case token
    /// A rule of a DENY policy matched.
    case deniedByRule
    /// There are ALLOW policies and none of their rules matched.
    case noRuleMatched
    /// The path cannot be normalised, or the proxy sent two.
    case malformedPath
    /// A policy asks for filter metadata, and what the proxy sent cannot be read.
    case malformedMetadata
    /// A rule reads the source's identity, and the certificate that the proxy sent cannot be read.
    case malformedCertificate
    /// The check names a workload that is not configured, or none and there is no default.
    case unknownWorkload
    /// The check holds no HTTP request.
    case notHTTP
    /// A token is larger than `TokenSettings.maximumTokenBytes`; `tokenError` is `.tooLarge`.
    case tokenTooLarge
    /// A request has more tokens for one rule than `AuthorizerSettings.maximumTokensPerRule`; `tokenError` is
    /// `.tooMany`.
    case tooManyTokens

    /// As metrics and metadata spell it.
    public var label: StaticString {
      switch self {
      case .allowed: "allowed"
      case .token: "token"
      case .deniedByRule: "denied_by_rule"
      case .noRuleMatched: "no_rule_matched"
      case .malformedPath: "malformed_path"
      case .malformedMetadata: "malformed_metadata"
      case .malformedCertificate: "malformed_certificate"
      case .unknownWorkload: "unknown_workload"
      case .notHTTP: "not_http"
      case .tokenTooLarge: "token_too_large"
      case .tooManyTokens: "too_many_tokens"
      }
    }
  }

  public let isAllowed: Bool
  public let reason: Reason
  /// Set with `.token`, `.tokenTooLarge` and `.tooManyTokens` alone.
  public let tokenError: TokenError?
  /// The rule that decided, where one did.
  public let rule: RuleIndex?
  /// The workload whose policies decided, where one was found.
  public let workload: Int?
  /// What the policies said, AUDIT and dry-run ones included; nil when they were not asked.
  public let decision: Decision?

  /// What the client gets when the verdict denies: Envoy's own statuses (semantics, sections 1.10 and 2.3).
  public var httpStatus: UInt16 {
    switch tokenError {
    case .some(let error): UInt16(error.httpStatus)
    case nil: 403
    }
  }

  /// What the client reads when the verdict denies: no more than Envoy shows.
  public var body: StaticString {
    switch tokenError {
    case .some(let error): error.text
    case nil: "RBAC: access denied"
    }
  }

  /// A verdict from a complete evaluation: the only initializer that can allow.
  init(_ decision: Decision, after passed: consuming AuthenticationPassed, workload: Int) {
    _ = passed
    self.workload = workload
    self.decision = decision
    tokenError = nil
    switch decision.outcome {
    case .allowed(let why):
      isAllowed = true
      reason = .allowed
      if case .allowedByRule(let matched) = why { rule = matched } else { rule = nil }
    case .denied(let why):
      isAllowed = false
      if case .deniedByRule(let matched) = why { rule = matched } else { rule = nil }
      switch why {
      case .deniedByRule: reason = .deniedByRule
      case .noAllowRuleMatched: reason = .noRuleMatched
      case .malformedPath: reason = .malformedPath
      case .malformedMetadata: reason = .malformedMetadata
      case .malformedCertificate: reason = .malformedCertificate
      case .notHTTP: reason = .notHTTP
      }
    }
  }

  /// A denial because of a token.
  init(denying error: TokenError, workload: Int) {
    isAllowed = false
    reason =
      switch error {
      case .tooLarge: .tokenTooLarge
      case .tooMany: .tooManyTokens
      default: .token
      }
    tokenError = error
    rule = nil
    decision = nil
    self.workload = workload
  }

  /// A denial before any policy was asked.
  init(denying reason: Reason) {
    precondition(reason != .allowed)
    isAllowed = false
    self.reason = reason
    tokenError = nil
    rule = nil
    workload = nil
    decision = nil
  }
}

/// Proof that the requirement of all RequestAuthentications was met. Only `Authentication` makes one.
struct AuthenticationPassed: ~Copyable {
  fileprivate init() {}

  /// - Parameter outcome: of the whole requirement.
  static func proof(of outcome: borrowing Authentication.Requirement) -> AuthenticationPassed? {
    outcome.isMet ? AuthenticationPassed() : nil
  }
}
