import Istio
import YAML

/// Reads mappings key by key, and finds everything that is wrong with them.
struct FieldReader {
  let file: String
  var diagnostics: [Diagnostic] = []

  func place(_ position: YAMLPosition) -> SourcePosition {
    SourcePosition(file: file, line: position.line, column: position.column)
  }

  mutating func error(_ code: String, at position: YAMLPosition, _ message: String) {
    diagnostics.append(Diagnostic(.error, code, at: place(position), message))
  }

  mutating func expected(_ wanted: String, _ node: YAMLNode) {
    error("invalid-value", at: node.position, "\(node.kindText) where \(wanted) is expected")
  }

  /// Whether the node is a mapping; what is unknown in it is an error that names the nearest known key.
  mutating func isMapping(_ node: YAMLNode, _ what: String, known: [String]) -> Bool {
    guard node.members != nil else {
      expected("\(what), a mapping,", node)
      return false
    }
    for (member, meant) in node.unknownMembers(known: known) {
      let hint = meant.map { "; did you mean `\($0)`?" } ?? "; known here: \(known.joined(separator: ", "))"
      error("unknown-key", at: member.position, "unknown key `\(member.name)` in \(what)\(hint)")
    }
    return true
  }

  /// A string; nil when the key is not there or, with a finding, is no string.
  mutating func text(_ node: YAMLNode, _ key: String) -> String? {
    guard let value = node.member(key)?.value else { return nil }
    if let text = value.text { return text }
    expected("a string (quote it)", value)
    return nil
  }

  mutating func integer(_ node: YAMLNode, _ key: String, _ bounds: ClosedRange<Int>) -> Int? {
    guard let value = node.member(key)?.value else { return nil }
    if let number = value.integer, bounds.contains(number) { return number }
    expected("a whole number from \(bounds.lowerBound) to \(bounds.upperBound)", value)
    return nil
  }

  mutating func boolean(_ node: YAMLNode, _ key: String) -> Bool? {
    guard let value = node.member(key)?.value else { return nil }
    if let boolean = value.boolean { return boolean }
    expected("true or false", value)
    return nil
  }

  /// A list of strings, or one string alone.
  mutating func texts(_ node: YAMLNode, _ key: String) -> [String] {
    guard let value = node.member(key)?.value else { return [] }
    if let text = value.text { return [text] }
    guard let elements = value.elements else {
      expected("a list of strings", value)
      return []
    }
    return elements.compactMap { element in
      if let text = element.text { return text }
      expected("a string (quote it)", element)
      return nil
    }
  }

  /// Seconds, from `1h`, `30m`, `-90s`, `2d`.
  mutating func seconds(_ node: YAMLNode, _ key: String) -> Int64? {
    guard let text = text(node, key) else { return nil }
    let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
    if let unit = text.last.flatMap({ units[$0] }), let count = Int64(text.dropLast()),
      abs(count.clamped) <= 1_000_000
    {
      return count * unit
    }
    if let value = node.member(key)?.value {
      error("invalid-value", at: value.position, "`\(text)` is no time such as 1h, 30m, 90s or -5m")
    }
    return nil
  }
}

extension Int64 {
  /// So that its magnitude exists.
  fileprivate var clamped: Int64 { Swift.max(self, -Int64.max) }
}
