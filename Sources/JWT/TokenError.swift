// JWT: whose token is this, may it be believed, and what does it claim? Token text and key sets flow in as
// octets, proofs of signatures and verified claims flow out. It fetches nothing, reads no clock and knows no
// policy; nothing in a token ever chooses a key from outside the set it is held against.

/// Why a request's token is refused: one case for each answer of Envoy's JWT filter (Istio semantics 1.10),
/// so that clients that parse those texts see the same, and one for each limit that Envoy does not have. Which
/// one is reported when several tokens or rules fail is decided where rules are combined (Istio semantics 1.5).
public enum TokenError: UInt8, Error, Sendable, CaseIterable {
  case missing
  case notYetValid
  case expired
  /// Not three parts, or an empty part.
  case malformed
  /// Longer than `TokenSettings.maximumTokenBytes`: the token was not read. Envoy has no such limit, and so no words
  /// for it.
  case tooLarge
  /// A rule finds more tokens than it verifies for one request, or a token's parameter is there in more spellings than
  /// are removed. Envoy has no such limit either.
  case tooMany
  case headerNotBase64URL
  case headerNotJSON
  case algorithmMissing
  case algorithmNotSupported
  /// Not a string, or empty.
  case keyIDNotString
  case payloadNotBase64URL
  case payloadNotJSON
  case issuerNotString
  case subjectNotString
  case tokenIDNotString
  case issuedAtNotInteger
  case issuedAtOutOfRange
  case notBeforeNotInteger
  case notBeforeOutOfRange
  case expiryNotInteger
  case expiryOutOfRange
  case audienceNotStringOrList
  case signatureNotBase64URL
  case ed25519SignatureLength
  case issuerNotConfigured
  case audienceNotAllowed
  /// No fitting key made this signature; also a header with `crit` or `b64`, whose meaning nobody here knows.
  case verificationFailed
  case noKeyMatches
  case noUsableKey
  case keysUnavailable
  case keysNotJSON
  case keysMissing
  case keysNotArray

  /// The body of the answer, Envoy's words.
  public var text: StaticString {
    switch self {
    case .missing: "Jwt is missing"
    case .notYetValid: "Jwt not yet valid"
    case .expired: "Jwt is expired"
    case .malformed: "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections"
    case .tooLarge: "Jwt is larger than the limit"
    case .tooMany: "Jwt is there more often than the limit"
    case .headerNotBase64URL: "Jwt header is an invalid Base64url encoded"
    case .headerNotJSON: "Jwt header is an invalid JSON"
    case .algorithmMissing: "Jwt header [alg] field is required and must be a string"
    case .algorithmNotSupported: "Jwt header [alg] is not supported"
    case .keyIDNotString: "Jwt header [kid] field is not a string"
    case .payloadNotBase64URL: "Jwt payload is an invalid Base64url encoded"
    case .payloadNotJSON: "Jwt payload is an invalid JSON"
    case .issuerNotString: "Jwt payload [iss] field is not a string"
    case .subjectNotString: "Jwt payload [sub] field is not a string"
    case .tokenIDNotString: "Jwt payload [jti] field is not a string"
    case .issuedAtNotInteger: "Jwt payload [iat] field is not an integer"
    case .issuedAtOutOfRange: "Jwt payload [iat] field is not a positive 64 bit integer"
    case .notBeforeNotInteger: "Jwt payload [nbf] field is not an integer"
    case .notBeforeOutOfRange: "Jwt payload [nbf] field is not a positive 64 bit integer"
    case .expiryNotInteger: "Jwt payload [exp] field is not an integer"
    case .expiryOutOfRange: "Jwt payload [exp] field is not a positive 64 bit integer"
    case .audienceNotStringOrList: "Jwt payload [aud] field is not a string or string list"
    case .signatureNotBase64URL: "Jwt signature is an invalid Base64url encoded"
    case .ed25519SignatureLength: "Jwt ED25519 signature is wrong length"
    case .issuerNotConfigured: "Jwt issuer is not configured"
    case .audienceNotAllowed: "Audiences in Jwt are not allowed"
    case .verificationFailed: "Jwt verification fails"
    case .noKeyMatches: "Jwks doesn't have key to match kid or alg from Jwt"
    case .noUsableKey: "Jwks doesn't have any valid public key"
    case .keysUnavailable: "Jwks remote fetch is failed"
    case .keysNotJSON: "Jwks is an invalid JSON"
    case .keysMissing: "Jwks does not have [keys] field"
    case .keysNotArray: "[keys] in Jwks is not an array"
    }
  }

  /// The status of the answer: 403 for the audience, 431 (RFC 6585 section 5) beyond a limit, 401 for all else.
  public var httpStatus: Int {
    switch self {
    case .audienceNotAllowed: 403
    case .tooLarge, .tooMany: 431
    default: 401
    }
  }
}

extension TokenError: CustomStringConvertible {
  public var description: String { "\(text)" }
}
