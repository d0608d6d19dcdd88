import Bytes
import Istio
import YAML

/// Reads a configuration file's tree into settings, and finds everything that is wrong with it.
struct SettingReader {
  let file: String
  /// Errors.
  private(set) var diagnostics: [Diagnostic] = []
  private(set) var warnings: [Diagnostic] = []

  init(file: String) { self.file = file }

  mutating func warning(_ code: String, at position: YAMLPosition, _ message: String) {
    let place = SourcePosition(file: file, line: position.line, column: position.column)
    warnings.append(Diagnostic(.warning, code, at: place, message))
  }

  mutating func error(_ code: String, at position: YAMLPosition, _ message: String) {
    diagnostics.append(
      Diagnostic(
        .error, code, at: SourcePosition(file: file, line: position.line, column: position.column), message))
  }

  mutating func read(_ node: YAMLNode, _ keys: [Setting], into target: inout ServiceConfiguration) {
    guard node.members != nil else {
      expected("a mapping", node)
      return
    }
    let known = keys.map(\.name)
    for (member, meant) in node.unknownMembers(known: known) {
      let hint = meant.map { "; did you mean `\($0)`?" } ?? "; known here: \(known.joined(separator: ", "))"
      error("unknown-key", at: member.position, "unknown key `\(member.name)`\(hint)")
    }
    for key in keys {
      guard let member = node.member(key.name) else { continue }
      apply(key.grammar, member.value, into: &target)
    }
  }

  private mutating func apply(
    _ grammar: Setting.Grammar, _ node: YAMLNode, into target: inout ServiceConfiguration
  ) {
    switch grammar {
    case .text(let set):
      guard let text = node.text, !text.isEmpty else { return expected("a string", node) }
      set(&target, text)
    case .boolean(let set):
      guard let value = node.boolean else { return expected("true or false", node) }
      set(&target, value)
    case .integer(let bounds, let set):
      guard let value = node.integer, bounds.contains(value) else {
        return expected("a whole number from \(bounds.lowerBound) to \(bounds.upperBound)", node)
      }
      set(&target, value)
    case .texts(let set):
      guard let values = texts(node) else { return }
      set(&target, values)
    case .duration(let bounds, let set):
      guard let text = node.text, let value = Duration.nanoseconds(of: text), bounds.contains(value) else {
        return expected(
          "a time from \(Duration.text(bounds.lowerBound)) to \(Duration.text(bounds.upperBound)), such as 30s",
          node)
      }
      set(&target, value)
    case .seconds(let bounds, let set):
      guard let text = node.text, let time = Duration.nanoseconds(of: text), time % 1_000_000_000 == 0,
        bounds.contains(time / 1_000_000_000)
      else {
        return expected(
          "a time of whole seconds from \(Duration.text(bounds.lowerBound &* 1_000_000_000)) to "
            + "\(Duration.text(bounds.upperBound &* 1_000_000_000)), such as 30s", node)
      }
      set(&target, time / 1_000_000_000)
    case .parsed(let parse):
      guard let text = node.text else { return expected("a string", node) }
      if let wanted = parse(&target, text) { error("invalid-value", at: node.position, wanted) }
    case .parsedTexts(let parse):
      guard let values = texts(node) else { return }
      if let wanted = parse(&target, values) { error("invalid-value", at: node.position, wanted) }
    case .prefixes(let set):
      guard let values = texts(node) else { return }
      var prefixes: [IPPrefix] = []
      for value in values {
        guard let prefix = IPPrefix(value) else {
          return error(
            "invalid-value", at: node.position, "`\(value)` is no address block, such as 10.0.0.0/8")
        }
        prefixes.append(prefix)
      }
      set(&target, prefixes)
    case .section(let keys):
      read(node, keys, into: &target)
    case .workloads:
      target.workloads = WorkloadReader.read(node, with: &self)
    }
  }

  mutating func expected(_ wanted: String, _ node: YAMLNode) {
    error("invalid-value", at: node.position, "\(node.kindText) where \(wanted) is expected")
  }

  /// The strings of a list; nil, with a finding, when it is no list of strings.
  mutating func texts(_ node: YAMLNode) -> [String]? {
    guard let elements = node.elements else {
      expected("a list of strings", node)
      return nil
    }
    var values: [String] = []
    for element in elements {
      guard let text = element.text, !text.isEmpty else {
        expected("a string", element)
        return nil
      }
      values.append(text)
    }
    return values
  }
}

/// Times as operators write them.
enum Duration {
  private static let units: [(String, UInt64)] = [
    ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000),
  ]

  /// A whole number with a unit (`ms`, `s`, `m`, `h`) in nanoseconds.
  static func nanoseconds(of text: String) -> UInt64? {
    for (unit, size) in units where text.hasSuffix(unit) {
      let digits = text.dropLast(unit.count)
      guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let count = UInt64(digits) else {
        continue
      }
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      return overflow ? nil : product
    }
    return nil
  }

  /// The largest unit that leaves no fraction.
  static func text(_ nanoseconds: UInt64) -> String {
    for (unit, size) in units.reversed() where nanoseconds % size == 0 && nanoseconds > 0 {
      return "\(nanoseconds / size)\(unit)"
    }
    return "0s"
  }
}
