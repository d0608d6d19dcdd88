import JWT
import Testing

@Suite struct `Token errors` {
  @Test func `have Envoy's texts, each its own, and one for each limit that Envoy does not have`() {
    let claims = ["iss", "sub", "jti"].map { "Jwt payload [\($0)] field is not a string" }
    let times = ["iat", "nbf", "exp"].flatMap {
      [
        "Jwt payload [\($0)] field is not an integer",
        "Jwt payload [\($0)] field is not a positive 64 bit integer",
      ]
    }
    let texts =
      [
        "Jwt is missing", "Jwt not yet valid", "Jwt is expired",
        "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections",
        "Jwt header is an invalid Base64url encoded", "Jwt header is an invalid JSON",
        "Jwt header [alg] field is required and must be a string", "Jwt header [alg] is not supported",
        "Jwt header [kid] field is not a string", "Jwt payload is an invalid Base64url encoded",
        "Jwt payload is an invalid JSON", "Jwt payload [aud] field is not a string or string list",
        "Jwt signature is an invalid Base64url encoded", "Jwt ED25519 signature is wrong length",
        "Jwt issuer is not configured", "Audiences in Jwt are not allowed", "Jwt verification fails",
        "Jwks doesn't have key to match kid or alg from Jwt", "Jwks doesn't have any valid public key",
        "Jwks remote fetch is failed", "Jwks is an invalid JSON", "Jwks does not have [keys] field",
        "[keys] in Jwks is not an array", "Jwt is larger than the limit",
        "Jwt is there more often than the limit",
      ] + claims + times
    #expect(Set(TokenError.allCases.map { "\($0.text)" }) == Set(texts))
    #expect(TokenError.allCases.count == texts.count)
  }

  @Test func `answer 403 to a wrong audience, 431 to what is beyond a limit and 401 to all else`() {
    for error in TokenError.allCases {
      let status = error == .audienceNotAllowed ? 403 : [.tooLarge, .tooMany].contains(error) ? 431 : 401
      #expect(error.httpStatus == status)
    }
  }
}
