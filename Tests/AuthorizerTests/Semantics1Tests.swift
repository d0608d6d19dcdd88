import Authorizer
import Istio
import Policy
import Signatures
import Testing

@Suite("Semantics 1: whole RequestAuthentications")
struct Semantics1Tests {
  private let a = TestIssuer.a
  private let b = TestIssuer.b

  @Test func `1.1: the rules of all resources add up, none is more specific than another`() throws {
    let gate = try Gate(
      authentication(a.rule("audiences: [x]")) + authentication(a.rule("audiences: [y]"), name: "second")
        + authentication(b.rule(), name: "root", namespace: "istio-system"))
    #expect(gate.status(Request().bearer(try a.token(#"{"aud":"x"}"#))) == 200)
    #expect(gate.status(Request().bearer(try a.token(#"{"aud":"y"}"#))) == 200)
    #expect(gate.status(Request().bearer(try b.token())) == 200)
    #expect(gate.status(Request().bearer(try a.token(#"{"aud":"z"}"#))) == 403)
  }

  @Test func `1.1: a RequestAuthentication of another namespace checks no token`() throws {
    let bar = Workload(name: "other", namespace: "bar", labels: [:])
    let yaml = authentication(a.rule()) + authentication(b.rule(), name: "bar", namespace: "bar")
    let gate = try Gate(yaml, workloads: [Gate.workload, bar])
    #expect(gate.status(Request().bearer(try b.token())) == 401)
    #expect(gate.status(Request().bearer(try b.token()).extended("countersign.workload", "other")) == 200)
  }

  @Test func `1.2: without tokens a rule refuses nobody, and without rules nobody reads a token`() throws {
    #expect(try Gate(authentication(a.rule())).status(Request()) == 200)
    #expect(try Gate(authentication(a.rule())).status(Request().bearer("x")) == 401)
    #expect(try Gate(authentication() + everybody).status(Request().bearer("x")) == 200)
  }

  @Test func `1.4: one place named twice is one place, whose token is verified once`() throws {
    let places = Array(repeating: "{name: X-T, prefix: \"T \"}, {name: x-t, prefix: \"T \"}", count: 5)
    let gate = try Gate(authentication(a.rule("fromHeaders: [\(places.joined(separator: ", "))]")))
    #expect(gate.status(Request().with("x-t", "T \(try a.token())")) == 200)
    #expect(gate.verifications.total(.hs256, succeeded: true) == 1)
    #expect(gate.status(Request().with("x-t", "T \(try a.forged())")) == 401)
  }

  @Test func `1.5: presence REQUIRED wants a token, OPTIONAL does not`() throws {
    let gate = try Gate(authentication(a.rule("presence: REQUIRED")))
    #expect(gate.body(Request()) == "Jwt is missing")
    #expect(gate.status(Request().bearer(try a.token())) == 200)
    #expect(try Gate(authentication(a.rule("presence: OPTIONAL"))).status(Request()) == 200)
  }

  @Test func `1.5: a preflight passes unauthenticated, and nothing less than one`() throws {
    let gate = try Gate(authentication(a.rule()))
    let half = Request("OPTIONS").with("origin", "http://o").bearer("x")
    #expect(gate.status(half) == 401)
    #expect(gate.status(half.with("access-control-request-method", "")) == 401)
    #expect(gate.status(half.with("access-control-request-method", "GET")) == 200)
    #expect(
      try Gate(authentication(a.rule()) + onlyKnown).status(
        half.with("access-control-request-method", "GET")) == 403)
  }

  @Test func `1.5: the error told is the last specific one, the final ALL's first failure included`() throws {
    let gate = try Gate(
      authentication(
        a.rule("fromHeaders: [{name: x-a}]"), b.rule("fromHeaders: [{name: x-b}]"),
        TestIssuer.c.rule("fromHeaders: [{name: x-c}]")))
    let (expired, forged, foreign) = (try a.token(past), try b.forged(), try a.token())
    func body(_ a: String?, _ b: String?, _ c: String?) -> String {
      var request = Request()
      for (name, value) in [("x-a", a), ("x-b", b), ("x-c", c)] {
        if let value { request = request.with(name, value) }
      }
      return gate.body(request)
    }
    #expect(body(expired, forged, nil) == "Jwt is expired", "ALL tells the first failure again")
    #expect(body(nil, forged, foreign) == "Jwt verification fails")
    #expect(body(forged, "x", nil) == malformed, "an unknown issuer in ALL replaces nothing")
    #expect(body(nil, nil, foreign) == "Jwt issuer is not configured")
    #expect(body(nil, nil, nil) == "")
  }

  @Test func `1.7: what a token sets and what is removed with it`() throws {
    let gate = try Gate(
      authentication(a.rule("outputPayloadToHeader: x-p, outputClaimToHeaders: [{header: x-s, claim: sub}]")))
    let token = try a.token()
    let answer = gate.ask(Request().bearer(token).with("x-s", "forged"))
    #expect(answer.set["x-p"] == String(token.split(separator: ".")[1]) && answer.set["x-s"] == "me")
    #expect(answer.removed.contains("authorization"))
    let kept = try Gate(authentication(a.rule("forwardOriginalToken: true")))
    #expect(!kept.ask(Request().bearer(token)).removed.contains("authorization"))
  }
}
