import Authorizer
import Testing

@Suite("What a re-implementation gets wrong: semantics 4")
struct SubtleTests {
  let a = TestIssuer.a

  /// The picture of the issue: everybody may see the product page, and only known callers the rest.
  func picture() throws -> Gate {
    try Gate(
      authentication(a.rule())
        + deny(
          #"{from: [{source: {notRequestPrincipals: ["*"]}}], to: [{operation: {notPaths: ["/productpage"]}}]}"#
        ))
  }

  @Test func `An exempt path needs no token, every other path does`() throws {
    let gate = try picture()
    #expect(gate.status(.get("/productpage")) == 200)
    #expect(gate.status(.get("/productpage?u=1")) == 200)
    let refused = gate.ask(.get("/headers"))
    #expect(refused.status == 403 && refused.rule == "ns[foo]-policy[deny]-rule[0]")
    for near in [
      "/productpage/", "/Productpage", "/productpageadmin", "/x?/productpage", "/", "", "//productpage",
    ] {
      #expect(gate.status(.get(near)) == 403, "\(near)")
      #expect(gate.status(Request.get(near).bearer(try a.token())) == 200, "\(near)")
    }
  }

  @Test func `A bad token on an exempt path is 401 all the same`() throws {
    let gate = try picture()
    for bad in [try a.forged(), try a.token(past), "rubbish", try TestIssuer.b.token()] {
      let answer = gate.ask(Request.get("/productpage").bearer(bad))
      #expect(answer.status == 401 && answer.reason == .token)
    }
    #expect(gate.status(Request.get("/productpage").bearer(try a.token())) == 200)
    #expect(gate.status(Request.get("/productpage").with("authorization", "bearer rubbish")) == 200)
  }

  @Test func `Two DENY policies exempt only what both exempt`() throws {
    func rule(_ paths: String) -> String {
      "{from: [{source: {notRequestPrincipals: [\"*\"]}}], to: [{operation: {notPaths: [\(paths)]}}]}"
    }
    let gate = try Gate(
      authentication(a.rule()) + authorization("DENY", [rule("/a, /b")], name: "one")
        + authorization("DENY", [rule("/b, /c")], name: "two"))
    #expect(gate.status(.get("/b")) == 200)
    #expect(gate.ask(.get("/a")).rule == "ns[foo]-policy[two]-rule[0]")
    #expect(gate.ask(.get("/c")).rule == "ns[foo]-policy[one]-rule[0]")
  }

