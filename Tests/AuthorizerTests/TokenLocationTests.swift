import Authorizer
import Testing

@Suite("Where tokens are found: semantics 1.4")
struct TokenLocationTests {
  let a = TestIssuer.a

  func gate(_ more: String = "") throws -> Gate { try Gate(authentication(a.rule(more)) + onlyKnown) }

  /// A gate that lets nobody without a token in and tells the subject.
  func tellingGate(_ more: String) throws -> Gate {
    try gate(more + ", outputClaimToHeaders: [{header: x-sub, claim: sub}]")
  }

  @Test func `A bearer token in authorization and one in access_token are found by default`() throws {
    let gate = try gate()
    let token = try a.token()
    #expect(gate.status(Request().bearer(token)) == 200)
    #expect(gate.status(.get("/?access_token=\(token)")) == 200)
    #expect(gate.status(.get("/?x=1&access_token=\(token)&y=2#f")) == 200)
    #expect(gate.status(Request()) == 403)
    #expect(gate.status(.get("/?token=\(token)")) == 403)
    #expect(gate.status(.get("/access_token=\(token)")) == 403)
    #expect(gate.status(.get("/#?access_token=\(token)")) == 200, "as Envoy: the question mark comes first")
    #expect(gate.status(.get("/?#access_token=\(token)")) == 403)
    #expect(gate.status(Request().with("x-token", token)) == 403)
    #expect(gate.status(Request().with("cookie", "access_token=\(token)")) == 403)
  }

  @Test func `The default places are left when a rule names one of any kind`() throws {
    let token = try a.token()
    for more in ["fromHeaders: [{name: x-t}]", "fromParams: [t]", "fromCookies: [t]"] {
      let gate = try gate(more)
      #expect(gate.status(Request().bearer(token)) == 403, "\(more)")
      #expect(gate.status(.get("/?access_token=\(token)")) == 403, "\(more)")
      // What is no place of the rule is not read at all: rubbish there does no harm.
      let everywhere = Request("GET", "/?t=\(token)").with("x-t", token).with("cookie", "t=\(token)")
      #expect(gate.status(everywhere.bearer("rubbish")) == 200, "\(more)")
    }
  }

  @Test func `A prefix is found anywhere in the value, in its own letter case alone`() throws {
    let gate = try gate()
    let token = try a.token()
    for good in ["Bearer \(token)", "x Bearer \(token)", "Basic x,Bearer \(token)", "\t Bearer \(token) \t"] {
      #expect(gate.status(Request().with("authorization", good)) == 200, "\(good)")
    }
    for none in ["bearer \(token)", "BEARER \(token)", "Basic \(token)", "Bearer", "Bearer ", "", token] {
      #expect(gate.ask(Request().with("authorization", none)).reason == .noRuleMatched, "\(none)")
    }
  }

  @Test func `Characters that no token has are skipped behind the prefix`() throws {
    let gate = try gate()
    let token = try a.token()
    for good in ["Bearer  \(token)", "Bearer \"\(token)", "Bearer :\(token)", "Bearer ,\(token)"] {
      #expect(gate.status(Request().with("authorization", good)) == 200, "\(good)")
    }
    // All the rest is the token, so what follows it spoils it; and what is no token at all is a bad one.
    for bad in ["Bearer \"\(token)\"", "Bearer \(token),", "Bearer \(token) x", "Bearer !!!", "Bearer x"] {
      let answer = gate.ask(Request().with("authorization", bad))
      #expect(answer.status == 401, "\(bad)")
    }
    #expect(gate.body(Request().with("authorization", "Bearer !!!")) == malformed)
  }

  @Test func `Two bearer tokens in authorization are one malformed token, joined or not`() throws {
    let gate = try gate()
    let token = try a.token()
    #expect(gate.body(Request().with("authorization", "Bearer \(token),Bearer \(token)")) == malformed)
    let two = Request().bearer(token).bearer(token)
    #expect(gate.body(two) == malformed)
    #expect(gate.body(two.raw) == malformed)
    #expect(gate.body(Request().bearer(token).with("authorization", "Basic x").raw) == malformed)
    #expect(gate.body(Request().with("authorization", "Basic x").bearer(token)) == malformed)
    #expect(gate.status(Request().bearer(token).raw) == 200)
  }

