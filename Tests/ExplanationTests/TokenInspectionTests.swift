import Authorizer
import Explanation
import Issuer
import Istio
import JSON
import Signatures
import Testing

@Suite struct TokenInspectionTests {
  private static func inspect(
    _ token: String, keys: String? = nil, issuer: String = "", audiences: [String] = [],
    now: UInt64 = Explaining.now
  ) -> TokenInspection {
    let position = SourcePosition(file: "rules.yaml", line: 3, column: 5)
    var rules: [(name: String, rule: JWTRule)] = []
    if let keys {
      var rule = JWTRule(position: position)
      rule.keys = .inline(Located(keys, at: position))
      rule.issuer = issuer
      rule.audiences = audiences
      rules.append(("the rule", rule))
    }
    return TokenInspection(token, rules: rules, settings: AuthorizerSettings(), now: now)
  }

  private static func minted(
    _ algorithm: Algorithm, expiry: Int64? = Int64(Explaining.now) + 60, claims: String = "{}"
  ) throws -> (token: String, keys: String) {
    let issuer = try DevelopmentIssuer.generate(name: "me", algorithms: [algorithm])
    let all = Claims(
      json: claims, issuer: "me", subject: "s", audiences: ["a"], expiry: expiry, notBefore: nil,
      issuedAt: nil)
    return (try issuer.token(claims: all, keyID: nil), issuer.publicJWKSet)
  }

  private static func failed(_ inspection: TokenInspection) -> TokenCheck? {
    inspection.judgements.first?.checks.first { $0.result == .failed }
  }

  @Test(arguments: Algorithm.allCases)
  func `a token of every algorithm is verified by its key and refused by another`(algorithm: Algorithm) throws
  {
    let (token, keys) = try Self.minted(algorithm)
    let good = Self.inspect(token, keys: keys, issuer: "me", audiences: ["a"])
    #expect(good.isVerified && good.isAcceptable)
    #expect(good.judgements[0].checks.allSatisfy { $0.result == .passed })
    let other = Self.inspect(token, keys: try Self.minted(algorithm).keys)
    #expect(!other.isVerified && !other.isAcceptable)
    #expect(Self.failed(other)?.name == "key and signature")
  }

