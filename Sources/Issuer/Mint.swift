internal import Bytes
public import Signatures

/// The header of a token to be made (RFC 7515 section 4.1).
public struct TokenHeader: Sendable {
  /// `typ`; nil leaves it out.
  public var type: String?
  /// Whether `kid` names the key that signs.
  public var namesKey: Bool

  public init(type: String? = "JWT", namesKey: Bool = true) {
    self.type = type
    self.namesKey = namesKey
  }

  func text(_ key: IssuerKey) -> String {
    var members = [("alg", JSONText.string("\(key.algorithm.name)"))]
    if namesKey { members.append(("kid", JSONText.string(key.keyID))) }
    if let type { members.append(("typ", JSONText.string(type))) }
    return JSONText.object(members)
  }
}

/// Makes tokens: well-formed ones, and for tests ones of any octets at all.
public enum Mint {
  /// A signed token (RFC 7515 section 3.1).
  /// - Throws: `.claimsNotJSON`, `.claimsNotObject`; `.key(.libraryFailure)`.
  public static func token(
    header: TokenHeader = TokenHeader(), claims: Claims, key: IssuerKey
  ) throws(IssuerError) -> String {
    let payload = try claims.text()
    return try token(
      headerOctets: Array(header.text(key).utf8), payloadOctets: Array(payload.utf8), key: key.signingKey,
      algorithm: key.algorithm)
  }

  /// Signs octets as they are, whatever they are: the header need not be JSON and need not tell the truth.
  /// - Throws: `.key`.
  public static func token(
    headerOctets: [UInt8], payloadOctets: [UInt8], key: SigningKey, algorithm: Algorithm
  ) throws(IssuerError) -> String {
    try token(
      headerSegment: JSONText.base64URL(headerOctets), payloadSegment: JSONText.base64URL(payloadOctets),
      key: key,
      algorithm: algorithm)
  }

  /// Signs two segments as they are, also when they are no base64url.
  /// - Throws: `.key`.
  public static func token(
    headerSegment: String, payloadSegment: String, key: SigningKey, algorithm: Algorithm
  ) throws(IssuerError) -> String {
    let input = headerSegment + "." + payloadSegment
    let octets = Array(input.utf8)
    do throws(KeyError) {
      return input + "." + JSONText.base64URL(try key.sign(octets.span, algorithm: algorithm))
    } catch {
      throw .key(error)
    }
  }

  /// A token with a signature that nobody made.
  public static func token(headerOctets: [UInt8], payloadOctets: [UInt8], signature: [UInt8]) -> String {
    [headerOctets, payloadOctets, signature].map(JSONText.base64URL).joined(separator: ".")
  }
}
