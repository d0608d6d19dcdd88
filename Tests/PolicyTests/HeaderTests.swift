import Check
import Policy
import Testing

@Suite("Headers: semantics 2.5")
struct HeaderTests {
  func header(_ values: String, _ request: Request, name: String = "X-Test") throws -> Bool {
    try matches(when("request.headers[\(name)]", values), request)
  }

  @Test func `A header's name ignores case and its value does not`() throws {
    #expect(try header("values: [a]", .with(("x-test", "a"))))
    #expect(try header("values: [a]", .with(("X-TEST", "a"))))
    #expect(try !header("values: [a]", .with(("x-test", "A"))))
    #expect(try !header("values: [a]", .with(("x-tests", "a"))))
  }

  @Test func `A star means present even when empty`() throws {
    #expect(try header("values: [\"*\"]", .with(("x-test", ""))))
    #expect(try !header("values: [\"*\"]", .with(("other", ""))))
    #expect(try !header("notValues: [\"*\"]", .with(("x-test", ""))))
  }

  @Test func `A missing header matches no value and every notValues`() throws {
    #expect(try !header("values: [a]", Request()))
    #expect(try header("notValues: [a]", Request()))
    #expect(try header("notValues: [\"*\"]", Request()))
  }

  @Test func `Each line stands on its own`() throws {
    let lines = Request.with(("x-test", "a"), ("other", "z"), ("x-test", "b"))
    #expect(try header("values: [b]", lines))
    #expect(try !header("notValues: [b]", lines))
    #expect(try !header("values: [\"a,b\"]", lines))
    #expect(try !header("values: [z]", lines))
    #expect(try header("values: [\"a,b\"]", .with(("x-test", "a,b"))))
    #expect(try !header("values: [a]", .with(("x-test", "a,b"))))
  }

  // MARK: Joined lines

  /// Asks for a header that arrives joined: what ALLOW and DENY policies with values and with notValues say.
  func joined(
    _ pattern: String, _ value: String, name: String = "x-test"
  ) throws -> (allowValues: Bool, denyValues: Bool, allowNot: Bool, denyNot: Bool) {
    let request = Request.with((name, value), encoding: .joined)
    let values = when("request.headers[\(name)]", "values: [\"\(pattern)\"]")
    let excluded = when("request.headers[\(name)]", "notValues: [\"\(pattern)\"]")
    return (
      try allow(values).passes(request), try deny(values).passes(request),
      try allow(excluded).passes(request),
      try deny(excluded).passes(request)
    )
  }

  @Test(arguments: [
    ("b", "a,b,c"), ("b", "a, b ,c"), ("b,c", "a,b,c"), ("a,b", "a,b,c"), ("a,b,c", "a,b,c"), ("b*", "a,bx"),
    ("*b", "xb,a"), ("b,c*", "a,b,cx"), ("a", "a ,b"), ("x y", "a,x y,b"),
  ])
  func `What one of the joined lines may have been denies and never allows`(pattern: String, value: String)
    throws
  {
    let answer = try joined(pattern, value)
    #expect(!answer.denyValues, "DENY values must deny")
    #expect(!answer.allowNot, "ALLOW notValues must deny")
    #expect(!answer.allowValues, "ALLOW values must not allow")
    #expect(!answer.denyNot, "DENY notValues must not spare")
  }

  @Test(arguments: [
    ("b", "b"), ("b*", "bx"), ("*b", "xb"), ("b*", "bx,a"), ("*b", "a,xb"), ("*", "a,b"), ("*", ""),
  ])
  func `A value that matches however it is taken apart allows`(pattern: String, value: String) throws {
    let answer = try joined(pattern, value)
    #expect(answer.allowValues)
    #expect(!answer.denyValues)
    #expect(!answer.allowNot)
    #expect(answer.denyNot)
  }

  @Test(arguments: [
    ("b", "ab,c"), ("b", "a,bc"), ("b,d", "b,c,d"), ("b*", "a,cb"), ("*b", "bc,a"), ("B", "a,b"),
  ])
  func `A value of which no run matches does not match`(pattern: String, value: String) throws {
    let answer = try joined(pattern, value)
    #expect(!answer.allowValues)
    #expect(answer.denyValues)
    #expect(answer.allowNot)
    #expect(!answer.denyNot)
  }

  @Test(arguments: ["authorization", "user-agent", "accept", "x-forwarded-for", "origin", "referer"])
  func `Headers in fixed slots are one value as Envoy has them`(name: String) throws {
    let whole = try joined("a,b", "a,b", name: name)
    #expect(whole.allowValues && !whole.denyValues && !whole.allowNot && whole.denyNot)
    let part = try joined("b", "a,b", name: name)
    #expect(!part.allowValues && part.denyValues && part.allowNot && !part.denyNot)
  }

