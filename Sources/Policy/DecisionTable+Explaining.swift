public import Istio
import Bytes
public import Check
public import JWT

/// From rows back to what the author of a policy wrote. Allocates: for logs and people.
extension DecisionTable {
  /// Which rule an index of this table means.
  /// - Precondition: it is one of this table's.
  public func describe(_ rule: RuleIndex) -> RuleDescription { ruleDescriptions[Int(rule.value)] }

  /// The action of the policy that a rule belongs to.
  public func action(of rule: RuleIndex) -> AuthorizationPolicy.Action {
    let index = Int(rule.value)
    if groups.deny.contains(index) || groups.dryRunDeny.contains(index) { return .deny }
    return groups.audit.contains(index) ? .audit : .allow
  }

  /// All rules in the order of evaluation: DENY, ALLOW, AUDIT, then the dry-run ones.
  public var allRules: [RuleIndex] { rules.indices.map { RuleIndex($0) } }

  /// The clauses of a rule, as written, each once.
  public func clauses(of rule: RuleIndex) -> [ClauseDescription] {
    let row = rules[Int(rule.value)]
    var seen: Set<UInt32> = []
    for entry in entries[Int(row.firstEntry)..<(Int(row.firstEntry) + Int(row.entryCount))] {
      let start = Int(entry.firstLiteral)
      seen.formUnion(literalClauses[start..<(start + Int(entry.literalCount))])
    }
    return seen.sorted().map { clauses[Int($0)] }
  }

  /// Why a rule matches a check or does not: for each source with each operation the first clause that fails, or, when
  /// none fails, what every clause saw.
  /// - Returns: nil when the check cannot be decided by rules at all (`notHTTP`, `malformedPath`,
  ///   `malformedCertificate`).
  public func explain(
    _ rule: RuleIndex, for check: borrowing Check, in message: Span<UInt8>, changes: borrowing RequestChanges,
    claims: borrowing VerifiedClaims, scratch: inout PolicyScratch
  ) -> RuleExplanation? {
    guard check.hasHTTP, prepare(check, in: message, &scratch) == nil else { return nil }
    let row = rules[Int(rule.value)]
    var explanation = RuleExplanation(rule: describe(rule), matched: false, alternatives: [])
    for entry in Int(row.firstEntry)..<(Int(row.firstEntry) + Int(row.entryCount)) {
      var failed: (clause: UInt32, predicate: Int)?
      let first = Int(entries[entry].firstLiteral)
      for index in first..<(first + Int(entries[entry].literalCount)) {
        let literal = literals[index]
        let holds = holds(literal.predicate, check, message, changes, claims, &scratch)
        // Clauses are numbered as they are written; literals are ordered by cost.
        if holds == literal.isNegated, literalClauses[index] < failed?.clause ?? .max {
          failed = (literalClauses[index], literal.predicate)
        }
      }
      if failed == nil { explanation.matched = true }
      var alternative = RuleExplanation.Alternative(
        source: entryPlaces[entry].source, operation: entryPlaces[entry].operation,
        failed: failed.map { clauses[Int($0.clause)] },
        observed: failed.map { observe($0.predicate, check, message, changes, claims, &scratch) })
      if failed == nil {
        let own = first..<(first + Int(entries[entry].literalCount))
        for index in own.sorted(by: { literalClauses[$0] < literalClauses[$1] }) {
          alternative.fields.append(
            RuleExplanation.Field(
              clause: clauses[Int(literalClauses[index])],
              observed: observe(literals[index].predicate, check, message, changes, claims, &scratch)))
        }
      }
      explanation.alternatives.append(alternative)
    }
    return explanation
  }
}
