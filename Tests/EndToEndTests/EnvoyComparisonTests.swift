import Foundation
import Issuer
import Signatures
import Testing

/// The real Envoy's own JWT and RBAC filters as the oracle: what they answer, Countersign must answer.
@Suite(.enabled(if: Tools.hasEnvoy), .serialized)
struct EnvoyComparisonTests {
  static let now = Int64(Date().timeIntervalSince1970)
  static let form = "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections"

  @Test func `the JWT filter and Countersign judge a token in the same way`() throws {
    let keys = try KeysForBoth()
    let rule = RuleForBoth(
      issuer: KeysForBoth.issuer, jwks: keys.jwks,
      yaml: """
        outputPayloadToHeader: x-payload
        outputClaimToHeaders: [{header: x-sub, claim: sub}, {header: x-out, claim: a.b}]
        """,
      provider: """
        , "forward_payload_header": "x-payload", "claim_to_headers": [
          {"header_name": "x-sub", "claim_name": "sub"}, {"header_name": "x-out", "claim_name": "a.b"}]
        """)
    let comparison = try Comparison([rule])
    let cases = try keys.tokenCases().map { name, token, purpose in
      ComparisonCase(name: name, headers: [("Authorization", "Bearer \(token)")], onPurpose: purpose)
    }
    #expect(cases.count >= 70)
    for wrong in try comparison.differences(cases) { Issue.record("\(wrong)") }
  }