  @Test func `Lines of a custom header are tokens of their own when they come raw`() throws {
    let gate = try tellingGate(#"fromHeaders: [{name: x-t, prefix: "Tok "}]"#)
    let (one, two) = (try a.token(#"{"sub":"1"}"#), try a.token(#"{"sub":"2"}"#))
    let both = Request().with("x-t", "Tok \(one)").with("x-t", "Tok \(two)").raw
    #expect(gate.ask(both).set["x-sub"] == "1", "the first one writes last")
    #expect(gate.status(Request().with("x-t", "other").with("x-t", "Tok \(two)").raw) == 200)
    #expect(gate.body(Request().with("x-t", "Tok \(one)").with("x-t", "Tok x").raw) == malformed)
    #expect(gate.body(Request().with("x-t", "Tok x").with("x-t", "Tok \(two)").raw) == malformed)
  }

  @Test func `Lines of a custom header that come joined are never split to find a token`() throws {
    let gate = try gate(#"fromHeaders: [{name: x-t, prefix: "Tok "}]"#)
    let token = try a.token()
    #expect(gate.status(Request().with("x-t", "Tok \(token)")) == 200)
    #expect(gate.body(Request().with("x-t", "Tok \(token),Tok \(token)")) == malformed)
    #expect(gate.status(Request().with("x-t", "Tok \(token),x")) == 401)
    // Several entries of one name are nothing that Envoy sends in this encoding.
    #expect(gate.body(Request().with("x-t", "Tok \(token)").with("x-t", "x")) == malformed)
    #expect(gate.body(Request().with("x-t", "x").with("X-T", "Tok \(token)")) == malformed)
  }

  @Test func `A token behind a comma is not found where two lines may have been joined`() throws {
    // As lines of their own the first is a bad token, `Tok`, and Envoy refuses the request.
    let gate = try gate(#"fromHeaders: [{name: x-t, prefix: "Tok"}]"#)
    let token = try a.token()
    #expect(gate.status(Request().with("x-t", "Tok").with("x-t", token).raw) == 401)
    #expect(gate.body(Request().with("x-t", "Tok,\(token)")) == malformed)
    #expect(gate.status(Request().with("x-t", "Tok \(token)")) == 200)
    #expect(gate.status(Request().with("x-t", "Tok,\(token)").raw) == 200)
  }

  @Test func `A header without prefix is a token as a whole, also when empty`() throws {
    let gate = try gate("fromHeaders: [{name: X-T}]")
    let token = try a.token()
    #expect(gate.status(Request().with("x-t", token)) == 200)
    #expect(
      gate.status(Request().with("x-t", " \(token)\t")) == 200, "blanks around a value are no part of it")
    #expect(gate.body(Request().with("x-t", "")) == malformed)
    #expect(gate.body(Request().with("x-t", "Bearer \(token)")) != "")
    #expect(gate.ask(Request()).reason == .noRuleMatched)
  }

  @Test func `A query parameter is decoded, and only its first occurrence is read`() throws {
    let gate = try gate()
    let token = try a.token()
    let encoded = token.replacing(".", with: "%2E")
    #expect(gate.status(.get("/?access_token=\(encoded)")) == 200)
    #expect(gate.status(.get("/?%61ccess%5Ftoken=\(token)")) == 200)
    #expect(gate.status(.get("/?access_token=\(token)&access_token=x")) == 200)
    #expect(gate.body(.get("/?access_token=x&access_token=\(token)")) == malformed)
    #expect(gate.ask(.get("/?Access_Token=\(token)")).reason == .noRuleMatched)
    #expect(gate.body(.get("/?access_token=\(token)%00")) != "")
    #expect(gate.body(.get("/?access_token=+\(token)")) != "")
  }

  @Test func `An empty access_token is a malformed token, and a semicolon separates nothing`() throws {
    let gate = try gate()
    let token = try a.token()
    for bad in ["/?access_token", "/?access_token=", "/?access_token&x=1", "/?x&access_token=#\(token)"] {
      #expect(gate.body(.get(bad)) == malformed, "\(bad)")
    }
    #expect(gate.body(.get("/?access_token=\(token);x=1")) != "")
    #expect(gate.ask(.get("/?x=1;access_token=\(token)")).reason == .noRuleMatched)
    #expect(gate.ask(.get("/?&=&xaccess_token=&")).reason == .noRuleMatched)
  }

  @Test func `A cookie is found between semicolons, without its quotes, the first of its name`() throws {
    let gate = try gate("fromCookies: [t]")
    let token = try a.token()
    for good in [
      "t=\(token)", "t=\"\(token)\"", "x=1; t=\(token)", "x=1;t=\(token);y=2", "x=a,b; t=\(token)",
      "t=\(token); t=x", "tt=x; t=\(token)", "x; t=\(token)",
    ] {
      #expect(gate.status(Request().with("cookie", good)) == 200, "\(good)")
      #expect(gate.status(Request().with("cookie", good).raw) == 200, "\(good)")
    }
    for none in ["T=\(token)", "xt=\(token)", "x=t=\(token)", "t", ""] {
      #expect(gate.ask(Request().with("cookie", none)).reason == .noRuleMatched, "\(none)")
    }
    for bad in ["t=", "t=x; t=\(token)", "t=\"\"", "t=\"\(token)", "t=\(token)\""] {
      #expect(gate.status(Request().with("cookie", bad)) == 401, "\(bad)")
    }
    #expect(gate.body(Request().with("cookie", "t=")) == malformed)
  }

  @Test func `Cookie lines joined with a comma are refused where two readings differ`() throws {
    let gate = try gate("fromCookies: [t]")
    let token = try a.token()
    #expect(gate.body(Request().with("cookie", "x=1,t=\(token)")) == malformed)
    #expect(gate.body(Request().with("cookie", "t=\(token),x=1")) == malformed)
    #expect(gate.status(Request().with("cookie", "x=1, y=2; t=\(token)")) == 200)
    // Raw lines need no guess.
    #expect(gate.ask(Request().with("cookie", "x=1,t=\(token)").raw).reason == .noRuleMatched)
    #expect(gate.status(Request().with("cookie", "x=1").with("cookie", "t=\(token)").raw) == 200)
    #expect(gate.body(Request().with("cookie", "t=x").with("cookie", "t=\(token)").raw) == malformed)
  }

  @Test func `The first token found writes the claims: header before query before cookie`() throws {
    let gate = try tellingGate(
      "fromHeaders: [{name: x-b}, {name: x-a}], fromParams: [q, p], fromCookies: [k, c]")
    func token(_ subject: String) throws -> String { try a.token("{\"sub\":\"\(subject)\"}") }
    let cookies = Request().with("cookie", "k=\(try token("k")); c=\(try token("c"))")
    #expect(gate.ask(cookies).set["x-sub"] == "c")
    let query = cookies.changed { $0.path = "/?q=\((try? token("q")) ?? "")&p=\((try? token("p")) ?? "")" }
    #expect(gate.ask(query).set["x-sub"] == "p")
    let headers = query.with("x-b", try token("b"))
    #expect(gate.ask(headers).set["x-sub"] == "b")
    #expect(gate.ask(headers.with("x-a", try token("a"))).set["x-sub"] == "a")
  }

  @Test func `All tokens found for one rule must be valid, wherever the bad one is`() throws {
    let gate = try gate("fromHeaders: [{name: x-a}], fromParams: [p], fromCookies: [c]")
    let good = try a.token()
    let forged = try a.forged()
    func request(_ header: String, _ parameter: String, _ cookie: String) -> Request {
      Request("GET", "/?p=\(parameter)").with("x-a", header).with("cookie", "c=\(cookie)")
    }
    #expect(gate.status(request(good, good, good)) == 200)
    for bad in [request(forged, good, good), request(good, forged, good), request(good, good, forged)] {
      #expect(gate.body(bad) == "Jwt verification fails")
    }
    // The last one is taken first, and the first failure ends it.
    #expect(gate.body(request("x", forged, good)) == "Jwt verification fails")
    #expect(gate.body(request("x", forged, try a.token(past))) == "Jwt is expired")
  }

  @Test func `Each rule looks at its own places only`() throws {
    let b = TestIssuer.b
    let gate = try Gate(
      authentication(a.rule("fromHeaders: [{name: x-a}]"), b.rule("fromHeaders: [{name: x-b}]")) + onlyKnown)
    #expect(gate.status(Request().with("x-a", try a.token())) == 200)
    #expect(gate.status(Request().with("x-b", try b.token())) == 200)
    #expect(gate.body(Request().with("x-a", try b.token())) == "Jwt issuer is not configured")
    #expect(gate.body(Request().with("x-b", try a.token())) == "Jwt issuer is not configured")
  }
}
