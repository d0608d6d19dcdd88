import Authorizer
import Bytes
import Testing

@Suite("What changes in the request: semantics 1.7")
struct ChangeTests {
  let a = TestIssuer.a
  let b = TestIssuer.b

  @Test func `A token is removed from the place it came from, unless it is forwarded`() throws {
    let places = "fromHeaders: [{name: X-T}], fromParams: [p], fromCookies: [c]"
    let token = try a.token()
    let header = Request().with("x-t", token)
    let query = Request.get("/?p=\(token)")
    let cookie = Request().with("cookie", "c=\(token)")
    let removing = try Gate(authentication(a.rule(places)))
    #expect(removing.ask(header).removed == ["x-t"])
    #expect(removing.ask(header).removedParameters.isEmpty)
    #expect(removing.ask(query).removedParameters == ["p"])
    #expect(removing.ask(query).removed.isEmpty)
    #expect(removing.ask(cookie).removed.isEmpty, "Envoy never removes cookies")
    let forwarding = try Gate(authentication(a.rule("\(places), forwardOriginalToken: true")))
    for request in [header, query, cookie] {
      let answer = forwarding.ask(request)
      #expect(answer.isAllowed && answer.removed.isEmpty && answer.removedParameters.isEmpty)
    }
  }

  @Test func `A removed parameter is removed in every spelling that the query has of it`() throws {
    let gate = try Gate(authentication(a.rule()))
    let token = try a.token()
    let answer = gate.ask(.get("/?access%5Ftoken=\(token)&%61ccess_token=x&access_token=y&access_tokens=z"))
    #expect(answer.isAllowed)
    #expect(Set(answer.removedParameters) == ["access_token", "access%5Ftoken", "%61ccess_token"])
  }

  @Test func `More spellings of one parameter than anybody needs are refused`() throws {
    let gate = try Gate(authentication(a.rule()))
    let names = (0..<4_096).map { bits in
      String(
        Array("access_token").enumerated().map { index, letter -> String in
          bits >> index & 1 == 0 ? String(letter) : "%" + String(letter.asciiValue ?? 0, radix: 16)
        }.joined())
    }
    let query = "access_token=\(try a.token())&" + names.joined(separator: "=x&")
    #expect(gate.ask(.get("/?\(query)")).reason == .tooManyTokens)
    // Another rule of the issuer must not accept what is left of it.
    let two = try Gate(
      authentication(a.rule("audiences: [x]"), a.rule(), a.rule("forwardOriginalToken: true")))
    #expect(two.ask(.get("/?\(query)")).reason == .tooManyTokens)
  }

  @Test func `What holds no token stays in the request`() throws {
    let gate = try Gate(authentication(a.rule()))
    #expect(gate.ask(Request().with("authorization", "Basic x")).removed.isEmpty)
    #expect(gate.ask(.get("/?x=1")).removedParameters.isEmpty)
    let both = gate.ask(Request("GET", "/?access_token=\(try a.token())").bearer(try a.token()))
    #expect(both.removed == ["authorization"] && both.removedParameters == ["access_token"])
  }

  @Test func `The payload goes on as it was received`() throws {
    let gate = try Gate(authentication(a.rule("outputPayloadToHeader: X-Payload")))
    let token = try a.token(#"{"sub":"me","n":[1,{"x":null}]}"#)
    let answer = gate.ask(Request().bearer(token).with("x-payload", "client"))
    #expect(answer.set == ["x-payload": String(token.split(separator: ".")[1])])
    #expect(answer.removed == ["authorization"], "what is set is not removed")
    let none = gate.ask(Request().with("x-payload", "client"))
    #expect(none.set.isEmpty && none.removed == ["x-payload"])
  }

  @Test func `Claims go into headers, each kind as Envoy writes it`() throws {
    let claims = ["text", "whole", "part", "yes", "none", "empty", "list", "object", "a.b", "absent"]
    let outputs = claims.map { "{header: x-\($0.replacing(".", with: "-")), claim: \($0)}" }
    let gate = try Gate(
      authentication(a.rule("outputClaimToHeaders: [\(outputs.joined(separator: ", "))]")))
    let json = """
      {"text":"t","whole":3,"part":1.5,"yes":true,"none":null,"empty":"","list":[1,"x"],"object":{"k":"v"},
      "a":{"b":"deep"},"a.b":"unreachable"}
      """
    let answer = gate.ask(Request().bearer(try a.token(json)))
    #expect(
      answer.set == [
        "x-text": "t", "x-whole": "3", "x-part": "1.500000", "x-yes": "true", "x-list": "WzEsIngiXQ==",
        "x-object": "eyJrIjoidiJ9", "x-a-b": "deep",
      ])
    #expect(Set(answer.removed) == ["x-none", "x-empty", "x-absent", "authorization"])
  }

  @Test func `A claim that would break a header is not sent, and the client's header goes all the same`()
    throws
  {
    let gate = try Gate(authentication(a.rule("outputClaimToHeaders: [{header: x-c, claim: c}]")))
    for bad in [#"a\r\nx-admin: 1"#, #"a\nb"#, #"a\u0000b"#, #"\r"#] {
      let answer = gate.ask(Request().bearer(try a.token("{\"c\":\"\(bad)\"}")).with("x-c", "client"))
      #expect(answer.isAllowed && answer.set.isEmpty && answer.removed.contains("x-c"), "\(bad)")
    }
  }

