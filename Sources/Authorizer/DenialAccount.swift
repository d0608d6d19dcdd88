import Bytes
public import Istio
public import JWT
public import Policy

/// What a worker keeps of a denial: numbers alone, so that nothing is formatted while checks are answered.
public struct DenialFacts: Sendable, Hashable {
  public let reason: Verdict.Reason
  public let tokenError: TokenError?
  /// Of the table of `workload`.
  public let rule: RuleIndex?
  public let workload: Int?

  public init(_ verdict: Verdict) {
    reason = verdict.reason
    tokenError = verdict.tokenError
    rule = verdict.rule
    workload = verdict.workload
  }
}

/// Why a check was denied, in words for people.
public struct DenialAccount: Sendable, Equatable {
  /// What decided, such as `all of these held: notPaths: none of ["/productpage"]`; empty where the reason says it all.
  public var why: String
  /// Where the deciding rule is written; nil where no single rule decided.
  public var position: SourcePosition?
}

/// Cold: it allocates. Nothing is evaluated; the words come from the rules as they are written.
extension PolicySnapshot {
  /// More values, clauses and issuers than these are counted, not listed: a rule may have thousands.
  private static let listedValues = 3
  private static let listedClauses = 4

  /// Says why a check was denied.
  /// - Parameters:
  ///   - facts: of a verdict of this snapshot.
  ///   - issuer: what the refused token says of itself; empty where that is not known.
  public func account(of facts: DenialFacts, issuer: String) -> DenialAccount {
    guard let workload = facts.workload, workload < workloadCount else {
      return DenialAccount(why: facts.reason == .unknownWorkload ? unknownWorkload : "")
    }
    if let error = facts.tokenError { return account(of: error, issuer: issuer, workload: workload) }
    if let rule = facts.rule, Int(rule.value) < ruleCount(ofWorkload: workload) {
      return DenialAccount(
        why: Self.words(for: workloads[workload].table.clauses(of: rule)),
        position: describe(rule, workload: workload).position)
    }
    return DenialAccount(why: facts.reason == .noRuleMatched ? allowRules(ofWorkload: workload) : "")
  }

  private var unknownWorkload: String {
    "the check names no workload of the configuration: " + Self.list((0..<workloadCount).map(workloadName))
  }

  /// Which ALLOW rules there are: none of them matched.
  private func allowRules(ofWorkload workload: Int) -> String {
    let rules = allRules.filter {
      $0.workload == workload && $0.action == .allow && !$0.description.isDryRun
    }.map(\.description)
    guard let first = rules.first else { return "an ALLOW policy without rules matches nothing" }
    return rules.count == 1
      ? "the only ALLOW rule did not match: \(first.id) at \(first.position)"
      : "none of \(rules.count) ALLOW rules matched; the first is \(first.id) at \(first.position)"
  }

  // MARK: Rules

  /// What a rule that matched asks for. A rule with several sources or operations matched by one of each; which one is
  /// not known here.
  private static func words(for clauses: [ClauseDescription]) -> String {
    if clauses.isEmpty { return "the rule matches every request" }
    let sources = Set(clauses.compactMap { if case .source(let index) = $0.place { index } else { nil } })
    let operations = Set(
      clauses.compactMap { if case .operation(let index) = $0.place { index } else { nil } })
    let isSingle = sources.count <= 1 && operations.count <= 1
    let listed = clauses.prefix(listedClauses).map { clause in
      (isSingle ? "" : place(clause.place)) + "\(clause.field): "
        + (clause.isNegated ? "none of " : "one of ") + list(clause.values.map(\.value))
    }
    let more = clauses.count > listedClauses ? "; and \(clauses.count - listedClauses) more" : ""
    return
      (isSingle
      ? "all of these held: " : "one of the sources, one of the operations and all conditions held: ")
      + listed.joined(separator: "; ") + more
  }

  private static func place(_ place: ClauseDescription.Place) -> String {
    switch place {
    case .source(let index): "from[\(index)] "
    case .operation(let index): "to[\(index)] "
    case .condition(let index): "when[\(index)] "
    }
  }

  /// `["a", "b" and 3 more]`.
  private static func list(_ values: [String]) -> String {
    let more = values.count > listedValues ? " and \(values.count - listedValues) more" : ""
    return "[" + values.prefix(listedValues).map(quoted).joined(separator: ", ") + more + "]"
  }

  /// A value in quotation marks, cut at 80 characters.
  private static func quoted(_ value: String) -> String {
    value.count > 80 ? "\"\(value.prefix(80))…\"" : "\"\(value)\""
  }

  // MARK: Tokens

  private func account(of error: TokenError, issuer: String, workload: Int) -> DenialAccount {
    let issuers = issuers(ofWorkload: workload)
    // Only when one rule takes tokens of this issuer it is certain which one refused.
    let fitting = issuers.indices.filter { issuers[$0].isEmpty || (!issuer.isEmpty && issuers[$0] == issuer) }
    let rule = issuers.count == 1 ? 0 : (fitting.count == 1 ? fitting[0] : nil)
    let position = rule.map { workloads[workload].rules[$0].position }
    if error == .issuerNotConfigured {
      let named =
        issuer.isEmpty ? "the token's iss is not configured" : "iss is \(Self.quoted(issuer)) (not verified)"
      return DenialAccount(why: "\(named); configured: \(Self.list(issuers))")
    }
    var words = Self.words(for: error)
    if error == .audienceNotAllowed, let rule {
      let audiences = workloads[workload].rules[rule].audiences.map { String(decoding: $0, as: UTF8.self) }
      words = "aud is none of the rule's audiences: \(Self.list(audiences))"
    }
    if !issuer.isEmpty { words += "\(words.isEmpty ? "" : "; ")iss is \(Self.quoted(issuer)) (not verified)" }
    return DenialAccount(why: words, position: position)
  }

  /// Which check failed, where the answer's text does not say enough.
  private static func words(for error: TokenError) -> String {
    switch error {
    case .missing: "a rule with presence REQUIRED found no token in its locations"
    case .notYetValid: "nbf is later than now, the clock skew included"
    case .expired: "exp is earlier than now, the clock skew included"
    case .verificationFailed: "no fitting key of the rule made the signature"
    case .noKeyMatches: "no key of the rule has the token's kid and alg"
    case .noUsableKey: "the rule's key set has no key that can be used"
    case .keysUnavailable: "the rule's keys were not fetched yet: see Keys"
    case .keysNotJSON, .keysMissing, .keysNotArray: "what the provider sent is not a key set: see Keys"
    case .audienceNotAllowed: "aud is none of the rule's audiences"
    case .tooLarge: "the token is larger than limits.tokenBytes"
    case .tooMany: "the request has more tokens for one rule than limits.tokensPerRule"
    default: ""
    }
  }
}
