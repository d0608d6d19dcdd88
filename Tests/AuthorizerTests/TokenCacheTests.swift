import Authorizer
import JWT
import Testing

/// The token cache spares the signature's check alone.
@Suite struct TokenCacheTests {
  private let a = TestIssuer.a

  private func gate() throws -> Gate {
    var settings = AuthorizerSettings()
    settings.tokenCacheOctets = 1 << 20
    return try Gate(
      authentication(a.rule("audiences: [me]")) + allow(from(#"requestPrincipals: ["*"]"#)),
      settings: settings)
  }

  @Test func `times are held against the clock on every use`() throws {
    let gate = try gate()
    let token = try a.token(#"{"sub":"s","aud":"me","nbf":1800000000,"exp":1800000100}"#)
    for _ in 0..<2 {
      #expect(gate.ask(Request.get("/").bearer(token), now: 1_800_000_050).status == 200)
      #expect(gate.ask(Request.get("/").bearer(token), now: 1_799_999_000).error == .notYetValid)
      #expect(gate.ask(Request.get("/").bearer(token), now: 1_800_000_161).error == .expired)
    }
  }

  @Test func `issuer and audience are judged for every rule anew`() throws {
    let gate = try gate()
    let right = try a.token(#"{"sub":"s","aud":"me","exp":1900000000}"#)
    let other = try a.token(#"{"sub":"s","aud":"you","exp":1900000000}"#)
    for _ in 0..<2 {
      #expect(gate.ask(Request.get("/").bearer(right)).status == 200)
      #expect(gate.ask(Request.get("/").bearer(other)).error == .audienceNotAllowed)
      #expect(gate.ask(Request.get("/").bearer(try a.forged(#"{"sub":"s","aud":"me"}"#))).status == 401)
    }
  }

  @Test func `the answer to a token is the same the second time`() throws {
    let gate = try gate()
    let token = try a.token(#"{"sub":"s","aud":["me"],"exp":1900000000,"scope":"x y"}"#)
    let first = gate.ask(Request.get("/").bearer(token))
    for _ in 0..<3 { #expect("\(gate.ask(Request.get("/").bearer(token)))" == "\(first)") }
  }
}
