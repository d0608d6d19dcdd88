import Istio
import Testing

@Suite("Semantics 2.9: actions, conditions and attachments of an AuthorizationPolicy are checked")
struct PolicyActionTests {
  static func when(_ condition: String) -> String { "  rules:\n  - when:\n    - \(condition)" }

  static let conditions: [SpecCase] = [
    SpecCase("no key", when("values: [a]"), "8:7 error missing-field"),
    SpecCase("empty key", when("key: ''\n      values: [a]"), "8:12 error empty-value"),
    SpecCase("a key that is a number", when("key: 1\n      values: [a]"), "8:12 error wrong-type"),
    SpecCase("neither values nor notValues", when("key: source.ip"), "8:7 error missing-field"),
    SpecCase(
      "only empty lists", when("key: source.ip\n      values: []"), "8:7 error missing-field",
      "9:15 warning empty-list"),
    SpecCase(
      "an empty list beside another", when("key: source.ip\n      values: []\n      notValues: [1.1.1.1]"),
      "9:15 warning empty-list"),
    SpecCase(
      "a server name with a capital letter", when("key: connection.sni\n      values: [a.test, A.test]"),
      "9:24 warning never-matches"),
    SpecCase(
      "a server name's end with a capital letter", when("key: connection.sni\n      notValues: ['*.Test']"),
      "9:19 warning never-matches"),
    SpecCase("a server name in lower case", when("key: connection.sni\n      values: ['*.a-1.test', x*]")),
    SpecCase("empty value", when("key: connection.sni\n      values: [a, '']"), "9:19 error empty-value"),
    SpecCase("empty not-value", when("key: connection.sni\n      notValues: ['']"), "9:19 error empty-value"),
    SpecCase(
      "an unknown field", when("key: connection.sni\n      value: [a]"), "8:7 error missing-field",
      "9:7 error unknown-field"),
    SpecCase(
      "an unknown key", when("key: source.user\n      values: [a]"), "8:12 error unknown-condition-key"),
    SpecCase(
      "a key that is misspelt", when("key: source.principals\n      values: [a]"),
      "8:12 error unknown-condition-key"),
    SpecCase(
      "a key in another case", when("key: Source.IP\n      values: [a]"), "8:12 error unknown-condition-key"),
    SpecCase(
      "a header without name", when("key: request.headers[]\n      values: [a]"),
      "8:12 error invalid-condition-key"),
    SpecCase(
      "a header without brackets", when("key: request.headers\n      values: [a]"),
      "8:12 error invalid-condition-key"),
    SpecCase(
      "a header after a dot", when("key: request.headers.a\n      values: [a]"),
      "8:12 error unknown-condition-key"),
    SpecCase(
      "a header with a blank", when("key: 'request.headers[a b]'\n      values: [a]"),
      "8:12 error invalid-condition-key"),
    SpecCase(
      "a nested header", when("key: 'request.headers[a][b]'\n      values: [a]"),
      "8:12 error invalid-condition-key"),
    SpecCase(
      "text after a header", when("key: 'request.headers[a]b'\n      values: [a]"),
      "8:12 error invalid-condition-key"),
    SpecCase(
      "text before a bracket", when("key: 'request.headersx[a]'\n      values: [a]"),
      "8:12 error invalid-condition-key"),
    SpecCase(
      "an inline header", when("key: 'request.experimental.inline.headers[a]'\n      values: [a]"),
      "8:12 error unsupported-condition-key"),
    SpecCase(
      "a claim without name", when("key: 'request.auth.claims[]'\n      values: [a]"),
      "8:12 error invalid-condition-key"),
    SpecCase(
      "a claim without brackets", when("key: request.auth.claims\n      values: [a]"),
      "8:12 error invalid-condition-key"),
    SpecCase(
      "a claim as a list", when("key: 'request.auth.claims[a][]'\n      values: [a]"),
      "8:12 error invalid-condition-key"),
    SpecCase(
      "text before a claim", when("key: 'request.auth.claims.x[a]'\n      values: [a]"),
      "8:12 error invalid-condition-key"),
    SpecCase(
      "filter metadata without key", when("key: experimental.envoy.filters.a.b.x\n      values: [a]"),
      "8:12 error invalid-condition-key"),
    SpecCase(
      "filter metadata without namespace", when("key: 'experimental.envoy.filters.[x]'\n      values: [a]"),
      "8:12 error invalid-condition-key"),
    SpecCase(
      "destination labels", when("key: 'destination.labels[app]'\n      values: [a]"),
      "8:12 error unsupported-condition-key"),
    SpecCase(
      "destination namespace", when("key: destination.namespace\n      values: [a]"),
      "8:12 error unsupported-condition-key"),
    SpecCase(
      "destination name", when("key: destination.name\n      values: [a]"),
      "8:12 error unsupported-condition-key"),
    SpecCase(
      "destination user", when("key: destination.user\n      values: [a]"),
      "8:12 error unsupported-condition-key"),
    SpecCase("bad source IP", when("key: source.ip\n      values: [a.b.c.d]"), "9:16 error invalid-address"),
    SpecCase(
      "bad remote IP", when("key: remote.ip\n      notValues: [10.0.0.0/x]"), "9:19 error invalid-address"),
    SpecCase(
      "bad destination IP", when("key: destination.ip\n      values: [1.2.3]"), "9:16 error invalid-address"),
    SpecCase(
      "bad destination port", when("key: destination.port\n      values: ['80', x]"),
      "9:22 error invalid-port"),
    SpecCase(
      "a bare destination port", when("key: destination.port\n      values: [80]"), "9:16 error wrong-type"),
    SpecCase(
      "a bad service account", when("key: source.serviceAccount\n      values: [a/b/c]"),
      "9:16 error invalid-service-account"),
    SpecCase(
      "a bad trust domain", when("key: source.trustDomain\n      notValues: ['a*b']"),
      "9:19 error invalid-trust-domain"),
    SpecCase(
      "values that are no list", when("key: source.ip\n      values: 1.1.1.1"), "9:15 error wrong-type"),
    SpecCase(
      "a claim with an inner asterisk", when("key: 'request.auth.claims[a]'\n      values: ['a*b']"),
      "9:16 warning literal-asterisk"),
  ]

