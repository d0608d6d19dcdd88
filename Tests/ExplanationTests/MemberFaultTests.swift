import Authorizer
import Bytes
import Explanation
import ExtAuthz
import Testing

/// A registered member of the wrong type is shown with what it is.
@Suite struct MemberFaultTests {
  private static func base64(_ text: String) -> String {
    var buffer = ByteBuffer()
    Base64.encodeURL(Array(text.utf8).span, into: &buffer)
    return buffer.span.text()
  }

  private static func detail(header: String = #"{"alg":"ES256"}"#, payload: String = "{}") -> String? {
    let token = base64(header) + "." + base64(payload) + ".eA"
    let inspection = TokenInspection(token, rules: [], settings: AuthorizerSettings(), now: Explaining.now)
    return inspection.judgements.first?.checks.first { $0.result == .failed }?.detail
  }

  @Test(arguments: [
    (
      #"{"exp":"1700000000"}"#,
      #"`exp` is the text "1700000000": it must be a number, the seconds since 1970"#
    ),
    (#"{"nbf":true}"#, "`nbf` is the boolean true: it must be a number, the seconds since 1970"),
    (#"{"iat":[1]}"#, "`iat` is a list, [1]: it must be a number, the seconds since 1970"),
    (#"{"exp":-1}"#, "`exp` is the number -1: it must be from 0 and below 2^64, the seconds since 1970"),
    (#"{"nbf":1e30}"#, "`nbf` is the number 1e30: it must be from 0 and below 2^64, the seconds since 1970"),
    (#"{"iss":["a"]}"#, #"`iss` is a list, ["a"]: it must be a text"#),
    (#"{"sub":5}"#, "`sub` is the number 5: it must be a text"),
    (#"{"jti":null}"#, "`jti` is null: it must be a text"),
    (#"{"aud":{"a":1}}"#, #"`aud` is an object, {"a":1}: it must be a text or a list of texts"#),
    (
      #"{"aud":["a",5]}"#,
      "`aud` is a list, and its element 1 is the number 5: it must be a text or a list of texts"
    ),
  ])
  func `of the payload`(payload: String, words: String) {
    #expect(Self.detail(payload: payload) == words)
  }

  @Test(arguments: [
    (#"{}"#, "`alg` is missing: it must be a text"),
    (#"{"alg":5}"#, "`alg` is the number 5: it must be a text"),
    (
      #"{"alg":"ES256","kid":["a"]}"#,
      #"`kid` is a list, ["a"]: it must be a text that is not empty; leave it out when the key has no name"#
    ),
    (
      #"{"alg":"ES256","kid":""}"#,
      "`kid` is an empty text: it must be a text that is not empty; leave it out when the key has no name"
    ),
  ])
  func `of the header`(header: String, words: String) {
    #expect(Self.detail(header: header) == words)
  }

  @Test func `members of the right type are no fault, and a long one is cut`() {
    #expect(Self.detail(payload: #"{"iss":"a","sub":"b","aud":["c"],"exp":4102444800.5,"iat":1}"#) == nil)
    let long = Self.detail(payload: #"{"iss":["\#(String(repeating: "x", count: 5_000))"]}"#)
    #expect((long?.count ?? .max) < 400)
  }

  @Test(arguments: ["Bearer T", "bearer T"])
  func `a scheme in front of a token is named where the place has no prefix`(value: String) throws {
    let asked = try Explaining(authentication("  fromHeaders: [{name: x-a}]"))
    let token = try asked.token()
    let told = try asked.explain { $0.headers = [("x-a", value.replacing("T", with: token))] }
    let form = try #require(told.tokenRules[0].tokens.first?.checks.first)
    #expect(form.result == .failed)
    #expect(form.detail.hasPrefix("it begins with `\(value.prefix(7))`, which is no part of a token"))
  }
}