  @Test func `audiences are compared in the same way`() throws {
    let keys = try KeysForBoth()
    let rule = RuleForBoth(
      issuer: KeysForBoth.issuer, jwks: keys.jwks, yaml: "audiences: [api, 'https://svc.example.com/']",
      provider: #", "audiences": ["api", "https://svc.example.com/"]"#)
    let comparison = try Comparison([rule])
    let audiences = [
      #""api""#, #""API""#, #"["x","api"]"#, #"["x"]"#, "[]", #""""#, #""https://api""#, #""http://api/""#,
      #""api/""#,
      #""api//""#, #""svc.example.com""#, #""http://svc.example.com""#, #""https://svc.example.com/x""#,
      #""api other""#,
    ]
    var cases = try audiences.map { value in
      ComparisonCase(name: "aud \(value)", headers: try keys.bearer(#""aud":\#(value)"#))
    }
    cases.append(ComparisonCase(name: "no aud", headers: try keys.bearer("")))
    let forged = TestIssuer.broken(try keys.token(#""aud":"x""#))
    cases.append(
      ComparisonCase(name: "wrong aud and signature", headers: [("Authorization", "Bearer \(forged)")]))
    for wrong in try comparison.differences(cases) { Issue.record("\(wrong)") }
  }

  @Test(arguments: [true, false])
  func `a token is found in the same default locations`(rawHeaders: Bool) throws {
    let keys = try KeysForBoth()
    let comparison = try Comparison(
      [RuleForBoth(issuer: KeysForBoth.issuer, jwks: keys.jwks)], rawHeaders: rawHeaders)
    let token = try keys.token("")
    let bad = TestIssuer.broken(token)
    let values = [
      "Bearer \(token)", "bearer \(token)", "BEARER \(token)", "Bearer  \(token)", "x Bearer \(token)",
      "Bearer\t\(token)",
      "Bearer \"\(token)", "Bearer \"\(token)\"", "Bearer :\(token)", "Bearer !!!", "Bearer ", "Bearer", "",
      "Basic eA==",
      token, "Bearer \(token) ", "Bearer \(token),x", "Bearer \(bad)",
      "Basic eA==,Bearer \(token)", "Bearer a.b.c",
    ]
    var cases = values.map {
      ComparisonCase(name: "value \($0.prefix(24)) … \($0.suffix(4))", headers: [("Authorization", $0)])
    }
    // Envoy skips the blank inside base64url and takes a signature that is longer than it must be.
    cases.append(
      ComparisonCase(
        name: "junk behind the token", headers: [("Authorization", "Bearer \(token) x")],
        onPurpose: ("base64url holds no blanks", 401, "Jwt signature is an invalid Base64url encoded")))
    cases.append(
      ComparisonCase(
        name: "Bearer twice in one value", headers: [("Authorization", "Bearer Bearer \(token)")],
        onPurpose: ("base64url holds no blanks", 401, "Jwt header is an invalid Base64url encoded")))
    func lines(_ name: String, _ first: String, _ second: String) -> ComparisonCase {
      ComparisonCase(name: name, headers: [("Authorization", first), ("authorization", second)])
    }
    cases += [
      ComparisonCase(name: "nothing"), lines("Bearer twice", "Bearer \(token)", "Bearer \(token)"),
      lines("Basic, then Bearer", "Basic eA==", "Bearer \(token)"),
      lines("Bearer, then Basic", "Bearer \(token)", "Basic eA=="),
      lines("empty, then Bearer", "", "Bearer \(token)"),
    ]
    for query in [
      "access_token=\(token)", "access_token=\(bad)", "access_token=", "access_token",
      "a=1&access_token=\(token)&b=2",
      "access_token=\(token)&access_token=\(bad)", "access_token=\(bad)&access_token=\(token)",
      "access%5Ftoken=\(token)", "Access_token=\(token)", "a=1;access_token=\(token)", "a=1&&b",
      "access_token=%",
      "access_token=\(token.replacingOccurrences(of: ".", with: "%2E"))", "a=b?access_token=\(token)",
    ] {
      cases.append(ComparisonCase(name: "query \(query.prefix(32))", target: "/p?\(query)"))
    }
    cases.append(
      ComparisonCase(
        name: "header and query", target: "/p?access_token=\(token)",
        headers: [("Authorization", "Bearer \(token)")]))
    cases.append(
      ComparisonCase(
        name: "good header, bad query", target: "/p?access_token=\(bad)",
        headers: [("Authorization", "Bearer \(token)")]))
    cases.append(
      ComparisonCase(
        name: "bad header, good query", target: "/p?access_token=\(token)",
        headers: [("Authorization", "Bearer \(bad)")]))
    let preflight = [("Origin", "https://a.example"), ("Access-Control-Request-Method", "GET")]
    let refused = [("Authorization", "Bearer \(bad)")]
    for method in ["OPTIONS", "GET"] {
      cases += [
        ComparisonCase(name: "\(method) preflight", method: method, headers: preflight + refused),
        ComparisonCase(name: "\(method) no method", method: method, headers: [preflight[0]] + refused),
        ComparisonCase(name: "\(method) no origin", method: method, headers: [preflight[1]] + refused),
        ComparisonCase(
          name: "\(method) empty origin", method: method, headers: [("Origin", ""), preflight[1]] + refused),
      ]
    }
    for wrong in try comparison.differences(cases) { Issue.record("\(wrong)") }
  }

  @Test func `a token is found in the same named locations`() throws {
    let keys = try KeysForBoth()
    let rule = RuleForBoth(
      issuer: KeysForBoth.issuer, jwks: keys.jwks,
      yaml: """
        fromHeaders: [{name: x-jwt}, {name: X-Pre, prefix: "Tok "}]
        fromParams: [jwt, t2]
        fromCookies: [session]
        """,
      provider: """
        , "from_headers": [{"name": "x-jwt"}, {"name": "X-Pre", "value_prefix": "Tok "}],
        "from_params": ["jwt", "t2"], "from_cookies": ["session"]
        """)
    let comparison = try Comparison([rule])
    let token = try keys.token("")
    let bad = TestIssuer.broken(token)
    let other = try keys.token(#""sub":"bob""#)
    let headers: [(String, [(String, String)])] = [
      ("default header does not count", [("Authorization", "Bearer \(bad)")]), ("plain", [("X-JWT", token)]),
      ("plain, bad", [("x-jwt", bad)]), ("plain, empty", [("x-jwt", "")]),
      ("plain twice", [("x-jwt", token), ("x-jwt", other)]),
      ("plain, second bad", [("x-jwt", token), ("x-jwt", bad)]),
      ("plain, joined", [("x-jwt", "\(token),\(other)")]), ("prefix", [("x-pre", "Tok \(token)")]),
      ("prefix missing", [("x-pre", token)]), ("prefix, other case", [("x-pre", "tok \(token)")]),
      ("prefix inside", [("x-pre", "a Tok \(token)")]), ("prefix alone", [("x-pre", "Tok !")]),
      ("prefix on one of two lines", [("x-pre", token), ("x-pre", "Tok \(token)")]),
      ("both headers", [("x-jwt", token), ("x-pre", "Tok \(other)")]),
      ("both headers, one bad", [("x-jwt", token), ("x-pre", "Tok \(bad)")]),
      ("cookie", [("Cookie", "session=\(token)")]), ("cookie, bad", [("Cookie", "session=\(bad)")]),
      ("cookie, quoted", [("Cookie", "a=b; session=\"\(token)\"; c=d")]),
      ("cookie, empty", [("Cookie", "session=")]),
      ("cookie, empty quotes", [("Cookie", "session=\"\"")]), ("cookie, no value", [("Cookie", "session")]),
      ("cookie, first of two", [("Cookie", "session=\(token); session=\(bad)")]),
      ("cookie, bad first", [("Cookie", "session=\(bad); session=\(token)")]),
      ("cookie, no blank", [("Cookie", "a=b;session=\(token)")]),
      ("cookie, comma", [("Cookie", "a=b,session=\(bad)")]),
      ("cookie, other case", [("Cookie", "Session=\(bad)")]),
      ("cookie, blank name", [("Cookie", "session =\(bad)")]),
      ("cookie lines", [("Cookie", "a=b"), ("Cookie", "session=\(token)")]),
      ("cookie and header", [("Cookie", "session=\(token)"), ("x-jwt", token)]),
    ]
    var cases = headers.map { ComparisonCase(name: $0.0, headers: $0.1) }
    for query in [
      "jwt=\(token)", "t2=\(token)&a=b", "jwt=\(token)&t2=\(bad)", "jwt=\(token)&t2=\(other)",
      "jwt=&t2=\(token)",
      "access_token=\(bad)",
    ] {
      cases.append(ComparisonCase(name: "query \(query.prefix(16))", target: "/p?\(query)"))
    }
    cases.append(
      ComparisonCase(
        name: "plain, Bearer", headers: [("x-jwt", "Bearer \(token)")],
        onPurpose: ("base64url holds no blanks", 401, "Jwt header is an invalid Base64url encoded")))
    cases.append(
      ComparisonCase(
        name: "the rest of a query keeps its encoding", target: "/p?b=x%26y&jwt=\(token)",
        onPurpose: ("a removed token leaves the query as it was encoded", 200, nil)))
    for wrong in try comparison.differences(cases) { Issue.record("\(wrong)") }
  }
}
