import Policy
import Testing

@Suite("Tokens: semantics 2.5 and 1.6")
struct ClaimTests {
  func principal(_ value: String, _ issuer: String?, _ subject: String?) throws -> Bool {
    var members: [String] = []
    if let issuer { members.append("\"iss\":\"\(issuer)\"") }
    if let subject { members.append("\"sub\":\"\(subject)\"") }
    let request = Request.saying("{\(members.joined(separator: ","))}")
    let one = try matches(from("requestPrincipals: [\"\(value)\"]"), request)
    let two = try matches(when("request.auth.principal", "values: [\"\(value)\"]"), request)
    let negated = try matches(from("notRequestPrincipals: [\"\(value)\"]"), request)
    #expect(one == two && one != negated)
    return one
  }

  @Test func `Issuer and subject must both be there`() throws {
    #expect(try principal("*", "i", "s"))
    #expect(try !principal("*", "i", nil))
    #expect(try !principal("*", nil, "s"))
    #expect(try !principal("*", "i", ""))
    #expect(try !principal("*", "", "s"))
    #expect(try !principal("i/s", "i", nil))
    #expect(try !principal("*", "i", "a\\nb"))
  }

  @Test func `Without a token no principal matches and every negation does`() throws {
    for value in ["*", "i/s", "*s", "i/*", "i"] {
      #expect(try !matches(from("requestPrincipals: [\"\(value)\"]"), .saying(nil)))
      #expect(try matches(from("notRequestPrincipals: [\"\(value)\"]"), .saying(nil)))
    }
  }

  @Test func `A principal is split at its last slash`() throws {
    #expect(try principal("https://i/x/s", "https://i/x", "s"))
    #expect(try !principal("https://i/x/s", "https://i", "x/s"))
    #expect(try !principal("a/b/c", "a", "b/c"))
    #expect(try principal("a/b/c", "a/b", "c"))
    #expect(try !principal("i/s", "I", "s"))
  }

  @Test func `A leading star with a slash is an issuer's end and an exact subject`() throws {
    #expect(try principal("*/s", "any", "s"))
    #expect(try !principal("*/s", "", "s"))
    #expect(try !principal("*/s", "any", "xs"))
    #expect(try principal("*.com/s", "a.com", "s"))
    #expect(try !principal("*.com/s", "a.org", "s"))
    // The subject is the literal star.
    #expect(try principal("*/*", "any", "*"))
    #expect(try !principal("*/*", "any", "s"))
    #expect(try !principal("*foo/*", "xfoo", "s"))
    #expect(try principal("*foo/*", "xfoo", "*"))
  }

  @Test func `A leading star without a slash is a subject's end`() throws {
    #expect(try principal("*@example.com", "any", "me@example.com"))
    #expect(try !principal("*@example.com", "me@example.com", "any"))
    #expect(try !principal("*@example.com", "", "me@example.com"))
  }

  @Test func `A trailing star with a slash is an exact issuer and a subject's beginning`() throws {
    #expect(try principal("i/*", "i", "s"))
    #expect(try !principal("i/*", "i", ""))
    #expect(try !principal("i/*", "ix", "s"))
    #expect(try principal("i/ab*", "i", "abc"))
    #expect(try !principal("i/ab*", "i", "xabc"))
    #expect(try principal("https://example.com/*", "https://example.com", "s"))
    // Split inside `https://`: an issuer `https:/` that nobody has.
    #expect(try !principal("https://example.com*", "https://example.com", "s"))
  }

  @Test func `A trailing star without a slash is an issuer's beginning`() throws {
    #expect(try principal("ab*", "abc", "s"))
    #expect(try !principal("ab*", "abc", ""))
    #expect(try !principal("ab*", "xabc", "s"))
  }

  @Test func `Without wildcard and slash the subject is empty text`() throws {
    #expect(try principal("i", "i", ""))
    #expect(try !principal("i", "i", "s"))
    #expect(try !principal("i", "i", nil))
  }

  @Test func `A subject that is configured as a list of words is no principal`() throws {
    let token = #"{"iss":"i","sub":"s"}"#
    #expect(try !matches(from("requestPrincipals: [\"*\"]"), .saying(token, spaceDelimited: ["sub"])))
    #expect(try matches(from("requestPrincipals: [\"*\"]"), .saying(token, spaceDelimited: ["other"])))
    #expect(try !matches(from("requestPrincipals: [\"*\"]"), .saying(token, spaceDelimited: ["iss"])))
  }

  // MARK: Claims

  func claim(_ path: String, _ value: String, _ token: String, spaceDelimited: [String] = []) throws -> Bool {
    let request = Request.saying(token, spaceDelimited: spaceDelimited)
    let key = "request.auth.claims\(path)"
    let found = try matches(when(key, "values: [\"\(value)\"]"), request)
    #expect(try matches(when(key, "notValues: [\"\(value)\"]"), request) != found)
    return found
  }

