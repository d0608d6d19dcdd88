internal import YAML

/// The fields of `source`, each with its `not` twin.
enum SourceField {
  static let positive = [
    "principals", "requestPrincipals", "namespaces", "serviceAccounts", "trustDomains", "ipBlocks",
    "remoteIpBlocks",
  ]
  static let names = positive.flatMap { [$0, negated($0)] }

  static func negated(_ name: String) -> String { "not" + name.prefix(1).uppercased() + name.dropFirst() }

  static func isHTTPOnly(_ name: String) -> Bool {
    name == "requestPrincipals" || name == "notRequestPrincipals"
  }

  /// Identity is not known where a CUSTOM policy's trigger is looked up; only addresses are.
  static func isTakenByCustom(_ name: String) -> Bool { name.lowercased().hasSuffix("ipblocks") }
}

/// The fields of `operation`.
enum OperationField {
  static let names = ["hosts", "ports", "methods", "paths"].flatMap { [$0, SourceField.negated($0)] }
}

extension Decoding {
  mutating func source(_ fields: Fields, _ names: [String], action: String) -> Source {
    var source = Source(position: place(fields.position))
    source.principals = match(fields, "principals", .anyText)
    source.requestPrincipals = match(fields, "requestPrincipals", .anyText)
    source.namespaces = match(fields, "namespaces", .anyText)
    source.serviceAccounts = match(fields, "serviceAccounts", .serviceAccount)
    source.trustDomains = match(fields, "trustDomains", .trustDomain)
    source.ipBlocks = match(fields, "ipBlocks", .address)
    source.remoteIPBlocks = match(fields, "remoteIpBlocks", .address)
    let accounts = ["serviceAccounts", "notServiceAccounts"].compactMap { fields.member($0) }
    let others = ["principals", "notPrincipals", "namespaces", "notNamespaces"].filter { fields.has($0) }
    if let first = accounts.first, let other = others.first {
      let message = "`\(first.name)` cannot stand beside `\(other)` in one source; write a source for each"
      error(.serviceAccountsNotAlone, first.position, message)
    }
    if action == "CUSTOM" {
      for name in SourceField.names where fields.has(name) && !SourceField.isTakenByCustom(name) {
        let position = fields.member(name)?.position ?? fields.position
        error(.unsupportedWithCustom, position, "`\(name)` cannot be used with the action CUSTOM")
      }
    }
    return source
  }

  mutating func operation(_ fields: Fields) -> Operation {
    var operation = Operation(position: place(fields.position))
    operation.hosts = match(fields, "hosts", .anyText)
    operation.ports = match(fields, "ports", .port)
    operation.methods = match(fields, "methods", .anyText)
    operation.paths = match(fields, "paths", .path)
    return operation
  }

  /// Reads a field and its `not` twin.
  private mutating func match(_ fields: Fields, _ name: String, _ kind: ValueKind) -> MatchList {
    MatchList(
      values: values(fields, name, kind), notValues: values(fields, SourceField.negated(name), kind))
  }

  private mutating func values(_ fields: Fields, _ name: String, _ kind: ValueKind) -> [Located<String>] {
    let limit = kind == .serviceAccount ? settings.limits.serviceAccounts : nil
    let written = texts(
      fields, name, limit: limit, emptyMeans: "the same as leaving it out, so anything passes it")
    return written.compactMap { checked($0, kind, name) }
  }

  /// Reads an entry of `when`.
  mutating func condition(_ node: YAMLNode, action: String) -> Condition? {
    guard !node.isNull else {
      error(.nullValue, node.position, "`when` has an entry without value; remove it")
      return nil
    }
    guard let fields = fields(of: node, "when", known: ["key", "values", "notValues"]) else { return nil }
    if !fields.has("key") { missing("key", in: "when", at: node.position) }
    guard let written = text(fields, "key") else { return nil }
    let key: ConditionKey
    do throws(ConditionKeyError) {
      key = try ConditionKey.parse(written.value)
    } catch {
      self.error(error.code, written.position, error.message)
      return nil
    }
    if action == "CUSTOM" && !key.isTakenByCustom {
      let message = "the key `\(written.value)` cannot be used with the action CUSTOM"
      error(.unsupportedWithCustom, written.position, message)
    }
    let limit = key.valueKind == .serviceAccount ? settings.limits.serviceAccounts : nil
    var match = MatchList()
    for name in ["values", "notValues"] {
      let list = texts(fields, name, limit: limit, emptyMeans: "the same as leaving it out")
      let values = list.compactMap { checked($0, key.valueKind, written.value) }
      for value in values { warnAboutElement(value, key, written.value) }
      if name == "values" { match.values = values } else { match.notValues = values }
    }
    let isSet = ["values", "notValues"].contains { name in
      fields.member(name).map { $0.value.elements?.isEmpty != true } ?? false
    }
    if !isSet {
      let message = "the key `\(written.value)` needs `values` or `notValues` with at least one entry"
      error(.missingField, node.position, message)
      return nil
    }
    return Condition(
      key: key, match: match, position: place(node.position), keyPosition: written.position)
  }

  /// `[v]` asks for an element of a list only with Envoy's rule for a single key.
  private mutating func warnAboutElement(_ value: Located<String>, _ key: ConditionKey, _ written: String) {
    guard case .filterMetadata(_, let path) = key, path.count > 1, value.value.hasPrefix("["),
      value.value.hasSuffix("]"), value.value.utf8.count > 2
    else { return }
    let message =
      "the brackets of `\(value.value)` in `\(written)` are taken literally: a nested key matches an element of a list "
      + "as it matches text; write `\(value.value.dropFirst().dropLast())`"
    warning(.neverMatches, value.position, message)
  }
}
