import Istio
import Testing

@Suite("Semantics 2.9: rules of an AuthorizationPolicy are checked")
struct PolicyRuleTests {
  static let good: [SpecCase] = [
    SpecCase("empty spec", "  {}"),
    SpecCase("allow without rules", "  action: ALLOW"),
    SpecCase("null rules are absent rules", "  rules:"),
    SpecCase("allow with an empty list of rules", "  rules: []"),
    SpecCase("a rule for everything", "  rules:\n  - {}"),
    SpecCase("deny everything", "  action: DENY\n  rules:\n  - {}"),
    SpecCase("audit", "  action: AUDIT\n  rules:\n  - {}"),
    SpecCase("an empty list of conditions", "  rules:\n  - when: []"),
    SpecCase("selector", "  selector:\n    matchLabels: {app: web, empty: ''}\n  rules: [{}]"),
    SpecCase(
      "every source field",
      """
        rules:
        - from:
          - source:
              principals: [a/ns/b/sa/c, "*", "x*", "*x"]
              notPrincipals: [d]
              requestPrincipals: [iss/sub, "*", "https://a.b/*", "*/sub"]
              notRequestPrincipals: ["*"]
              namespaces: ["a-*-b"]
              notNamespaces: [c]
              ipBlocks: [10.0.0.1, 10.0.0.0/8, "::1", "2001:db8::/32", 0.0.0.0/0]
              notIpBlocks: ["::ffff:1.2.3.4"]
              remoteIpBlocks: [1.2.3.4]
              notRemoteIpBlocks: [1.2.3.4/32]
              trustDomains: [td, "*", "a*", "*a"]
              notTrustDomains: [x]
          - source:
              serviceAccounts: [sa, ns/sa]
              notServiceAccounts: [other]
              trustDomains: [td]
              requestPrincipals: ["*"]
      """),
    SpecCase(
      "every operation field",
      """
        rules:
        - to:
          - operation:
              hosts: [a.b, "*.b", "a.*", "*", "a.b:8080"]
              notHosts: [c]
              ports: ["0", "65535", "080"]
              notPorts: ['1']
              methods: [GET, "*"]
              notMethods: [PUT]
              paths: [/a, /a*, "*/a", "*", "/a/{*}/b/{**}", "{**}"]
              notPaths: [/b]
      """),
    SpecCase(
      "every condition key",
      """
        rules:
        - when:
          - {key: source.ip, values: [10.0.0.0/8]}
          - {key: remote.ip, notValues: ["::1"]}
          - {key: source.namespace, values: [a*b]}
          - {key: source.principal, values: [a]}
          - {key: source.serviceAccount, values: [a/b, c]}
          - {key: source.trustDomain, values: [td]}
          - {key: request.auth.principal, values: [a/b]}
          - {key: request.auth.audiences, values: [a]}
          - {key: request.auth.presenter, values: [a]}
          - {key: "request.auth.claims[a]", values: [b]}
          - {key: "request.auth.claims[a][b.c][https://d/e]", notValues: [b]}
          - {key: "request.headers[:authority]", values: [b], notValues: [c]}
          - {key: "request.headers[X-Y]", values: [b]}
          - {key: destination.ip, values: [1.2.3.4]}
          - {key: destination.port, values: ["80"]}
          - {key: connection.sni, values: ["*.b"]}
          - {key: "experimental.envoy.filters.a.b[c]", values: ["[x]"]}
      """),
  ]

