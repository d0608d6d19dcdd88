import Authorizer
import JWT
import Testing

/// An authorizer goes over to another snapshot: the next check is the new one's alone, and what was learned of keys
/// and tokens that both hold is kept.
@Suite struct ReloadTests {
  private let a = TestIssuer.a
  private let b = TestIssuer.b

  private var settings: AuthorizerSettings {
    var settings = AuthorizerSettings()
    settings.tokenCacheOctets = 1 << 20
    return settings
  }

  private func snapshot(_ yaml: String) throws -> PolicySnapshot {
    try #require(try Gate.compile(yaml, settings: settings).snapshot)
  }

  @Test func `the new policies alone decide after it`() throws {
    let gate = try Gate(authentication(a.rule()) + allow(to("paths: [/one]")), settings: settings)
    let token = try a.token(#"{"sub":"s","exp":1900000000}"#)
    #expect(gate.ask(Request.get("/one").bearer(token)).status == 200)
    #expect(gate.ask(Request.get("/two").bearer(token)).status == 403)
    gate.adopt(try snapshot(authentication(a.rule()) + allow(to("paths: [/two]"))))
    #expect(gate.ask(Request.get("/one").bearer(token)).status == 403)
    #expect(gate.ask(Request.get("/two").bearer(token)).status == 200)
  }

  @Test func `a signature that was right is not checked again while its key is there`() throws {
    let gate = try Gate(authentication(a.rule()), settings: settings)
    let token = try a.token(#"{"sub":"s","exp":1900000000}"#)
    #expect(gate.ask(Request.get("/").bearer(token)).status == 200)
    #expect(gate.cacheHits == 0)
    // Another rule before it: the sets have other places.
    gate.adopt(try snapshot(authentication(b.rule(), a.rule())))
    #expect(gate.ask(Request.get("/").bearer(token)).status == 200)
    #expect(gate.cacheHits == 1)
    #expect(gate.ask(Request.get("/").bearer(try b.token(#"{"sub":"s"}"#))).status == 200)
  }

  @Test func `a token is refused when its issuer, its key or its audience has gone`() throws {
    let gate = try Gate(authentication(a.rule()), settings: settings)
    let token = try a.token(#"{"sub":"s","exp":1900000000,"aud":"me"}"#)
    for _ in 0..<2 { #expect(gate.ask(Request.get("/").bearer(token)).status == 200) }
    gate.adopt(try snapshot(authentication(a.rule("audiences: [you]"))))
    #expect(gate.ask(Request.get("/").bearer(token)).error == .audienceNotAllowed)
    gate.adopt(try snapshot(authentication(b.rule())))
    #expect(gate.ask(Request.get("/").bearer(token)).error == .issuerNotConfigured)
    // The same issuer with another's keys.
    gate.adopt(try snapshot(authentication(a.rule(keysOf: b))))
    #expect(gate.ask(Request.get("/").bearer(token)).status == 401)
    gate.adopt(try snapshot(authentication(a.rule())))
    #expect(gate.ask(Request.get("/").bearer(token)).status == 200)
  }

  @Test func `remote keys are not there until they are adopted`() throws {
    let remote = """
      apiVersion: security.istio.io/v1
      kind: RequestAuthentication
      metadata: {name: remote, namespace: foo}
      spec: {jwtRules: [{issuer: \(a.name), jwksUri: "http://keys.example/"}]}

      """
    let gate = try Gate(authentication(a.rule()), settings: settings)
    let token = try a.token(#"{"sub":"s","exp":1900000000}"#)
    #expect(gate.ask(Request.get("/").bearer(token)).status == 200)
    gate.adopt(try snapshot(remote))
    #expect(gate.ask(Request.get("/").bearer(token)).error == .keysUnavailable)
  }
}
