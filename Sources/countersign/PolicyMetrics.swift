import Authorizer
import Istio
import Metrics
import Policy

/// How often policies decided, from the hits of their rules. What earlier policy sets have counted of a policy that is
/// still there goes on; one that is gone leaves with its series, so that labels are bounded by what is loaded.
struct PolicyMetrics: Sendable {
  struct Key: Hashable, Sendable {
    var namespace: String
    var policy: String
    var action: String
    /// The rule's index and the workload's name; nil for the policy as a whole.
    var rule: Int?
    var workload: String?
  }

  /// Sums of policy sets that no worker evaluates any more.
  private var carried: [Key: UInt64] = [:]

  /// `ALLOW`, `DENY` or `AUDIT`; with `DRY_RUN_` in front where it has no say.
  static func action(_ rule: PolicySnapshot.Rule) -> String {
    (rule.description.isDryRun ? "DRY_RUN_" : "") + "\(rule.action)".uppercased()
  }

  private static func sums(_ snapshot: PolicySnapshot, _ hits: HitTable, _ add: (Key, UInt64) -> Void) {
    for (rule, count) in zip(snapshot.allRules, hits.totals) {
      let description = rule.description
      var key = Key(namespace: description.namespace, policy: description.name, action: action(rule))
      add(key, count)
      key.rule = description.index
      key.workload = snapshot.workloadName(rule.workload)
      add(key, count)
    }
  }

  /// Keeps the sums of a policy set that goes.
  mutating func carry(_ snapshot: PolicySnapshot, _ hits: HitTable) {
    Self.sums(snapshot, hits) { carried[$0, default: 0] += $1 }
  }

  /// - Parameters:
  ///   - retiring: sets that some worker may still evaluate.
  ///   - showsRules: each rule's hits too.
  func samples(
    _ snapshot: PolicySnapshot, _ hits: HitTable, retiring: [(PolicySnapshot, HitTable)], showsRules: Bool
  ) -> [MetricSample] {
    var totals: [Key: UInt64] = [:]
    var order: [Key] = []
    Self.sums(snapshot, hits) { key, count in
      if totals[key] == nil {
        order.append(key)
        totals[key] = carried[key] ?? 0
      }
      totals[key, default: 0] += count
    }
    for (snapshot, hits) in retiring {
      Self.sums(snapshot, hits) { key, count in if let held = totals[key] { totals[key] = held + count } }
    }
    let decisions = "countersign_policy_decisions_total"
    let help = "Checks that a rule of the policy decided, or matched where it has no say (AUDIT, DRY_RUN)."
    var samples = [MetricSample(family: decisions, help: help, kind: .counter)]
    for key in order where key.rule == nil {
      samples.append(
        MetricSample(
          decisions, help: help, kind: .counter, labels: Self.labels(key), value: Double(totals[key] ?? 0)))
    }
    if !showsRules { return samples }
    let rules = "countersign_rule_hits_total"
    let rulesHelp = "Checks that this rule of the policy decided or matched, by workload."
    samples.append(MetricSample(family: rules, help: rulesHelp, kind: .counter))
    for key in order {
      guard let rule = key.rule, let workload = key.workload else { continue }
      samples.append(
        MetricSample(
          rules, help: rulesHelp, kind: .counter,
          labels: Self.labels(key) + [("rule", "\(rule)"), ("workload", workload)],
          value: Double(totals[key] ?? 0)))
    }
    return samples
  }

  private static func labels(_ key: Key) -> [(String, String)] {
    [("namespace", key.namespace), ("policy", key.policy), ("action", key.action)]
  }
}
