import ExtAuthz
import TestSupport
import Testing

@testable import Authorizer
@testable import Explanation

/// What is said of places is held against the code that finds tokens.
@Suite struct RequestPlacesTests {
  private static let rules = [
    "", "  fromHeaders: [{name: X-A, prefix: \"T \"}]", "  fromHeaders: [{name: x-b}]",
    "  fromParams: [p, access_token]",
    "  fromCookies: [c]", "  fromHeaders: [{name: cookie}]\n  fromCookies: [d]",
  ]
  private static let names = ["authorization", "x-a", "x-b"]

  /// A token somewhere in a request: the rule finds it, or the explanation names where it is, and never both.
  @Test func `a token is found by a rule, or its place is named`() throws {
    var random = SeededGenerator(announcing: #function)
    var found = 0
    var named = 0
    for rule in Self.rules {
      let asked = try Explaining(authentication(rule))
      let token = try asked.token()
      for _ in 0..<60 {
        let kind = Int.random(in: 0..<3, using: &random)
        let name =
          kind == 0
          ? Self.names.randomElement(using: &random) ?? ""
          : ["p", "access_token", "c", "d", "e"].randomElement(using: &random) ?? ""
        let scheme = ["", "Bearer ", "bearer ", "T ", "t "].randomElement(using: &random) ?? ""
        let told = try asked.explain { request in
          switch kind {
          case 0: request.headers = [(name, scheme + token)]
          case 1: request.path = "/x?a=b&\(name)=\(token)"
          default: request.headers = [("cookie", "z=1; \(name)=\(token)")]
          }
        }
        let isFound = !told.tokenRules[0].tokens.isEmpty
        let isNamed = !told.unreadTokens.isEmpty || !told.tokenRules[0].hints.isEmpty
        #expect(isFound != isNamed || rule.contains("cookie}"), "\(rule) \(kind) \(name) `\(scheme)`")
        if isFound { found += 1 } else { named += 1 }
      }
    }
    #expect(found > 20 && named > 20)
  }

  @Test(
    arguments: [
      ("a", "b", nil), ("a", "", "`sub` is empty"), ("", "b", "`iss` is empty"),
      ("", nil, "`iss` is empty and `sub` is missing"),
      (nil, nil, "`iss` is missing and `sub` is missing"), (nil, "b", "`iss` is missing"),
    ] as [(String?, String?, String?)])
  func `a request principal needs an issuer and a subject`(issuer: String?, subject: String?, fault: String?)
  {
    var facts = AuthenticationTrace.Facts()
    facts.issuer = issuer
    facts.subject = subject
    #expect(
      Explainer.principalFault(facts) == fault.map { "accepted, and makes no request principal: \($0)" })
  }

  @Test(arguments: [
    ("eyJhbGciOiJub25lIn0.e30.eA", true), ("e30.a.b", true), ("e30.a", false), ("e30.a.b.c", false),
    ("e30..b", false), ("W10.a.b", false), ("1.2.3", false), ("e30.a b.c", false), ("e30=.a.b", false),
    ("", false),
  ])
  func `a JWT is three parts in base64url, the first a JSON object`(text: String, isToken: Bool) {
    #expect(RequestPlaces.isToken(text[...]) == isToken)
  }
}