  static let actions: [SpecCase] = [
    SpecCase(
      "custom", "  action: CUSTOM\n  provider: {name: x}\n  rules:\n  - to: [{operation: {paths: [/a]}}]",
      "6:11 warning custom-action"),
    SpecCase(
      "custom without rules", "  action: CUSTOM\n  provider: {name: x}", "6:11 warning custom-action",
      "6:11 error missing-rules"),
    SpecCase("custom without provider", "  action: CUSTOM\n  rules: [{}]", "6:11 error missing-provider"),
    SpecCase(
      "custom with an empty provider", "  action: CUSTOM\n  provider: {}\n  rules: [{}]",
      "7:3 error missing-provider"),
    SpecCase(
      "custom with an empty name", "  action: CUSTOM\n  provider: {name: ''}\n  rules: [{}]",
      "7:3 error missing-provider"),
    SpecCase(
      "provider with another action", "  action: DENY\n  provider: {name: x}\n  rules: [{}]",
      "7:3 error unexpected-provider"),
    SpecCase("provider without action", "  provider: {name: x}", "6:3 error unexpected-provider"),
    SpecCase(
      "deny by HTTP attributes", "  action: DENY\n  rules:\n  - to: [{operation: {methods: [GET]}}]",
      "8:5 warning deny-only-http"),
    SpecCase(
      "deny by token", "  action: DENY\n  rules:\n  - from: [{source: {notRequestPrincipals: ['*']}}]",
      "8:5 warning deny-only-http"),
    SpecCase(
      "deny by token and address",
      "  action: DENY\n  rules:\n  - from: [{source: {notRequestPrincipals: ['*'], ipBlocks: [1.1.1.1]}}]"),
    SpecCase(
      "deny by port", "  action: DENY\n  rules:\n  - to: [{operation: {methods: [GET], ports: ['80']}}]"),
    SpecCase(
      "deny by source and path",
      "  action: DENY\n  rules:\n  - from: [{source: {ipBlocks: [1.1.1.1]}}]\n"
        + "    to: [{operation: {paths: [/a]}}]",
      "8:5 warning deny-only-http"),
    SpecCase("allow by HTTP attributes", "  rules:\n  - to: [{operation: {methods: [GET]}}]"),
  ]