  static let rules: [SpecCase] = [
    SpecCase("deny without rules", "  action: DENY", "6:11 error missing-rules"),
    SpecCase("deny with null rules", "  rules:\n  action: DENY", "7:11 error missing-rules"),
    SpecCase("deny with an empty list", "  action: DENY\n  rules: []", "7:10 warning empty-list"),
    SpecCase("null rule", "  rules:\n  -", "7:4 error null-value"),
    SpecCase("null rule among others", "  rules:\n  - {}\n  - ~", "8:5 error null-value"),
    SpecCase("a rule that is text", "  rules: [x]", "6:11 error wrong-type"),
    SpecCase("rules as a mapping", "  rules: {}", "6:10 error wrong-type"),
    SpecCase("empty from", "  rules:\n  - from: []", "7:11 error empty-list"),
    SpecCase(
      "null from", "  rules:\n  - from:\n    to: [{operation: {ports: ['1']}}]", "7:5 error null-value"),
    SpecCase("null from entry", "  rules:\n  - from: [~]", "7:12 error null-value"),
    SpecCase("from without source", "  rules:\n  - from:\n    - {}", "8:7 error missing-field"),
    SpecCase(
      "null source", "  rules:\n  - from:\n    - source:", "8:7 error null-value", "8:7 error missing-field"),
    SpecCase("empty source", "  rules:\n  - from:\n    - source: {}", "8:7 error empty-source"),
    SpecCase(
      "a source of empty lists", "  rules:\n  - from:\n    - source: {principals: []}",
      "8:7 error empty-source"),
    SpecCase(
      "an empty list beside others", "  rules:\n  - from:\n    - source: {principals: [], namespaces: [a]}",
      "8:28 warning empty-list"),
    SpecCase("empty to", "  rules:\n  - to: []", "7:9 error empty-list"),
    SpecCase("null to entry", "  rules:\n  - to:\n    -", "8:6 error null-value"),
    SpecCase("to without operation", "  rules:\n  - to: [{}]", "7:10 error missing-field"),
    SpecCase("empty operation", "  rules:\n  - to:\n    - operation: {}", "8:7 error empty-operation"),
    SpecCase(
      "fields beside source", "  rules:\n  - from:\n    - source: {ipBlocks: [1.1.1.1]}\n      operation: {}",
      "9:7 error unknown-field"),
    SpecCase(
      "from as a mapping", "  rules:\n  - from: {source: {namespaces: [a]}}", "7:11 error wrong-type"),
    SpecCase("null condition", "  rules:\n  - when: [~]", "7:12 error null-value"),
    SpecCase("a field that is unknown", "  rules:\n  - form: []", "7:5 error unknown-field"),
    SpecCase("spec as a list", "  []", "6:3 error wrong-type"),
    SpecCase("an unknown spec field", "  rule: [{}]", "6:3 error unknown-field"),
    SpecCase("an unknown action", "  action: deny\n  rules: [{}]", "6:11 error unknown-value"),
    SpecCase("an action that is a number", "  action: 1\n  rules: [{}]", "6:11 error wrong-type"),
    SpecCase("an empty action", "  action: ''\n  rules: [{}]", "6:11 error empty-value"),
    SpecCase("null action", "  action:\n  rules: [{}]", "6:3 error null-value"),
  ]

  static func source(_ field: String) -> String { "  rules:\n  - from:\n    - source:\n        \(field)" }
  static func operation(_ field: String) -> String { "  rules:\n  - to:\n    - operation:\n        \(field)" }

