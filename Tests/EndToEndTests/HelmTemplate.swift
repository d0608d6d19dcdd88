import Foundation
import YAML

/// A value of a chart: what Go's templates see of YAML.
indirect enum HelmValue {
  case null
  case boolean(Bool)
  case integer(Int)
  case text(String)
  case list([HelmValue])
  case mapping([String: HelmValue])

  init(_ node: YAMLNode) throws {
    if let members = node.members {
      self = .mapping(
        Dictionary(uniqueKeysWithValues: try members.map { ($0.name, try HelmValue($0.value)) }))
    } else if let elements = node.elements {
      self = .list(try elements.map(HelmValue.init))
    } else if let value = node.boolean {
      self = .boolean(value)
    } else if let value = node.integer {
      self = .integer(value)
    } else if let value = node.text {
      self = .text(value)
    } else if node.isNull {
      self = .null
    } else {
      throw Failure("a value that charts here do not use")
    }
  }

  static func read(_ text: String) throws -> HelmValue {
    try YAMLParser.parse(Array(text.utf8)).first.map(HelmValue.init) ?? .mapping([:])
  }

  /// The same with the members of another laid over, as `--values` does.
  func overlaid(by other: HelmValue) -> HelmValue {
    guard case .mapping(var members) = self, case .mapping(let others) = other else { return other }
    for (name, value) in others { members[name] = members[name].map { $0.overlaid(by: value) } ?? value }
    return .mapping(members)
  }

  /// What `if` takes for true.
  var isTrue: Bool {
    switch self {
    case .null: false
    case .boolean(let value): value
    case .integer(let value): value != 0
    case .text(let value): !value.isEmpty
    case .list(let values): !values.isEmpty
    case .mapping(let members): !members.isEmpty
    }
  }

  /// As it stands in text.
  var text: String {
    switch self {
    case .null: ""
    case .boolean(let value): "\(value)"
    case .integer(let value): "\(value)"
    case .text(let value): value
    case .list, .mapping: yaml
    }
  }

  var quoted: String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": quoted += "\\\(scalar)"
      case "\n": quoted += "\\n"
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }

  /// In block style, texts quoted.
  var yaml: String {
    switch self {
    case .null: "null"
    case .boolean, .integer: text
    case .text: quoted
    case .list(let values):
      values.isEmpty
        ? "[]" : values.map { "- " + HelmTemplate.indent($0.yaml, 2, first: false) }.joined(separator: "\n")
    case .mapping(let members):
      members.isEmpty
        ? "{}"
        : members.sorted { $0.key < $1.key }.map { name, value in
          "\(HelmValue.text(name).quoted):\(value.isBlock ? "\n  " : " ")"
            + HelmTemplate.indent(value.yaml, 2, first: false)
        }.joined(separator: "\n")
    }
  }

  private var isBlock: Bool {
    switch self {
    case .list(let values): !values.isEmpty
    case .mapping(let members): !members.isEmpty
    default: false
    }
  }
}

/// Renders the part of Go's templates and of Helm's functions that the chart keeps to. What it does not know is an
/// error: a chart that needs more needs a real Helm.
struct HelmTemplate {
  private enum Piece {
    case text(String)
    case action(String)
  }

  private let pieces: [Piece]
  private let values: HelmValue

  /// - Parameter values: `.Values`, `.Release` and `.Chart`.
  init(_ text: String, _ values: HelmValue) throws {
    self.values = values
    var pieces: [Piece] = []
    var rest = Substring(text)
    while let start = rest.range(of: "{{") {
      var before = String(rest[..<start.lowerBound])
      guard let end = rest[start.upperBound...].range(of: "}}") else {
        throw Failure("an action does not end")
      }
      var action = rest[start.upperBound..<end.lowerBound]
      rest = rest[end.upperBound...]
      if action.hasPrefix("- ") {
        action = action.dropFirst()
        while before.last?.isWhitespace == true { before.removeLast() }
      }
      if action.hasSuffix(" -") {
        action = action.dropLast()
        rest = rest.drop(while: \.isWhitespace)
      }
      pieces += [.text(before), .action(action.trimmingCharacters(in: .whitespaces))]
    }
    self.pieces = pieces + [.text(String(rest))]
  }

  func render() throws -> String {
    var index = 0
    var output = ""
    let end = try run(&index, ["": values], isLive: true, into: &output)
    if let end { throw Failure("`\(end)` without a beginning") }
    return output
  }

  /// Runs up to the next `else` or `end` of its own level.
  /// - Returns: that action; nil at the end of the text.
  private func run(
    _ index: inout Int, _ scope: [String: HelmValue], isLive: Bool, into output: inout String
  ) throws -> String? {
    while index < pieces.count {
      let piece = pieces[index]
      index += 1
      switch piece {
      case .text(let text): if isLive { output += text }
      case .action(let action):
        let word = action.prefix { !$0.isWhitespace }
        switch word {
        case "end", "else": return action
        case "if": try runIf(action, &index, scope, isLive: isLive, into: &output)
        case "range": try runRange(action, &index, scope, isLive: isLive, into: &output)
        default: if isLive { output += try value(action, scope).text }
        }
      }
    }
    return nil
  }

