import Istio

/// What a rule says, without its positions: rules with equal content match the same requests.
struct RuleContent: Hashable {
  private var sources: Set<[List]>
  private var operations: Set<[List]>
  private var conditions: Set<Condition>

  private struct List: Hashable {
    var values: Set<String>
    var notValues: Set<String>

    init(_ list: MatchList) {
      values = Set(list.values.map(\.value))
      notValues = Set(list.notValues.map(\.value))
    }
  }

  private struct Condition: Hashable {
    var key: ConditionKey
    var list: List
  }

  init(_ rule: Rule) {
    sources = Self.sourceLists(rule)
    operations = Set(
      rule.operations.map { [List($0.hosts), List($0.ports), List($0.methods), List($0.paths)] })
    conditions = Self.conditionLists(rule)
  }

  /// Whether it matches every request.
  var matchesAll: Bool { sources.isEmpty && operations.isEmpty && conditions.isEmpty }

  static func sources(of rule: Rule) -> AnyHashable { AnyHashable(sourceLists(rule)) }
  static func conditions(of rule: Rule) -> AnyHashable { AnyHashable(conditionLists(rule)) }

  private static func sourceLists(_ rule: Rule) -> Set<[List]> {
    Set(
      rule.sources.map {
        [
          List($0.principals), List($0.requestPrincipals), List($0.namespaces), List($0.serviceAccounts),
          List($0.trustDomains), List($0.ipBlocks), List($0.remoteIPBlocks),
        ]
      })
  }

  private static func conditionLists(_ rule: Rule) -> Set<Condition> {
    Set(rule.conditions.map { Condition(key: $0.key, list: List($0.match)) })
  }
}
