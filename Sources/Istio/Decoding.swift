internal import YAML

/// The decoding of one file: where findings are written down, and how fields are read. It goes on after an
/// error, so that one run shows all that must be fixed.
struct Decoding {
  let file: String
  let settings: LoaderSettings
  private(set) var diagnostics: [Diagnostic] = []
  private(set) var errors = 0
  private var warnings = 0
  private var notes = 0

  init(file: String, settings: LoaderSettings) {
    self.file = file
    self.settings = settings
  }

  func place(_ position: YAMLPosition) -> SourcePosition {
    SourcePosition(file: file, line: position.line, column: position.column)
  }

  mutating func error(_ code: DiagnosticCode, _ position: YAMLPosition, _ message: String) {
    error(code, place(position), message)
  }

  mutating func error(_ code: DiagnosticCode, _ position: SourcePosition, _ message: String) {
    errors += 1
    record(Diagnostic(.error, code.rawValue, at: position, message), number: errors)
  }

  mutating func warning(_ code: DiagnosticCode, _ position: SourcePosition, _ message: String) {
    warnings += 1
    record(Diagnostic(.warning, code.rawValue, at: position, message), number: warnings)
  }

  mutating func note(_ code: DiagnosticCode, _ position: SourcePosition, _ message: String) {
    notes += 1
    record(Diagnostic(.note, code.rawValue, at: position, message), number: notes)
  }

  mutating func report(_ error: YAMLError) {
    errors += 1
    record(Diagnostic(.error, error.code, at: place(error.position), error.message), number: errors)
  }

  /// Each severity has a limit of its own, so that none pushes out another. One more finding of the severity
  /// stands for those that are left out.
  private mutating func record(_ diagnostic: Diagnostic, number: Int) {
    if number <= settings.maximumFindings {
      diagnostics.append(diagnostic)
    } else if number == settings.maximumFindings + 1 {
      let message = "more \(diagnostic.severity.rawValue)s follow in this file; see to these first"
      let code = DiagnosticCode.tooManyFindings.rawValue
      diagnostics.append(Diagnostic(diagnostic.severity, code, at: diagnostic.position, message))
    }
  }
}

/// The members of a mapping whose names are all known.
struct Fields {
  /// Where the mapping begins.
  var position: YAMLPosition
  /// Members with a value; a null one is not here.
  var members: [String: YAMLMember] = [:]

  func member(_ name: String) -> YAMLMember? { members[name] }
  func has(_ name: String) -> Bool { members[name] != nil }
}

extension Decoding {
  /// Reads a mapping: an unknown name is an error with the nearest known one, and so is a name without a
  /// value, which Kubernetes would drop as if it had never been written.
  /// - Parameters:
  ///   - what: how a message calls the mapping, such as `spec`.
  ///   - nullable: names that may be without value.
  /// - Returns: nil, with an error, when the node is no mapping.
  mutating func fields(
    of node: YAMLNode, _ what: String, known: [String], nullable: [String] = []
  ) -> Fields? {
    guard let members = node.members else {
      error(.wrongType, node.position, "`\(what)` must be a mapping, not \(node.kindText)")
      return nil
    }
    for (member, meant) in node.unknownMembers(known: known) {
      let hint =
        meant.map { "did you mean `\($0)`?" } ?? "it takes \(known.map { "`\($0)`" }.joined(separator: ", "))"
      error(.unknownField, member.position, "unknown field `\(member.name)` in `\(what)`; \(hint)")
    }
    var fields = Fields(position: node.position)
    for member in members where known.contains(member.name) {
      if !member.value.isNull {
        fields.members[member.name] = member
      } else if !nullable.contains(member.name) {
        error(.nullValue, member.position, "`\(member.name)` has no value; give it one or remove it")
      }
    }
    return fields
  }