  @Test func `without keys nothing is verified, and the text says so`() throws {
    let (token, _) = try Self.minted(.es256)
    let inspection = Self.inspect(token)
    #expect(inspection.isAcceptable && !inspection.isVerified)
    #expect(inspection.text().contains("Claims (NOT VERIFIED: anybody can write this)"))
    #expect(
      inspection.judgements[0].checks.map(\.result) == [
        .passed, .notReached, .passed, .notReached, .notReached,
      ])
  }

  @Test(arguments: [(60, true), (61, false)])
  func `expiry is judged with the skew, to the second`(late: UInt64, accepted: Bool) throws {
    let (token, keys) = try Self.minted(.es256, expiry: Int64(Explaining.now))
    #expect(Self.inspect(token, keys: keys, now: Explaining.now + late).isVerified == accepted)
    #expect(Self.inspect(token, now: Explaining.now + late).isAcceptable == accepted)
  }

  @Test func `another issuer and another audience are named with what was wanted`() throws {
    let (token, keys) = try Self.minted(.es256)
    let issuer = Self.inspect(token, keys: keys, issuer: "you")
    #expect(Self.failed(issuer)?.detail == "`iss` is \"me\", wanted: \"you\"")
    #expect(issuer.judgements[0].refusal == "401 Jwt issuer is not configured")
    let audience = Self.inspect(token, keys: keys, audiences: ["b", "c"])
    #expect(Self.failed(audience)?.detail == "`aud` is [\"a\"], wanted: any of [\"b\", \"c\"]")
    #expect(audience.judgements[0].refusal == "403 Audiences in Jwt are not allowed")
  }

  /// `{"alg":"none"}`, `{"alg":"ES256"}`, `{"alg":"ES256","crit":["x"]}`, `{}`.
  private static let none = "eyJhbGciOiJub25lIn0"
  private static let es256 = "eyJhbGciOiJFUzI1NiJ9"
  private static let critical = "eyJhbGciOiJFUzI1NiIsImNyaXQiOlsieCJdfQ"

  @Test(arguments: [
    ("", "it is empty"), ("a", "1 part where 3 are expected"), ("a.b", "2 parts where 3 are expected"),
    ("a.b.c.d.e", "5 parts: an encrypted token (JWE); only signed ones are read"),
    (es256 + "..x", "the payload is empty"), (es256 + ".e30.", "the signature is empty"),
    ("a.b.c,d.e.f", "a comma: two values joined, perhaps of two header lines"),
    (none + ".e30.eA", "Jwt header [alg] is not supported: \"none\" is none of ES256"),
    (critical + ".e30.eA", "the header has `crit` or `b64`"),
    ("e30=.e30.eA", "header: not base64url: padding (`=`) at octet 3"),
    (es256 + ".e3+0.eA", "payload: not base64url: octet 2 is of plain base64"),
    (es256 + ".eyJhIjoxLCJhIjoyfQ.eA", "payload: decoded, byte 8: a member with the name of another one"),
    (es256 + ".W10.eA", "payload: JSON, but no object"),
    (es256 + ".e30.e", "signature: not base64url: no text of octets has 1 of its characters"),
    (es256 + ".e30.eB", "signature: not base64url: unused bits of the last character are set"),
    (es256 + ".eyJleHAiOiJ4In0.eA", "`exp` is the text \"x\": it must be a number"),
  ])
  func `what is wrong with a form is said with its place`(token: String, words: String) throws {
    let check = try #require(Self.failed(Self.inspect(token)))
    #expect(check.name == "form")
    #expect(check.detail.hasPrefix(words), "\(check.detail)")
  }

  @Test func `a token beyond the limit is refused with its size and the limit's name`() throws {
    let inspection = Self.inspect(String(repeating: "a", count: 65_537))
    #expect(inspection.judgements.map(\.refusal) == ["431 Jwt is larger than the limit"])
    #expect(
      Self.failed(inspection)?.detail == "65537 bytes: the limit is 65536 bytes (`limits.tokenBytes`)")
    let within = Self.inspect(String(repeating: "a", count: 65_536))
    #expect(within.judgements.first?.refusal?.hasPrefix("401 ") == true)
  }

  @Test(arguments: [
    ("Bearer T", 1), ("bearer T", 2), ("  T\n", 0), ("\"T\"", 1), ("Authorization: Bearer T", 2),
  ])
  func `what people copy with a token is taken off and named`(form: String, notes: Int) throws {
    let (token, keys) = try Self.minted(.es256)
    let inspection = Self.inspect(form.replacing("T", with: token), keys: keys)
    #expect(inspection.isVerified)
    #expect(inspection.notes.count == notes)
  }

  @Test func `an accepted token that makes no request principal is noted`() throws {
    let issuer = try DevelopmentIssuer.generate(name: "me", algorithms: [.es256])
    for (subject, notes) in [
      ("", ["accepted, and makes no request principal: `sub` is empty"]), ("s", []),
    ] {
      let token = try issuer.token(claims: Claims(issuer: "me", subject: subject), keyID: nil)
      let inspection = Self.inspect(token, keys: issuer.publicJWKSet)
      #expect(inspection.isVerified && inspection.judgements[0].notes == notes)
    }
  }

  @Test func `keys that a set skips are named with the reason`() throws {
    let (token, keys) = try Self.minted(.es256)
    let more = keys.replacing(
      "[", with: "[{\"kty\":\"oct\",\"kid\":\"weak\",\"k\":\"eA\"},", maxReplacements: 1)
    let inspection = Self.inspect(token, keys: more)
    #expect(inspection.isVerified)
    #expect(
      inspection.judgements[0].notes.first?.hasPrefix("skipped: key 0 (kid \"weak\") HMAC secret") == true)
  }

  @Test func `claims cannot command the terminal, and long ones are cut`() throws {
    let evil = "{\"a\":\"\\u001b[2J\\u202e\",\"b\\u0007\":[\"\(String(repeating: "x", count: 4_000))\"]}"
    let (token, keys) = try Self.minted(.es256, claims: evil)
    let text = Self.inspect(token, keys: keys).text()
    #expect(text.utf8.count < 3_000)
    for scalar in text.unicodeScalars {
      #expect(scalar == "\n" || !(scalar.properties.generalCategory == .control || scalar == "\u{202E}"))
    }
  }

  @Test func `the JSON form is JSON, whole`() throws {
    let long = String(repeating: "x", count: 4_000)
    let (token, keys) = try Self.minted(
      .es256, claims: "{\"n\":123456789012345678901234567890,\"b\":\"\(long)\"}")
    let json = Self.inspect(token, keys: keys).json
    var document = JSONDocument()
    try document.parse(Array(json.utf8).span)
    #expect(json.contains("\"n\": 123456789012345678901234567890") && json.contains(long))
    #expect(json.contains("\"verified\": true"))
  }
}
