import Bytes
import JSON

/// A JSON value of somebody else's, for people: indented, numbers as written, harmless for a terminal.
public struct JSONDocumentText: Sendable {
  let tree: JSONTree

  init(_ value: JSONValue, of document: borrowing JSONDocument) { tree = Self.tree(value, of: document) }

  /// - Parameter indent: blanks in front of every line but the first.
  public func text(indent: Int = 0) -> String {
    var buffer = ByteBuffer(capacity: 512)
    tree.shortened.write(into: &buffer, indent: indent)
    return String(decoding: buffer.copy(), as: UTF8.self)
  }

  /// Recursive: a document nests at most as deep as `JSONSettings` allows.
  private static func tree(_ value: JSONValue, of document: borrowing JSONDocument) -> JSONTree {
    switch document.kind(of: value) {
    case .null: return .null
    case .true: return .boolean(true)
    case .false: return .boolean(false)
    case .string: return .text(string(document.text(of: value), of: document))
    case .number: return .literal(string(document.text(of: value), of: document))
    case .array:
      var list: [JSONTree] = []
      var elements = document.elements(of: value)
      while let element = elements.next(in: document) { list.append(tree(element, of: document)) }
      return .list(list)
    case .object:
      var members: [(String, JSONTree)] = []
      var all = document.members(of: value)
      while let member = all.next(in: document) {
        members.append((string(member.name, of: document), tree(member.value, of: document)))
      }
      return .object(members)
    }
  }

  private static func string(_ range: ByteRange, of document: borrowing JSONDocument) -> String {
    var octets: [UInt8] = []
    let span = document.octets.span[range]
    for index in span.indices { octets.append(span[index]) }
    return String(decoding: octets, as: UTF8.self)
  }
}

extension JSONTree {
  /// The same with the middle of long text left out.
  var shortened: JSONTree {
    switch self {
    case .text(let text): .text(Quoted.shortened(text))
    case .list(let elements): .list(elements.map(\.shortened))
    case .object(let members): .object(members.map { (Quoted.shortened($0.0), $0.1.shortened) })
    case .literal(let text): .literal(Quoted.shortened(text))
    default: self
    }
  }
}

/// Why a part of a token is no JSON, in words.
enum JSONFault {
  static func words(for error: JSONError, encoded: Substring) -> String {
    error == .notBase64URL ? base64Words(encoded) : "decoded, \(error)"
  }

  private static func base64Words(_ text: Substring) -> String {
    for (index, octet) in text.utf8.enumerated() {
      switch octet {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F: continue
      case 0x3D: return "not base64url: padding (`=`) at octet \(index), where there must be none"
      case 0x2B, 0x2F:
        return "not base64url: octet \(index) is of plain base64; `-` and `_` take the place of `+` and `/`"
      default: return "not base64url: octet \(index) is none of its characters"
      }
    }
    if text.isEmpty { return "it is empty" }
    if text.utf8.count % 4 == 1 {
      return "not base64url: no text of octets has \(text.utf8.count) of its characters"
    }
    return "not base64url: unused bits of the last character are set"
  }
}
