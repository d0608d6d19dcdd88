import Istio

// Exemptions: `notPaths` of DENY rules (semantics, sections 4.1 and 4.17).
extension Linter {
  private struct Exemption {
    var policy: AuthorizationPolicy
    var rule: Rule
    var operation: Operation
  }

  mutating func lintExemptions() {
    let exemptions = policies.filter { $0.action == .deny }.flatMap { policy in
      policy.rules.flatMap { rule in
        rule.operations.filter { !$0.paths.notValues.isEmpty }.map {
          Exemption(policy: policy, rule: rule, operation: $0)
        }
      }
    }
    for (index, exemption) in exemptions.enumerated() {
      for other in exemptions[..<index] { lintSplit(exemption, beside: other) }
      lintPreflight(exemption)
      for value in exemption.operation.paths.notValues { lintPrefix(value, "notPaths", "exempts") }
      lintAllowed(exemption)
    }
  }

  /// Two rules deny what is not in their lists: a path is open only when both lists hold it. Whoever writes
  /// the second one mostly means to add to the first.
  private mutating func lintSplit(_ one: Exemption, beside other: Exemption) {
    guard mayMeet(one.policy, other.policy), saysTheSame(one, other),
      let place = one.operation.paths.notValues.first
    else { return }
    let (mine, theirs) = (one.operation.paths.notTexts, other.operation.paths.notTexts)
    if Set(mine) == Set(theirs) { return }
    let both = mine.filter(theirs.contains)
    let open = both.isEmpty ? "no path is in both" : "only \(list(both)) is in both"
    let theirPlace = other.operation.paths.notValues[0].position
    warn(
      .splitExemptions, at: place.position,
      "the DENY rule at \(theirPlace) exempts \(list(theirs)), this one \(list(mine)): a path is open only "
        + "when every DENY rule exempts it, and \(open); put all exemptions into one rule")
  }

  /// Whether all but the paths is equal.
  private func saysTheSame(_ one: Exemption, _ other: Exemption) -> Bool {
    let (mine, theirs) = (one.operation, other.operation)
    return mine.hosts.says(theSameAs: theirs.hosts) && mine.methods.says(theSameAs: theirs.methods)
      && mine.ports.says(theSameAs: theirs.ports) && mine.paths.says(noValuesAs: theirs.paths)
      && RuleContent.sources(of: one.rule) == RuleContent.sources(of: other.rule)
      && RuleContent.conditions(of: one.rule) == RuleContent.conditions(of: other.rule)
  }

  /// A preflight passes the check of tokens, but it has no principal, so a DENY for those without one hits
  /// it, and the browser never sends the request itself.
  private mutating func lintPreflight(_ exemption: Exemption) {
    let methods = exemption.operation.methods
    if !methods.values.isEmpty && !methods.texts.contains(where: { Self.covers($0, "OPTIONS") }) { return }
    if methods.notTexts.contains(where: { Self.covers($0, "OPTIONS") }) { return }
    let demandsToken = exemption.rule.sources.contains { !$0.requestPrincipals.notValues.isEmpty }
    guard demandsToken, let place = exemption.operation.paths.notValues.first else { return }
    warn(
      .preflightBlocked, at: place.position,
      "the rule denies CORS preflights too, which never carry a token: if browsers call from other origins, "
        + "add `notMethods: [OPTIONS]` beside `notPaths`")
  }

  mutating func lintPrefix(_ value: Located<String>, _ field: String, _ does: String) {
    let text = value.value
    guard text.count > 2, text.hasSuffix("*"), !text.hasSuffix("/*"), !text.hasPrefix("*"),
      !text.contains("{*"), ValueForm.path.problem(in: text) == nil
    else { return }
    let stem = text.dropLast()
    warn(
      .wideExemption, at: value.position,
      "`\(text)` in `\(field)` \(does) every path that begins so, `\(stem)-internal` too: write `\(stem)` and "
        + "`\(stem)/*`")
  }

  /// A path that is exempt from a DENY still needs an ALLOW once there is one.
  private mutating func lintAllowed(_ exemption: Exemption) {
    let allowing = policies.filter { $0.action == .allow && mayMeet($0, exemption.policy) }
    guard let first = allowing.first else { return }
    let operations = allowing.flatMap { policy in policy.rules.map(\.operations) }
    for value in exemption.operation.paths.notValues
    where !value.value.contains("*") && ValueForm.path.problem(in: value.value) == nil {
      let isAllowed = operations.contains { operations in
        operations.isEmpty || operations.contains { Self.mayAllow(value.value, $0.paths) }
      }
      if isAllowed { continue }
      warn(
        .exemptNotAllowed, at: value.position,
        "`\(value.value)` is exempt here, yet denied: ALLOW policies apply (\(first.metadata.position)) and no "
          + "rule of theirs allows that path; allow it there")
    }
  }

  private static func mayAllow(_ path: String, _ paths: MatchList) -> Bool {
    if paths.notTexts.contains(where: { covers($0, path) }) { return false }
    return paths.values.isEmpty || paths.texts.contains { covers($0, path) || $0.contains("{") }
  }

  /// Whether an exact text, or one with a wildcard at an end, covers another.
  static func covers(_ pattern: String, _ text: String) -> Bool {
    if pattern == "*" || pattern == text { return true }
    if pattern.hasPrefix("*") { return text.hasSuffix(pattern.dropFirst()) }
    return pattern.hasSuffix("*") && text.hasPrefix(pattern.dropLast())
  }

  func list(_ values: [String]) -> String {
    let shown = values.prefix(4).map { "`\($0)`" }.joined(separator: ", ")
    return values.count > 4 ? "\(shown) and \(values.count - 4) more" : shown
  }
}

extension MatchList {
  /// Whether both lists of what must match are equal, whatever must not match.
  fileprivate func says(noValuesAs other: MatchList) -> Bool { Set(texts) == Set(other.texts) }
}
