import PolicyOracle

/// A mesh and a request about which the two disagree, made smaller as long as they do.
struct Case {
  var mesh: Mesh
  var request: ProxyRequest

  var differs: Bool {
    guard let (found, expected) = answers() else { return false }
    return found != expected
  }

  /// Nil: the mesh is refused.
  private func answers() -> (found: Answer, expected: Answer)? {
    guard var gate = try? Gate(mesh) else { return nil }
    let expected = Oracle.answer(
      to: request, in: mesh, now: PolicyDifferential.now, recorder: CoverageRecorder())
    return (gate.answer(to: request, now: PolicyDifferential.now), expected)
  }

  func reduced() -> Case {
    var smallest = self
    while let next = smallest.smaller().first(where: \.differs) { smallest = next }
    return smallest
  }

  /// Everything that lacks one part of this.
  private func smaller() -> [Case] {
    var all: [Case] = []
    func without(_ change: (inout Case) -> Void) {
      var next = self
      change(&next)
      all.append(next)
    }
    for index in mesh.policies.indices { without { $0.mesh.policies.remove(at: index) } }
    for index in mesh.authentications.indices { without { $0.mesh.authentications.remove(at: index) } }
    for index in request.headers.indices { without { $0.request.headers.remove(at: index) } }
    for index in request.metadata.indices { without { $0.request.metadata.remove(at: index) } }
    for (policy, old) in mesh.policies.enumerated() {
      for rules in Self.smaller(old.rules ?? []) { without { $0.mesh.policies[policy].rules = rules } }
    }
    for (authentication, old) in mesh.authentications.enumerated() where old.rules.count > 1 {
      for index in old.rules.indices {
        without { $0.mesh.authentications[authentication].rules.remove(at: index) }
      }
    }
    return all
  }

  private static func smaller(_ rules: [Mesh.Rule]) -> [[Mesh.Rule]] {
    var all: [[Mesh.Rule]] = []
    for (index, rule) in rules.enumerated() {
      func replacing(_ rule: Mesh.Rule?) {
        var next = rules
        if let rule { next[index] = rule } else { next.remove(at: index) }
        all.append(next)
      }
      if rules.count > 1 { replacing(nil) }
      for from in smaller(rule.from) {
        var next = rule
        next.from = from
        replacing(next)
      }
      for to in smaller(rule.to) {
        var next = rule
        next.to = to
        replacing(next)
      }
      for condition in rule.when.indices {
        var next = rule
        next.when.remove(at: condition)
        replacing(next)
      }
    }
    return all
  }

  private static func smaller(_ entries: [[Mesh.Field]]) -> [[[Mesh.Field]]] {
    var all: [[[Mesh.Field]]] = []
    for (index, entry) in entries.enumerated() {
      var next = entries
      next.remove(at: index)
      all.append(next)
      for field in entry.indices where entry.count > 1 {
        var next = entries
        next[index].remove(at: field)
        all.append(next)
      }
      for (field, old) in entry.enumerated() where old.values.count > 1 {
        for value in old.values.indices {
          var next = entries
          next[index][field].values.remove(at: value)
          all.append(next)
        }
      }
    }
    return all
  }

  var description: String {
    var text = mesh.yaml
    text += "trust domain \(mesh.trustDomain) \(mesh.trustDomainAliases), "
    text += "\(mesh.trustedProxies) trusted proxies, paths \(mesh.pathNormalization.rawValue)\n"
    text += "workloads \(mesh.workloads.map { "\($0.namespace)/\($0.name) \($0.labels)" })\n"
    text += "\(request.method) \(request.path) at \(request.host), \(request.encoding) headers, "
    text += "from \(request.source), to \(request.destination), workload \(request.workload ?? "not named"), "
    text += "SNI \(request.serverName ?? "none")\n"
    for header in request.headers { text += "  \(header.name): \(header.value)\n" }
    for metadata in request.metadata {
      text += "  \(metadata.filter): \(Claim.object(metadata.members).json)\n"
    }
    for (name, token) in request.tokens.sorted(by: { $0.key < $1.key }) {
      text += "  token …\(name.suffix(8)): \(token.payload), kid \(token.keyID ?? "none"), key \(token.key)"
      text += token.isForged ? ", forged\n" : "\n"
    }
    if let (found, expected) = answers() { text += "found:    \(found)\nexpected: \(expected)\n" }
    return text
  }
}
