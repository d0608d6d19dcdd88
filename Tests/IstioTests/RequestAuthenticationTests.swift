import Istio
import Testing

@Suite("Semantics 1.3: rules of a RequestAuthentication are checked")
struct RequestAuthenticationTests {
  static func rule(_ fields: String) -> String {
    "  jwtRules:\n  - issuer: i\n    jwks: '{\"keys\":[]}'\n    \(fields)"
  }
  static func bare(_ fields: String) -> String { "  jwtRules:\n  - \(fields)" }

  static let cases: [SpecCase] = [
    SpecCase("empty spec", "  {}"),
    SpecCase("no rules", "  jwtRules: []"),
    SpecCase("issuer alone", bare("issuer: i")),
    SpecCase("URI alone", bare("jwksUri: https://a.b/c")),
    SpecCase("the other spelling of the URI", bare("jwks_uri: http://a.b:8080/c?d=e")),
    SpecCase("URI with an upper-case scheme", bare("jwksUri: HTTPS://a.b")),
    SpecCase("URI with an IPv6 host", bare("jwksUri: 'https://[::1]:8443/x'")),
    SpecCase("null rules", "  jwtRules:", "6:3 error null-value"),
    SpecCase("null rule", "  jwtRules:\n  -", "7:4 error null-value"),
    SpecCase("rules as a mapping", "  jwtRules: {issuer: i}", "6:13 error wrong-type"),
    SpecCase("an unknown spec field", "  jwtrules: []", "6:3 error unknown-field"),
    SpecCase("an unknown rule field", bare("issuer: i\n    audience: [a]"), "8:5 error unknown-field"),
    SpecCase(
      "the proto spelling of a field", bare("issuer: i\n    from_headers: []"), "8:5 error unknown-field"),
    SpecCase("neither issuer nor URI", bare("audiences: [a]"), "7:5 error missing-issuer"),
    SpecCase("an empty issuer", bare("issuer: ''\n    jwksUri: https://a.b"), "7:13 error empty-value"),
    SpecCase("an issuer that is a number", bare("issuer: 1"), "7:13 error wrong-type"),
    SpecCase("an empty audience", bare("issuer: i\n    audiences: [a, '']"), "8:20 error empty-value"),
    SpecCase("no audiences", bare("issuer: i\n    audiences: []"), "8:16 warning empty-list"),
    SpecCase("audiences that are text", bare("issuer: i\n    audiences: a"), "8:16 error wrong-type"),
    SpecCase("URI without scheme", bare("jwksUri: foo.bar.com"), "7:14 error invalid-uri"),
    SpecCase("URI of another scheme", bare("jwksUri: ftp://foo.bar.com"), "7:14 error invalid-uri"),
    SpecCase("URI with a bad port", bare("jwksUri: http://foo.bar.com:abc"), "7:14 error invalid-uri"),
    SpecCase(
      "URI with too high a port", bare("jwksUri: http://foo.bar.com:65536"), "7:14 error invalid-uri"),
    SpecCase("URI with port zero", bare("jwksUri: http://foo.bar.com:0"), "7:14 error invalid-uri"),
    SpecCase("URI without host", bare("jwksUri: https:///keys"), "7:14 error invalid-uri"),
    SpecCase("URI without slashes", bare("jwksUri: 'https:keys'"), "7:14 error invalid-uri"),
    SpecCase("URI with a blank", bare("jwksUri: 'https://a b'"), "7:14 error invalid-uri"),
    SpecCase("URI with an open bracket", bare("jwksUri: 'https://[::1'"), "7:14 error invalid-uri"),
    SpecCase("URI with backslashes", bare("jwksUri: \"hTPp\\\\\\blah\""), "7:14 error invalid-uri"),
    SpecCase("an empty URI", bare("issuer: i\n    jwksUri: ''"), "8:14 error empty-value"),
    SpecCase(
      "a long URI", bare("jwksUri: https://a.b/\(String(repeating: "c", count: 2048))"), "7:14 error too-long"
    ),
    SpecCase(
      "keys twice", bare("issuer: i\n    jwksUri: https://a.b\n    jwks_uri: https://a.b"),
      "9:5 error several-key-sources"),
    SpecCase("empty inline keys", bare("issuer: i\n    jwks: ''"), "8:11 error empty-value"),
    SpecCase("null header", bare("issuer: i\n    fromHeaders: [~]"), "8:19 error null-value"),
    SpecCase(
      "a header without name", bare("issuer: i\n    fromHeaders: [{prefix: a}]"), "8:19 error missing-field"),
    SpecCase(
      "a header with an empty name", bare("issuer: i\n    fromHeaders: [{name: ''}]"),
      "8:26 error empty-value"),
    SpecCase(
      "a header with a bad name", bare("issuer: i\n    fromHeaders: [{name: a b}]"),
      "8:26 error invalid-header-name"),
    SpecCase(
      "a header with an unknown field", bare("issuer: i\n    fromHeaders: [{name: a, value: b}]"),
      "8:29 error unknown-field"),
    SpecCase("a header that is text", bare("issuer: i\n    fromHeaders: [a]"), "8:19 error wrong-type"),
    SpecCase("a header with an empty prefix", bare("issuer: i\n    fromHeaders: [{name: a, prefix: ''}]")),
    SpecCase("an empty parameter", bare("issuer: i\n    fromParams: ['']"), "8:18 error empty-value"),
    SpecCase("an empty cookie", bare("issuer: i\n    fromCookies: ['']"), "8:19 error empty-value"),
    SpecCase("null claim header", bare("issuer: i\n    outputClaimToHeaders: [~]"), "8:28 error null-value"),
    SpecCase(
      "a claim header without claim", bare("issuer: i\n    outputClaimToHeaders: [{header: a}]"),
      "8:28 error missing-field"),
    SpecCase(
      "a claim header without header", bare("issuer: i\n    outputClaimToHeaders: [{claim: a}]"),
      "8:28 error missing-field"),
    SpecCase(
      "an empty claim", bare("issuer: i\n    outputClaimToHeaders: [{header: a, claim: ''}]"),
      "8:47 error empty-value"),
    SpecCase(
      "a claim to a pseudo header",
      bare("issuer: i\n    outputClaimToHeaders: [{header: ':authority', claim: a}]"),
      "8:37 error invalid-header-name"),
    SpecCase(
      "a claim to a header with a dot",
      bare("issuer: i\n    outputClaimToHeaders: [{header: a.b, claim: a}]"), "8:37 error invalid-header-name"
    ),
    SpecCase(
      "the payload to a bad header", bare("issuer: i\n    outputPayloadToHeader: 'a:b'"),
      "8:28 error invalid-header-name"),
    SpecCase(
      "forwarding in quotes", bare("issuer: i\n    forwardOriginalToken: 'true'"), "8:27 error wrong-type"),
    SpecCase(
      "forwarding as a number", bare("issuer: i\n    forwardOriginalToken: 1"), "8:27 error wrong-type"),
    SpecCase(
      "forwarding as `yes`", bare("issuer: i\n    forwardOriginalToken: yes"), "8:27 error wrong-type"),
    SpecCase(
      "an empty space-delimited claim", bare("issuer: i\n    spaceDelimitedClaims: ['']"),
      "8:28 error empty-value"),
    SpecCase(
      "65 space-delimited claims",
      bare("issuer: i\n    spaceDelimitedClaims:\n" + String(repeating: "    - a\n", count: 65)),
      "73:7 error too-many"),
    SpecCase("presence", bare("issuer: i\n    presence: OPTIONAL")),
    SpecCase("an unknown presence", bare("issuer: i\n    presence: MANDATORY"), "8:15 error unknown-value"),
    SpecCase("a timeout that is a number", bare("issuer: i\n    timeout: 5"), "8:14 error wrong-type"),
  ]

