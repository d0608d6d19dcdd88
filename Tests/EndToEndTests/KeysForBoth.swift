import Foundation
import Issuer
import Signatures

/// Keys of the compared rules, and tokens of any content by them.
struct KeysForBoth {
  static let issuer = "one@countersign.test"
  typealias Purpose = (reason: String, status: Int, body: String?)

  let rsa: IssuerKey
  let elliptic: IssuerKey
  let stranger: IssuerKey

  init() throws {
    rsa = try IssuerKey.generate(for: .rs256, keyID: "r")
    elliptic = try IssuerKey.generate(for: .es256, keyID: "e")
    stranger = try IssuerKey.generate(for: .es256, keyID: "e")
  }

  var jwks: String { DevelopmentIssuer(name: Self.issuer, keys: [rsa, elliptic]).publicJWKSet }

  /// A token with the members of `claims`, beside an `iss` unless `bare`.
  func token(_ claims: String, header: String = #"{"alg":"ES256","kid":"e"}"#, bare: Bool = false) throws
    -> String
  {
    let rest = claims.isEmpty ? "" : "," + claims
    let payload = bare ? claims : "{\"iss\":\"\(Self.issuer)\"\(rest)}"
    return try sign(header, payload)
  }

  func bearer(_ claims: String) throws -> [(String, String)] {
    [("Authorization", "Bearer \(try token(claims))")]
  }

  func sign(_ header: String, _ payload: String, by key: IssuerKey? = nil) throws -> String {
    let key = key ?? elliptic
    return try Mint.token(
      headerOctets: Array(header.utf8), payloadOctets: Array(payload.utf8), key: key.signingKey,
      algorithm: key.algorithm)
  }

  /// Tokens with a name each, and what differs on purpose (design, section 7).
  func tokenCases() throws -> [(String, String, Purpose?)] {
    try claimCases() + headerCases() + formCases()
  }

  private func claimCases() throws -> [(String, String, Purpose?)] {
    let now = EnvoyComparisonTests.now
    let expired: Purpose = ("exp 0 has expired", 401, "Jwt is expired")
    let strict: Purpose = ("JSON is strict", 401, "Jwt payload is an invalid JSON")
    var cases: [(String, String, Purpose?)] = []
    for claims in [
      "", #""sub":"alice""#, #""sub":"""#, #""sub":1"#, #""sub":null"#, #""jti":1"#, #""jti":"x""#,
      #""iat":"1""#, #""iat":-1"#,
      #""exp":\#(now + 600)"#, #""exp":\#(now - 600)"#, #""exp":\#(now - 30)"#, #""exp":\#(now - 100)"#,
      #""nbf":\#(now + 30)"#,
      #""nbf":\#(now + 600)"#, #""nbf":\#(now - 600)"#, #""exp":"\#(now + 600)""#, #""exp":null"#,
      #""exp":true"#, #""exp":-1"#,
      #""exp":\#(now + 600).75"#, #""exp":1e30"#, #""exp":18446744073709551615"#,
      #""exp":18446744073709549568"#,
      #""nbf":-0.5"#, #""nbf":"x""#, #""nbf":0"#, #""iat":1e30"#, #""aud":1"#, #""aud":[1]"#, #""aud":null"#,
      #""aud":{}"#,
      #""aud":["a","b"]"#, #""aud":[]"#, #""iat":\#(now + 9999)"#, #""a":{"b":"text"}"#, #""a":{"b":7}"#,
      #""a":{"b":1.5}"#,
      #""a":{"b":-2}"#, #""a":{"b":true}"#, #""a":{"b":null}"#, #""a":{"b":""}"#, #""a":{"b":["x",1]}"#,
      #""a":{"b":[]}"#,
      #""a":{"b":{}}"#, #""a":{"b":1e21}"#, #""a":{"b":["<",null,0.5]}"#, #""a":1"#, #""a.b":"text""#,
      #""scope":"x y""#,
      #""a":{"b":"é ü"}"#, #""a":{"b":" x "}"#, #""a":{"b":"x\ty"}"#, #""iss":"\#(Self.issuer)""#,
    ] { cases.append(("claims \(claims)", try token(claims), nil)) }
    cases.append(("exp 0", try token(#""exp":0"#), expired))
    for payload in [
      "{}", #"{"iss":"other"}"#, #"{"iss":"ONE@countersign.test"}"#, #"{"iss":""}"#, #"{"iss":1}"#,
      #"{"iss":null}"#, "[]", "1",
      #""x""#, "{", "", "{}x", #"{"iss":"a","iss":"a"}"#, #"{"exp":NaN}"#, #"{"exp":01}"#, "\u{FEFF}{}",
      #"{"a":"\x"}"#,
    ] { cases.append(("payload \(payload)", try token(payload, bare: true), nil)) }
    let named = "{\"iss\":\"\(Self.issuer)\""
    for (name, payload) in [
      ("single quotes", "{'iss':'\(Self.issuer)'}"), ("trailing comma", named + ",}"),
      ("bare name", named + ",a:1}"),
      ("control character", named + ",\"a\":\"\u{1}\"}"), ("null", "null"),
    ] { cases.append(("payload with \(name)", try token(payload, bare: true), strict)) }
    let lists = { (depth: Int) in
      #""x":"# + String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    cases.append(("50 lists deep", try token(lists(50)), nil))
    cases.append(("120 lists deep", try token(lists(120)), nil))
    cases.append(
      ("80 lists deep", try token(lists(80)), ("JSON deeper than 64 levels is refused", 401, strict.body)))
    return cases
  }

  private func headerCases() throws -> [(String, String, Purpose?)] {
    let payload = "{\"iss\":\"\(Self.issuer)\"}"
    var cases: [(String, String, Purpose?)] = []
    for header in [
      #"{"alg":"ES256"}"#, #"{"alg":"ES256","kid":"e","typ":1}"#, #"{"alg":"ES256","kid":"r"}"#,
      #"{"alg":"ES256","kid":"x"}"#,
      #"{"alg":"RS256","kid":"e"}"#, #"{"alg":"RS256"}"#, #"{"alg":"ES384","kid":"e"}"#,
      #"{"alg":"HS256","kid":"e"}"#,
      #"{"alg":"none"}"#, #"{"alg":"es256"}"#, #"{"alg":""}"#, #"{"alg":1}"#, #"{"alg":null}"#, "{}", "[]",
      "{",
      #"{"kid":"e"}"#, #"{"alg":"ES256","kid":1}"#, #"{"alg":"ES256","kid":null}"#,
      #"{"alg":"ES256","jku":"http://x"}"#,
    ] { cases.append(("header \(header)", try sign(header, payload), nil)) }
    cases += [
      ("RS256", try sign(#"{"alg":"RS256","kid":"r"}"#, payload, by: rsa), nil),
      ("RS256, no kid", try sign(#"{"alg":"RS256"}"#, payload, by: rsa), nil),
      ("RS256 broken", TestIssuer.broken(try sign(#"{"alg":"RS256"}"#, payload, by: rsa)), nil),
      ("another's key", try sign(#"{"alg":"ES256","kid":"e"}"#, payload, by: stranger), nil),
      (
        "another's key, expired",
        try sign(#"{"alg":"ES256"}"#, #"{"iss":"\#(Self.issuer)","exp":9}"#, by: stranger), nil
      ),
      (
        "empty kid", try sign(#"{"alg":"ES256","kid":""}"#, payload),
        ("kid must be a non-empty string", 401, nil)
      ),
      (
        "crit", try sign(#"{"alg":"ES256","kid":"e","crit":["exp"]}"#, payload), ("crit is refused", 401, nil)
      ),
      ("b64", try sign(#"{"alg":"ES256","kid":"e","b64":true}"#, payload), ("b64 is refused", 401, nil)),
    ]
    return cases
  }

  private func formCases() throws -> [(String, String, Purpose?)] {
    let good = try token("")
    let parts = good.components(separatedBy: ".")
    let (head, body, signature) = (parts[0], parts[1], parts[2])
    let sections: Purpose = ("an empty section is no section", 401, EnvoyComparisonTests.form)
    return [
      ("one part", head, nil), ("two parts", "\(head).\(body)", nil), ("four parts", "\(good).x", nil),
      ("five parts", "\(good).x.y", nil), ("no signature", "\(head).\(body).", nil),
      ("no payload", "\(head)..\(signature)", nil),
      ("no header", ".\(body).\(signature)", nil), ("dots", "..", nil), ("words", "a.b.c", nil),
      ("empty section inside", "\(head)..\(body).\(signature)", sections),
      ("dot in front", ".\(good)", sections),
      ("dot behind", "\(good).", sections), ("header no base64", "!\(head).\(body).\(signature)", nil),
      ("header, standard alphabet", "\(head)+.\(body).\(signature)", nil),
      ("payload no base64", "\(head).\(body)!.\(signature)", nil),
      ("signature no base64", "\(head).\(body).\(signature)!", nil),
      ("blank inside", "\(head).\(body) .\(signature)", nil),
      ("signature of one octet", "\(head).\(body).AA", nil), ("signature too long", "\(good)AAAA", nil),
      ("signature too short", String(good.dropLast(4)), nil), ("broken", TestIssuer.broken(good), nil),
      ("base64 of a wrong length", "\(head).\(body).AAAAA", nil),
      ("payload of another", "\(head).e30.\(signature)", nil),
    ]
  }
}