  @Test(arguments: [
    "principals: [a]", "notPrincipals: [a]", "requestPrincipals: [a]", "notRequestPrincipals: [a]",
    "namespaces: [a]",
    "notNamespaces: [a]", "serviceAccounts: [a]", "notServiceAccounts: [a]", "trustDomains: [a]",
    "notTrustDomains: [a]",
  ])
  func `CUSTOM does not take identity`(field: String) {
    let spec = "  action: CUSTOM\n  provider: {name: x}\n  rules:\n  - from:\n    - source:\n        \(field)"
    check(
      SpecCase(field, spec, "6:11 warning custom-action", "11:9 error unsupported-with-custom"),
      kind: "AuthorizationPolicy")
  }

  @Test(arguments: [
    "source.namespace", "source.principal", "source.serviceAccount", "source.trustDomain",
    "request.auth.principal",
    "request.auth.audiences", "request.auth.presenter", "request.auth.claims[a]",
  ])
  func `CUSTOM does not take conditions on identity`(key: String) {
    let spec =
      "  action: CUSTOM\n  provider: {name: x}\n  rules:\n  - when:\n    - {key: '\(key)', values: [a]}"
    check(
      SpecCase(key, spec, "6:11 warning custom-action", "10:13 error unsupported-with-custom"),
      kind: "AuthorizationPolicy")
  }

  static let attachments: [SpecCase] = [
    SpecCase("an empty selector", "  selector: {}", "6:13 warning empty-selector"),
    SpecCase("a selector with empty labels", "  selector: {matchLabels: {}}", "6:13 warning empty-selector"),
    SpecCase("null selector", "  selector:", "6:3 error null-value"),
    SpecCase(
      "a selector with expressions", "  selector: {matchExpressions: []}", "6:13 warning empty-selector",
      "6:14 error unknown-field"),
    SpecCase("a selector that is text", "  selector: app", "6:13 error wrong-type"),
    SpecCase("a wildcard in a key", "  selector: {matchLabels: {'a*': b}}", "6:28 error invalid-selector"),
    SpecCase("a wildcard in a value", "  selector: {matchLabels: {a: 'b*'}}", "6:31 error invalid-selector"),
    SpecCase("a key that no label has", "  selector: {matchLabels: {é: b}}", "6:28 error invalid-selector"),
    SpecCase("an empty key", "  selector: {matchLabels: {'': b}}", "6:28 error invalid-selector"),
    SpecCase("a value that is a number", "  selector: {matchLabels: {a: 1}}", "6:31 error wrong-type"),
    SpecCase("a value that is a boolean", "  selector: {matchLabels: {a: true}}", "6:31 error wrong-type"),
    SpecCase("labels as a list", "  selector: {matchLabels: [a]}", "6:27 error wrong-type"),
    SpecCase(
      "a long value", "  selector: {matchLabels: {a: \(String(repeating: "b", count: 64))}}",
      "6:31 error too-long"),
    SpecCase("target", "  targetRef: {kind: Service, name: a}"),
    SpecCase(
      "targets",
      """
        targetRefs:
        - {kind: Gateway, group: gateway.networking.k8s.io, name: a}
        - {kind: ServiceEntry, group: networking.istio.io, name: b}
        - {kind: GatewayClass, group: gateway.networking.k8s.io, name: c}
        - {kind: Service, group: '', name: d, namespace: ''}
        - {kind: Service, group: core, name: d}
      """
    ),
    SpecCase(
      "selector and target", "  selector: {matchLabels: {a: b}}\n  targetRef: {kind: Service, name: a}",
      "7:3 error several-attachments"),
    SpecCase(
      "target and targets", "  targetRefs: [{kind: Service, name: a}]\n  targetRef: {kind: Service, name: a}",
      "7:3 error several-attachments"),
    SpecCase("a target without name", "  targetRef: {kind: Service}", "6:14 error missing-field"),
    SpecCase("a target without kind", "  targetRef: {name: a}", "6:14 error missing-field"),
    SpecCase(
      "a target with an empty name", "  targetRef: {kind: Service, name: ''}", "6:36 error empty-value"),
    SpecCase(
      "a target elsewhere", "  targetRef: {kind: Service, name: a, namespace: b}",
      "6:39 error invalid-target-ref"),
    SpecCase(
      "a target of another kind", "  targetRef: {kind: Deployment, group: apps, name: a}",
      "6:21 error invalid-target-ref"),
    SpecCase(
      "a target of another group", "  targetRef: {kind: Gateway, group: networking.istio.io, name: a}",
      "6:21 error invalid-target-ref"),
    SpecCase("null target", "  targetRefs: [~]", "6:16 error null-value"),
    SpecCase("no targets", "  targetRefs: []", "6:15 warning empty-list"),
    SpecCase(
      "an unknown field", "  targetRef: {kind: Service, name: a, port: 1}", "6:39 error unknown-field"),
    SpecCase(
      "17 targets", "  targetRefs:\n" + String(repeating: "  - {kind: Service, name: a}\n", count: 17),
      "23:5 error too-many"),
  ]

