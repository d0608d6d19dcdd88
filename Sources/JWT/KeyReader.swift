import Bytes
import JSON
import Signatures

/// From a JSON object to a checked key (RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2). `x5c`,
/// `x5t` and `x5u` are ignored, as Envoy does: a certificate that comes with a key proves nothing about it.
enum KeyReader {
  /// Reads a key.
  /// - Throws: why it is not used.
  static func read(
    _ object: JSONValue, of document: borrowing JSONDocument, allowsSecrets: Bool
  ) throws(KeyRefusal) -> JSONWebKey {
    guard document.kind(of: object) == .object else { throw .notObject }
    let keyID = try readKeyID(object, of: document)
    try checkUse(object, of: document)
    let algorithm = try readAlgorithm(object, of: document)
    let key: VerificationKey
    switch try text(.kty, object, document) {
    case "RSA": key = try readRSA(object, document)
    case "EC": key = try readEC(object, document, algorithm)
    case "OKP": key = try readOKP(object, document)
    case "oct":
      if !allowsSecrets { throw .secretFromRemote }
      key = try readSecret(object, document, algorithm)
    default: throw .unknownType
    }
    if let algorithm, !key.fits(algorithm) { throw .algorithmDoesNotFit }
    return JSONWebKey(keyID: keyID, algorithm: algorithm, key: key)
  }

  /// The `kid` when it is a string, whatever else is wrong.
  static func keyIDForMessages(_ object: JSONValue, in document: borrowing JSONDocument) -> [UInt8]? {
    guard let value = document.member("kid", of: object), document.kind(of: value) == .string else {
      return nil
    }
    return document.octets.span[document.text(of: value)].copy()
  }

  /// Whether a key of a public kind comes with what should be secret. (An `oct` key is secret by nature.)
  static func holdsPrivateMembers(_ object: JSONValue, in document: borrowing JSONDocument) -> Bool {
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth"] as [StaticString]
    where document.member(name, of: object) != nil {
      return true
    }
    return false
  }

  private static func readKeyID(
    _ object: JSONValue, of document: borrowing JSONDocument
  ) throws(KeyRefusal) -> [UInt8]? {
    guard let value = document.member("kid", of: object) else { return nil }
    guard document.kind(of: value) == .string else { throw .keyIDNotString }
    let keyID = document.octets.span[document.text(of: value)].copy()
    if keyID.isEmpty { throw .keyIDEmpty }
    return keyID
  }

  private static func checkUse(_ object: JSONValue, of document: borrowing JSONDocument) throws(KeyRefusal) {
    if document.member("use", of: object) != nil, try text(.use, object, document) == "enc" {
      throw .forEncryption
    }
    guard let operations = document.member("key_ops", of: object) else { return }
    guard document.kind(of: operations) == .array else { throw .operationsMalformed }
    var verifies = false
    var elements = document.elements(of: operations)
    while let element = elements.next(in: document) {
      guard document.kind(of: element) == .string else { throw .operationsMalformed }
      if document.octets.span[document.text(of: element)].equals("verify") { verifies = true }
    }
    if !verifies { throw .notForVerification }
  }

  private static func readAlgorithm(
    _ object: JSONValue, of document: borrowing JSONDocument
  ) throws(KeyRefusal) -> Algorithm? {
    guard let value = document.member("alg", of: object) else { return nil }
    guard document.kind(of: value) == .string else { throw .memberNotString(.alg) }
    guard let algorithm = Algorithm(name: document.octets.span[document.text(of: value)]) else {
      throw .unknownAlgorithm
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

  /// Without `crv` the curve is that of `alg`, and without both P-256, as Envoy has it.
  private static func readEC(
    _ object: JSONValue, _ document: borrowing JSONDocument, _ algorithm: Algorithm?
  ) throws(KeyRefusal) -> VerificationKey {
    let curve: Curve
    if document.member("crv", of: object) != nil {
      let name = try text(.crv, object, document)
      guard let known = Curve.allCases.first(where: { "\($0.name)" == name }) else { throw .unknownCurve }
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
    guard try text(.crv, object, document) == "Ed25519" else { throw .unknownCurve }
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
