import Bytes
public import JSON

/// What a text is that should be a JWK Set or a discovery document and is not. For people: it decides nothing.
public enum ForeignDocument: Sendable, Equatable {
  case empty
  /// A PEM file; what it says that it is, such as `CERTIFICATE`.
  case pem(label: String)
  /// A binary certificate or key.
  case der
  case compressed
  case html
  case xml
  /// A compact JWS or JWE.
  case token
  /// JSON that stops too early.
  case cut(at: Int)
  /// Anything else that is not JSON, or JSON that is not taken.
  case notJSON(JSONError)
  /// OpenID Connect Discovery; `jwks_uri` where it is a text.
  case discovery(keysAddress: String?)
  /// `{"keys": …}`; what `keys` is.
  case keySet(of: String)
  /// One JWK without `keys` around it.
  case key
  /// `[JWK, …]`
  case keyList
  /// `{kid: JWK, …}`
  case keyMap(count: Int)
  /// `{kid: certificate in PEM, …}`
  case certificateMap(count: Int)
  /// Another object; the first names of its members.
  case object(members: [String])
  /// JSON, but no object: `a list`, `a text`, …
  case other(String)

  /// Recognises a text. Cost: linear.
  public init(_ text: Span<UInt8>, settings: JSONSettings = JSONSettings()) {
    if let known = Self.withoutJSON(text) {
      self = known
      return
    }
    var document = JSONDocument()
    do throws(JSONError) {
      try document.parse(text, settings)
      self = Self.json(document)
    } catch {
      switch error {
      case .unexpectedEnd(let at) where Self.first(of: text) == 0x7B || Self.first(of: text) == 0x5B:
        self = .cut(at: at)
      default: self = Self.isToken(text) ? .token : .notJSON(error)
      }
    }
  }

  // MARK: What is no JSON

  private static func first(of text: Span<UInt8>) -> UInt8? {
    for index in text.indices where text[index] > 0x20 { return text[index] }
    return nil
  }

  private static func withoutJSON(_ text: Span<UInt8>) -> ForeignDocument? {
    guard let first = first(of: text) else { return .empty }
    if text.count > 2, text[0] == 0x1F, text[1] == 0x8B { return .compressed }
    if text.count > 4, text[0] == 0x30, text[1] >= 0x80 { return .der }
    let beginning = text[0..<min(text.count, 2_048)].text()
    if first == 0x3C {
      let lowered = beginning.lowercased()
      return ["<!doctype html", "<html", "<head", "<body"].contains(where: lowered.contains) ? .html : .xml
    }
    guard let mark = beginning.firstRange(of: "-----BEGIN "), first == 0x2D || !"{[\"".utf8.contains(first)
    else {
      return nil
    }
    return .pem(label: String(beginning[mark.upperBound...].prefix { $0 != "-" && !$0.isNewline }.prefix(40)))
  }

  /// Three or five parts in base64url between dots (RFC 7515 section 7.1, RFC 7516 section 7.1).
  private static func isToken(_ text: Span<UInt8>) -> Bool {
    var dots = 0
    for index in text.indices {
      switch text[index] {
      case 0x2E: dots += 1
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F: break
      case 0x0A, 0x0D, 0x20: break
      default: return false
      }
    }
    return dots == 2 || dots == 4
  }

  // MARK: JSON

  private static func json(_ document: borrowing JSONDocument) -> ForeignDocument {
    let root = document.root
    switch document.kind(of: root) {
    case .object: return object(document)
    case .array:
      var elements = document.elements(of: root)
      if let first = elements.next(in: document), isKey(first, document) { return .keyList }
      return .other("a list")
    case .string: return .other("a text")
    case .number: return .other("a number")
    case .true, .false: return .other("a boolean")
    case .null: return .other("null")
    }
  }

