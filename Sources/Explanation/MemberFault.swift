import Bytes
import JSON
import JWT

/// What is wrong with the type or the range of a member of a token's header or payload: what it is, and what it must
/// be.
enum MemberFault {
  /// - Parameter part: the header or the payload, in base64url.
  /// - Returns: nil when the error is about no member.
  static func words(for error: TokenError, in part: Substring) -> String? {
    guard let (name, wanted) = member(of: error) else { return nil }
    var document = JSONDocument()
    guard (try? document.parseBase64URL(Array(part.utf8).span)) != nil else { return nil }
    let key = Array(name.utf8)
    guard let value = document.member(key.span, of: document.root) else {
      return "`\(name)` is missing: it must be \(wanted)"
    }
    if error == .audienceNotStringOrList, let fault = elementFault(value, of: document) {
      return "`\(name)` is a list, and \(fault): it must be \(wanted)"
    }
    return "`\(name)` is \(kind(of: value, document)): it must be \(wanted)"
  }

  private static func member(of error: TokenError) -> (name: String, wanted: String)? {
    let time = "a number, the seconds since 1970"
    let range = "from 0 and below 2^64, the seconds since 1970"
    return switch error {
    case .algorithmMissing: ("alg", "a text")
    case .keyIDNotString: ("kid", "a text that is not empty; leave it out when the key has no name")
    case .issuerNotString: ("iss", "a text")
    case .subjectNotString: ("sub", "a text")
    case .tokenIDNotString: ("jti", "a text")
    case .issuedAtNotInteger: ("iat", time)
    case .notBeforeNotInteger: ("nbf", time)
    case .expiryNotInteger: ("exp", time)
    case .issuedAtOutOfRange: ("iat", range)
    case .notBeforeOutOfRange: ("nbf", range)
    case .expiryOutOfRange: ("exp", range)
    case .audienceNotStringOrList: ("aud", "a text or a list of texts")
    default: nil
    }
  }

  /// The first element of a list that is no text; nil when the value is no list.
  private static func elementFault(_ value: JSONValue, of document: borrowing JSONDocument) -> String? {
    guard document.kind(of: value) == .array else { return nil }
    var index = 0
    var elements = document.elements(of: value)
    while let element = elements.next(in: document) {
      if document.kind(of: element) != .string {
        return "its element \(index) is \(kind(of: element, document))"
      }
      index += 1
    }
    return nil
  }

  /// `the text "x"`, `the number 5`, `a list, ["a"]`.
  private static func kind(of value: JSONValue, _ document: borrowing JSONDocument) -> String {
    let text = Quoted.shortened(JSONDocumentText(value, of: document).tree.shortened.line)
    return switch document.kind(of: value) {
    case .string: document.text(of: value).isEmpty ? "an empty text" : "the text \(text)"
    case .number: "the number \(text)"
    case .true, .false: "the boolean \(text)"
    case .null: "null"
    case .array: "a list, \(text)"
    case .object: "an object, \(text)"
    }
  }
}
