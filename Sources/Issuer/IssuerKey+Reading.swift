internal import Bytes
internal import JSON
internal import Signatures

extension IssuerKey {
  /// Reads the private keys of a JWK, or of a JWK Set, back. Unlike a verifier's reading this one refuses the
  /// whole text for one bad key: it is the user's own file.
  ///
  /// A key without `alg` goes by the first algorithm it fits: RS256, the curve's, EdDSA, or HS256, HS384,
  /// HS512 by its length. A key without `kid` gets its thumbprint.
  public static func read(_ text: Span<UInt8>) throws(IssuerError) -> [IssuerKey] {
    var document = JSONDocument()
    do throws(JSONError) {
      try document.parse(text)
    } catch {
      throw .keyNotJSON(error)
    }
    guard document.kind(of: document.root) == .object else { throw .notKeyOrKeySet }
    guard let list = document.member("keys", of: document.root) else {
      if document.member("kty", of: document.root) == nil { throw .notKeyOrKeySet }
      return [try read(document.root, of: document)]
    }
    guard document.kind(of: list) == .array else { throw .notKeyOrKeySet }
    var keys: [IssuerKey] = []
    var elements = document.elements(of: list)
    while let element = elements.next(in: document) { keys.append(try read(element, of: document)) }
    if keys.isEmpty { throw .noKeys }
    return keys
  }

  /// The same for text at hand.
  public static func read(_ text: String) throws(IssuerError) -> [IssuerKey] {
    let octets = Array(text.utf8)
    return try read(octets.span)
  }

  private static func read(
    _ object: JSONValue, of document: borrowing JSONDocument
  ) throws(IssuerError) -> IssuerKey {
    guard document.kind(of: object) == .object else { throw .notKeyOrKeySet }
    let reader = KeyMembers(object)
    let components = try components(reader, document)
    var named: Algorithm?
    if let name = try reader.text("alg", document) {
      let octets = Array(name.utf8)
      guard let algorithm = Algorithm(name: octets.span) else { throw .algorithmUnknown }
      named = algorithm
    }
    let keyID = try reader.text("kid", document)
    do throws(KeyError) {
      let key = try SigningKey(components)
      let preferred: [Algorithm] = [.rs256, .es256, .es384, .es512, .edDSA, .hs256, .hs384, .hs512]
      // A secret that is too short fits none; the initializer below says so.
      let algorithm = named ?? preferred.first(where: key.fits) ?? .hs256
      return try IssuerKey(key, algorithm: algorithm, keyID: keyID?.isEmpty == true ? nil : keyID)
    } catch {
      throw .key(error)
    }
  }

  private static func components(
    _ reader: KeyMembers, _ document: borrowing JSONDocument
  ) throws(IssuerError) -> SigningKey.Components {
    switch try reader.requiredText("kty", document) {
    case "RSA": return .rsa(try rsa(reader, document))
    case "EC":
      let name = try reader.requiredText("crv", document)
      guard let curve = Curve.allCases.first(where: { "\($0.name)" == name }) else { throw .curveUnknown }
      return .ec(
        curve, x: try reader.octets("x", document), y: try reader.octets("y", document),
        d: try reader.octets("d", document))
    case "OKP":
      guard try reader.requiredText("crv", document) == "Ed25519" else { throw .curveUnknown }
      return .ed25519(x: try reader.octets("x", document), d: try reader.octets("d", document))
    case "oct": return .secret(try reader.octets("k", document))
    default: throw .keyTypeUnknown
    }
  }

  private static func rsa(
    _ reader: KeyMembers, _ document: borrowing JSONDocument
  ) throws(IssuerError) -> SigningKey.RSAComponents {
    if document.member("oth", of: reader.object) != nil { throw .tooManyPrimes }
    var factors: SigningKey.RSAComponents.Factors?
    // All five or none (RFC 7518 section 6.3.2): one alone makes the others required.
    let names: [StaticString] = ["p", "q", "dp", "dq", "qi"]
    var isAnyThere = false
    for name in names where document.member(name, of: reader.object) != nil { isAnyThere = true }
    if isAnyThere {
      factors = .init(
        p: try reader.octets("p", document), q: try reader.octets("q", document),
        dp: try reader.octets("dp", document), dq: try reader.octets("dq", document),
        qi: try reader.octets("qi", document))
    }
    return .init(
      n: try reader.octets("n", document), e: try reader.octets("e", document),
      d: try reader.octets("d", document), factors: factors)
  }
}

/// Members of a JWK by name.
private struct KeyMembers {
  let object: JSONValue

  init(_ object: JSONValue) { self.object = object }

  /// The text of a member; nil when it is not there.
  func text(_ name: StaticString, _ document: borrowing JSONDocument) throws(IssuerError) -> String? {
    guard let value = document.member(name, of: object) else { return nil }
    guard document.kind(of: value) == .string else { throw .memberNotText("\(name)") }
    return document.octets.span[document.text(of: value)].text()
  }

  func requiredText(_ name: StaticString, _ document: borrowing JSONDocument) throws(IssuerError) -> String {
    guard let text = try text(name, document) else { throw .memberMissing("\(name)") }
    return text
  }

  /// The decoded octets of a member.
  func octets(_ name: StaticString, _ document: borrowing JSONDocument) throws(IssuerError) -> [UInt8] {
    guard let value = document.member(name, of: object) else { throw .memberMissing("\(name)") }
    guard document.kind(of: value) == .string else { throw .memberNotText("\(name)") }
    var octets = ByteBuffer()
    if !Base64.decodeURL(document.octets.span[document.text(of: value)], into: &octets) {
      throw .memberNotBase64URL("\(name)")
    }
    return octets.copy()
  }
}
