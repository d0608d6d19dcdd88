import Authorizer
import Testing

@Suite("In which order a token is checked: semantics 1.6")
struct OrderTests {
  let a = TestIssuer.a

  func gate(_ more: String = #"audiences: ["https://me/"]"#) throws -> Gate {
    try Gate(authentication(a.rule(more)) + onlyKnown)
  }

  @Test func `The first fault in Envoy's order is the one that is told`() throws {
    let gate = try gate()
    let stranger = #"{"iss":"x","sub":"me","aud":"other","exp":1}"#
    #expect(gate.body(Request().bearer(try a.forged(stranger))) == "Jwt issuer is not configured")
    #expect(
      gate.body(Request().bearer(try a.forged(#"{"sub":"me","aud":"other","exp":1}"#))) == "Jwt is expired")
    let early = #"{"sub":"me","aud":"other","nbf":1900000000}"#
    #expect(gate.body(Request().bearer(try a.forged(early))) == "Jwt not yet valid")
    let both = #"{"sub":"me","exp":1,"nbf":1900000000}"#
    #expect(gate.body(Request().bearer(try a.forged(both))) == "Jwt not yet valid")
    let wrong = gate.ask(Request().bearer(try a.forged(#"{"sub":"me","aud":"other"}"#)))
    #expect(wrong.status == 403 && wrong.body == "Audiences in Jwt are not allowed")
    #expect(
      gate.body(Request().bearer(try a.forged(#"{"sub":"me","aud":"me"}"#))) == "Jwt verification fails")
    #expect(gate.status(Request().bearer(try a.token(#"{"sub":"me","aud":"me"}"#))) == 200)
    // Form comes before all of it.
    let text = #"{"iss":"x","sub":3,"exp":1}"#
    #expect(gate.body(Request().bearer(try a.forged(text))) == "Jwt payload [sub] field is not a string")
  }

  @Test func `Clocks may differ by the skew and by no second more`() throws {
    let gate = try gate("")
    let expiring = Request().bearer(try a.token(#"{"sub":"me","exp":1000}"#))
    #expect(gate.status(expiring, now: 1060) == 200)
    #expect(gate.body(expiring, now: 1061) == "Jwt is expired")
    let beginning = Request().bearer(try a.token(#"{"sub":"me","nbf":1000}"#))
    #expect(gate.status(beginning, now: 940) == 200)
    #expect(gate.body(beginning, now: 939) == "Jwt not yet valid")
    for moment: UInt64 in [0, 1, .max - 1, .max] {
      #expect(gate.status(Request().bearer(try a.token()), now: moment) == 200)
      #expect(gate.status(expiring, now: moment) == (moment <= 1 ? 200 : 401))
    }
  }

  @Test func `The skew is a setting`() throws {
    let gate = try Gate(authentication(a.rule()), settings: .init(skew: 0))
    let expiring = Request().bearer(try a.token(#"{"sub":"me","exp":1000}"#))
    #expect(gate.status(expiring, now: 1000) == 200)
    #expect(gate.status(expiring, now: 1001) == 401)
  }

  @Test func `A rule without audiences takes any, and one with audiences no token without`() throws {
    let gate = try gate("")
    for claims in [#"{"sub":"me","aud":[]}"#, #"{"sub":"me","aud":"x"}"#, #"{"sub":"me"}"#] {
      #expect(gate.status(Request().bearer(try a.token(claims))) == 200)
    }
    let strict = try self.gate()
    for claims in [#"{"sub":"me","aud":[]}"#, #"{"sub":"me","aud":"m"}"#, #"{"sub":"me"}"#] {
      #expect(strict.status(Request().bearer(try a.token(claims))) == 403)
    }
  }
}
