import Bytes
public import Istio
public import JWT
public import KeySets
public import Policy
public import Signatures

/// What one workload's checks are evaluated with.
struct WorkloadPlan: ~Copyable, Sendable {
  let name: String
  let nameOctets: [UInt8]
  /// All token rules that apply, in Envoy's order.
  let rules: OwnedArray<TokenRule>
  /// Which rules an issuer's token is held against; all of them where it is not used.
  let issuers: IssuerIndex
  /// Some rule has `presence: REQUIRED`, which changes how rules combine.
  let requiresToken: Bool
  /// What the ranges below refer to.
  let octets: ByteBuffer
  /// The names of all headers that some rule may set.
  let outputHeaders: [ByteRange]
  let table: DecisionTable
  /// The identities of the table's rules as answers spell them, by index.
  let ruleNames: [[UInt8]]
}

/// Where a key set is.
enum KeySetPlace: Sendable {
  case inline(JWKSet)
  /// On the board, by its provider.
  case remote(Int)
}

/// Everything that checks are evaluated with, compiled and immutable. Workers borrow it; it knows nothing of
/// them.
public final class PolicySnapshot: Sendable {
  let workloads: OwnedArray<WorkloadPlan>
  let keySets: OwnedArray<KeySetPlace>
  /// Where the remote key sets come from, each once: what a `KeyKeeper` is started with. `WantedKey.provider`
  /// counts them.
  public let keySources: [KeySource]
  /// The key sets that stand in rules: `namespace/name[i]` of the first that holds one, and its usable keys.
  public let inlineKeySets: [(name: String, set: JWKSet)]
  /// How the hosts of key sources are reached.
  public let keyHosts: MeshHosts
  let finder: WorkloadFinder
  let settings: AuthorizerSettings

  init(
    workloads: consuming OwnedArray<WorkloadPlan>, keySets: consuming OwnedArray<KeySetPlace>,
    keySources: [KeySource], inlineKeySets: [(name: String, set: JWKSet)], keyHosts: MeshHosts,
    finder: WorkloadFinder,
    settings: AuthorizerSettings
  ) {
    self.workloads = workloads
    self.keySets = keySets
    self.keySources = keySources
    self.inlineKeySets = inlineKeySets
    self.keyHosts = keyHosts
    self.finder = finder
    self.settings = settings
  }

  /// Where tables for its keys are wished for; nil when its settings name none.
  public var tables: ECDSATables? { settings.keyRing.tables }

  /// How many workloads it knows.
  public var workloadCount: Int { workloads.count }

  /// How many key sets it holds: rules with the same text share one.
  public var keySetCount: Int { keySets.count }

  /// The name of a workload, for people.
  public func workloadName(_ index: Int) -> String { workloads[index].name }

  /// Lets `body` read the name of a workload.
  public func withWorkloadName<R>(_ index: Int, _ body: (Span<UInt8>) -> R) -> R {
    let name = workloads[index].nameOctets
    return body(name.span)
  }

  /// Lets `body` read the identity of a rule, such as `ns[a]-policy[b]-rule[0]`.
  public func withRuleName<R>(_ rule: RuleIndex, workload: Int, _ body: (Span<UInt8>) -> R) -> R {
    let name = workloads[workload].ruleNames[Int(rule.value)]
    return body(name.span)
  }

  /// One rule of one workload, for people.
  public struct Rule: Sendable {
    public let workload: Int
    public let description: RuleDescription
    public let action: AuthorizationPolicy.Action
  }

  /// All rules: of the first workload in the order of evaluation, then of the next. Cold.
  public var allRules: [Rule] {
    workloads.indices.flatMap { workload in
      workloads[workload].table.allRules.map { rule in
        Rule(
          workload: workload, description: workloads[workload].table.describe(rule),
          action: workloads[workload].table.action(of: rule))
      }
    }
  }

  /// How many rules a workload has.
  public func ruleCount(ofWorkload workload: Int) -> Int { workloads[workload].ruleNames.count }

  /// One place of keys and whom it serves, for people.
  public func issuers(ofWorkload workload: Int) -> [String] {
    workloads[workload].rules.indices.map { workloads[workload].rules[$0].issuerText }
  }

  /// What is known of a rule. Cold: for messages to people.
  public func describe(_ rule: RuleIndex, workload: Int) -> RuleDescription {
    workloads[workload].table.describe(rule)
  }
}