  /// A string field.
  /// - Returns: nil when it is absent, and, with an error, when it is no string or empty against
  ///   `allowsEmpty`.
  mutating func text(_ fields: Fields, _ name: String, allowsEmpty: Bool = false) -> Located<String>? {
    guard let member = fields.member(name) else { return nil }
    return text(member.value, name, allowsEmpty: allowsEmpty)
  }

  mutating func text(_ node: YAMLNode, _ name: String, allowsEmpty: Bool = false) -> Located<String>? {
    switch node.content {
    case .text(let text):
      if text.isEmpty && !allowsEmpty {
        error(.emptyValue, node.position, "`\(name)` must not be empty")
        return nil
      }
      return Located(text, at: place(node.position))
    case .number(let literal):
      let hint = "write it in quotes: `\"\(literal)\"`"
      error(.wrongType, node.position, "`\(name)` takes a string, not the number `\(literal)`; \(hint)")
    case .boolean(let value):
      let hint = "write it in quotes: `\"\(value)\"`"
      error(.wrongType, node.position, "`\(name)` takes a string, not the boolean `\(value)`; \(hint)")
    case .null:
      error(.nullValue, node.position, "`\(name)` has an entry without value; give it one or remove it")
    case .sequence, .mapping:
      error(.wrongType, node.position, "`\(name)` takes a string, not \(node.kindText)")
    }
    return nil
  }

  mutating func boolean(_ fields: Fields, _ name: String) -> Bool? {
    guard let node = fields.member(name)?.value else { return nil }
    if let value = node.boolean { return value }
    let hint = node.text.map { $0 == "true" || $0 == "false" ? "; remove the quotes" : "" } ?? ""
    let found = node.text.map { "the string `\($0)`" } ?? node.kindText
    error(.wrongType, node.position, "`\(name)` takes `true` or `false`, not \(found)\(hint)")
    return nil
  }

  /// A list field's nodes.
  /// - Parameters:
  ///   - limit: how many there may be; more is an error.
  ///   - emptyMeans: what Istio makes of an empty list, for a warning; nil when an empty list needs none.
  mutating func list(
    _ fields: Fields, _ name: String, limit: Int? = nil, emptyMeans: String? = nil
  ) -> [YAMLNode]? {
    guard let member = fields.member(name) else { return nil }
    guard let elements = member.value.elements else {
      let found = member.value.kindText
      let hint = member.value.text == nil ? "" : "; write it as a list: `[\"…\"]`"
      error(.wrongType, member.value.position, "`\(name)` takes a list, not \(found)\(hint)")
      return nil
    }
    if elements.isEmpty, let emptyMeans {
      warning(.emptyList, place(member.value.position), "`\(name)` is an empty list: \(emptyMeans)")
    }
    if let limit, elements.count > limit {
      let message = "`\(name)` has \(elements.count) entries; Istio takes at most \(limit)"
      error(.tooMany, elements[limit].position, message)
    }
    return elements
  }

  /// A list of strings, none of them empty.
  mutating func texts(
    _ fields: Fields, _ name: String, limit: Int? = nil, emptyMeans: String? = nil
  ) -> [Located<String>] {
    var result: [Located<String>] = []
    for node in list(fields, name, limit: limit, emptyMeans: emptyMeans) ?? [] {
      if let text = text(node, name) { result.append(text) }
    }
    return result
  }

  /// One of a closed list of strings.
  mutating func choice(_ fields: Fields, _ name: String, of known: [String]) -> Located<String>? {
    guard let found = text(fields, name) else { return nil }
    if known.contains(found.value) { return found }
    let hint =
      nearest(to: found.value, in: known).map { "did you mean `\($0)`?" }
      ?? "it takes \(known.map { "`\($0)`" }.joined(separator: ", "))"
    error(.unknownValue, found.position, "`\(found.value)` is no value of `\(name)`; \(hint)")
    return nil
  }

  /// A field that must be there.
  mutating func missing(_ name: String, in what: String, at position: YAMLPosition, _ hint: String = "") {
    error(.missingField, position, "`\(what)` has no `\(name)`\(hint.isEmpty ? "" : "; \(hint)")")
  }
}