  static let sources: [SpecCase] = [
    SpecCase(
      "an unknown source field", source("principal: [a]"), "9:9 error unknown-field", "8:7 error empty-source"
    )
    .sorted,
    SpecCase(
      "an unknown source field beside others", source("ipblocks: [1.1.1.1]\n        namespaces: [a]"),
      "9:9 error unknown-field"),
    SpecCase("empty principal", source("principals: [a, '']"), "9:25 error empty-value"),
    SpecCase("empty not-principal", source("notPrincipals: ['']"), "9:25 error empty-value"),
    SpecCase("empty request principal", source("requestPrincipals: ['']"), "9:29 error empty-value"),
    SpecCase("empty namespace", source("notNamespaces: ['']"), "9:25 error empty-value"),
    SpecCase("empty IP block", source("ipBlocks: ['']"), "9:20 error empty-value"),
    SpecCase("null principal", source("principals: [~]"), "9:22 error null-value"),
    SpecCase("a principal that is a number", source("principals: [1]"), "9:22 error wrong-type"),
    SpecCase("a principal that is no list", source("principals: a"), "9:21 error wrong-type"),
    SpecCase("null principals", source("principals:\n        namespaces: [a]"), "9:9 error null-value"),
    SpecCase("bad IP", source("ipBlocks: [10.0.0.1, a.b.c.d]"), "9:30 error invalid-address"),
    SpecCase("bad IP in not", source("notIpBlocks: [10.0.0.256]"), "9:23 error invalid-address"),
    SpecCase("bad prefix length", source("remoteIpBlocks: [10.0.0.0/33]"), "9:26 error invalid-address"),
    SpecCase(
      "an address with a port", source("notRemoteIpBlocks: ['1.2.3.4:80']"), "9:29 error invalid-address"),
    SpecCase("an address with leading zeros", source("ipBlocks: [10.0.0.01]"), "9:20 error invalid-address"),
    SpecCase("a wildcard in an address", source("ipBlocks: ['10.*']"), "9:20 error invalid-address"),
    SpecCase("a zone in an address", source("ipBlocks: ['fe80::1%eth0']"), "9:20 error invalid-address"),
    SpecCase(
      "service accounts with namespaces", source("serviceAccounts: [a]\n        namespaces: [b]"),
      "9:9 error service-accounts-not-alone"),
    SpecCase(
      "not-service-accounts with not-principals",
      source("notPrincipals: [b]\n        notServiceAccounts: [a]"),
      "10:9 error service-accounts-not-alone"),
    SpecCase(
      "a service account with a wildcard", source("serviceAccounts: ['a*']"),
      "9:27 error invalid-service-account"),
    SpecCase("too many slashes", source("serviceAccounts: [a/b/c]"), "9:27 error invalid-service-account"),
    SpecCase(
      "no namespace before the slash", source("serviceAccounts: [/a]"), "9:27 error invalid-service-account"),
    SpecCase(
      "no name after the slash", source("notServiceAccounts: [a/]"), "9:30 error invalid-service-account"),
    SpecCase("empty service account", source("serviceAccounts: ['']"), "9:27 error empty-value"),
    SpecCase(
      "a service account of 321 characters",
      source("serviceAccounts: [\(String(repeating: "a", count: 321))]"),
      "9:27 error invalid-service-account"),
    SpecCase(
      "a service account of 320 characters",
      source("serviceAccounts: [\(String(repeating: "a", count: 320))]")),
    SpecCase(
      "17 service accounts",
      source("serviceAccounts: [\((10..<27).map { "a\($0)" }.joined(separator: ","))]"), "9:91 error too-many"
    ),
    SpecCase(
      "two wildcards in a trust domain", source("trustDomains: ['*a*']"), "9:24 error invalid-trust-domain"),
    SpecCase(
      "an inner trust domain wildcard", source("trustDomains: [a*b]"), "9:24 error invalid-trust-domain"),
    SpecCase(
      "a slash in a trust domain", source("notTrustDomains: [a/b]"), "9:27 error invalid-trust-domain"),
    SpecCase("empty trust domain", source("trustDomains: ['']"), "9:24 error empty-value"),
    SpecCase(
      "a principal with its scheme", source("principals: ['spiffe://a/b']"), "9:22 warning never-matches"),
    SpecCase(
      "a principal with an inner asterisk", source("principals: ['a*b']"), "9:22 warning literal-asterisk"),
    SpecCase(
      "a principal with two asterisks", source("principals: ['*a*']"), "9:22 warning literal-asterisk"),
    SpecCase(
      "a request principal split in its scheme", source("requestPrincipals: ['https://a.b*']"),
      "9:29 warning never-matches"),
    SpecCase(
      "a request principal for any issuer", source("requestPrincipals: ['*/*']"),
      "9:29 warning literal-asterisk"),
  ]

  static let operations: [SpecCase] = [
    SpecCase(
      "an unknown operation field", operation("path: [/a]\n        methods: [GET]"), "9:9 error unknown-field"
    ),
    SpecCase("a bare port", operation("ports: [80]"), "9:17 error wrong-type"),
    SpecCase("a boolean method", operation("methods: [true]"), "9:19 error wrong-type"),
    SpecCase("a port beyond the range", operation("ports: ['65536']"), "9:17 error invalid-port"),
    SpecCase("a port that is text", operation("notPorts: [http]"), "9:20 error invalid-port"),
    SpecCase("a signed port", operation("ports: ['+80']"), "9:17 error invalid-port"),
    SpecCase("a range of ports", operation("ports: ['80-90']"), "9:17 error invalid-port"),
    SpecCase("a huge port", operation("ports: ['99999999999999999999']"), "9:17 error invalid-port"),
    SpecCase("empty port", operation("ports: ['']"), "9:17 error empty-value"),
    SpecCase("empty method", operation("methods: ['']"), "9:19 error empty-value"),
    SpecCase("empty path", operation("paths: ['']"), "9:17 error empty-value"),
    SpecCase("empty host", operation("hosts: ['']"), "9:17 error empty-value"),
    SpecCase("empty not-method", operation("notMethods: ['']"), "9:22 error empty-value"),
    SpecCase("empty not-path", operation("notPaths: ['']"), "9:20 error empty-value"),
    SpecCase("empty not-host", operation("notHosts: ['']"), "9:20 error empty-value"),
    SpecCase("a path with a query", operation("paths: ['/a?b=c']"), "9:17 warning never-matches"),
    SpecCase("a path with a fragment", operation("paths: ['/a#b']"), "9:17 warning never-matches"),
    SpecCase(
      "a path with an inner asterisk", operation("paths: ['/a/*/b']"), "9:17 warning literal-asterisk"),
    SpecCase("a host with two asterisks", operation("hosts: ['*.a.*']"), "9:17 warning literal-asterisk"),
  ]