  @Test func `A missing token satisfies every negative condition`() throws {
    for condition in [
      when("request.auth.claims[role]", "notValues: [admin]"),
      when("request.auth.audiences", "notValues: [x]"),
      when("request.auth.presenter", "notValues: [x]"), from(#"notRequestPrincipals: ["x/*"]"#),
    ] {
      let gate = try Gate(authentication(a.rule()) + deny(condition))
      #expect(gate.status(Request()) == 403, "\(condition)")
      let token = try a.token(#"{"iss":"https://a","sub":"me","role":"admin","aud":"x","azp":"x"}"#)
      let isPrincipal = condition.contains("Principals")
      #expect(gate.status(Request().bearer(token)) == (isPrincipal ? 403 : 200), "\(condition)")
    }
  }

  @Test func `From and to in two rules mean either, in one rule both`() throws {
    let known = #"from: [{source: {requestPrincipals: ["*"]}}]"#
    let path = #"to: [{operation: {paths: ["/p"]}}]"#
    let either = try Gate(authentication(a.rule()) + allow("{\(known)}", "{\(path)}"))
    let both = try Gate(authentication(a.rule()) + allow("{\(known), \(path)}"))
    let token = try a.token()
    #expect(either.status(.get("/p")) == 200 && either.status(Request.get("/x").bearer(token)) == 200)
    #expect(both.status(.get("/p")) == 403 && both.status(Request.get("/x").bearer(token)) == 403)
    #expect(both.status(Request.get("/p").bearer(token)) == 200 && either.status(.get("/x")) == 403)
  }

  @Test func `A valid token without subject is no principal`() throws {
    let gate = try Gate(authentication(a.rule()) + onlyKnown)
    #expect(gate.ask(Request().bearer(try a.token("{}"))).reason == .noRuleMatched)
    #expect(gate.ask(Request().bearer(try a.token(#"{"sub":""}"#))).reason == .noRuleMatched)
    #expect(gate.status(Request().bearer(try a.token(#"{"sub":3}"#))) == 401)
    #expect(gate.status(Request().bearer(try a.token())) == 200)
  }

  @Test func `A token of another issuer is 401 even where everybody may enter`() throws {
    let gate = try Gate(authentication(a.rule()) + everybody)
    #expect(gate.status(Request()) == 200)
    #expect(gate.body(Request().bearer(try TestIssuer.b.token())) == "Jwt issuer is not configured")
    #expect(gate.status(Request().with("authorization", "bearer \(try TestIssuer.b.token())")) == 200)
  }

  @Test func `Expiry is optional, and as text it is refused`() throws {
    let gate = try Gate(authentication(a.rule()) + onlyKnown)
    #expect(gate.status(Request().bearer(try a.token())) == 200)
    #expect(gate.status(Request().bearer(try a.token(#"{"sub":"me","exp":"1900000000"}"#))) == 401)
    #expect(gate.status(Request().bearer(try a.token(#"{"sub":"me","exp":1900000000}"#))) == 200)
    #expect(gate.body(Request().bearer(try a.token(#"{"sub":"me","exp":0}"#))) == "Jwt is expired")
  }

  @Test func `Numbers and truth values match nothing, lists match by their strings`() throws {
    let gate = try Gate(
      authentication(a.rule("spaceDelimitedClaims: [groups]"))
        + allow(when("request.auth.claims[c]", #"values: ["1", "true", "x"]"#)))
    func status(_ value: String) throws -> Int {
      gate.status(Request().bearer(try a.token("{\"sub\":\"me\",\"c\":\(value)}")))
    }
    for none in ["1", "true", "null", "{}", #"[["x"]]"#, #"{"x":"x"}"#, #"[1,true]"#, #""x y""#] {
      #expect(try status(none) == 403, "\(none)")
    }
    for one in [#""x""#, #"["y","x"]"#, #"[1,["y"],"x"]"#, #""1""#] {
      #expect(try status(one) == 200, "\(one)")
    }
  }

  @Test func `Words of scope and of configured claims are matched one by one`() throws {
    func gate(_ claim: String) throws -> Gate {
      try Gate(
        authentication(a.rule("spaceDelimitedClaims: [groups]"))
          + allow(when("request.auth.claims[\(claim)]", "values: [read]")))
    }
    for claim in ["scope", "permission", "groups"] {
      let gate = try gate(claim)
      for good in [#""write read""#, #"" read ""#, #"["write","read"]"#] {
        #expect(
          gate.status(Request().bearer(try a.token("{\"\(claim)\":\(good)}"))) == 200, "\(claim) \(good)")
      }
      for bad in [#""write,read""#, #""write\tread""#, #""readonly""#, #"["write read"]"#] {
        #expect(gate.status(Request().bearer(try a.token("{\"\(claim)\":\(bad)}"))) == 403, "\(claim) \(bad)")
      }
    }
    #expect(try gate("other").status(Request().bearer(try a.token(#"{"other":"write read"}"#))) == 403)
  }

  @Test func `No policy at all lets pass, a policy without rules lets nobody`() throws {
    #expect(try Gate(authentication(a.rule())).status(Request()) == 200)
    let shut = try Gate(authentication(a.rule()) + authorization("ALLOW", [], name: "nothing"))
    #expect(shut.ask(Request().bearer(try a.token())).reason == .noRuleMatched)
    #expect(
      try Gate(authentication(a.rule()) + everybody).ask(Request()).rule == "ns[foo]-policy[allow]-rule[0]")
  }

  @Test func `DENY is heard before ALLOW`() throws {
    let gate = try Gate(authentication(a.rule()) + everybody + deny(to(#"methods: ["DELETE"]"#)))
    #expect(gate.status(Request("GET")) == 200)
    #expect(gate.ask(Request("DELETE").bearer(try a.token())).reason == .deniedByRule)
    #expect(gate.status(Request("delete")) == 200)
  }
}
