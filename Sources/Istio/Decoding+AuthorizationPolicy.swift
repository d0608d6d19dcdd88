internal import YAML

extension Decoding {
  private static let actions = ["ALLOW", "DENY", "AUDIT", "CUSTOM"]

  /// Decodes an AuthorizationPolicy (semantics, sections 2.2 to 2.9).
  mutating func authorizationPolicy(
    _ node: YAMLNode, _ metadata: ObjectMetadata, _ annotations: [String: Located<String>]
  ) -> AuthorizationPolicy? {
    let known = Self.attachmentFields + ["action", "rules", "provider"]
    // Null rules are absent rules, as in Kubernetes: the policy matches nothing.
    guard let spec = fields(of: node, "spec", known: known, nullable: ["rules"]) else { return nil }
    let attachment = attachment(spec)
    let written = choice(spec, "action", of: Self.actions)
    // A value of `action` that is not known has its error; the rules are read as those of the default.
    let name = written?.value ?? "ALLOW"
    let action = action(name, spec)
    let isDryRun = isDryRun(annotations, action: name)
    let nodes = ruleNodes(spec, action: name)
    var rules: [Rule] = []
    for entry in nodes {
      guard !entry.isNull else {
        error(
          .nullValue, entry.position,
          "`rules` has an entry without value; write `{}` for a rule that matches all")
        continue
      }
      if let rule = rule(entry, action: name) { rules.append(rule) }
    }
    warnAboutValues(of: rules, action: name)
    return AuthorizationPolicy(
      metadata: metadata, attachment: attachment, action: action, rules: rules, isDryRun: isDryRun,
      actionPosition: written?.position)
  }

  private mutating func action(_ name: String, _ spec: Fields) -> AuthorizationPolicy.Action {
    guard name == "CUSTOM" else {
      if let provider = spec.member("provider") {
        let message = "`provider` is for the action CUSTOM, not for \(name); remove it"
        error(.unexpectedProvider, provider.position, message)
      }
      return name == "DENY" ? .deny : name == "AUDIT" ? .audit : .allow
    }
    let position = spec.member("action")?.value.position ?? spec.position
    guard let provider = spec.member("provider") else {
      let message = "the action CUSTOM needs `provider.name`, an extension provider of the mesh"
      error(.missingProvider, position, message)
      return .custom("")
    }
    guard let fields = fields(of: provider.value, "provider", known: ["name"]) else { return .custom("") }
    guard let text = fields.member("name")?.value.text, !text.isEmpty else {
      error(.missingProvider, provider.position, "`provider.name` must not be empty")
      return .custom("")
    }
    let message = "the proxy asks its provider `\(text)` about CUSTOM policies; nothing of it is decided here"
    warning(.customAction, place(position), message)
    return .custom(text)
  }

  private mutating func ruleNodes(_ spec: Fields, action: String) -> [YAMLNode] {
    guard spec.has("rules") else {
      if action == "DENY" || action == "CUSTOM" {
        let position = spec.member("action")?.value.position ?? spec.position
        let hint = "write `rules: [{}]` for every request"
        error(.missingRules, position, "the action \(action) without `rules` is never triggered; \(hint)")
      }
      return []
    }
    let isTriggered = action == "ALLOW" || action == "AUDIT"
    return list(
      spec, "rules", limit: settings.limits.rules,
      emptyMeans: isTriggered ? nil : "the policy is never triggered; write `[{}]` for every request") ?? []
  }

  /// The annotation by the rules of Go's `strconv.ParseBool`.
  private mutating func isDryRun(_ annotations: [String: Located<String>], action: String) -> Bool {
    guard let annotation = annotations[Self.dryRunAnnotation] else { return false }
    if action != "ALLOW" && action != "DENY" {
      let message =
        "`\(Self.dryRunAnnotation)` is for the actions ALLOW and DENY, not for \(action); remove it"
      error(.invalidDryRun, annotation.position, message)
    }
    switch annotation.value {
    case "1", "t", "T", "TRUE", "true", "True": return true
    case "0", "f", "F", "FALSE", "false", "False": return false
    default:
      let message =
        "`\(annotation.value)` is no value of `\(Self.dryRunAnnotation)`; write `\"true\"` or `\"false\"`"
      error(.invalidDryRun, annotation.position, message)
      return false
    }
  }

  private mutating func rule(_ node: YAMLNode, action: String) -> Rule? {
    guard let fields = fields(of: node, "rules", known: ["from", "to", "when"]) else { return nil }
    var rule = Rule(position: place(node.position))
    var usesNetwork = (from: false, to: false)
    for entry in nonEmptyList(fields, "from", limit: settings.limits.sources) {
      guard let (inner, names) = wrapped(entry, "from", "source", known: SourceField.names) else { continue }
      let source = source(inner, names, action: action)
      rule.sources.append(source)
      usesNetwork.from = usesNetwork.from || names.contains { !SourceField.isHTTPOnly($0) }
    }
    for entry in nonEmptyList(fields, "to", limit: nil) {
      guard let (inner, names) = wrapped(entry, "to", "operation", known: OperationField.names) else {
        continue
      }
      rule.operations.append(operation(inner))
      usesNetwork.to = usesNetwork.to || names.contains("ports") || names.contains("notPorts")
    }
    for entry in list(fields, "when") ?? [] {
      if let condition = condition(entry, action: action) { rule.conditions.append(condition) }
    }
    let onlyHTTP =
      rule.operations.isEmpty ? !rule.sources.isEmpty && !usesNetwork.from : !usesNetwork.to
    if action == "DENY" && onlyHTTP {
      let message =
        "the rule uses HTTP attributes alone and in the mesh denies all TCP in its scope; name the `ports`"
      warning(.denyOnlyHTTP, rule.position, message)
    }
    return rule
  }

  private mutating func nonEmptyList(_ fields: Fields, _ name: String, limit: Int?) -> [YAMLNode] {
    let nodes = list(fields, name, limit: limit) ?? []
    if let member = fields.member(name), member.value.elements?.isEmpty == true {
      error(.emptyList, member.value.position, "`\(name)` must not be an empty list; remove it to match any")
    }
    return nodes
  }

  /// An entry of `from` or `to`: a mapping with the one member `source` or `operation`, in which something is
  /// set.
  private mutating func wrapped(
    _ node: YAMLNode, _ list: String, _ name: String, known: [String]
  ) -> (Fields, [String])? {
    guard !node.isNull else {
      error(.nullValue, node.position, "`\(list)` has an entry without value; write `- \(name): …`")
      return nil
    }
    guard let outer = fields(of: node, list, known: [name]) else { return nil }
    guard let member = outer.member(name) else {
      missing(name, in: list, at: node.position)
      return nil
    }
    guard let inner = fields(of: member.value, name, known: known) else { return nil }
    let isSet = inner.members.values.contains { $0.value.elements?.isEmpty != true }
    guard isSet else {
      let code: DiagnosticCode = name == "source" ? .emptySource : .emptyOperation
      error(
        code, member.position, "`\(name)` must not be empty: name what must match, or remove it to match any")
      return nil
    }
    return (inner, Array(inner.members.keys))
  }
}
