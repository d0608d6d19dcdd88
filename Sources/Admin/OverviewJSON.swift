public import JSON

/// `/config` and `/keys`.
extension Overview {
  /// What is loaded: workloads, their issuers, their policies with positions and hits.
  public var configuration: JSONTree {
    .object([
      ("version", .text(version)), ("generation", .literal("\(generation)")),
      ("loadedAt", .literal("\(loadedAt)")),
      (
        "reloads",
        .object([("success", .literal("\(reloads)")), ("failure", .literal("\(failedReloads)"))])
      ),
      ("workloads", .list(workloads.map(Self.tree))),
    ])
  }

  /// Each provider of keys: where from, how old, which.
  public var keys: JSONTree { .object([("providers", .list(providers.map(Self.tree)))]) }

  private static func tree(_ workload: Workload) -> JSONTree {
    .object([
      ("name", .text(workload.name)), ("issuers", .texts(workload.issuers)),
      ("policies", .list(workload.policies.map(tree))),
    ])
  }

  private static func tree(_ policy: Policy) -> JSONTree {
    let rules = policy.rules.map { rule in
      JSONTree.object([
        ("index", .number(rule.index)), ("position", .text(rule.position)),
        ("hits", .literal("\(rule.hits)")),
      ])
    }
    return .object([
      ("namespace", .text(policy.namespace)), ("name", .text(policy.name)), ("action", .text(policy.action)),
      ("hits", .literal("\(policy.hits)")), ("rules", .list(rules)),
    ])
  }

  private static func tree(_ provider: Provider) -> JSONTree {
    let keys = provider.keys.map { key in
      JSONTree.object([
        ("kid", key.keyID.isEmpty ? .null : .text(key.keyID)), ("algorithms", .texts(key.algorithms)),
      ])
    }
    let skipped = provider.skipped.map { key in
      JSONTree.object([
        ("index", .number(key.index)), ("kid", key.keyID.isEmpty ? .null : .text(key.keyID)),
        ("reason", .text(key.reason)),
      ])
    }
    func seconds(_ value: Int64?) -> JSONTree { value.map { .literal("\($0)") } ?? .null }
    return .object([
      ("name", .text(provider.name)), ("source", .text(provider.source)), ("state", .text(provider.state)),
      ("ageSeconds", seconds(provider.age)), ("nextFetchSeconds", seconds(provider.nextFetch)),
      ("lastError", provider.lastError.map { .text($0) } ?? .null), ("keys", .list(keys)),
      ("skipped", .list(skipped)),
    ])
  }
}

extension AdminResponse {
  /// A JSON document.
  public init(json tree: JSONTree) {
    self.init(contentType: "application/json", body: Array((tree.text + "\n").utf8))
  }
}