  @Test(arguments: cases) func `Each finding at its place`(row: SpecCase) {
    check(row, kind: "RequestAuthentication", LoaderSettings())
  }

  @Test(arguments: [
    ("5s", 5000), ("1.5s", 1500), ("100ms", 100), ("1ms", 1), ("1m", 60_000), ("1h2m3s", 3_723_000),
    ("0.001s", 1),
    (".5s", 500), ("1000us", 1), ("1000000ns", 1), ("1.s", 1000), ("+5s", 5000), ("1500µs1500µs", 3),
    ("2.000000000s", 2000),
  ])
  func `Timeouts`(text: String, milliseconds: Int) throws {
    let row = SpecCase("", Self.bare("issuer: i\n    timeout: \(text)"))
    let loaded = ResourceLoader(LoaderSettings()).load(
      file: "p.yaml", text: row.text(kind: "RequestAuthentication"))
    #expect(
      try #require(loaded.resources.requestAuthentications.first).jwtRules[0].timeoutMilliseconds
        == milliseconds)
  }

  @Test(arguments: [
    "apple", "5x", "s", ".s", "-5s", "'0'", "0s", "999us", "1.5ms", "1s2", "5 s", "9999999999h", "1e3s",
    "٣s",
    "99999999999999999999s", "9223372036854775807ns9223372036854775807ns",
  ])
  func `Timeouts that are refused`(text: String) {
    check(
      SpecCase(text, Self.bare("issuer: i\n    timeout: \(text)"), "8:14 error invalid-duration"),
      kind: "RequestAuthentication", LoaderSettings())
  }

  @Test func `Dry-run is not for a RequestAuthentication`() {
    let text = """
      apiVersion: security.istio.io/v1
      kind: RequestAuthentication
      metadata: {name: p, annotations: {istio.io/dry-run: 'true'}}
      """
    #expect(ResourceLoader().load(file: "p", text: text).findings == ["3:53 error invalid-dry-run"])
  }

  @Test func `Every field arrives`() throws {
    let spec = """
        selector: {matchLabels: {app: web}}
        jwtRules:
        - issuer: https://issuer
          audiences: [a, b]
          jwks_uri: https://a.b/keys
          fromHeaders: [{name: X-Token, prefix: "Bearer "}, {name: Y}]
          fromParams: [t]
          fromCookies: [c]
          outputPayloadToHeader: x-payload
          outputClaimToHeaders: [{header: x-sub, claim: sub.a}]
          forwardOriginalToken: true
          timeout: 2s
          spaceDelimitedClaims: [groups]
          presence: REQUIRED
        - issuer: other
      """
    let text = SpecCase("", spec).text(kind: "RequestAuthentication")
    let loaded = ResourceLoader(LoaderSettings()).load(file: "p.yaml", text: text)
    #expect(loaded.diagnostics.isEmpty)
    let decoded = try #require(loaded.resources.requestAuthentications.first)
    #expect(decoded.metadata.name == "p")
    #expect(decoded.metadata.namespace == "default")
    #expect(decoded.metadata.position == SourcePosition(file: "p.yaml", line: 1, column: 1))
    guard case .selector(let labels, let place) = decoded.attachment else {
      Issue.record("no selector")
      return
    }
    #expect(labels == ["app": "web"])
    #expect(place.description == "p.yaml:6:13")
    let rule = decoded.jwtRules[0]
    #expect(rule.issuer == "https://issuer")
    #expect(rule.audiences == ["a", "b"])
    #expect(rule.fromHeaders == [.init(name: "X-Token", prefix: "Bearer "), .init(name: "Y", prefix: "")])
    #expect(rule.fromParams == ["t"])
    #expect(rule.fromCookies == ["c"])
    #expect(rule.outputPayloadToHeader == "x-payload")
    #expect(rule.outputClaimToHeaders == [.init(header: "x-sub", claim: "sub.a")])
    #expect(rule.forwardOriginalToken)
    #expect(rule.timeoutMilliseconds == 2000)
    #expect(rule.spaceDelimitedClaims == ["groups"])
    #expect(rule.presence == .required)
    #expect(rule.position.description == "p.yaml:8:5")
    guard case .uri(let uri) = rule.keys else {
      Issue.record("no URI")
      return
    }
    #expect(uri == Located("https://a.b/keys", at: SourcePosition(file: "p.yaml", line: 10, column: 15)))
    let second = decoded.jwtRules[1]
    #expect(second.timeoutMilliseconds == 5000)
    #expect(
      !second.forwardOriginalToken && second.presence == .optional && second.outputPayloadToHeader == nil)
    if case .discovery = second.keys {} else { Issue.record("no discovery") }
  }
}
