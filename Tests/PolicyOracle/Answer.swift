/// What comes of a request: as the oracle says, or as whatever it is compared with did.
public struct Answer: Sendable, Equatable, CustomStringConvertible {
  public enum Outcome: Sendable, Equatable {
    /// No ALLOW policy is enforced.
    case allowed
    case allowedByRule(String)
    case deniedByRule(String)
    case noRuleMatched
    case malformedPath
    case unknownWorkload
    case token(TokenFault)
    /// Nothing that the oracle ever says.
    case other(String)
  }

  /// What policies in dry-run mode say.
  public enum DryRun: Sendable, Equatable {
    case none
    case noRuleMatched
    case matched(String)
  }

  public var outcome: Outcome
  public var status: Int
  /// The first AUDIT rule that matches.
  public var audit: String?
  public var dryRunDeny = DryRun.none
  public var dryRunAllow = DryRun.none
  /// What changes in a request that passes.
  public var setHeaders: [String: String] = [:]
  public var removedHeaders: Set<String> = []
  public var removedParameters: Set<String> = []

  public init(_ outcome: Outcome, status: Int) {
    self.outcome = outcome
    self.status = status
  }

  public var isAllowed: Bool {
    switch outcome {
    case .allowed, .allowedByRule: true
    default: false
    }
  }

  public var description: String {
    var text = "\(outcome) (\(status))"
    if let audit { text += ", audit \(audit)" }
    if dryRunDeny != .none { text += ", dry-run DENY \(dryRunDeny)" }
    if dryRunAllow != .none { text += ", dry-run ALLOW \(dryRunAllow)" }
    if !setHeaders.isEmpty { text += ", sets \(setHeaders)" }
    if !removedHeaders.isEmpty { text += ", removes \(removedHeaders.sorted())" }
    if !removedParameters.isEmpty { text += ", removes ?\(removedParameters.sorted())" }
    return text
  }
}

/// Why tokens are refused, as coarse as clients need it.
public enum TokenFault: String, Sendable, CaseIterable {
  case missing
  /// Something that cannot be read as a token or its claims.
  case malformed
  case issuer = "issuer not configured"
  case notYetValid = "not yet valid"
  case expired
  case audience = "audience not allowed"
  case noKey = "no key matches"
  case signature = "signature does not fit"

  /// 403 for the audience, 401 for all else.
  public var status: Int { self == .audience ? 403 : 401 }
}
