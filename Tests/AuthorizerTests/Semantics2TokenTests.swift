import Testing

@Suite("Semantics 2.5: what a token says")
struct Semantics2TokenTests {
  private static let tenant = #""iss":"https://b.example.com/tenant""#
  private static let me = Request.saying(#"{"sub":"me"}"#)
  private static let noSubject = Request.saying("{}")

  @Test(arguments: [
    Row(
      from("requestPrincipals: [\"*\"]"), matches: [me], not: [Request(), noSubject, .saying(#"{"sub":""}"#)]),
    Row(
      from("requestPrincipals: [\"https://a/me\"]"), matches: [me],
      not: [.saying(#"{"sub":"me2"}"#), .saying("{\(tenant),\"sub\":\"me\"}"), Request()]),
    Row(
      from("requestPrincipals: [\"https://b.example.com/tenant/me\"]"),
      matches: [.saying("{\(tenant),\"sub\":\"me\"}")],
      not: [me, .saying(#"{"sub":"tenant/me"}"#)]),
  ])
  func `2.5: a principal is issuer and subject, split at the last slash`(row: Row) throws { try row.hold() }

  @Test func `2.5: a subject with a slash cannot be written`() throws {
    let gate = try Gate(Row.tokens + allow(from("requestPrincipals: [\"https://a/x/me\"]")))
    #expect(gate.status(.saying(#"{"sub":"x/me"}"#)) == 403)
    let whole = try Gate(Row.tokens + allow(from("requestPrincipals: [\"https://a/*\"]")))
    #expect(whole.status(.saying(#"{"sub":"x/me"}"#)) == 200)
  }

  @Test(arguments: [
    Row(
      from("requestPrincipals: [\"https://a/*\"]"), matches: [me, .saying(#"{"sub":"x"}"#)],
      not: [.saying("{\(tenant),\"sub\":\"me\"}"), noSubject]),
    Row(
      from("requestPrincipals: [\"https://a/m*\"]"), matches: [me], not: [.saying(#"{"sub":"xm"}"#)]),
    Row(
      from("requestPrincipals: [\"*/me\"]"), matches: [me, .saying(#"{"iss":"joe","sub":"me"}"#)],
      not: [.saying(#"{"sub":"you"}"#), .saying(#"{"sub":"x/me"}"#)]),
    Row(
      from("requestPrincipals: [\"*.com/tenant/me\"]"), matches: [.saying("{\(tenant),\"sub\":\"me\"}")],
      not: [me]),
    Row(
      from("requestPrincipals: [\"*/*\"]"), matches: [.saying(#"{"sub":"*"}"#)], not: [me]),
    Row(
      from("requestPrincipals: [\"*@example.com\"]"), matches: [.saying(#"{"sub":"x@example.com"}"#)],
      not: [.saying(#"{"iss":"joe@example.com","sub":"me"}"#)]),
    Row(
      from("requestPrincipals: [\"joe*\"]"),
      matches: [.saying(#"{"iss":"joe@example.com","sub":"me"}"#), .saying(#"{"iss":"joe","sub":"x"}"#)],
      not: [me, .saying(#"{"sub":"joe"}"#)]),
    Row(
      from("requestPrincipals: [joe]"), matches: [.saying(#"{"iss":"joe","sub":""}"#)],
      not: [.saying(#"{"iss":"joe","sub":"x"}"#), .saying(#"{"iss":"joe"}"#)]),
    Row(
      from("notRequestPrincipals: [\"*\"]"), matches: [Request(), noSubject], not: [me]),
    Row(
      when("request.auth.principal", "values: [\"https://a/me\"]"), matches: [me],
      not: [.saying(#"{"sub":"you"}"#), Request()]),
  ])
  func `2.5: wildcards of principals, with their traps`(row: Row) throws { try row.hold() }

  @Test func `2.5: a star right behind an issuer's name never matches, one behind its slash does`() throws {
    let trap = try Gate(Row.tokens + allow(from("requestPrincipals: [\"https://a*\"]")))
    #expect(trap.status(Self.me) == 403)
    #expect(trap.status(.saying(#"{"iss":"https://a.example.com","sub":"me"}"#)) == 403)
    let right = try Gate(Row.tokens + allow(from("requestPrincipals: [\"https://a/*\"]")))
    #expect(right.status(Self.me) == 200)
  }

  private static func claim(_ name: String, _ values: String = "values: [x]") -> String {
    when("request.auth.claims\(name)", values)
  }

  @Test(arguments: [
    Row(
      claim("[c]"),
      matches: [.saying(#"{"c":"x"}"#), .saying(#"{"c":["y","x"]}"#), .saying(#"{"c":[1,"x"]}"#)],
      not: [
        .saying(#"{"c":"X"}"#), .saying(#"{"c":[["x"]]}"#), .saying(#"{"c":{"x":"x"}}"#),
        .saying(#"{"d":"x"}"#),
        Request(),
      ]),
    Row(
      claim("[a][b]"), matches: [.saying(#"{"a":{"b":"x"}}"#), .saying(#"{"a":{"b":["x"]}}"#)],
      not: [.saying(#"{"a":[{"b":"x"}]}"#), .saying(#"{"a.b":"x"}"#), .saying(#"{"a":{"c":{"b":"x"}}}"#)]),
    Row(claim("[a.b]"), matches: [.saying(#"{"a.b":"x"}"#)], not: [.saying(#"{"a":{"b":"x"}}"#)]),
    Row(
      claim("[https://x/y:z]"), matches: [.saying(#"{"https://x/y:z":"x"}"#)],
      not: [.saying(#"{"https://x/y":"x"}"#)]),
    Row(
      claim("[c]", "values: [\"*\"]"), matches: [.saying(#"{"c":"any"}"#)],
      not: [
        .saying(#"{"c":""}"#), .saying(#"{"c":1}"#), .saying(#"{"c":true}"#), .saying(#"{"c":null}"#), me,
      ]),
    Row(
      claim("[c]", "values: [\"a*\", \"*z\"]"), matches: [.saying(#"{"c":"ab"}"#), .saying(#"{"c":"yz"}"#)],
      not: [.saying(#"{"c":"za"}"#)]),
    Row(claim("[c]", "notValues: [x]"), matches: [Request(), me], not: [.saying(#"{"c":["y","x"]}"#)]),
    Row(
      claim("[scope]"), matches: [.saying(#"{"scope":"y x"}"#), .saying(#"{"scope":["x"]}"#)],
      not: [.saying(#"{"scope":"y,x"}"#), .saying(#"{"scope":["y x"]}"#), .saying(#"{"scope":"xy"}"#)]),
    Row(
      claim("[permission]"), matches: [.saying(#"{"permission":"x  y"}"#)],
      not: [.saying(#"{"permission":"y"}"#)]),
    Row(
      claim("[groups]"), matches: [.saying(#"{"groups":"y x"}"#)],
      not: [.saying(#"{"a":{"groups":"x"}}"#), .saying(#"{"other":"y x"}"#)]),
    Row(
      claim("[a][scope]"), matches: [.saying(#"{"a":{"scope":"x"}}"#)],
      not: [.saying(#"{"a":{"scope":"y x"}}"#)]),
    Row(
      when("request.auth.audiences", "values: [web]"),
      matches: [.saying(#"{"aud":"web"}"#), .saying(#"{"aud":["x","web"]}"#)],
      not: [.saying(#"{"aud":"https://web/"}"#), me, Request()]),
    Row(
      when("request.auth.audiences", "notValues: [web]"), matches: [Request(), me, .saying(#"{"aud":"x"}"#)],
      not: [.saying(#"{"aud":["x","web"]}"#)]),
    Row(
      when("request.auth.presenter", "values: [app]"), matches: [.saying(#"{"azp":"app"}"#)],
      not: [.saying(#"{"azp":"app2"}"#), .saying(#"{"azp":1}"#), Request()]),
  ])
  func `2.5 and 1.6: claims, audiences and presenter`(row: Row) throws { try row.hold() }

  private static func header(_ values: String) -> String { when("request.headers[X-Role]", values) }

  @Test(arguments: [
    Row(
      header("values: [admin]"),
      matches: [.joined("x-role", "admin"), .lines("x-role", "admin"), .lines("x-role", "user", "admin")],
      not: [
        .joined("x-role", "Admin"), .lines("x-role", "user", "adm"), .lines("x-role", "user,admin"),
        Request(),
      ]),
    Row(
      header("values: [\"*\"]"), matches: [.joined("x-role", ""), .lines("x-role", "a", "b")],
      not: [Request(), .joined("x-roles", "a")]),
    Row(
      header("values: [\"ad*\", \"*in\"]"),
      matches: [.joined("x-role", "adx"), .lines("x-role", "u", "xin")],
      not: [.lines("x-role", "xad", "inx"), Request()]),
    Row(
      header("notValues: [admin]"), matches: [Request(), .lines("x-role", "user", "x")],
      not: [.lines("x-role", "user", "admin"), .joined("x-role", "admin")]),
  ])
  func `2.5: headers, missing, empty and in several lines`(row: Row) throws { try row.hold() }

  @Test func `2.5: lines that come joined deny where a part would, and allow only as a whole`() throws {
    let joined = Request.joined("x-role", "user,admin")
    #expect(try Gate(deny(Self.header("values: [admin]"))).status(joined) == 403)
    #expect(try Gate(allow(Self.header("values: [admin]"))).status(joined) == 403)
    #expect(try Gate(deny(Self.header("values: [admin]"))).status(.joined("x-role", "user")) == 200)
    #expect(try Gate(allow(Self.header("values: [admin]"))).status(.joined("x-role", "admin")) == 200)
  }
}
