import Foundation
import Istio
import TestSupport
import Testing

/// A value of a field, and what is said of it.
struct ValueCase: Sendable, CustomTestStringConvertible {
  var field: String
  var value: String
  /// The warning; nil: nothing is said.
  var code: String?
  /// What the message must hold.
  var words: [String]

  init(_ field: String, _ value: String, _ code: String? = nil, _ words: String...) {
    self.field = field
    self.value = value
    self.code = code
    self.words = words
  }

  var testDescription: String { "\(field): \(value)" }

  /// The findings of a policy with the value in that field, or in the values of that condition key.
  func findings(action: String = "ALLOW", negated: Bool = false) -> [Diagnostic] {
    let name = negated ? "not" + field.prefix(1).uppercased() + field.dropFirst() : field
    let sources = ["principals", "requestPrincipals", "namespaces", "serviceAccounts"]
    let inner = sources.contains(field) ? "from: [{source: " : "to: [{operation: "
    let rule =
      field.contains(".")
      ? "when: [{key: '\(field)', \(negated ? "notValues" : "values"): ['\(value)']}]"
      : "\(inner){\(name): ['\(value)']}}]"
    let text = SpecCase("", "  action: \(action)\n  rules: [{\(rule)}]").text(kind: "AuthorizationPolicy")
    return ResourceLoader().load(file: "p.yaml", text: text).diagnostics.filter {
      $0.code != "deny-only-http"
    }
  }
}

@Suite("Semantics 2.4 to 2.6: values that never match, or that are no pattern, are found")
struct ValueFormTests {
  static let never = "never-matches"
  static let pattern = "literal-pattern"
  static let asterisk = "literal-asterisk"

