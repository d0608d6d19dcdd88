import Foundation
import TestSupport
import YAML

/// A YAML document as a value that tests can change and write as JSON, which is YAML too.
enum Tree: Equatable {
  case null, boolean(Bool), number(Int), text(String)
  case list([Tree])
  case map([String: Tree])

  /// All documents of a file below the vectors.
  static func documents(_ path: String) throws -> [Tree] {
    try YAMLParser.parse(try Vectors.read(path)).map(Tree.init)
  }

  init(_ node: YAMLNode) {
    switch node.content {
    case .null: self = .null
    case .boolean(let value): self = .boolean(value)
    case .number: self = .number(node.integer ?? 0)
    case .text(let text): self = .text(text)
    case .sequence(let elements): self = .list(elements.map(Tree.init))
    case .mapping(let members):
      self = .map(Dictionary(uniqueKeysWithValues: members.map { ($0.name, Tree($0.value)) }))
    }
  }

  subscript(name: String) -> Tree? {
    get { if case .map(let members) = self { members[name] } else { nil } }
    set {
      guard case .map(var members) = self else { return }
      members[name] = newValue
      self = .map(members)
    }
  }

  var elements: [Tree] { if case .list(let elements) = self { elements } else { [] } }
  var text: String? { if case .text(let text) = self { text } else { nil } }
  var texts: [String] { elements.compactMap(\.text) }

  /// The same with every text changed.
  func mapTexts(_ change: (String) -> String) -> Tree {
    switch self {
    case .text(let text): .text(change(text))
    case .list(let elements): .list(elements.map { $0.mapTexts(change) })
    case .map(let members): .map(members.mapValues { $0.mapTexts(change) })
    default: self
    }
  }

  /// All texts in it, wherever they stand.
  var leaves: [String] {
    switch self {
    case .text(let text): [text]
    case .list(let elements): elements.flatMap(\.leaves)
    case .map(let members): members.keys.sorted().flatMap { members[$0]?.leaves ?? [] }
    default: []
    }
  }

  var json: String {
    switch self {
    case .null: return "null"
    case .boolean(let value): return "\(value)"
    case .number(let number): return "\(number)"
    case .text(let text): return Self.quoted(text)
    case .list(let elements): return "[" + elements.map(\.json).joined(separator: ",") + "]"
    case .map(let members):
      let parts = members.sorted { $0.key < $1.key }.map { "\(Self.quoted($0.key)):\($0.value.json)" }
      return "{" + parts.joined(separator: ",") + "}"
    }
  }

  private static func quoted(_ text: String) -> String {
    let escaped = text.map { character -> String in
      switch character {
      case "\\": "\\\\"
      case "\"": "\\\""
      case "\n": "\\n"
      default: String(character)
      }
    }
    return "\"" + escaped.joined() + "\""
  }
}