  @Test(arguments: good) func `What Istio takes`(row: SpecCase) { check(row, kind: "AuthorizationPolicy") }
  @Test(arguments: rules) func `Rules`(row: SpecCase) { check(row, kind: "AuthorizationPolicy") }
  @Test(arguments: sources) func `Sources`(row: SpecCase) { check(row, kind: "AuthorizationPolicy") }
  @Test(arguments: operations) func `Operations`(row: SpecCase) { check(row, kind: "AuthorizationPolicy") }

  /// The paths of Istio's TestCheckValidPathTemplate, and some of our own.
  @Test(arguments: [
    ("/{*}/foo", true), ("/{*}/foo/", true), ("/foo/{**}/bar", true), ("/foo/bar/{**}", true),
    ("/{*}/{*}/{**}", true), ("/{*}/a=b", true), ("//{*}//", true), ("/{*}/a%20b", true), ("/a b", true),
    ("/foo/{**}buzz/bar", false), ("/{*}/foo/{}/bar", false), ("/foo/{*}/bar/*", false),
    ("/foo/{*}/bar/**/buzz", false), ("/foo/{buzz}/bar", false), ("/{buzz}", false),
    ("/foo/{buzz}/bar/{**}", false), ("/foo/{buzz=*}/bar/{**}", false), ("/{*}/foo/{buzz=**}/bar", false),
    ("/{*}/foo/{**}bar", false), ("/{*}/foo/{*}.txt", false), ("/{*}/foo/{temp", false),
    ("/{*}/foo/temp}/bar", false), ("/{*}/foo/temp}/*", false), ("/{**}/foo/temp/{*}/bar", false),
    ("/{**}/{**}", false), ("/{**}/foo/temp/{**}/bar", false), ("/{*}/foo/?abc", false), ("/{*}//a", false),
    ("/{*}/é", false), ("{", false), ("}", false), ("/{***}", false), ("/a{*}", false), ("/{*}/a b", false),
  ])
  func `Path templates`(path: String, isTaken: Bool) {
    for field in ["paths", "notPaths"] {
      let row = SpecCase("", Self.operation("\(field): ['\(path)']"))
      let loaded = ResourceLoader().load(file: "p.yaml", text: row.text(kind: "AuthorizationPolicy"))
      #expect(loaded.hasErrors == !isTaken, "\(path): \(loaded.diagnostics)")
      if !isTaken { #expect(loaded.findings == ["9:\(field.count + 12) error invalid-path-template"]) }
    }
  }

  @Test func `More rules, sources and targets than Istio takes are refused at the first too many`() {
    let rules = "  rules:\n" + String(repeating: "  - {}\n", count: 513)
    check(SpecCase("rules", rules, "519:5 error too-many"), kind: "AuthorizationPolicy")
    check(
      SpecCase("rules that fit", "  rules:\n" + String(repeating: "  - {}\n", count: 512)),
      kind: "AuthorizationPolicy")
    let sources = "  rules:\n  - from:\n" + String(repeating: "    - source: {namespaces: [a]}\n", count: 513)
    check(SpecCase("sources", sources, "520:7 error too-many"), kind: "AuthorizationPolicy")
    var settings = LoaderSettings()
    settings.limits.rules = 1
    check(SpecCase("set", "  rules: [{}, {}]", "6:15 error too-many"), kind: "AuthorizationPolicy", settings)
  }
}

extension SpecCase {
  /// The same with its findings in the order of the text.
  var sorted: SpecCase {
    var copy = self
    copy.findings.sort { left, right in
      func place(_ finding: String) -> [Int] {
        finding.prefix { $0 != " " }.split(separator: ":").compactMap { Int($0) }
      }
      return place(left).lexicographicallyPrecedes(place(right))
    }
    return copy
  }
}
