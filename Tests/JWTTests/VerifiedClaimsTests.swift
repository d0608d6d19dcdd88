import Bytes
import Foundation
import JSON
import JWT
import Signatures
import Testing

/// Claims of a token that a test key signed.
private func verified(
  _ payload: String, spaceDelimited: [String] = [], into claims: inout VerifiedClaims
) throws {
  var ring = KeyRing(try keySet(set(TestKeys.jwk(TestKeys.secret.one))))
  var token = UnverifiedToken()
  try token.parse(Array(try signed(TestKeys.secret.one, .hs256, payload: payload).utf8).span)
  let proof = try ring.verify(token)
  try claims.take(&token, proof: proof, spaceDelimited: spaceDelimited.map { Array($0.utf8) })
}

/// The header value of a claim, its path divided at dots; nil for none.
private func headerValue(_ payload: String, _ path: String) throws -> String? {
  var claims = VerifiedClaims()
  try verified(payload, into: &claims)
  var output = ByteBuffer()
  output.append("x=")
  let names = path.split(separator: ".", omittingEmptySubsequences: false).map { Array($0.utf8) }
  let hasValue = claims.appendHeaderValue(of: names, to: &output)
  let text = output.span.text()
  if !hasValue {
    #expect(text == "x=")
    return nil
  }
  return String(text.dropFirst(2))
}

/// What `take` says; nil when the claims were promoted.
private func promotion(
  _ token: inout UnverifiedToken, _ proof: consuming SignatureProof, _ claims: inout VerifiedClaims
) -> TokenError? {
  do throws(TokenError) {
    try claims.take(&token, proof: proof)
    return nil
  } catch {
    return error
  }
}