  private func runIf(
    _ action: String, _ index: inout Int, _ scope: [String: HelmValue], isLive: Bool,
    into output: inout String
  ) throws {
    var condition: String? = String(action.dropFirst(2))
    var hasRun = false
    while true {
      let isTaken = try !hasRun && isLive && (condition.map { try value($0, scope).isTrue } ?? true)
      let end = try run(&index, scope, isLive: isTaken, into: &output)
      hasRun = hasRun || isTaken
      guard let end else { throw Failure("`\(action)` does not end") }
      if end == "end" { return }
      condition = end == "else" ? nil : String(end.dropFirst("else if".count))
    }
  }

  private func runRange(
    _ action: String, _ index: inout Int, _ scope: [String: HelmValue], isLive: Bool,
    into output: inout String
  ) throws {
    guard let match = action.wholeMatch(of: /range (\$\w+), (\$\w+) := (.+)/) else { throw Failure(action) }
    var items: [(HelmValue, HelmValue)] = []
    if isLive {
      switch try value(String(match.3), scope) {
      case .list(let values): items = values.enumerated().map { (.integer($0.offset), $0.element) }
      case .mapping(let members):
        items = members.sorted { $0.key < $1.key }.map { (.text($0.key), $0.value) }
      default: throw Failure("`\(action)` walks over no list and no mapping")
      }
    }
    let start = index
    // Once without effect, to find the end.
    if try run(&index, scope, isLive: false, into: &output) != "end" {
      throw Failure("`\(action)` does not end")
    }
    for (name, value) in items {
      var at = start
      var inner = scope
      inner[String(match.1)] = name
      inner[String(match.2)] = value
      _ = try run(&at, inner, isLive: true, into: &output)
    }
  }

  // MARK: Expressions

  private func value(_ pipeline: String, _ scope: [String: HelmValue]) throws -> HelmValue {
    var words = Self.words(pipeline)[...]
    var result: HelmValue?
    while !words.isEmpty {
      let command = words.prefix { $0 != "|" }
      words = words.dropFirst(command.count + 1)
      result = try call(Array(command), scope, last: result)
    }
    guard let result else { throw Failure("an empty action") }
    return result
  }

  private func call(_ command: [String], _ scope: [String: HelmValue], last: HelmValue?) throws -> HelmValue {
    guard let head = command.first else { throw Failure("an empty command") }
    var arguments = try command.dropFirst().map { try operand($0, scope) }
    if let last { arguments.append(last) }
    switch (head, arguments.count) {
    case ("not", 1): return .boolean(!arguments[0].isTrue)
    case ("ne", 2): return .boolean(arguments[0].text != arguments[1].text)
    case ("quote", 1): return .text(arguments[0].quoted)
    case ("toYaml", 1): return .text(arguments[0].yaml)
    case ("default", 2): return arguments[1].isTrue ? arguments[1] : arguments[0]
    case ("nindent", 2):
      guard case .integer(let count) = arguments[0] else { throw Failure("nindent without a number") }
      return .text("\n" + Self.indent(arguments[1].text, count, first: true))
    case ("printf", 2):
      return .text(arguments[0].text.replacingOccurrences(of: "%s", with: arguments[1].text))
    default:
      if command.count == 1, last == nil { return try operand(head, scope) }
      throw Failure("no function `\(head)` of \(arguments.count)")
    }
  }

  private func operand(_ word: String, _ scope: [String: HelmValue]) throws -> HelmValue {
    if word.hasPrefix("(") { return try value(String(word.dropFirst().dropLast()), scope) }
    if word.hasPrefix("\"") { return .text(String(word.dropFirst().dropLast())) }
    if let number = Int(word) { return .integer(number) }
    if word.hasPrefix("$"), let value = scope[word] { return value }
    guard word.hasPrefix("."), var found = scope[""] else { throw Failure("no operand `\(word)`") }
    for name in word.dropFirst().split(separator: ".") {
      // Helm takes a missing one for nothing; here each must stand in values.yaml.
      guard case .mapping(let members) = found, let next = members[String(name)] else {
        throw Failure("`\(word)` is no value")
      }
      found = next
    }
    return found
  }

  /// Cut at spaces outside of quotes and parentheses.
  private static func words(_ text: String) -> [String] {
    var words: [String] = []
    var word = ""
    var depth = 0
    var isQuoted = false
    for character in text {
      if character == "\"" { isQuoted.toggle() }
      if !isQuoted {
        if character == "(" { depth += 1 }
        if character == ")" { depth -= 1 }
      }
      if character.isWhitespace, depth == 0, !isQuoted {
        if !word.isEmpty { words.append(word) }
        word = ""
      } else {
        word.append(character)
      }
    }
    return word.isEmpty ? words : words + [word]
  }

  /// Every line but empty ones, and the first where it is asked for, begins so far to the right.
  static func indent(_ text: String, _ count: Int, first: Bool) -> String {
    let space = String(repeating: " ", count: count)
    return text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().map { index, line in
      line.isEmpty || (index == 0 && !first) ? String(line) : space + line
    }.joined(separator: "\n")
  }
}