  static let operations: [ValueCase] = [
    ValueCase("methods", "delete", never, "upper case", "write `DELETE`"),
    ValueCase("methods", "Get", never, "write `GET`"), ValueCase("methods", "get*", never, "write `GET*`"),
    ValueCase("methods", "GET|POST", never, "a value for each"), ValueCase("methods", "GET,POST", never),
    ValueCase("methods", "^GET$", never, "no method has `^`"), ValueCase("methods", "*ET*", asterisk),
    ValueCase("methods", "GET"), ValueCase("methods", "*"), ValueCase("methods", "GET*"),
    ValueCase("methods", "*ET"), ValueCase("methods", "M-SEARCH"), ValueCase("methods", "X_1"),

    ValueCase("paths", "admin/*", never, "begins with `/`", "write `/admin/*`"),
    ValueCase("paths", "https://a.example/b", never, "no scheme", "write `/b`"),
    ValueCase("paths", "{*}/a", never, "write `/{*}/a`"),
    ValueCase("paths", "/search?q=*", never, "`?` is no wildcard", "write `/search`"),
    ValueCase("paths", "/a#b", never, "write `/a`"), ValueCase("paths", "*?x=1", never),
    ValueCase("paths", "/a b", never, "%20"), ValueCase("paths", " /a", never),
    ValueCase("paths", "/é", never),
    ValueCase("paths", "^/v1/.+$", never, "regular expression", "write `/v1/*`"),
    ValueCase("paths", ".*", never, "write `*`"), ValueCase("paths", ".*/admin", never, "write `*/admin`"),
    ValueCase("paths", #"/a\.html"#, never, "write `/a.html`"),
    ValueCase("paths", "/project/.*/issues", pattern, "write `/project/{*}/issues`"),
    ValueCase("paths", "/api/.*", pattern, "write `/api/*`"),
    ValueCase("paths", "/.*", pattern, "write `/*`"),
    ValueCase("paths", "/v1/.+", pattern, "write `/v1/*`"), ValueCase("paths", "/a$", pattern, "write `/a`"),
    ValueCase("paths", "/a/[0-9]+", pattern, "write `/a/{*}`"), ValueCase("paths", "/a/(b|c)", pattern),
    ValueCase("paths", "/a/[^/]+/b", pattern, "write `/a/{*}/b`"),
    ValueCase("paths", "/:id/codes", pattern, "`:id` is no parameter", "write `/{*}/codes`"),
    ValueCase("paths", "/users/:id/*", pattern, "write `/users/{*}/{**}`"),
    ValueCase("paths", "/users/<int:id>", pattern, "write `/users/{*}`"),
    ValueCase("paths", "/{*}/:id", pattern, "write `/{*}/{*}`"),
    ValueCase("paths", "/path/*/more", asterisk, "write `/path/{*}/more`"),
    ValueCase("paths", "/service/*health", asterisk), ValueCase("paths", "*/a/*", asterisk),
    ValueCase("paths", "/dex/**", asterisk, "write `/dex/{**}` or `/dex/*`"),
    ValueCase("paths", "/a/**/b", asterisk, "write `/a/{**}/b`"),
    ValueCase("paths", "/**", asterisk, "write `/*`"),
    ValueCase("paths", "/a"), ValueCase("paths", "/a/*"), ValueCase("paths", "*.html"),
    ValueCase("paths", "*/a"),
    ValueCase("paths", "*"), ValueCase("paths", "/"), ValueCase("paths", "/{*}/b"),
    ValueCase("paths", "{**}/b"),
    ValueCase("paths", "/index.*"), ValueCase("paths", "/.well-known/*"), ValueCase("paths", "/v1/x:cancel"),
    ValueCase("paths", "/a/(b)"), ValueCase("paths", "/wiki/A_(b)*"), ValueCase("paths", "/a+b/$count/x"),
    ValueCase("paths", "/[id]/x"),
    ValueCase("paths", "/a;v=1"), ValueCase("paths", "/a%20b"), ValueCase("paths", "/~me/:"),

    ValueCase("hosts", "https://a.example", never, "no scheme", "write `a.example`"),
    ValueCase("hosts", "https://a.example/b:*", never, "write `a.example:*`"),
    ValueCase("hosts", "a.example/b", never, "no path", "write `a.example`"),
    ValueCase("hosts", "*/b", never),
    ValueCase("hosts", "a .example", never, "no blanks"),
    ValueCase("hosts", "^a.example$", never, "write `a.example`"),
    ValueCase("hosts", #".*\.example\.com"#, never, "write `*.example.com`"),
    ValueCase("hosts", ".*.example.com", pattern, "write `*.example.com`"), ValueCase("hosts", ".*", pattern),
    ValueCase("hosts", "{*}.example.com", never), ValueCase("hosts", "a.example?", never),
    ValueCase("hosts", "*.*.example.com", asterisk), ValueCase("hosts", "a.*.com", pattern),
    ValueCase("hosts", "a*.com", asterisk), ValueCase("hosts", "a.example"), ValueCase("hosts", "A.example"),
    ValueCase("hosts", "*.example"), ValueCase("hosts", "a.*"), ValueCase("hosts", "a.example:*"),
    ValueCase("hosts", "[::1]:80"), ValueCase("hosts", "x_y"), ValueCase("hosts", "*"),
  ]

  static let sources: [ValueCase] = [
    ValueCase("principals", "spiffe://a/ns/b/sa/c", never, "without `spiffe://`"),
    ValueCase(
      "principals", "system:serviceaccount:foo:bar", never, "write `cluster.local/ns/foo/sa/bar`"),
    ValueCase("principals", "a/ns/b/sa/c ", never), ValueCase("principals", "^a/.+$", never, "write `a/*`"),
    ValueCase("principals", "a/ns/b/.*", pattern, "write `a/ns/b/*`"),
    ValueCase("principals", "a/ns/*/sa/c", asterisk), ValueCase("principals", "a/ns/b/sa/c"),
    ValueCase("principals", "a/ns/b/*"), ValueCase("principals", "*/sa/c"), ValueCase("principals", "*"),

    ValueCase("requestPrincipals", "https://a.b*", never, "split at its last `/`"),
    ValueCase("requestPrincipals", "https://a.b/.*", pattern, "write `https://a.b/*`"),
    ValueCase("requestPrincipals", "^https://a.b/.*$", pattern),
    ValueCase("requestPrincipals", "https://a.b/*"), ValueCase("requestPrincipals", "https://a.b/auth0|1 x"),

    ValueCase("requestPrincipals", "*/*", asterisk, "subject must be `*`", "write `*` for any token"),
    ValueCase("requestPrincipals", "*/a"),

    ValueCase("serviceAccounts", "system:serviceaccount:foo:bar", never, "write `foo/bar`"),
    ValueCase("serviceAccounts", "Foo", never, "lower-case"),
    ValueCase("serviceAccounts", "foo/bar_x", never),
    ValueCase("serviceAccounts", "foo/bar-1.x"), ValueCase("serviceAccounts", "default"),

    ValueCase("namespaces", "Foo", never, "lower-case"), ValueCase("namespaces", "ns/foo", never),
    ValueCase("namespaces", "team-.*", never, "regular expression"), ValueCase("namespaces", "team-*-x*"),
    ValueCase("namespaces", "foo"), ValueCase("namespaces", "*"),
  ]

  static let conditions: [ValueCase] = [
    ValueCase("connection.sni", "A.example", never, "write `a.example`"),
    ValueCase("connection.sni", "a.example:443", never, "no scheme, port or path"),
    ValueCase("connection.sni", "*.example"), ValueCase("source.principal", "spiffe://a", never),
    ValueCase("source.namespace", "Foo", never), ValueCase("source.serviceAccount", "foo/Bar", never),
    ValueCase("source.serviceAccount", "foo/bar"), ValueCase("request.auth.principal", "https://a*", never),
    ValueCase("request.headers[:method]", "get", never), ValueCase("request.headers[Host]", "a/b", never),
    ValueCase("request.headers[:path]", "/a?b=c"),
    ValueCase("request.headers[x]", "^a$", pattern, "write `a`"),
    ValueCase("request.headers[x]", ".*", pattern, "write `*`"),
    ValueCase("request.headers[x]", "a.*b", pattern),
    ValueCase("request.headers[user-agent]", "Mozilla/5.*"), ValueCase("request.headers[x]", "get a/b ^ $ |"),
    ValueCase("request.auth.audiences", "https://a.example"),
    ValueCase("request.auth.claims[a]", "^x.*", pattern),
    ValueCase("request.auth.claims[a]", "delete"), ValueCase("request.auth.claims[a]", "a*b", asterisk),
  ]

  @Test(arguments: operations + sources + conditions)
  func `a value has one finding or none, in either form of its list`(row: ValueCase) {
    for negated in [false, true] {
      let found = row.findings(negated: negated)
      // Where hidden files are excluded from an ALLOW rule, `/.*` says so.
      if negated, row.value == "/.*" {
        #expect(found.isEmpty)
        continue
      }
      #expect(found.map(\.code) == (row.code.map { [$0] } ?? []), "\(found)")
      for word in row.words { #expect(found.first?.message.contains(word) == true, "\(found)") }
    }
  }

  @Test func `the finding is at the value, and names the field as it is written`() throws {
    let found = try #require(ValueCase("methods", "delete").findings(negated: true).first)
    #expect(found.position.description == "p.yaml:7:43" && found.severity == .warning)
    #expect(found.message.hasPrefix("`delete` in `notMethods` never matches: "))
  }

  @Test func `what comes of a dead value under the policy's action is told`() {
    let row = ValueCase("paths", "admin")
    func end(_ action: String, negated: Bool, _ row: ValueCase = row) -> String? {
      row.findings(action: action, negated: negated).first?.message.components(separatedBy: "; ").last
    }
    #expect(end("DENY", negated: false) == "as it is, it denies nothing")
    #expect(end("ALLOW", negated: false) == "write `/admin`")
    for action in ["ALLOW", "DENY", "AUDIT"] {
      #expect(end(action, negated: true) == "as it is, it excludes nothing")
    }
    let literal = ValueCase("paths", "/a/*/b")
    #expect(end("DENY", negated: false, literal) == "as it is, it denies nothing else")
    #expect(end("DENY", negated: true, literal) == "as it is, it excludes nothing else")
  }

  @Test func `hidden files may be refused, and are no regular expression there`() {
    let row = ValueCase("paths", "/.*")
    #expect(row.findings(action: "DENY").isEmpty && row.findings(action: "ALLOW", negated: true).isEmpty)
    #expect(row.findings(action: "ALLOW").map(\.code) == [Self.pattern])
    #expect(row.findings(action: "DENY", negated: true).map(\.code) == [Self.pattern])
  }

  /// What is advised must not be warned about in turn.
  @Test func `whatever the value, the form that is advised has no finding`() {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("value form seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let parts = [
      "/", "/", "*", "**", ".*", ".+", "^", "$", ":id", "<id>", "{*}", "{**}", "a", "B", "b.c", "?", "#x",
      "\\", "[0-9]+",
      "(", ")", "|", " ", "https://", ":*", ".", "é",
    ]
    var advised = 0
    for _ in 0..<20_000 {
      let value = (0..<Int.random(in: 1...6, using: &generator)).map { _ in
        parts.randomElement(using: &generator) ?? ""
      }.joined()
      for form in [
        ValueForm.path, .host, .method, .principal, .requestPrincipal, .namespace, .serverName, .text,
      ] {
        guard let problem = form.problem(in: value), form == .path || form == .host,
          let right = problem.reason.components(separatedBy: "write `").dropFirst().first?.prefix(while: {
            $0 != "`"
          })
        else { continue }
        advised += 1
        let again = form.problem(in: String(right))
        // A first fault may hide a second one; the advice corrects at least the first.
        #expect(again?.reason != problem.reason, "\(value): \(problem.reason)")
      }
    }
    #expect(advised > 1_000)
  }
}