  @Test(arguments: conditions) func `Conditions`(row: SpecCase) { check(row, kind: "AuthorizationPolicy") }
  @Test(arguments: actions) func `Actions`(row: SpecCase) { check(row, kind: "AuthorizationPolicy") }
  @Test(arguments: attachments) func `Attachments`(row: SpecCase) {
    check(row, kind: "AuthorizationPolicy")
    check(row, kind: "RequestAuthentication")
  }

  @Test(arguments: [
    ("true", "ALLOW", true), ("1", "ALLOW", true), ("t", "DENY", true), ("T", "DENY", true),
    ("TRUE", "DENY", true),
    ("True", "DENY", true), ("0", "ALLOW", false), ("f", "ALLOW", false), ("F", "DENY", false),
    ("FALSE", "ALLOW", false), ("false", "ALLOW", false), ("False", "ALLOW", false),
  ])
  func `Dry-run is read as Go reads booleans`(value: String, action: String, expected: Bool) throws {
    let loaded = ResourceLoader().load(file: "p.yaml", text: Self.dryRun("'\(value)'", action))
    #expect(loaded.findings.isEmpty)
    #expect(try #require(loaded.resources.authorizationPolicies.first).isDryRun == expected)
  }

  @Test(arguments: [
    ("'yes'", "ALLOW", ["6:23 error invalid-dry-run"]), ("''", "ALLOW", ["6:23 error invalid-dry-run"]),
    ("'tRUE'", "DENY", ["6:23 error invalid-dry-run"]), ("true", "DENY", ["6:23 error wrong-type"]),
    ("'true'", "AUDIT", ["6:23 error invalid-dry-run"]),
    ("'false'", "CUSTOM", ["6:23 error invalid-dry-run", "8:11 warning custom-action"]),
  ])
  func `Dry-run that is refused`(value: String, action: String, findings: [String]) {
    let loaded = ResourceLoader().load(file: "p.yaml", text: Self.dryRun(value, action))
    #expect(loaded.findings == findings)
  }

  private static func dryRun(_ value: String, _ action: String) -> String {
    let provider = action == "CUSTOM" ? "\n  provider: {name: x}" : ""
    return """
      apiVersion: security.istio.io/v1
      kind: AuthorizationPolicy
      metadata:
        name: p
        annotations:
          istio.io/dry-run: \(value)
      spec:
        action: \(action)
        rules: [{}]\(provider)
      """
  }
}

