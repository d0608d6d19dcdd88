import Authorizer
import JWT
import Testing

/// Many issuers that look into the same places are found by hash; the answers are those of a walk.
@Suite struct IssuerIndexTests {
  private let a = TestIssuer.a

  /// Rules of issuers that never sign, around those of `a`; a rule of another place makes all be walked.
  private func gate(_ rules: [String], walked: Bool) throws -> Gate {
    let last = walked ? ["{issuer: never, fromHeaders: [{name: x-never}], jwks: '\(a.keySet)'}"] : []
    return try Gate(authentication((rules + last).joined(separator: ", ")))
  }

  private func other(_ index: Int) -> String { "{issuer: other-\(index), jwks: '\(a.keySet)'}" }

  @Test func `the answer does not depend on how the rule was found`() throws {
    let good = try a.token(#"{"sub":"s","aud":"me","exp":1900000000}"#)
    let wrong = try a.token(#"{"sub":"s","aud":"you","exp":1900000000}"#)
    let forged = try a.forged(#"{"sub":"s","aud":"me","exp":1900000000}"#)
    let foreign = try a.token(#"{"iss":"nobody","sub":"s"}"#)
    let nameless = try a.token(#"{"iss":7,"sub":"s"}"#)
    let requests: [Request] = [
      .get("/"), Request.get("/").bearer(good), Request.get("/").bearer(wrong),
      Request.get("/").bearer(forged),
      Request.get("/").bearer(foreign), Request.get("/").bearer(nameless), Request.get("/").bearer("a.b"),
      .get("/?access_token=\(good)"), Request.get("/?access_token=\(good)").bearer(good),
      Request.get("/?access_token=\(wrong)").bearer(good),
    ]
    let mine = a.rule("audiences: [me]")
    for rules in [
      [mine, other(1), other(2)], [other(1), mine, other(2)], [other(1), other(2), mine],
      [other(1), other(2)], [mine, mine], [other(1), mine, other(2), a.rule("audiences: [you]")],
    ] {
      let (found, walked) = (try gate(rules, walked: false), try gate(rules, walked: true))
      for (index, request) in requests.enumerated() {
        let (one, two) = (found.ask(request), walked.ask(request))
        #expect(
          one.status == two.status && one.body == two.body && one.error == two.error,
          "\(rules.count) \(index)")
      }
    }
  }
}