@Suite struct `Verified claims` {
  @Test func `are none at first, those of the token after, and none when cleared`() throws {
    var claims = VerifiedClaims()
    func state(_ claims: borrowing VerifiedClaims) -> [String?] {
      [
        claims.isPresent ? "present" : nil, claims.issuer.map { claims.document.octets.span[$0].text() },
        claims.subject.map { claims.document.octets.span[$0].text() },
        claims.find(path: [Array("a".utf8), Array("b".utf8)]).map {
          claims.document.octets.span[claims.document.text(of: $0)].text()
        },
      ]
    }
    let before = state(claims)
    #expect(before == [nil, nil, nil, nil])
    let atRoot = claims.find(path: [])
    #expect(atRoot == nil)
    try verified(#"{"iss":"i","sub":"s","a":{"b":"c"}}"#, into: &claims)
    let after = state(claims)
    #expect(after == ["present", "i", "s", "c"])
    try verified("{}", into: &claims)
    let empty = state(claims)
    #expect(empty == ["present", nil, nil, nil])
    claims.clear()
    let cleared = state(claims)
    #expect(cleared == [nil, nil, nil, nil])
  }

  @Test func `are found by paths through objects only`() throws {
    var claims = VerifiedClaims()
    try verified(#"{"a":{"b":{"c":1}},"a.b":2,"l":[{"c":3}],"":{"":4}}"#, into: &claims)
    func number(_ path: [String], _ claims: borrowing VerifiedClaims) -> Double? {
      claims.find(path: path.map { Array($0.utf8) }).flatMap { claims.document.double(of: $0) }
    }
    let found = [
      number(["a", "b", "c"], claims), number(["a.b"], claims), number(["l", "c"], claims),
      number(["l", "0"], claims),
      number(["", ""], claims), number(["a", "c"], claims), number(["a", "b", "c", "d"], claims),
    ]
    #expect(found == [1, 2, nil, nil, 4, nil, nil])
  }

  @Test func `know which of them are lists in one string`() throws {
    var claims = VerifiedClaims()
    try verified(
      #"{"scope":"a b","permission":["x"],"roles":"r s","other":"o p","groups.all":"g"}"#,
      spaceDelimited: ["roles", "absent", "groups.all"], into: &claims)
    func isList(_ name: String, _ claims: borrowing VerifiedClaims) -> Bool {
      claims.isSpaceDelimited(Array(name.utf8).span)
    }
    let lists = ["scope", "permission", "roles", "groups.all", "other", "groups", "Scope", "absent"]
      .map { isList($0, claims) }
    #expect(lists == [true, true, true, true, false, false, false, false])
    try verified(#"{"roles":"a b"}"#, into: &claims)
    let later = isList("roles", claims)
    #expect(!later)
  }

  @Test func `are promoted only by a proof of the very same text of the very same token`() throws {
    var ring = KeyRing(try keySet(set(TestKeys.jwk(TestKeys.secret.one))))
    let good = Array(try signed(TestKeys.secret.one, .hs256, payload: #"{"sub":"good"}"#).utf8)
    let forged = Array(token(header: #"{"alg":"HS256"}"#, payload: #"{"sub":"admin"}"#).utf8)
    var claims = VerifiedClaims()
    func isPresent(_ claims: borrowing VerifiedClaims) -> Bool { claims.isPresent }

    // Another token.
    var one = UnverifiedToken()
    var other = UnverifiedToken()
    try one.parse(good.span)
    try other.parse(forged.span)
    let proof = try ring.verify(one)
    let ofOther = promotion(&other, proof, &claims)
    #expect(ofOther == .verificationFailed)
    let afterOther = isPresent(claims)
    #expect(!afterOther)

    // The same token with another text.
    try one.parse(good.span)
    let stale = try ring.verify(one)
    try one.parse(forged.span)
    let ofStale = promotion(&one, stale, &claims)
    #expect(ofStale == .verificationFailed)

    // A second proof, after the claims were taken.
    try one.parse(good.span)
    let first = try ring.verify(one)
    let second = try ring.verify(one)
    try claims.take(&one, proof: first)
    let taken = isPresent(claims)
    #expect(taken)
    let ofSecond = promotion(&one, second, &claims)
    #expect(ofSecond == .verificationFailed)
    let afterSecond = isPresent(claims)
    #expect(!afterSecond)
  }
}

@Suite struct `A payload between a token and its claims` {
  private func parsed(_ payload: String) throws -> UnverifiedToken {
    var token = UnverifiedToken()
    try token.parse(Array(try signed(TestKeys.secret.one, .hs256, payload: payload).utf8).span)
    return token
  }

  /// The subject of the claims and of both tokens; nil where there is none to read.
  private func subjects(
    _ claims: borrowing VerifiedClaims, _ one: borrowing UnverifiedToken, _ other: borrowing UnverifiedToken
  ) -> [String?] {
    [
      claims.subject.map { claims.document.octets.span[$0].text() },
      one.isParsed ? one.subject.map { one.payload.octets.span[$0].text() } : nil,
      other.isParsed ? other.subject.map { other.payload.octets.span[$0].text() } : nil,
    ]
  }

  @Test func `moves back to the token that it came from, and to no other`() throws {
    var ring = KeyRing(try keySet(set(TestKeys.jwk(TestKeys.secret.one))))
    var one = try parsed(#"{"sub":"one"}"#)
    var other = try parsed(#"{"sub":"other"}"#)
    var claims = VerifiedClaims()
    let proof = try ring.verify(one)
    try claims.take(&one, proof: proof)
    claims.giveBack(to: &other)
    let taken = subjects(claims, one, other)
    #expect(taken == ["one", nil, "other"])
    claims.giveBack(to: &one)
    let given = subjects(claims, one, other)
    #expect(given == [nil, "one", "other"])
    // The token is whole again: it can be verified and promoted once more.
    let again = try ring.verify(one)
    try claims.take(&one, proof: again)
    let retaken = subjects(claims, one, other)
    #expect(retaken == ["one", nil, "other"])
  }

  @Test func `is copied back while the claims stay`() throws {
    var ring = KeyRing(try keySet(set(TestKeys.jwk(TestKeys.secret.one))))
    var one = try parsed(#"{"sub":"one","aud":["x","y"]}"#)
    var other = try parsed(#"{"sub":"other"}"#)
    var claims = VerifiedClaims()
    let proof = try ring.verify(one)
    try claims.take(&one, proof: proof)
    claims.copyBack(to: &other)
    claims.copyBack(to: &one)
    let copied = subjects(claims, one, other)
    #expect(copied == ["one", "one", "other"])
    let hasAudience = one.hasAudience(in: [Array("y".utf8)])
    #expect(hasAudience)
    // A token that got another text meanwhile is left alone.
    try one.parse(Array(try signed(TestKeys.secret.one, .hs256, payload: #"{"sub":"new"}"#).utf8).span)
    claims.copyBack(to: &one)
    claims.giveBack(to: &one)
    let stale = subjects(claims, one, other)
    #expect(stale == ["one", "new", "other"])
  }
}

@Suite struct `What a token remembers of its signature` {
  /// Whether the signature is right, and whether nothing had to be checked to say so.
  private func verify(
    _ token: inout UnverifiedToken, by ring: inout KeyRing, _ cache: inout TokenCache
  ) -> [Bool] {
    do {
      _ = try ring.verify(&token, &cache)
      return [true, ring.lastWasKnown]
    } catch {
      return [false, ring.lastWasKnown]
    }
  }

  @Test(arguments: [0, 1 << 20])
  func `a key set checks one text once, and another key set checks it anew`(cacheBytes: Int) throws {
    let other = try keySet(set(TestKeys.jwk(TestKeys.secret.other)))
    var right = KeyRing(try keySet(set(TestKeys.jwk(TestKeys.secret.one))))
    var wrong = KeyRing(other)
    var cache = TokenCache(maximumOctets: cacheBytes)
    var token = UnverifiedToken()
    let text = Array(try signed(TestKeys.secret.one, .hs256, payload: "{}").utf8)
    try token.parse(text.span, TokenSettings(), &cache)
    for isKnown in [false, true, true] {
      let byRight = verify(&token, by: &right, &cache)
      let byWrong = verify(&token, by: &wrong, &cache)
      #expect(byRight == [true, isKnown] && byWrong == [false, isKnown])
    }
    // Another text remembers nothing. The cache has what the last key set said.
    try token.parse(text.span, TokenSettings(), &cache)
    let reparsed = verify(&token, by: &wrong, &cache)
    #expect(reparsed == [false, cacheBytes > 0])
    // A changed key set is another one.
    _ = verify(&token, by: &right, &cache)
    right.replaceKeys(with: other)
    let replaced = verify(&token, by: &right, &cache)
    #expect(replaced == [false, false])
  }
}

@Suite struct `Claims in headers` {
  @Test(arguments: [
    ("\"text\"", "text"), ("\" é€ \"", " é€ "), ("\"a\\tb\"", "a\tb"), ("true", "true"), ("false", "false"),
    ("3", "3"), ("0", "0"), ("-0", "0"), ("1.0", "1"), ("1e3", "1000"), ("1.5", "1.500000"),
    ("-2", "-2.000000"),
    ("0.0000004", "0.000000"), ("2.5000005", "2.500001"), ("1e-320", "0.000000"),
    ("9007199254740993", "9007199254740992"),
    ("18446744073709551615", "18446744073709551616.000000"), ("18446744073709549568", "18446744073709549568"),
    ("1e21", "1000000000000000000000.000000"), ("-1e21", "-1000000000000000000000.000000"),
  ])
  func `strings, numbers and booleans come as Envoy writes them`(_ claim: String, _ expected: String) throws {
    #expect(try headerValue(#"{"a":\#(claim)}"#, "a") == expected)
    #expect(try headerValue(#"{"n":{"a":\#(claim)}}"#, "n.a") == expected)
  }

  @Test(arguments: [
    ("[]", "[]"), ("{}", "{}"), (#"[ "a" , 1 ]"#, #"["a",1]"#),
    (#"{"b":{"c":[null,true]}}"#, #"{"b":{"c":[null,true]}}"#),
    (#"["<a>\u007f\n"]"#, #"["\u003ca\u003e\u007f\n"]"#), ("[1e21,1e-7,-0,0.5,3]", "[1e+21,1e-07,-0,0.5,3]"),
    (#"["é"]"#, #"["é"]"#),
  ])
  func `lists and objects come as base64 of compact JSON`(_ claim: String, _ json: String) throws {
    #expect(try headerValue(#"{"a":\#(claim)}"#, "a") == Data(json.utf8).base64EncodedString())
  }

  @Test(arguments: ["null", "\"\"", #""a\nb""#, #""a\rb""#, #""a\u0000b""#, #""\n""#])
  func `null, empty strings and what would end the header give none`(_ claim: String) throws {
    #expect(try headerValue(#"{"a":\#(claim)}"#, "a") == nil)
  }

  @Test func `missing claims give none, and dots always divide`() throws {
    #expect(try headerValue("{}", "a") == nil)
    #expect(try headerValue(#"{"a.b":"x"}"#, "a.b") == nil)
    #expect(try headerValue(#"{"a":"x"}"#, "a.b") == nil)
    #expect(try headerValue(#"{"a":["x"]}"#, "a.0") == nil)
    #expect(try headerValue(#"{"a":"x"}"#, "") == nil)
    #expect(try headerValue(#"{"":"x"}"#, "") == "x")
  }

  @Test func `nothing comes without a token`() {
    var claims = VerifiedClaims()
    var output = ByteBuffer()
    let hasValue = claims.appendHeaderValue(of: [], to: &output)
    let isEmpty = output.isEmpty
    #expect(!hasValue && isEmpty)
  }
}