  @Test func `A claim matches as text or as an element of a list`() throws {
    #expect(try claim("[g]", "a", #"{"g":"a"}"#))
    #expect(try !claim("[g]", "a", #"{"g":"b"}"#))
    #expect(try claim("[g]", "a", #"{"g":["b","a"]}"#))
    #expect(try !claim("[g]", "a", #"{"g":["b"]}"#))
    #expect(try !claim("[g]", "a", #"{"g":[["a"]]}"#))
    #expect(try !claim("[g]", "a", #"{"g":[{"a":"a"}]}"#))
    #expect(try claim("[g]", "a*", #"{"g":["b","ax"]}"#))
    #expect(try claim("[g]", "*x", #"{"g":"ax"}"#))
    #expect(try !claim("[g]", "A", #"{"g":"a"}"#))
  }

  @Test(arguments: ["3", "true", "null", "{}", "[]", "[1]", "[null]", "\"\"", "[\"\"]"])
  func `What is no text, or empty text, never matches even a star`(value: String) throws {
    #expect(try !claim("[g]", "*", "{\"g\":\(value)}"))
    #expect(try claim("[g]", "*", "{\"g\":\"\(value.count)\"}"))
  }

  @Test func `A star covers no line end and a beginning does`() throws {
    #expect(try !claim("[g]", "*", #"{"g":"a\nb"}"#))
    #expect(try claim("[g]", "a*", #"{"g":"a\nb"}"#))
  }

  @Test func `A path walks objects only`() throws {
    #expect(try claim("[a][b]", "x", #"{"a":{"b":"x"}}"#))
    #expect(try claim("[a][b]", "x", #"{"a":{"b":["x"]}}"#))
    #expect(try !claim("[a][b]", "x", #"{"a":[{"b":"x"}]}"#))
    #expect(try !claim("[a][b]", "x", #"{"a":"x"}"#))
    #expect(try !claim("[a]", "x", #"{"a":{"b":"x"}}"#))
    #expect(try !claim("[a][b]", "x", #"{"a.b":"x"}"#))
    #expect(try claim("[a.b]", "x", #"{"a.b":"x"}"#))
    #expect(try claim("[https://x/y]", "x", #"{"https://x/y":"x"}"#))
  }

  @Test func `A missing claim or token satisfies every notValues`() throws {
    for token in [nil, "{}", #"{"g":3}"#] {
      #expect(try matches(when("request.auth.claims[g]", "notValues: [\"*\"]"), .saying(token)))
      #expect(try !matches(when("request.auth.claims[g]", "values: [\"*\"]"), .saying(token)))
      #expect(try matches(when("request.auth.audiences", "notValues: [a]"), .saying(token)))
      #expect(try matches(when("request.auth.presenter", "notValues: [a]"), .saying(token)))
    }
  }

  @Test func `Audiences and presenter are the claims aud and azp`() throws {
    #expect(try matches(when("request.auth.audiences", "values: [a]"), .saying(#"{"aud":["b","a"]}"#)))
    #expect(try matches(when("request.auth.audiences", "values: [a]"), .saying(#"{"aud":"a"}"#)))
    #expect(try !matches(when("request.auth.audiences", "values: [a]"), .saying(#"{"aud":"https://a"}"#)))
    #expect(try matches(when("request.auth.presenter", "values: [\"p*\"]"), .saying(#"{"azp":"px"}"#)))
    #expect(try !matches(when("request.auth.presenter", "values: [\"p*\"]"), .saying(#"{"aud":"px"}"#)))
  }

  @Test func `scope and permission are lists of words divided by blanks`() throws {
    for name in ["scope", "permission"] {
      #expect(try claim("[\(name)]", "read", "{\"\(name)\":\"read write\"}"))
      #expect(try claim("[\(name)]", "write", "{\"\(name)\":\"  read   write \"}"))
      #expect(try !claim("[\(name)]", "read write", "{\"\(name)\":\"read write\"}"))
      #expect(try claim("[\(name)]", "read", "{\"\(name)\":[\"read\",\"write\"]}"))
      #expect(try !claim("[\(name)]", "read", "{\"\(name)\":\"read\\twrite\"}"))
      #expect(try claim("[\(name)]", "read write", "{\"\(name)\":[\"read write\"]}"))
    }
    #expect(try !claim("[other]", "read", #"{"other":"read write"}"#))
    #expect(try claim("[other]", "read", #"{"other":"read write"}"#, spaceDelimited: ["other"]))
    #expect(try !claim("[a][scope]", "read", #"{"a":{"scope":"read write"}}"#))
  }

  @Test func `A scope of blanks stays text`() throws {
    #expect(try claim("[scope]", "*", #"{"scope":"  "}"#))
    #expect(try claim("[scope]", " *", #"{"scope":"  "}"#))
    #expect(try !claim("[scope]", "*", #"{"scope":""}"#))
    #expect(try !claim("[scope]", "a", #"{"scope":"  "}"#))
  }
}
