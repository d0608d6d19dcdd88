import Istio
import JSON
import Policy

extension Explanation {
  /// The reasoning for machines: an object with `request`, `workload`, `resources`, `tokens`, `rules` and
  /// `verdict`.
  public var json: String {
    let tree = JSONTree.object([
      ("request", requestTree),
      ("workload", workloadTree),
      ("resources", .list(resources.map(Self.tree))),
      (
        "tokens",
        .object([
          ("preflight", .boolean(isPreflight)), ("required", .boolean(requiresToken)),
          ("rules", .list(tokenRules.map(Self.tree))), ("unread", .texts(unreadTokens)),
          ("secondPass", secondPass.map { .list($0.map(Self.tree)) } ?? .null),
        ])
      ),
      ("rules", .list(policyRules.map(Self.tree))),
      (
        "policiesWithoutRules",
        .list(
          emptyPolicies.map { policy in
            .object([
              ("name", .text(policy.name)), ("position", .text("\(policy.position)")),
              ("effect", .text(policy.sentence)),
            ])
          })
      ),
      ("verdict", outcomeTree),
    ])
    return tree.text + "\n"
  }

  private var requestTree: JSONTree {
    .object([
      ("http", .boolean(request.isHTTP)), ("method", .text(request.method)), ("path", .text(request.path)),
      ("host", .text(request.host)), ("sourceAddress", .text(request.sourceAddress)),
      ("sourcePrincipal", .text(request.sourcePrincipal)),
    ])
  }

  private var workloadTree: JSONTree {
    guard let workload else { return .object([("name", .null), ("reason", .text(workloadReason))]) }
    let labels = workload.labels.sorted { $0.key < $1.key }.map { ($0.key, JSONTree.text($0.value)) }
    return .object([
      ("name", .text(workload.name)), ("namespace", .text(workload.namespace)), ("labels", .object(labels)),
      ("reason", .text(workloadReason)),
    ])
  }

  private static func tree(_ resource: Resource) -> JSONTree {
    .object([
      ("kind", .text(resource.kind)), ("name", .text(resource.name)),
      ("position", .text("\(resource.position)")),
      ("applies", .boolean(resource.applies)), ("reason", .text(resource.reason)),
    ])
  }

  private static func tree(_ rule: TokenRule) -> JSONTree {
    var outcome: [(String, JSONTree)] =
      switch rule.outcome {
      case .accepted: [("outcome", .text("accepted"))]
      case .noToken: [("outcome", .text("no token"))]
      case .refused(let text): [("outcome", .text("refused")), ("error", .text(text))]
      case .notAsked: [("outcome", .text("not asked"))]
      }
    let tokens = rule.tokens.map { token in
      JSONTree.object([
        ("place", .text(token.place)), ("checks", .list(token.checks.map(\.tree))),
        ("note", token.note.map { .text($0) } ?? .null),
      ])
    }
    outcome += [("tokens", .list(tokens)), ("hints", .texts(rule.hints))]
    return .object(
      [
        ("name", .text(rule.name)), ("position", .text("\(rule.position)")), ("issuer", .text(rule.issuer)),
        ("places", .texts(rule.places)),
      ] + outcome)
  }

  private static func tree(_ rule: PolicyRule) -> JSONTree {
    let described = rule.explanation.rule
    return .object([
      ("id", .text(described.id)), ("action", .text(rule.action)),
      ("position", .text("\(described.position)")), ("matched", .boolean(rule.explanation.matched)),
      ("effect", .text(rule.effect.rawValue)),
      ("alternatives", .list(rule.explanation.alternatives.map(tree))),
    ])
  }

  private static func tree(_ alternative: RuleExplanation.Alternative) -> JSONTree {
    var members: [(String, JSONTree)] = [
      ("from", alternative.source.map { .number($0) } ?? .null),
      ("to", alternative.operation.map { .number($0) } ?? .null),
      ("matched", .boolean(alternative.failed == nil)),
    ]
    if let failed = alternative.failed {
      members.append(("failed", tree(failed, alternative.observed)))
    } else {
      members.append(("fields", .list(alternative.fields.map { tree($0.clause, $0.observed) })))
    }
    return .object(members)
  }

  private static func tree(_ clause: ClauseDescription, _ observed: ObservedValue?) -> JSONTree {
    var field: [(String, JSONTree)] = [
      ("field", .text(clause.field)), ("negated", .boolean(clause.isNegated)),
      ("wanted", .texts(clause.values.map(\.value))),
      ("position", clause.values.first.map { .text("\($0.position)") } ?? .null),
    ]
    switch observed {
    case .values(let values): field.append(("saw", .texts(values)))
    case .absent(let why): field += [("saw", .null), ("because", .text(why))]
    case nil: break
    }
    return .object(field)
  }

  private var outcomeTree: JSONTree {
    .object([
      ("allowed", .boolean(outcome.isAllowed)), ("status", .number(outcome.status)),
      ("reason", .text(outcome.reason)), ("sentence", .text(outcome.sentence)), ("body", .text(outcome.body)),
      ("challenge", outcome.challenge.map { .text($0) } ?? .null),
      (
        "setHeaders",
        .list(outcome.setHeaders.map { .object([("name", .text($0.name)), ("value", .text($0.value))]) })
      ),
      ("removedHeaders", .texts(outcome.removedHeaders)),
      ("removedQueryParameters", .texts(outcome.removedParameters)),
    ])
  }
}
