import Bytes
import JSON
import Signatures

/// From a JSON object to a checked key (RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2). `x5c`,
/// `x5t` and `x5u` are ignored, as Envoy does: a certificate that comes with a key proves nothing about it.
///
/// `kid`, `alg`, `use` and `key_ops` are optional. Serialisers write null, an empty text or another type where
/// they have no value, so each of these forms counts as absent.
enum KeyReader {
  /// Reads a key.
  /// - Throws: why it is not used.
  static func read(
    _ object: JSONValue, of document: borrowing JSONDocument, allowsSecrets: Bool
  ) throws(KeyRefusal) -> JSONWebKey {
    guard document.kind(of: object) == .object else { throw .notObject }
    try checkUse(object, of: document)
    try checkOperations(object, of: document)
    let algorithm = try readAlgorithm(object, of: document)
    let key: VerificationKey
    let type = try text(.kty, object, document)
    switch type {
    case "RSA": key = try readRSA(object, document)
    case "EC": key = try readEC(object, document, algorithm)
    case "OKP": key = try readOKP(object, document)
    case "oct":
      if !allowsSecrets { throw .secretFromRemote }
      key = try readSecret(object, document, algorithm)
    default: throw .unknownType(type)
    }
    if let algorithm, !key.fits(algorithm) { throw .algorithmDoesNotFit }
    return JSONWebKey(keyID: keyID(object, of: document), algorithm: algorithm, key: key)
  }

  /// The `kid`, whatever else is wrong with the key; nil for an element that is no object.
  static func keyID(_ object: JSONValue, of document: borrowing JSONDocument) -> [UInt8]? {
    optionalText("kid", object, document).map { document.octets.span[$0].copy() }
  }