@Suite("Semantics 2.5: condition keys are parsed")
struct ConditionKeyTests {
  @Test(arguments: [
    ("request.auth.claims[a]", ConditionKey.requestClaim(["a"])),
    ("request.auth.claims[a][b]", .requestClaim(["a", "b"])),
    ("request.auth.claims[a.b][https://c/d:e]", .requestClaim(["a.b", "https://c/d:e"])),
    ("request.auth.claims[a[b]]", .requestClaim(["a[b]"])),
    ("request.auth.claims[a]b]", .requestClaim(["a]b"])),
    ("request.auth.claims[a]x[b]", .requestClaim(["a]x[b"])),
    ("request.auth.claims[a][b[c]", .requestClaim(["a][b[c"])),
    ("request.auth.claims[[a]]", .requestClaim(["[a]"])),
    ("request.headers[:path]", .requestHeader(":path")),
    ("request.headers[User-Agent]", .requestHeader("User-Agent")),
    ("experimental.envoy.filters.a.b[c]", .filterMetadata(namespace: "envoy.filters.a.b", path: ["c"])),
    (
      "experimental.envoy.filters.a[c.d][https://e/f:g][h]",
      .filterMetadata(namespace: "envoy.filters.a", path: ["c.d", "https://e/f:g", "h"])
    ),
    ("source.ip", .sourceIP), ("source.serviceAccount", .sourceServiceAccount),
    ("connection.sni", .connectionSNI),
  ])
  func `To what they name`(text: String, key: ConditionKey) throws {
    #expect(try ConditionKey.parse(text) == key)
  }

  @Test(arguments: [
    "", "[", "[]", "[a", "a]", "[a]b", "[a][", "[a][]", "[][a]", "[a[b]]", "[a]]", "[a]x[b]", "[[a]]",
    "[a] [b]",
  ])
  func `Metadata keys with odd brackets are refused`(brackets: String) {
    for filter in ["experimental.envoy.filters.a", "experimental.envoy.filters.a.b"] {
      #expect(throws: ConditionKeyError.self) { try ConditionKey.parse(filter + brackets) }
    }
  }

  @Test func `A refused metadata key has its place, and what is right in its message`() {
    let loaded = ResourceLoader().load(
      file: "p.yaml",
      text: """
        apiVersion: security.istio.io/v1
        kind: AuthorizationPolicy
        metadata: {name: p}
        spec:
          rules:
            - when: [{key: "experimental.envoy.filters.a[b][c", values: [x]}]
        """)
    #expect(
      loaded.diagnostics.map { "\($0.code) \($0.position.line):\($0.position.column)" }
        == ["invalid-condition-key 6:20"])
    #expect(loaded.diagnostics.first?.message.contains("[key][nested]") == true)
  }

  @Test func `The brackets of a list element are taken literally with a nested key, which is warned about`() {
    func findings(_ key: String, _ value: String) -> [String] {
      let loaded = ResourceLoader().load(
        file: "p.yaml",
        text: """
          apiVersion: security.istio.io/v1
          kind: AuthorizationPolicy
          metadata: {name: p}
          spec:
            rules:
              - when: [{key: "experimental.envoy.filters.a\(key)", values: ["\(value)"]}]
          """)
      return loaded.diagnostics.map(\.code)
    }
    #expect(findings("[b][c]", "[x]") == ["never-matches"])
    #expect(findings("[b][c]", "x") == [])
    #expect(findings("[b]", "[x]") == [])
  }

  @Test(arguments: [
    ("source.principals", "source.principal"), ("source.ips", "source.ip"),
    ("request.header[x]", "request.headers[name]"),
    ("request.auth.claim[x]", "request.auth.claims[name]"), ("SOURCE.IP", "source.ip"),
  ])
  func `An unknown one names what was probably meant`(text: String, meant: String) {
    #expect(throws: ConditionKeyError.unknown(text, meant: meant)) { try ConditionKey.parse(text) }
  }

  @Test func `One that is near to none says so`() {
    #expect(throws: ConditionKeyError.unknown("x", meant: nil)) { try ConditionKey.parse("x") }
  }
}
