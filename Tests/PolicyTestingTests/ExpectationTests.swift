import PolicyTesting
import TestSupport
import Testing

@Suite struct ExpectationTests {
  static let alice = #"token: {issuer: "https://dev.example", subject: alice, audiences: [shop]"#

  @Test func `a status that came passes, and another is a difference`() throws {
    #expect(try differences("request: {path: /open}, expect: {status: 200}") == [])
    #expect(try differences("request: {path: /open}, expect: {status: 403}") == ["status: 403 / 200"])
    #expect(try differences("request: {path: /shut}, expect: {status: 200}") == ["status: 200 / 403"])
  }

  @Test func `the deciding rule is compared by policy and index`() throws {
    let open = "request: {path: /open}, expect: "
    #expect(try differences(open + "{decidedBy: {policy: foo/readers, rule: 1}}") == [])
    #expect(try differences(open + "{decidedBy: foo/readers}") == [])
    #expect(try differences(open + "{policy: readers}") == [])
    #expect(
      try differences(open + "{decidedBy: {policy: foo/readers, rule: 0}}")
        == ["decidedBy: foo/readers rule 0 / foo/readers rule 1"])
    #expect(try differences(open + "{policy: blocked}") == ["decidedBy: blocked / foo/readers rule 1"])
    #expect(try differences(open + "{decidedBy: none}") == ["decidedBy: no rule / foo/readers rule 1"])
    #expect(try differences("request: {path: /shut}, expect: {decidedBy: none}") == [])
    #expect(
      try differences("request: {path: /shut}, expect: {policy: readers}") == ["decidedBy: readers / no rule"]
    )
  }

  @Test func `reason and body are compared`() throws {
    let shut = "request: {path: /shut}, expect: "
    #expect(try differences(shut + #"{reason: no_rule_matched, body: "RBAC: access denied"}"#) == [])
    #expect(
      try differences(shut + "{reason: allowed, body: no}") == [
        "reason: allowed / no_rule_matched", "body: no / RBAC: access denied",
      ])
    #expect(
      try differences("request: {path: /open, sourceIP: 10.9.1.1}, expect: {reason: denied_by_rule}") == [])
    #expect(try differences("request: {path: /open, port: 8443}, expect: {policy: blocked}") == [])
  }

  @Test func `header changes are compared`() throws {
    let ask = "request: {path: /api}, \(Self.alice)}, expect: "
    #expect(try differences(ask + "{headers: {set: {X-User: alice}, removed: [Authorization]}}") == [])
    #expect(
      try differences(ask + "{headers: {set: {x-user: bob, x-b: c}, removed: [cookie, x-user]}}") == [
        "header x-user: set to `bob` / set to `alice`", "header x-b: set to `c` / not set",
        "header cookie: removed / not removed", "header x-user: removed / set",
      ])
  }

  @Test func `what a proxy knows of a request reaches the policies`() throws {
    let shut = "expect: {status: 403}"
    for (request, rule) in [
      ("sni: inner.example", 2), ("principal: spiffe://cluster.local/ns/a/sa/b", 3),
      ("headers: {X-A: b}", 4),
    ] {
      let passes = "expect: {decidedBy: {policy: foo/readers, rule: \(rule)}}"
      #expect(try differences("request: {\(request)}, \(passes)") == [], "\(request)")
    }
    for request in ["sni: outer.example", "principal: spiffe://other/ns/a/sa/b", "headers: {x-a: [b, c]}"] {
      #expect(try differences("request: {\(request)}, \(shut)") == [])
    }
    let unreadable = "expect: {status: 403, reason: malformed_certificate}"
    #expect(try differences("request: {path: /open, certificate: rubbish}, \(unreadable)") == [])
    let certificate = "certificate: \"\(PeerCertificate.several)\""
    #expect(try differences("request: {\(certificate)}, expect: {reason: no_rule_matched}") == [])
  }
}

@Suite struct TokenTests {
  /// What becomes of a GET of /api with this token.
  func body(_ token: String) throws -> String {
    let lines = try differences(
      #"request: {path: /api}, token: {issuer: "https://dev.example", audiences: [shop], \#(token)}, "#
        + "expect: {body: x}")
    return lines.first?.replacing("body: x / ", with: "") ?? "x"
  }

  @Test func `a good token passes wherever the rule looks for it`() throws {
    for place in ["header", "param token", "cookie session"] {
      #expect(try body("subject: a, in: \(place)") == "", "\(place)")
    }
    #expect(try body("subject: a, in: param other") == "RBAC: access denied")
    #expect(try body("subject: a, expiresIn: never, claims: {groups: [a, 1, null]}") == "")
  }

  @Test func `a bad token is refused for what is wrong with it`() throws {
    #expect(try body("tampered: true") == "Jwt verification fails")
    #expect(try body("expiresIn: -5m") == "Jwt is expired")
    #expect(try body("notBeforeIn: 5m") == "Jwt not yet valid")
    #expect(try body("algorithm: HS256") == "Jwks doesn't have key to match kid or alg from Jwt")
    #expect(try body("keyID: unknown") == "Jwks doesn't have key to match kid or alg from Jwt")
    #expect(try body(#"claims: {iss: "https://else"}"#) == "Jwt issuer is not configured")
    let other =
      #"token: {issuer: "https://dev.example", audiences: [other]}, expect: {status: 403, reason: token}"#
    #expect(try differences(other) == [])
    let raw = "token: {text: nonsense}, expect: {status: 401, reason: token}"
    #expect(try differences(raw) == [])
    #expect(try differences("token: none, expect: {status: 403, reason: no_rule_matched}") == [])
  }
}