  @Test func `A name that comes twice in the joined form never helps to allow`() throws {
    let twice = Request.with(("x-test", "a"), ("x-test", "b"), encoding: .joined)
    #expect(try !allow(when("request.headers[x-test]", "values: [a]")).passes(twice))
    #expect(try !deny(when("request.headers[x-test]", "values: [b]")).passes(twice))
    #expect(try allow(when("request.headers[x-test]", "values: [\"*\"]")).passes(twice))
    let fixed = Request.with(("origin", "a"), ("origin", "b"), encoding: .joined)
    #expect(try !allow(when("request.headers[origin]", "values: [a]")).passes(fixed))
    #expect(try !deny(when("request.headers[origin]", "values: [b]")).passes(fixed))
  }

  @Test func `The same condition reads wide in one policy and narrow in the other`() throws {
    let rule = when("request.headers[x-test]", "values: [a]")
    let both = allow(rule, "{to: [{operation: {paths: [/]}}]}").deny(rule)
    #expect(try !both.passes(.with(("x-test", "a,b"), encoding: .joined)))
    #expect(try both.passes(.with(("x-test", "c"), encoding: .joined)))
  }

  @Test func `A long value of commas is read in linear time`() throws {
    let value = String(repeating: ",", count: 60_000)
    let rule = when("request.headers[x-test]", "values: [\"\(String(repeating: ",", count: 100))x\"]")
    let clock = ContinuousClock()
    let table = try deny(rule).table()
    var scratch = PolicyScratch()
    let request = Request.with(("x-test", value), encoding: .joined)
    var passed = false
    let taken = try clock.measure { passed = try request.decide(table, &scratch).isAllowed }
    #expect(passed)
    #expect(taken < .seconds(5))
  }

  // MARK: What the answer changes

  @Test func `A header that the answer removes is gone`() throws {
    var request = Request.with(("x-test", "a"))
    request.removedHeaders = ["x-test"]
    #expect(try !header("values: [\"*\"]", request))
    #expect(try header("notValues: [a]", request))
    request.removedHeaders = ["other"]
    #expect(try header("values: [a]", request))
  }

  @Test func `A header that the answer sets has the new value alone`() throws {
    var request = Request.with(("x-test", "client"), ("x-test", "other"))
    request.setHeaders = [("x-test", "ours")]
    #expect(try header("values: [ours]", request))
    #expect(try !header("values: [client]", request))
    #expect(try !header("values: [other]", request))
    request.headers = []
    #expect(try header("values: [ours]", request))
  }

  @Test func `A value that the answer sets is one line even with commas`() throws {
    var request = Request.with(("x-test", "c"), encoding: .joined)
    request.setHeaders = [("x-test", "a,b")]
    #expect(try allow(when("request.headers[x-test]", "values: [\"a,b\"]")).passes(request))
    #expect(try deny(when("request.headers[x-test]", "values: [a]")).passes(request))
  }

  // MARK: Pseudo headers

  @Test func `Pseudo headers and host are the request's own parts`() throws {
    let request = Request {
      $0.method = "PUT"
      $0.path = "/a?b"
      $0.host = "Example.com:80"
    }
    #expect(try header("values: [PUT]", request, name: ":method"))
    #expect(try header("values: [\"/a?b\"]", request, name: ":path"))
    #expect(try header("values: [\"Example.com:80\"]", request, name: ":authority"))
    #expect(try header("values: [\"Example.com:80\"]", request, name: "Host"))
    #expect(try !header("values: [\"example.com:80\"]", request, name: "host"))
    #expect(try header("values: [https]", request, name: ":scheme"))
    #expect(try !header("values: [GET]", request, name: ":method"))
  }

  @Test func `A path whose query the answer changes never helps to allow`() throws {
    var request = Request.at("/a?access_token=x&b=1")
    request.removedParameters = ["access_token"]
    for pattern in ["/a?b=1", "/a?access_token=x&b=1", "/z"] {
      #expect(try !allow(when("request.headers[:path]", "values: [\"\(pattern)\"]")).passes(request))
      #expect(try !deny(when("request.headers[:path]", "values: [\"\(pattern)\"]")).passes(request))
    }
    #expect(try allow(when("request.headers[:path]", "values: [\"*\"]")).passes(request))
    #expect(try allow(to("paths: [/a]")).passes(request))
  }
}