  /// Whether a key of a public kind comes with what should be secret. (An `oct` key is secret by nature.) A
  /// member that is null or empty holds no secret.
  static func holdsPrivateMembers(_ object: JSONValue, in document: borrowing JSONDocument) -> Bool {
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth"] as [StaticString] {
      guard let value = document.member(name, of: object) else { continue }
      switch document.kind(of: value) {
      case .null: continue
      case .string: if !document.text(of: value).isEmpty { return true }
      case .array, .object: if document.count(of: value) > 0 { return true }
      default: return true
      }
    }
    return false
  }

  private static func checkUse(_ object: JSONValue, of document: borrowing JSONDocument) throws(KeyRefusal) {
    guard let use = optionalText("use", object, document) else { return }
    if document.octets.span[use].equals("enc") { throw .forEncryption }
  }

  /// The operations of RFC 7517 section 4.3 that only keys for encryption and key agreement have.
  private static let encryptionOperations: [StaticString] = [
    "encrypt", "decrypt", "wrapKey", "unwrapKey", "deriveKey", "deriveBits",
  ]

  /// Refuses a key whose `key_ops` names operations of encryption and nothing else. Honest issuers list `sign`,
  /// or values of their own, for the key that verifies their tokens, so a list need not name `verify`. Elements
  /// that are no texts are ignored; a list without any text counts as absent.
  private static func checkOperations(
    _ object: JSONValue, of document: borrowing JSONDocument
  ) throws(KeyRefusal) {
    guard let operations = document.member("key_ops", of: object), document.kind(of: operations) == .array
    else { return }
    var namesEncryption = false
    var elements = document.elements(of: operations)
    while let element = elements.next(in: document) {
      guard document.kind(of: element) == .string else { continue }
      let name = document.octets.span[document.text(of: element)]
      var isEncryption = false
      for operation in encryptionOperations where name.equals(operation) { isEncryption = true }
      if !isEncryption { return }
      namesEncryption = true
    }
    if namesEncryption { throw .operationsOfEncryption }
  }

  private static func readAlgorithm(
    _ object: JSONValue, of document: borrowing JSONDocument
  ) throws(KeyRefusal) -> Algorithm? {
    guard let name = optionalText("alg", object, document) else { return nil }
    guard let algorithm = Algorithm(name: document.octets.span[name]) else {
      throw .unknownAlgorithm(document.octets.span[name].text())
    }
    return algorithm
  }

  private static func readRSA(
    _ object: JSONValue, _ document: borrowing JSONDocument
  ) throws(KeyRefusal) -> VerificationKey {
    let modulus = try octets(.n, object, document)
    let exponent = try octets(.e, object, document)
    do throws(KeyError) {
      return try VerificationKey(rsaModulus: modulus, exponent: exponent)
    } catch {
      throw .key(error)
    }
  }

  /// Without `crv` the curve is that of `alg`, and without both P-256, as Envoy has it. An empty `crv` counts as
  /// absent. One of another type, null included, does not: RFC 7518 section 6.2.1.1 requires the member, and
  /// Envoy refuses the key.
  private static func readEC(
    _ object: JSONValue, _ document: borrowing JSONDocument, _ algorithm: Algorithm?
  ) throws(KeyRefusal) -> VerificationKey {
    let curve: Curve
    let isNamed = document.member("crv", of: object) != nil
    let name = isNamed ? try text(.crv, object, document) : ""
    if !name.isEmpty {
      guard let known = Curve.allCases.first(where: { "\($0.name)" == name }) else {
        throw .unknownCurve(name)
      }
      curve = known
    } else if let algorithm {
      guard let implied = algorithm.curve else { throw .algorithmDoesNotFit }
      curve = implied
    } else {
      curve = .p256
    }
    let x = try octets(.x, object, document)
    let y = try octets(.y, object, document)
    do throws(KeyError) {
      return try VerificationKey(curve: curve, x: x, y: y)
    } catch {
      throw .key(error)
    }
  }

  private static func readOKP(
    _ object: JSONValue, _ document: borrowing JSONDocument
  ) throws(KeyRefusal) -> VerificationKey {
    let curve = try text(.crv, object, document)
    guard curve == "Ed25519" else { throw .unknownCurve(curve) }
    let x = try octets(.x, object, document)
    do throws(KeyError) {
      return try VerificationKey(ed25519: x)
    } catch {
      throw .key(error)
    }
  }

  private static func readSecret(
    _ object: JSONValue, _ document: borrowing JSONDocument, _ algorithm: Algorithm?
  ) throws(KeyRefusal) -> VerificationKey {
    let secret = try octets(.k, object, document)
    let key: VerificationKey
    do throws(KeyError) {
      key = try VerificationKey(secret: secret)
    } catch {
      throw .key(error)
    }
    if let algorithm, algorithm.family != .hmac { throw .algorithmDoesNotFit }
    if !key.fits(algorithm ?? .hs256) { throw .secretTooShort(octets: secret.count) }
    return key
  }

  /// The value of an optional member; nil when it is missing, null, empty or of another type.
  private static func optionalText(
    _ name: StaticString, _ object: JSONValue, _ document: borrowing JSONDocument
  ) -> ByteRange? {
    guard document.kind(of: object) == .object, let value = document.member(name, of: object),
      document.kind(of: value) == .string
    else { return nil }
    let text = document.text(of: value)
    return text.isEmpty ? nil : text
  }

  private static func value(
    _ name: KeyRefusal.Member, _ object: JSONValue, _ document: borrowing JSONDocument
  ) throws(KeyRefusal) -> ByteRange {
    guard let value = document.member(Array(name.rawValue.utf8).span, of: object) else {
      throw .memberMissing(name)
    }
    guard document.kind(of: value) == .string else { throw .memberNotString(name) }
    return document.text(of: value)
  }

  private static func text(
    _ name: KeyRefusal.Member, _ object: JSONValue, _ document: borrowing JSONDocument
  ) throws(KeyRefusal) -> String {
    document.octets.span[try value(name, object, document)].text()
  }

  private static func octets(
    _ name: KeyRefusal.Member, _ object: JSONValue, _ document: borrowing JSONDocument
  ) throws(KeyRefusal) -> [UInt8] {
    var decoded = ByteBuffer()
    guard Base64.decodeURL(document.octets.span[try value(name, object, document)], into: &decoded) else {
      throw .memberNotBase64URL(name)
    }
    return decoded.copy()
  }
}