  private static func object(_ document: borrowing JSONDocument) -> ForeignDocument {
    let root = document.root
    if let keys = document.member("keys", of: root) { return .keySet(of: kindName(keys, document)) }
    if let address = document.member("jwks_uri", of: root) {
      let isText = document.kind(of: address) == .string
      return .discovery(keysAddress: isText ? document.octets.span[document.text(of: address)].text() : nil)
    }
    if isKey(root, document) { return .key }
    var names: [String] = []
    var (count, keys, certificates) = (0, 0, 0)
    var members = document.members(of: root)
    while let member = members.next(in: document) {
      count += 1
      if names.count < 5 { names.append(document.octets.span[member.name].text()) }
      if isKey(member.value, document) { keys += 1 }
      if document.kind(of: member.value) == .string,
        document.octets.span[document.text(of: member.value)].text().hasPrefix("-----BEGIN CERTIFICATE")
      {
        certificates += 1
      }
    }
    if count > 0, certificates == count { return .certificateMap(count: count) }
    return count > 0 && keys == count ? .keyMap(count: count) : .object(members: names)
  }

  private static func isKey(_ value: JSONValue, _ document: borrowing JSONDocument) -> Bool {
    guard document.kind(of: value) == .object, let type = document.member("kty", of: value) else {
      return false
    }
    return document.kind(of: type) == .string
  }

  private static func kindName(_ value: JSONValue, _ document: borrowing JSONDocument) -> String {
    switch document.kind(of: value) {
    case .object: "an object"
    case .array: "a list"
    case .string: "a text"
    case .number: "a number"
    case .true, .false: "a boolean"
    case .null: "null"
    }
  }
}

extension ForeignDocument: CustomStringConvertible {
  /// What it is, to be read after "it is", and what would be right. Text of others is escaped and cut.
  public var description: String {
    switch self {
    case .empty: "empty"
    case .pem(let label): "a PEM file (\(ForeignText.quoted(label))): publish the key as a JWK"
    case .der: "a binary (DER) certificate or key: publish the key as a JWK"
    case .compressed: "compressed (gzip), without a Content-Encoding that says so"
    case .html: "an HTML page: the address is that of a site, a sign-in page or an error page"
    case .xml: "XML"
    case .token: "a token, not keys"
    case .cut(let at): "JSON that is cut off at byte \(at)"
    case .notJSON(let error): "not JSON: \(error)"
    case .discovery(let address?):
      "a discovery document: the keys are at its `jwks_uri`, \(ForeignText.quoted(address))"
    case .discovery(nil): "a discovery document whose `jwks_uri` is not a text"
    case .keySet(of: "a list"): "a JWK Set"
    case .keySet(let kind): "a JWK Set whose `keys` is \(kind), not a list"
    case .key: "a single JWK without `keys`: write {\"keys\": [...]} around it"
    case .keyList: "a list of JWKs without `keys`: write {\"keys\": ...} around it"
    case .keyMap(let count):
      "a map {kid: JWK} of \(Self.entries(count)): write the keys as a list, {\"keys\": [...]}"
    case .certificateMap(let count):
      "a map {kid: certificate} of \(Self.entries(count)): the provider's JWK Set has another address"
    case .object(let names) where names.isEmpty: "an empty JSON object"
    case .object(let names):
      "a JSON object without `keys`; its first members are "
        + names.map(ForeignText.quoted).joined(separator: ", ")
    case .other(let kind): "JSON, and \(kind) where an object is expected"
    }
  }
}

extension ForeignDocument {
  private static func entries(_ count: Int) -> String { count == 1 ? "1 entry" : "\(count) entries" }
}

/// Text of others in messages: in quotes, escaped, and cut.
enum ForeignText {
  private static let mostBytes = 64

  static func quoted(_ text: String) -> String { quoted(Array(text.utf8)) }

  static func quoted(_ bytes: [UInt8]) -> String {
    var text = ByteBuffer()
    JSONWriter.writeString(bytes.span[0..<min(bytes.count, mostBytes)], into: &text)
    return text.span.text() + (bytes.count > mostBytes ? "..." : "")
  }
}
