import Bytes
import ExtAuthz
import JSON

/// Filter metadata as JSON on the command line.
enum MetadataText {
  /// The members of a JSON object; nil when the text is none.
  static func fields(_ text: String) -> [(String, ProxiedRequest.MetadataValue)]? {
    var document = JSONDocument()
    guard (try? document.parse(Array(text.utf8).span)) != nil,
      case .fields(let fields) = value(document.root, of: document)
    else { return nil }
    return fields
  }

  /// Recursive: a document nests at most as deep as `JSONSettings` allows.
  private static func value(
    _ value: JSONValue, of document: borrowing JSONDocument
  ) -> ProxiedRequest.MetadataValue {
    switch document.kind(of: value) {
    case .null: return .null
    case .true: return .boolean(true)
    case .false: return .boolean(false)
    case .number: return .number(document.double(of: value) ?? 0)
    case .string: return .text(document.octets.span[document.text(of: value)].text())
    case .array:
      var list: [ProxiedRequest.MetadataValue] = []
      var elements = document.elements(of: value)
      while let element = elements.next(in: document) { list.append(Self.value(element, of: document)) }
      return .list(list)
    case .object:
      var fields: [(String, ProxiedRequest.MetadataValue)] = []
      var members = document.members(of: value)
      while let member = members.next(in: document) {
        fields.append((document.octets.span[member.name].text(), Self.value(member.value, of: document)))
      }
      return .fields(fields)
    }
  }
}
