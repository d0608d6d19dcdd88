import Bytes
import Certificates
public import Check
public import Istio
public import JWT

/// The AuthorizationPolicies of one workload, compiled: flat rows over one pool of octets, made once and
/// never changed.
///
/// A rule is a list of entries, one for each of its sources with each of its operations and all its
/// conditions; an entry is a list of literals that must all be true; a literal is a predicate, perhaps
/// negated; a predicate is a list of values over one attribute of a check, and equal ones exist once. A check
/// asks a predicate at most once.
public struct DecisionTable: ~Copyable, Sendable {
  /// Every rule with this action, in one row: enforced ones, then those in dry-run mode.
  struct Groups: Sendable {
    var deny = 0..<0
    var allow = 0..<0
    var audit = 0..<0
    var dryRunDeny = 0..<0
    var dryRunAllow = 0..<0
  }

  let pool: [UInt8]
  let names: [ByteRange]
  let matchers: [Matcher]
  let prefixes: [IPPrefix]
  let predicates: [Predicate]
  let literals: [Literal]
  let entries: [Entry]
  let rules: [RuleRow]
  let groups: Groups
  /// The rule of each entry.
  let entryRules: [UInt32]
  /// Which entries a check has to look at. Not optional: unwrapping would retain what all workers share.
  let candidates: CandidateIndex
  /// An ALLOW policy denies what no ALLOW rule allows, even when it has no rule itself.
  let enforcesAllow: Bool
  let enforcesDeny: Bool
  let evaluatesDryRunAllow: Bool
  let evaluatesDryRunDeny: Bool
  /// Some rule reads the source's identity, in whatever policy.
  let readsIdentity: Bool
  let pathNormalization: PathNormalization
  let trustedProxies: Int

  // Read only to explain a decision.
  let ruleDescriptions: [RuleDescription]
  let clauses: [ClauseDescription]
  /// Beside `literals`: rows of `clauses`.
  let literalClauses: [UInt32]
  /// Beside `entries`.
  let entryPlaces: [(source: Int?, operation: Int?)]

  /// Compiles the policies that apply to one workload. CUSTOM ones are passed over: the proxy asks their
  /// provider.
  ///
  /// Rules are evaluated and reported in the order of their ids' octets, as Envoy does it.
  /// - Throws: everything that cannot be compiled, each with its position. Nothing is left out silently.
  public init(
    compiling policies: [AuthorizationPolicy], settings: PolicySettings = PolicySettings()
  ) throws(CompilationError) {
    var builder = TableBuilder()
    var descriptions: [RuleDescription] = []
    var errors: [Diagnostic] = []
    var groups = Groups()
    func add(_ action: AuthorizationPolicy.Action, isDryRun: Bool) -> Range<Int> {
      let start = builder.rules.count
      for (policy, index, description) in Self.ordered(policies, action, isDryRun) {
        var compiler = RuleCompiler(policy, settings)
        compiler.compile(policy.rules[index], into: &builder)
        errors += compiler.errors
        descriptions.append(description)
      }
      return start..<builder.rules.count
    }
    groups.deny = add(.deny, isDryRun: false)
    groups.allow = add(.allow, isDryRun: false)
    groups.audit = add(.audit, isDryRun: false)
    groups.dryRunDeny = add(.deny, isDryRun: true)
    groups.dryRunAllow = add(.allow, isDryRun: true)
    if !errors.isEmpty { throw CompilationError(diagnostics: errors) }

    pool = builder.pool
    names = builder.names
    matchers = builder.matchers
    prefixes = builder.prefixes
    predicates = builder.predicates
    literals = builder.literals
    entries = builder.entries
    rules = builder.rules
    self.groups = groups
    entryRules = builder.rules.enumerated().flatMap { index, rule in
      [UInt32](repeating: UInt32(index), count: Int(rule.entryCount))
    }
    candidates = CandidateIndex(
      builder.entries.count < settings.indexedEntries
        ? nil : builder.entries.indices.map { builder.keys(ofEntry: $0) })
    enforcesAllow = policies.contains { $0.action == .allow && !$0.isDryRun }
    enforcesDeny = policies.contains { $0.action == .deny && !$0.isDryRun }
    evaluatesDryRunAllow = policies.contains { $0.action == .allow && $0.isDryRun }
    evaluatesDryRunDeny = policies.contains { $0.action == .deny && $0.isDryRun }
    readsIdentity = builder.predicates.contains { $0.attribute == .sourceIdentity }
    pathNormalization = settings.pathNormalization
    trustedProxies = max(0, settings.trustedProxies)
    ruleDescriptions = descriptions
    clauses = builder.clauses
    literalClauses = builder.literalClauses
    entryPlaces = builder.entryPlaces
  }

