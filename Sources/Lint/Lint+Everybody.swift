import Istio

// Policies that refuse more than their authors see: DENY rules that together leave nobody, and ALLOW policies that
// allow nothing (semantics, sections 2.3 and 4).
extension Linter {
  /// `spec: {}` is the well-known way to deny everything, and is meant.
  mutating func lintAllowsNothing() {
    for policy in policies where policy.action == .allow && policy.rules.isEmpty {
      var place = policy.actionPosition
      if case .selector(_, let position) = policy.attachment { place = place ?? position }
      guard let place else { continue }
      warn(
        .allowsNothing, at: place,
        "this ALLOW policy has no rules, so it allows nothing, and what no other ALLOW policy allows is denied at its "
          + "workloads: write `rules: [{}]` to allow everything, or `action: DENY` beside it to deny everything"
      )
    }
  }

  /// A DENY rule for requests whose token has one of some principals (`isNegated` false), or none of them.
  private struct Demand {
    var policy: AuthorizationPolicy
    var rule: Rule
    var principals: [Located<String>]
    var isNegated: Bool
  }

  /// A rule that denies who has a token, and one that denies who has none, leave nobody.
  mutating func lintDeniesEverybody() {
    let demands = policies.filter { $0.action == .deny }.flatMap { policy in
      policy.rules.flatMap { rule in Self.demands(policy, rule) }
    }
    for with in demands where !with.isNegated {
      for without in demands where without.isNegated && mayMeet(with.policy, without.policy) {
        let isEverybody = without.principals.allSatisfy { one in
          with.principals.contains { Self.covers($0.value, one.value) }
        }
        guard isEverybody, let place = with.principals.first?.position,
          let other = without.principals.first?.position,
          let path = Self.commonPath(with.rule.operations, without.rule.operations)
        else { continue }
        let what = path.isEmpty ? "every request" : "every request for `\(path)`"
        warn(
          .deniesEverybody, at: place,
          "with the DENY rule at \(other), which denies requests without such a token, \(what) is denied: to demand a "
            + "token, that rule alone is enough; remove this one or give the two different paths")
      }
    }
  }

  /// What a rule demands of tokens, where it demands nothing else of who asks.
  private static func demands(_ policy: AuthorizationPolicy, _ rule: Rule) -> [Demand] {
    var lists: [MatchList] = []
    if rule.conditions.isEmpty {
      for source in rule.sources {
        let others = [
          source.principals, source.namespaces, source.serviceAccounts, source.trustDomains, source.ipBlocks,
          source.remoteIPBlocks,
        ]
        if others.allSatisfy(\.isEmpty) { lists.append(source.requestPrincipals) }
      }
    } else if rule.sources.isEmpty, rule.conditions.count == 1, rule.conditions[0].key == .requestPrincipal {
      lists = [rule.conditions[0].match]
    }
    return lists.compactMap { list in
      if list.values.isEmpty == list.notValues.isEmpty { return nil }
      let isNegated = list.values.isEmpty
      return Demand(
        policy: policy, rule: rule, principals: isNegated ? list.notValues : list.values, isNegated: isNegated
      )
    }
  }

  // MARK: Whether two lists of operations meet

  /// A path that both match; empty when they meet without naming any, nil when none was found.
  private static func commonPath(_ one: [Operation], _ other: [Operation]) -> String? {
    let any = Operation(position: SourcePosition(file: "", line: 1, column: 1))
    for mine in one.isEmpty ? [any] : one {
      for theirs in other.isEmpty ? [any] : other {
        guard common(mine.hosts, theirs.hosts, otherwise: "x.invalid") != nil,
          common(mine.methods, theirs.methods, otherwise: "GET") != nil,
          common(mine.ports, theirs.ports, otherwise: "65535") != nil,
          let path = common(mine.paths, theirs.paths, otherwise: "/\(filler)")
        else { continue }
        let named = (mine.paths.values + theirs.paths.values).map(\.value)
        let isNamed = named.contains { matches($0, path) && $0 != "*" }
        return isNamed ? named.first { matches($0, path) && $0 != "*" } ?? path : ""
      }
    }
    return nil
  }

  /// Letters that nobody writes in a policy.
  private static let filler = "x~~x"

  /// A text that both lists let pass: one that either names, or one that neither names. None found is no proof that
  /// there is none.
  private static func common(_ one: MatchList, _ other: MatchList, otherwise: String) -> String? {
    let named = (one.texts + other.texts).map { pattern in
      let filled = pattern.replacing("{**}", with: filler).replacing("{*}", with: filler)
      if filled == "*" { return otherwise }
      if filled.hasPrefix("*") { return (otherwise.hasPrefix("/") ? "/" : "") + filler + filled.dropFirst() }
      return filled.hasSuffix("*") ? filled.dropLast() + filler : filled
    }
    return (named + [otherwise]).first { passes($0, one) && passes($0, other) }
  }

  private static func passes(_ text: String, _ list: MatchList) -> Bool {
    (list.values.isEmpty || list.texts.contains { matches($0, text) })
      && !list.notTexts.contains { matches($0, text) }
  }

  /// Whether a value, a path template too, matches a text.
  private static func matches(_ pattern: String, _ text: String) -> Bool {
    guard pattern.contains("{*") else { return covers(pattern, text) }
    return matches(segments: segments(pattern), segments(text))
  }

  private static func segments(_ text: String) -> [Substring] {
    text.split(separator: "/", omittingEmptySubsequences: false)
  }

  /// `{*}` is one segment, `{**}` one or more here: Istio takes one `{**}` in a template.
  private static func matches(segments pattern: [Substring], _ text: [Substring]) -> Bool {
    guard let rest = pattern.firstIndex(of: "{**}") else {
      return pattern.count == text.count
        && zip(pattern, text).allSatisfy { $0 == "{*}" && !$1.isEmpty || $0 == $1 }
    }
    let (front, back) = (pattern[..<rest], pattern[(rest + 1)...])
    guard text.count > front.count + back.count else { return false }
    return matches(segments: Array(front), Array(text.prefix(front.count)))
      && matches(segments: Array(back), Array(text.suffix(back.count)))
  }

  /// A text without a namespace got one from `kubectl -n`, and has none here.
  mutating func lintMissingNamespaces(_ metadata: [ObjectMetadata]) {
    for object in metadata where !object.hasNamespace {
      warn(
        .missingNamespace, at: object.position,
        "the `metadata.namespace` of `\(object.name)` is missing, so it applies to workloads of the namespace "
          + "`\(object.namespace)` alone: write the namespace that kubectl was given")
    }
  }
}
