import Istio
import Policy

// Rules beside each other: what never matches, never decides, or decides more than its author sees.
extension Linter {
  mutating func lintRules() {
    var known: [(policy: AuthorizationPolicy, content: RuleContent, position: SourcePosition)] = []
    for policy in policies {
      for rule in policy.rules {
        lintContradictions(rule)
        let content = RuleContent(rule)
        if let twin = known.first(where: {
          $0.content == content && $0.policy.action == policy.action && mayMeet($0.policy, policy)
            && isScoped(alike: $0.policy, policy)
        }) {
          warn(
            .duplicateRule, at: rule.position,
            "the rule says what the one at \(twin.position) says: remove one")
        }
        known.append((policy, content, rule.position))
      }
    }
    for one in known where one.content.matchesAll {
      for other in known where other.position != one.position { lintShadow(of: one, over: other) }
    }
  }

  /// Whether both apply to the same workloads.
  private func isScoped(alike one: AuthorizationPolicy, _ other: AuthorizationPolicy) -> Bool {
    if one.metadata.namespace != other.metadata.namespace { return false }
    switch (one.attachment, other.attachment) {
    case (.allWorkloads, .allWorkloads): return true
    case (.selector(let mine, _), .selector(let theirs, _)): return mine == theirs
    default: return false
    }
  }

  private mutating func lintShadow(
    of one: (policy: AuthorizationPolicy, content: RuleContent, position: SourcePosition),
    over other: (policy: AuthorizationPolicy, content: RuleContent, position: SourcePosition)
  ) {
    guard covers(one.policy, other.policy) else { return }
    switch (one.policy.action, other.policy.action) {
    case (.deny, .allow):
      warn(
        .shadowedRule, at: other.position,
        "the rule never allows anything: the DENY rule at \(one.position) matches every request")
    case (.deny, .deny) where !other.content.matchesAll, (.allow, .allow) where !other.content.matchesAll:
      warn(
        .shadowedRule, at: other.position,
        "the rule changes nothing: the one at \(one.position) matches every request; remove one of them")
    default: break
    }
  }

  /// Whether one policy applies wherever the other does.
  private func covers(_ one: AuthorizationPolicy, _ other: AuthorizationPolicy) -> Bool {
    let namespaces = (one.metadata.namespace, other.metadata.namespace)
    if namespaces.0 != namespaces.1, namespaces.0 != settings.rootNamespace { return false }
    switch (one.attachment, other.attachment) {
    case (.allWorkloads, _): return true
    case (.selector(let mine, _), .selector(let theirs, _)):
      return mine.allSatisfy { theirs[$0.key] == $0.value }
    default: return false
    }
  }

  /// Every value is excluded by the same field: nothing is left that could match.
  private mutating func lintContradictions(_ rule: Rule) {
    let conditions = rule.conditions.map { ("values", $0.match) }
    for (name, list) in Self.fields(of: rule) + conditions {
      guard let first = list.values.first, !list.notValues.isEmpty else { continue }
      let isEmpty = list.texts.allSatisfy { text in
        list.notTexts.contains { $0 == text || (!text.contains("*") && Self.covers($0, text)) }
      }
      if isEmpty {
        warn(
          .contradiction, at: first.position,
          "`\(name)` wants \(list.texts.count == 1 ? "" : "one of ")\(self.list(list.texts)), and its `not` form "
            + "excludes every one of them: this never matches")
      }
    }
  }

  /// An ALLOW policy without selector shuts whatever it does not open, at every workload it reaches (sections
  /// 2.3 and 4.17).
  mutating func lintDefaultDeny() {
    for policy in policies where policy.action == .allow {
      guard case .allWorkloads = policy.attachment, !policy.rules.isEmpty else { continue }
      let isRoot = policy.metadata.namespace == settings.rootNamespace
      let opensAll = policies.contains { other in
        other.action == .allow && covers(other, policy) && other.rules.contains { RuleContent($0).matchesAll }
      }
      if opensAll { continue }
      let scope =
        isRoot
        ? "every workload of every namespace" : "every workload of namespace `\(policy.metadata.namespace)`"
      warn(
        .defaultDeny, at: policy.metadata.position,
        "with this ALLOW policy, whatever no ALLOW rule matches is denied (403) at \(scope): add a selector if it is "
          + "meant for one of them")
    }
  }
}