  /// How many rules, entries and distinct predicates it holds.
  public var size: (rules: Int, entries: Int, predicates: Int) {
    (rules.count, entries.count, predicates.count)
  }

  /// Decides one check.
  ///
  /// DENY rules come first, then ALLOW rules; AUDIT rules and dry-run policies are evaluated and change
  /// nothing. Of several rules that match, the one whose id comes first is reported. A check that cannot be
  /// read is denied.
  /// - Parameters:
  ///   - message: the octets that the check's ranges refer to.
  ///   - changes: what the answer will change in the request; headers are matched as they will be then.
  ///   - claims: those of the token that Envoy would put into metadata: the first one found.
  ///   - scratch: one worker's; nothing is allocated once it has seen the largest table and path.
  public func evaluate(
    _ check: borrowing Check, in message: Span<UInt8>, changes: borrowing RequestChanges,
    claims: borrowing VerifiedClaims, scratch: inout PolicyScratch
  ) -> Decision {
    if !check.hasHTTP { return Decision(.denied(.notHTTP)) }
    if let refusal = prepare(check, in: message, &scratch) { return Decision(.denied(refusal)) }
    if candidates.isUsed {
      var found: [UInt64] = []
      swap(&found, &scratch.candidates)
      let host = message[check.host]
      if pathNormalization != .none {
        candidates.find(path: scratch.path.span[0..<scratch.pathCount], host: host, into: &found)
      } else {
        candidates.find(path: message[check.path][0..<scratch.pathCount], host: host, into: &found)
      }
      swap(&found, &scratch.candidates)
    }

    let audit = firstMatch(in: groups.audit, check, message, changes, claims, &scratch)
    let outcome = enforce(check, message, changes, claims, &scratch)
    let dryRunDeny = dryRun(
      groups.dryRunDeny, evaluatesDryRunDeny, check, message, changes, claims, &scratch)
    let dryRunAllow = dryRun(
      groups.dryRunAllow, evaluatesDryRunAllow, check, message, changes, claims, &scratch)
    return Decision(
      scratch.metadataIsMalformed ? .denied(.malformedMetadata) : outcome, auditRule: audit,
      dryRunDeny: dryRunDeny, dryRunAllow: dryRunAllow)
  }

  /// Empties the scratch, finds the path that policies see, and reads the peer's certificate if a rule may ask for
  /// the names in it. A certificate that cannot be read denies whichever rule would have decided: the verdict does
  /// not depend on the order in which rules are asked. If no rule reads the identity it is not looked at.
  /// - Returns: why no rule can be asked; nil when all can.
  func prepare(
    _ check: borrowing Check, in message: Span<UInt8>, _ scratch: inout PolicyScratch
  ) -> Decision.DenyReason? {
    scratch.reset(predicateCount: predicates.count)
    if !findPath(check, message, &scratch) { return .malformedPath }
    if !readsIdentity || check.source.certificate.isEmpty { return nil }
    do throws(CertificateError) {
      scratch.peerNames = try scratch.certificates.names(of: message[check.source.certificate])
      return nil
    } catch {
      return .malformedCertificate
    }
  }

  /// - Returns: false when the path is malformed, or when there are two.
  private func findPath(
    _ check: borrowing Check, _ message: Span<UInt8>, _ scratch: inout PolicyScratch
  ) -> Bool {
    if check.pathIsAmbiguous { return false }
    let path = message[check.path]
    if pathNormalization != .none {
      guard let count = pathNormalization.apply(to: path, into: &scratch.path) else { return false }
      scratch.pathCount = count
      return true
    }
    var end = 0
    while end < path.count, path[end] != UInt8(ascii: "?"), path[end] != UInt8(ascii: "#") {
      if path[end] == 0 { return false }
      end += 1
    }
    scratch.pathCount = end
    return true
  }

  private func enforce(
    _ check: borrowing Check, _ message: Span<UInt8>, _ changes: borrowing RequestChanges,
    _ claims: borrowing VerifiedClaims, _ scratch: inout PolicyScratch
  ) -> Decision.Outcome {
    if let rule = firstMatch(in: groups.deny, check, message, changes, claims, &scratch) {
      return .denied(.deniedByRule(rule))
    }
    if !enforcesAllow { return .allowed(enforcesDeny ? .noAllowPolicies : .noPolicies) }
    if let rule = firstMatch(in: groups.allow, check, message, changes, claims, &scratch) {
      return .allowed(.allowedByRule(rule))
    }
    return .denied(.noAllowRuleMatched)
  }

