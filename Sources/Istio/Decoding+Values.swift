/// Which values of a policy do not do what they seem to: the table of fields, and what comes of it under the
/// policy's action.
extension Decoding {
  mutating func warnAboutValues(of rules: [Rule], action: String) {
    for rule in rules {
      for source in rule.sources {
        warn(source.principals, "principals", .principal, action)
        warn(source.requestPrincipals, "requestPrincipals", .requestPrincipal, action)
        warn(source.namespaces, "namespaces", .namespace, action)
        warn(source.serviceAccounts, "serviceAccounts", .serviceAccount, action)
      }
      for operation in rule.operations {
        warn(operation.hosts, "hosts", .host, action)
        warn(operation.methods, "methods", .method, action)
        warn(operation.paths, "paths", .path, action)
      }
      for condition in rule.conditions {
        if case .requestClaim(let names) = condition.key {
          warn(aboutClaim: names, of: condition, action)
        }
        guard let form = condition.key.valueForm else { continue }
        warn(condition.match, nil, form, action)
      }
    }
  }

  /// - Parameter field: nil for a condition, whose lists are `values` and `notValues`.
  private mutating func warn(_ list: MatchList, _ field: String?, _ form: ValueForm, _ action: String) {
    for isNegated in [false, true] {
      let name = isNegated ? field.map(SourceField.negated) ?? "notValues" : field ?? "values"
      let refuses = (action == "DENY") != isNegated
      for value in isNegated ? list.notValues : list.values {
        guard let problem = form.problem(in: value.value, refuses: refuses) else { continue }
        let never = problem.code == .neverMatches
        let part = problem.code == .literalAsterisk ? "a `*` within " : ""
        let what = never ? "never matches" : "is taken literally"
        warning(
          problem.code, value.position,
          "\(part)`\(value.value)` in `\(name)` \(what): \(problem.reason)"
            + Self.effect(of: action, isNegated: isNegated, isCertain: never))
      }
    }
  }

  /// What a value does that matches nothing, or nothing but its own text.
  private static func effect(of action: String, isNegated: Bool, isCertain: Bool) -> String {
    if isNegated {
      return isCertain ? "; as it is, it excludes nothing" : "; as it is, it excludes nothing else"
    }
    if action != "DENY" { return "" }
    return isCertain ? "; as it is, it denies nothing" : "; as it is, it denies nothing else"
  }

  private mutating func warn(aboutClaim names: [String], of condition: Condition, _ action: String) {
    guard let problem = ClaimName.problem(in: names) else { return }
    let isNegated = condition.match.values.isEmpty
    let never = problem.code == .neverMatches
    let written = names.map { "[\($0)]" }.joined()
    warning(
      problem.code, condition.keyPosition,
      "`request.auth.claims\(written)` \(never ? "never matches" : "may not be what is meant"): \(problem.reason)"
        + (never ? Self.effect(of: action, isNegated: isNegated, isCertain: true) : ""))
  }
}

extension ConditionKey {
  /// What the condition's values are compared with; nil where every value that loads can match.
  fileprivate var valueForm: ValueForm? {
    switch self {
    case .sourceIP, .remoteIP, .destinationIP, .destinationPort, .sourceTrustDomain:
      nil
    case .sourcePrincipal: .principal
    case .sourceNamespace: .namespace
    case .sourceServiceAccount: .serviceAccount
    case .requestPrincipal: .requestPrincipal
    case .connectionSNI: .serverName
    case .requestHeader(let name):
      switch name.lowercased() {
      case ":method": .method
      case ":authority", "host": .host
      default: .text
      }
    case .requestAudiences, .requestPresenter, .requestClaim, .filterMetadata: .text
    }
  }
}

/// The names between the brackets of `request.auth.claims[a][b]`, which are taken as they are.
enum ClaimName {
  static func problem(in names: [String]) -> ValueForm.Problem? {
    let bare = names.map(stripped)
    if bare != names {
      return .never(
        "quotes and blanks between the brackets are part of the name\(right(bare, instead: names))")
    }
    if let place = names.indices.first(where: { isIndex(names[$0], at: $0) }) {
      let kept = names.indices.filter { !isIndex(names[$0], at: $0) }.map { names[$0] }
      return .never(
        "`\(names[place])` is a name too and no index: a list is compared by its own name, element by element"
          + right(kept, instead: names))
    }
    if let odd = names.first(where: { $0.contains("[") || $0.contains("]") }) {
      return .never("the brackets do not match, so `\(odd)` is one name")
    }
    guard let first = names.first, first.contains("."), !isNamespaced(first) else { return nil }
    let parts = first.split(separator: ".").map(String.init)
    let nested = right(parts + names.dropFirst(), instead: names)
    return ValueForm.Problem(
      code: .dottedClaim,
      reason: "`\(first)` is one name with a dot in it"
        + (nested.isEmpty ? "" : nested + " for a claim within a claim"))
  }

  /// Whether a name with dots is one that somebody's domain makes unique, such as `https://a.example/roles`,
  /// `a.example/roles` or `kubernetes.io`.
  static func isNamespaced(_ name: String) -> Bool {
    if name.contains("/") || name.contains(":") { return true }
    let labels = name.lowercased().split(separator: ".", omittingEmptySubsequences: false)
    guard labels.count > 1, let first = labels.first, let last = labels.last else { return false }
    return ["com", "org", "net", "io"].contains(first) || domains.contains(String(last))
  }

  /// Top-level domains that names of claims end with. Few: `resource_access.app` is a claim within a claim.
  private static let domains: Set<String> = ["com", "org", "net", "io", "dev", "edu", "gov", "example"]

  private static func stripped(_ name: String) -> String {
    var text = name[...]
    while let first = text.first, isFrame(first) { text = text.dropFirst() }
    while let last = text.last, isFrame(last) { text = text.dropLast() }
    return String(text)
  }

  private static func isFrame(_ letter: Character) -> Bool { "\"'`".contains(letter) || letter.isWhitespace }

  private static func isIndex(_ name: String, at place: Int) -> Bool {
    name == "*" || place > 0 && !name.isEmpty && name.utf8.allSatisfy { 0x30...0x39 ~= $0 }
  }

  private static func right(_ names: [String], instead written: [String]) -> String {
    if names.isEmpty || names.contains("") || names == written { return "" }
    return "; write `request.auth.claims\(names.map { "[\($0)]" }.joined())`"
  }
}
