import Bytes
public import JSON

/// How much of a key set is read, and from where it may hold what.
public struct JWKSetSettings: Sendable, Hashable {
  /// Longest text in octets. Sets of large providers take 5 to 20 KiB; a fetch of a wrong or hostile address
  /// must not fill memory.
  public var maximumBytes = 1024 * 1024
  /// Most keys. Real sets hold 2 to 20; a token without `kid` is held against each fitting one up to a limit,
  /// and every worker indexes them all.
  public var maximumKeys = 1000
  /// Whether a remote set may hold `oct` keys: HMAC secrets, which whoever can read the address could sign
  /// with.
  public var allowsRemoteSecrets = false
  public var json = JSONSettings()

  public init() {}
}

/// Why a text is no usable key set.
public enum JWKSetError: Error, Sendable, Equatable {
  case tooLong(octets: Int, limit: Int)
  case notJSON(ForeignDocument)
  /// JSON, but no object.
  case notObject(ForeignDocument)
  case keysMissing(ForeignDocument)
  case keysNotArray(ForeignDocument)
  case tooManyKeys(count: Int, limit: Int)
  /// No key is usable; `skipped` says why each is not.
  case noUsableKey(skipped: [SkippedKey])

  /// What a client hears whose token needs this set (Istio semantics 1.10).
  public var tokenError: TokenError {
    switch self {
    case .notJSON, .notObject: .keysNotJSON
    case .keysMissing: .keysMissing
    case .keysNotArray: .keysNotArray
    case .tooLong, .tooManyKeys, .noUsableKey: .noUsableKey
    }
  }
}

extension JWKSetError: CustomStringConvertible {
  /// For the operator: what is wrong, and what would be right.
  public var description: String {
    switch self {
    case .tooLong(let octets, let limit): "key set of \(octets) octets: at most \(limit) are read"
    case .notJSON(let found), .notObject(let found), .keysMissing(let found), .keysNotArray(let found):
      "\(tokenError.text): it is \(found). A key set is JSON, {\"keys\": [...]}"
    case .tooManyKeys(let count, let limit): "key set of \(count) keys: at most \(limit) are read"
    case .noUsableKey(let skipped) where skipped.isEmpty: "\(tokenError.text): [keys] is empty"
    case .noUsableKey(let skipped):
      "\(tokenError.text): " + skipped.map(\.description).joined(separator: "; ")
    }
  }
}

/// A key that is left out.
public struct SkippedKey: Sendable, Equatable, CustomStringConvertible {
  /// Its position in `keys`, from 0.
  public let index: Int
  public let keyID: [UInt8]?
  public let reason: KeyRefusal

  public var description: String { "\(name) \(reason)" }

  /// How messages call the key: its position, and its `kid` escaped and cut.
  public var name: String { KeyName.describe(index, keyID) }

  /// Whether the issuer says by `use` that the key is for encryption. Sets of honest issuers hold such keys
  /// beside the keys that sign tokens: leaving them out is no reason for a warning.
  public var isForEncryption: Bool { reason == .forEncryption }
}

/// A key set (RFC 7517 section 5), read whole before anything relies on it. Copies share their storage.
public struct JWKSet: Sendable {
  /// Where a set comes from decides what it may hold.
  public enum Source: Sendable {
    /// Written by the operator in a resource.
    case inline
    /// Fetched from an address.
    case remote
  }

  public let keys: [JSONWebKey]
  public let skipped: [SkippedKey]
  /// What the operator should know although it does no harm here: private keys published, above all.
  public let warnings: [String]

  /// A set made of keys at hand.
  public init(keys: [JSONWebKey]) {
    self.keys = keys
    skipped = []
    warnings = []
  }

  init(keys: [JSONWebKey], skipped: [SkippedKey], warnings: [String]) {
    self.keys = keys
    self.skipped = skipped
    self.warnings = warnings
  }

  /// Reads a set. A key that cannot be used is skipped with its reason; the others work on.
  /// - Throws: when the text is no set or holds no usable key.
  /// Cost: linear in the text plus some microseconds a key. Not for the request path.
  public static func parse(
    _ text: Span<UInt8>, settings: JWKSetSettings = JWKSetSettings(), source: Source
  ) throws(JWKSetError) -> JWKSet {
    if text.count > settings.maximumBytes {
      throw .tooLong(octets: text.count, limit: settings.maximumBytes)
    }
    var document = JSONDocument()
    do throws(JSONError) {
      try document.parse(text, settings.json)
    } catch {
      throw .notJSON(ForeignDocument(text, settings: settings.json))
    }
    guard document.kind(of: document.root) == .object else {
      throw .notObject(ForeignDocument(text, settings: settings.json))
    }
    guard let list = document.member("keys", of: document.root) else {
      throw .keysMissing(ForeignDocument(text, settings: settings.json))
    }
    guard document.kind(of: list) == .array else {
      throw .keysNotArray(ForeignDocument(text, settings: settings.json))
    }
    let count = document.count(of: list)
    if count > settings.maximumKeys { throw .tooManyKeys(count: count, limit: settings.maximumKeys) }
    return try read(list, of: document, settings, source)
  }

  private static func read(
    _ list: JSONValue, of document: borrowing JSONDocument, _ settings: JWKSetSettings, _ source: Source
  ) throws(JWKSetError) -> JWKSet {
    var keys: [JSONWebKey] = []
    var skipped: [SkippedKey] = []
    var warnings: [String] = []
    var index = 0
    var elements = document.elements(of: list)
    while let element = elements.next(in: document) {
      let keyID = KeyReader.keyID(element, of: document)
      do throws(KeyRefusal) {
        let allowsSecrets = source == .inline || settings.allowsRemoteSecrets
        keys.append(try KeyReader.read(element, of: document, allowsSecrets: allowsSecrets))
        if KeyReader.holdsPrivateMembers(element, in: document) {
          warnings.append(
            "\(KeyName.describe(index, keyID)) holds private members: whoever can read the set can sign."
              + " Publish the public part alone, and replace the key")
        }
      } catch {
        skipped.append(SkippedKey(index: index, keyID: keyID, reason: error))
      }
      index += 1
    }
    if keys.isEmpty { throw .noUsableKey(skipped: skipped) }
    return JWKSet(keys: keys, skipped: skipped, warnings: warnings)
  }
}

/// How messages call a key. A `kid` is not ours: it is escaped and cut, never printed raw.
enum KeyName {
  static func describe(_ index: Int, _ keyID: [UInt8]?) -> String {
    guard let keyID else { return "key \(index) (no kid)" }
    return "key \(index) (kid \(ForeignText.quoted(keyID)))"
  }
}