  private func dryRun(
    _ group: Range<Int>, _ isEvaluated: Bool, _ check: borrowing Check, _ message: Span<UInt8>,
    _ changes: borrowing RequestChanges, _ claims: borrowing VerifiedClaims, _ scratch: inout PolicyScratch
  ) -> Decision.DryRun {
    if !isEvaluated { return .none }
    return firstMatch(in: group, check, message, changes, claims, &scratch).map { .matched($0) }
      ?? .noRuleMatched
  }

  private func firstMatch(
    in group: Range<Int>, _ check: borrowing Check, _ message: Span<UInt8>,
    _ changes: borrowing RequestChanges,
    _ claims: borrowing VerifiedClaims, _ scratch: inout PolicyScratch
  ) -> RuleIndex? {
    if candidates.isUsed { return firstCandidate(in: group, check, message, changes, claims, &scratch) }
    var rule = group.lowerBound
    while rule < group.upperBound {
      let row = rules[rule]
      var entry = Int(row.firstEntry)
      let end = entry + Int(row.entryCount)
      while entry < end {
        if holds(entries[entry], check, message, changes, claims, &scratch) { return RuleIndex(rule) }
        entry += 1
      }
      rule += 1
    }
    return nil
  }

  /// The same among the candidates alone: entries stand in the order of their rules.
  private func firstCandidate(
    in group: Range<Int>, _ check: borrowing Check, _ message: Span<UInt8>,
    _ changes: borrowing RequestChanges,
    _ claims: borrowing VerifiedClaims, _ scratch: inout PolicyScratch
  ) -> RuleIndex? {
    if group.isEmpty { return nil }
    let start = Int(rules[group.lowerBound].firstEntry)
    let last = rules[group.upperBound - 1]
    let end = Int(last.firstEntry) + Int(last.entryCount)
    if start == end { return nil }
    var word = start >> 6
    while word <= (end - 1) >> 6 {
      var bits = scratch.candidates[word]
      if word == start >> 6 { bits &= .max << UInt64(start & 63) }
      if word == (end - 1) >> 6 { bits &= .max >> UInt64(63 - (end - 1) & 63) }
      while bits != 0 {
        let entry = word << 6 + bits.trailingZeroBitCount
        bits &= bits &- 1
        if holds(entries[entry], check, message, changes, claims, &scratch) {
          return RuleIndex(Int(entryRules[entry]))
        }
      }
      word += 1
    }
    return nil
  }

  private func holds(
    _ entry: Entry, _ check: borrowing Check, _ message: Span<UInt8>, _ changes: borrowing RequestChanges,
    _ claims: borrowing VerifiedClaims, _ scratch: inout PolicyScratch
  ) -> Bool {
    var index = Int(entry.firstLiteral)
    let end = index + Int(entry.literalCount)
    while index < end {
      let literal = literals[index]
      if holds(literal.predicate, check, message, changes, claims, &scratch) == literal.isNegated {
        return false
      }
      index += 1
    }
    return true
  }

  /// The rules with one action, in the order of their ids.
  private static func ordered(
    _ policies: [AuthorizationPolicy], _ action: AuthorizationPolicy.Action, _ isDryRun: Bool
  ) -> [(AuthorizationPolicy, Int, RuleDescription)] {
    var all: [(AuthorizationPolicy, Int, RuleDescription)] = []
    for policy in policies where policy.action == action && policy.isDryRun == isDryRun {
      for (index, rule) in policy.rules.enumerated() {
        let description = RuleDescription(
          namespace: policy.metadata.namespace, name: policy.metadata.name, index: index,
          id: "ns[\(policy.metadata.namespace)]-policy[\(policy.metadata.name)]-rule[\(index)]",
          isDryRun: isDryRun, position: rule.position)
        all.append((policy, index, description))
      }
    }
    return all.enumerated().sorted {
      let ids = (Array($0.element.2.id.utf8), Array($1.element.2.id.utf8))
      return ids.0 == ids.1 ? $0.offset < $1.offset : ids.0.lexicographicallyPrecedes(ids.1)
    }.map(\.element)
  }
}