  @Test func `Headers that any rule may set are never a client's`() throws {
    let gate = try Gate(
      authentication(
        a.rule("fromHeaders: [{name: x-a}], outputClaimToHeaders: [{header: X-One, claim: sub}]"),
        b.rule("fromHeaders: [{name: x-b}], outputPayloadToHeader: x-two")))
    let spoofed = Request().with("x-one", "admin").with("x-two", "admin").with("x-three", "own")
    #expect(Set(gate.ask(spoofed).removed) == ["x-one", "x-two"])
    let known = gate.ask(spoofed.with("x-a", try a.token()))
    #expect(known.set == ["x-one": "me"])
    #expect(Set(known.removed) == ["x-two", "x-a"], "also those of a rule that was never reached")
    let preflight = spoofed.with("origin", "https://x").with("access-control-request-method", "PUT")
    #expect(Set(gate.ask(preflight.changed { $0.method = "OPTIONS" }).removed) == ["x-one", "x-two"])
    // Also when the workload's tokens lack the claim.
    let lacking = gate.ask(spoofed.with("x-a", try a.token(#"{"x":1}"#)))
    #expect(lacking.set.isEmpty && Set(lacking.removed) == ["x-one", "x-two", "x-a"])
  }

  @Test func `A token in a header that some rule sets is the client's no more, so it is not read`() throws {
    let gate = try Gate(
      authentication(
        a.rule("fromHeaders: [{name: x-a}]"),
        b.rule("fromHeaders: [{name: x-b}], outputPayloadToHeader: X-A")) + onlyKnown)
    #expect(gate.ask(Request().with("x-a", try a.token())).reason == .noRuleMatched)
    #expect(gate.status(Request().with("x-b", try b.token()).with("x-a", "rubbish")) == 200)
  }

  @Test func `A cookie header that is removed holds no token any more`() throws {
    let gate = try Gate(
      authentication(
        a.rule("fromCookies: [c]"), b.rule("fromHeaders: [{name: x-b}], outputPayloadToHeader: Cookie"))
        + onlyKnown)
    #expect(gate.ask(Request().with("cookie", "c=\(try a.token())")).reason == .noRuleMatched)
    #expect(gate.status(Request().with("x-b", try b.token()).with("cookie", "c=x")) == 200)
  }

  @Test func `A token that an earlier rule consumed is not there for a later one`() throws {
    let required = "presence: REQUIRED, forwardOriginalToken: "
    func gate(_ forwards: Bool, _ place: String) throws -> Gate {
      // The same issuer twice: the token would satisfy both.
      try Gate(
        authentication(a.rule("\(place), \(required)\(forwards)"), a.rule("\(place), \(required)true")))
    }
    let token = try a.token()
    for (place, request) in [
      ("fromHeaders: [{name: x-a}]", Request().with("x-a", token)), ("fromParams: [p]", .get("/?p=\(token)")),
    ] {
      #expect(try gate(false, place).body(request) == "Jwt is missing")
      #expect(try gate(true, place).status(request) == 200)
    }
    let cookie = Request().with("cookie", "c=\(token)")
    #expect(try gate(false, "fromCookies: [c]").status(cookie) == 200)
  }

  @Test func `A header that several tokens set has one value, that of the last one taken`() throws {
    let gate = try Gate(
      authentication(
        a.rule("fromHeaders: [{name: x-a}, {name: x-b}], outputClaimToHeaders: [{header: x-s, claim: sub}]")))
    let answer = gate.ask(
      Request().with("x-a", try a.token(#"{"sub":"1"}"#)).with("x-b", try a.token(#"{"sub":"2"}"#)))
    #expect(answer.set == ["x-s": "1"])
    #expect(Set(answer.removed) == ["x-a", "x-b"])
  }

  // MARK: What policies see

  @Test func `Policies see the request without the tokens that were removed`() throws {
    let present = when("request.headers[authorization]", #"values: ["*"]"#)
    let gate = try Gate(authentication(a.rule()) + allow(present))
    #expect(gate.status(Request().with("authorization", "Basic x")) == 200)
    #expect(gate.status(Request().bearer(try a.token())) == 403)
    let kept = try Gate(authentication(a.rule("forwardOriginalToken: true")) + allow(present))
    #expect(kept.status(Request().bearer(try a.token())) == 200)
    let shut = try Gate(authentication(a.rule()) + deny(present))
    #expect(shut.status(Request().bearer(try a.token())) == 200)
    #expect(shut.status(Request().with("authorization", "Basic x")) == 403)
  }

  @Test func `Policies see the headers that tokens set, never the client's of that name`() throws {
    let rule = a.rule("outputClaimToHeaders: [{header: x-role, claim: role}]")
    let gate = try Gate(authentication(rule) + allow(when("request.headers[X-Role]", "values: [admin]")))
    let admin = try a.token(#"{"role":"admin"}"#)
    let user = try a.token(#"{"role":"user"}"#)
    #expect(gate.status(Request().bearer(admin)) == 200)
    #expect(gate.status(Request().bearer(user).with("x-role", "admin")) == 403)
    #expect(gate.status(Request().with("x-role", "admin")) == 403)
    #expect(gate.status(Request().bearer(admin).with("x-role", "user")) == 200)
    let shut = try Gate(authentication(rule) + deny(when("request.headers[x-role]", "values: [user]")))
    #expect(shut.status(Request().bearer(user).with("x-role", "admin")) == 403)
    #expect(shut.status(Request().bearer(admin).with("x-role", "user")) == 200)
  }
}
