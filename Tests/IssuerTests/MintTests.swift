import Bytes
import Foundation
import Issuer
import JWT
import Signatures
import Testing

/// What a verifier makes of a token.
private func verify(_ token: String, with set: JWKSet) throws -> [String: Any] {
  let octets = Array(token.utf8)
  var unverified = UnverifiedToken()
  try unverified.parse(octets.span)
  var ring = KeyRing(set)
  _ = try ring.verify(unverified)
  return try members(decoded(token, part: 1))
}

private func decoded(_ token: String, part: Int) throws -> String {
  let segments = token.split(separator: ".", omittingEmptySubsequences: false)
  let text = Array(segments[part].utf8)
  var output = ByteBuffer()
  let isWellFormed = Base64.decodeURL(text.span, into: &output)
  try #require(isWellFormed)
  return output.span.text()
}

struct MintTests {
  @Test(arguments: Algorithm.allCases)
  func `A token of each algorithm is taken with the issuer's own set, and not with another's`(
    algorithm: Algorithm
  ) throws {
    let issuer = try TestIssuer.issuer
    let set = try keySet(issuer.publicJWKSet)
    let token = try issuer.token(
      claims: Claims(subject: "alice", audiences: ["api"], expiry: 4_000_000_000),
      keyID: "key-\(algorithm.name)")
    let claims = try verify(token, with: set)
    #expect(claims["iss"] as? String == issuer.name)
    #expect(claims["sub"] as? String == "alice")
    #expect(claims["aud"] as? String == "api")
    #expect(claims["exp"] as? Int == 4_000_000_000)
    let header = try members(decoded(token, part: 0))
    #expect(
      header as? [String: String] == [
        "alg": "\(algorithm.name)", "kid": "key-\(algorithm.name)", "typ": "JWT",
      ])

    let others = try keySet(
      DevelopmentIssuer(
        name: issuer.name, keys: [try IssuerKey.generate(for: .es256, keyID: "key-\(algorithm.name)")]
      ).publicJWKSet)
    #expect(throws: TokenError.self) { try verify(token, with: others) }
    let forged = String(token.dropLast(8)) + "AAAAAAAA"
    #expect(throws: TokenError.verificationFailed) { try verify(forged, with: set) }
  }

  @Test func `Named claims replace members of the text and the others stay as written`() throws {
    let key = try TestIssuer.key(.hs256)
    let claims = Claims(
      json:
        #"{"iss":"old","n":1.50,"big":123456789012345678901,"nested":{"a":[true,null,"\u0041"]},"exp":1}"#,
      issuer: "new", audiences: ["a", "b\"\n"], expiry: 7, notBefore: -5, issuedAt: .max, tokenID: "id")
    let text = try decoded(Mint.token(claims: claims, key: key), part: 1)
    #expect(
      text == #"{"iss":"new","aud":["a","b\"\n"],"exp":7,"nbf":-5,"iat":9223372036854775807,"jti":"id","#
        + #""n":1.50,"big":123456789012345678901,"nested":{"a":[true,null,"A"]}}"#)
  }

  @Test func `An issuer's name is the default alone`() throws {
    let issuer = try TestIssuer.issuer
    let own = try members(decoded(issuer.token(claims: Claims()), part: 1))
    #expect(own as? [String: String] == ["iss": issuer.name])
    for claims in [Claims(json: #"{"iss":"other"}"#), Claims(issuer: "other")] {
      let given = try members(decoded(issuer.token(claims: claims), part: 1))
      #expect(given as? [String: String] == ["iss": "other"])
    }
    #expect(throws: IssuerError.noSuchKey) { try issuer.token(claims: Claims(), keyID: "nobody") }
    #expect(throws: IssuerError.noSuchKey) {
      try DevelopmentIssuer(name: "empty", keys: []).token(claims: Claims())
    }
  }

  @Test func `Claims that are no object are refused`() throws {
    let key = try TestIssuer.key(.hs256)
    for json in ["[]", "1", "null", "\"a\""] {
      #expect(throws: IssuerError.claimsNotObject) { try Mint.token(claims: Claims(json: json), key: key) }
    }
    for json in ["", "{", "{} {}", #"{"a":1,"a":2}"#, "{'a':1}"] {
      #expect {
        try Mint.token(claims: Claims(json: json), key: key)
      } throws: {
        if case .claimsNotJSON = $0 as? IssuerError { true } else { false }
      }
    }
  }

  @Test func `The header leaves out what it is told to`() throws {
    let key = try TestIssuer.key(.es256)
    let token = try Mint.token(header: TokenHeader(type: nil, namesKey: false), claims: Claims(), key: key)
    #expect(try decoded(token, part: 0) == #"{"alg":"ES256"}"#)
    _ = try verify(token, with: keySet("{\"keys\":[\(key.publicJWK)]}"))
  }

  @Test func `Octets are signed as they are`() throws {
    let key = try TestIssuer.key(.rs256)
    let header = Array(#"{"alg":"none","kid":5}"#.utf8)
    let payload: [UInt8] = [0xFF, 0xFE, 0, 0x7B]
    let token = try Mint.token(
      headerOctets: header, payloadOctets: payload, key: key.signingKey, algorithm: .rs256)
    let parts = token.split(separator: ".").map(String.init)
    #expect(parts.count == 3)
    #expect(try decoded(token, part: 0) == String(decoding: header, as: UTF8.self))
    let input = Array((parts[0] + "." + parts[1]).utf8)
    let encoded = Array(parts[2].utf8)
    var signature = ByteBuffer()
    let isWellFormed = Base64.decodeURL(encoded.span, into: &signature)
    #expect(isWellFormed)
    var verifier = try Verifier(key: key.signingKey.verificationKey, algorithm: .rs256)
    let isValid = verifier.isValid(signature: signature.span, over: input.span)
    #expect(isValid)
    #expect(throws: TokenError.self) { try verify(token, with: keySet("{\"keys\":[\(key.publicJWK)]}")) }

    let raw = try Mint.token(
      headerSegment: "not base64!", payloadSegment: "", key: key.signingKey, algorithm: .rs256)
    #expect(raw.hasPrefix("not base64!.."))
    #expect(Mint.token(headerOctets: Array("{}".utf8), payloadOctets: [], signature: []) == "e30..")
    #expect(throws: IssuerError.key(.algorithmDoesNotFit)) {
      try Mint.token(headerOctets: header, payloadOctets: payload, key: key.signingKey, algorithm: .es256)
    }
  }
}
