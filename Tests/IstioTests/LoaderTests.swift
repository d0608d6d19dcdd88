import Istio
import TestSupport
import Testing

@Suite struct `The loader takes objects apart` {
  static func policy(_ name: String, namespace: String? = nil, kind: String = "AuthorizationPolicy") -> String
  {
    let place = namespace.map { "\n  namespace: \($0)" } ?? ""
    return "apiVersion: security.istio.io/v1\nkind: \(kind)\nmetadata:\n  name: \(name)\(place)\nspec: {}\n"
  }

  @Test func `Documents of many kinds load, and others are counted`() {
    let text = """
      # comment
      ---
      apiVersion: v1
      kind: Service
      metadata: {name: s}
      ---
      \(Self.policy("a"))
      ---
      ---
      apiVersion: apps/v1
      kind: Deployment
      spec: {anything: [1, 2]}
      ---
      apiVersion: networking.istio.io/v1
      kind: VirtualService
      ---
      apiVersion: networking.istio.io/v1alpha3
      kind: VirtualService
      ---
      apiVersion: security.istio.io/v1
      kind: PeerAuthentication
      ---
      apiVersion: policy.example.com/v1alpha1
      kind: AuthorizationPolicy
      ---
      \(Self.policy("b", kind: "RequestAuthentication"))
      """
    let loaded = ResourceLoader().load(file: "all.yaml", text: text)
    #expect(loaded.diagnostics.isEmpty)
    #expect(loaded.resources.authorizationPolicies.map(\.metadata.name) == ["a"])
    #expect(loaded.resources.requestAuthentications.map(\.metadata.name) == ["b"])
    #expect(
      loaded.resources.passedOver
        == [
          "Service": 1, "Deployment": 1, "VirtualService": 2, "PeerAuthentication": 1,
          "AuthorizationPolicy": 1,
        ])
  }

  @Test func `Lists and JSON load`() {
    let text = """
      {"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "security.istio.io/v1beta1", "kind": "AuthorizationPolicy", "metadata": {"name": "a"}},
        {"apiVersion": "v1", "kind": "Pod"},
        {"apiVersion": "v1", "kind": "List", "items": [
          {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
           "metadata": {"name": "b", "creationTimestamp": null, "uid": "x"},
           "spec": {"rules": [{"form": 1}]}}]}]}
      """
    let loaded = ResourceLoader().load(file: "a.json", text: text)
    #expect(
      loaded.diagnostics.map(\.description) == [
        "a.json:7:26: error: unknown field `form` in `rules`; did you mean `from`? [unknown-field]"
      ])
    #expect(loaded.resources.authorizationPolicies.map(\.metadata.name) == ["a"])
    #expect(loaded.resources.passedOver == ["Pod": 1])
    let own =
      "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicyList\nitems:\n- "
      + Self.policy("c").split(separator: "\n").joined(separator: "\n  ")
    #expect(ResourceLoader().load(file: "l", text: own).resources.authorizationPolicies.count == 1)
    let broken = "apiVersion: v1\nkind: List\nitems: [~, x]"
    #expect(
      ResourceLoader().load(file: "l", text: broken).findings == [
        "3:9 error null-value", "3:12 error not-a-resource",
      ])
    #expect(
      ResourceLoader().load(file: "l", text: "apiVersion: v1\nkind: List\nitems: {}").findings
        == ["3:8 error wrong-type"])
  }

  static let objects: [(String, [String])] = [
    ("- a", ["1:1 error not-a-resource"]), ("text", ["1:1 error not-a-resource"]),
    ("kind: AuthorizationPolicy", ["1:1 error not-a-resource"]),
    ("apiVersion: security.istio.io/v1", ["1:1 error not-a-resource"]),
    ("apiVersion: security.istio.io/v1\nkind: 1", ["1:1 error not-a-resource"]),
    ("apiVersion: security.istio.io/v1\nkind: AuthorisationPolicy", ["2:7 error unknown-kind"]),
    ("apiVersion: security.istio.io/v1\nkind: authorizationpolicy", ["2:7 error unknown-kind"]),
    ("apiVersion: security.istio.oi/v1\nkind: AuthorizationPolicy", ["1:13 error unknown-api-group"]),
    ("apiVersion: security.istio.io\nkind: AuthorizationPolicy", ["1:13 error unknown-api-group"]),
    ("apiVersion: networking.istio.io/v1\nkind: AuthorizationPolicy", ["1:13 error unknown-api-group"]),
    ("apiVersion: v1\nkind: RequestAuthentication", ["1:13 error unknown-api-group"]),
    ("apiVersion: security.istio.io/v1alpha1\nkind: AuthorizationPolicy", ["1:13 error unsupported-version"]),
    ("apiVersion: security.istio.io/v2\nkind: RequestAuthentication", ["1:13 error unsupported-version"]),
    ("apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy", ["1:1 error missing-name"]),
    ("apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata:", ["1:1 error missing-name"]),
    ("apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {}", ["3:1 error missing-name"]),
    (
      "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {generateName: a-}",
      ["3:1 error missing-name"]
    ),
    (
      "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: 1}",
      ["3:18 error wrong-type"]
    ),
    (
      "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: A_b}",
      ["3:18 error invalid-name"]
    ),
    (
      "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, namespace: a.b}",
      ["3:32 error invalid-name"]
    ),
    (
      "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, namspace: b}",
      ["3:21 error unknown-field"]
    ),
    (
      "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a}\nspecs: {}",
      ["4:1 error unknown-field"]
    ),
    (
      "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, annotations: [b]}",
      ["3:34 error wrong-type"]
    ),
    ("a: 1\na: 2", ["2:1 error yaml-duplicate-key"]), ("a: [", ["1:5 error yaml-syntax"]),
    ("a: &x 1\n<<: *x", ["2:1 error yaml-merge-key"]),
    ("a:\n\tb: 1", ["2:1 error yaml-tab"]), ("a: {{ .Values.a }}", ["1:4 error yaml-template"]),
    (
      "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: \"a-{{ .R }}\"}\n"
        + "spec: {rules: [{to: [{operation: {paths: ['/{{ x }}', /ok]}}]}]}",
      ["3:18 error unrendered-template", "4:43 error unrendered-template"]
    ),
  ]

  @Test(arguments: objects) func `Objects that are not taken`(text: String, findings: [String]) {
    let loaded = ResourceLoader().load(file: "o.yaml", text: text)
    #expect(loaded.findings == findings, "\(loaded.diagnostics)")
    #expect(loaded.count == 0)
  }

  @Test func `Braces in annotations and in other kinds are nobody's template`() {
    let text =
      "apiVersion: v1\nkind: ConfigMap\ndata: {a: \"{{ x }}\"}\n---\napiVersion: security.istio.io/v1\n"
      + "kind: AuthorizationPolicy\nmetadata: {name: a, annotations: {note: \"{{ x }}\"}}\nspec: {}\n"
    let loaded = ResourceLoader().load(file: "o.yaml", text: text)
    #expect(!loaded.hasErrors, "\(loaded.diagnostics)")
    #expect(loaded.count == 1)
  }

  @Test func `An object without spec or with a null one is an empty one`() {
    for spec in ["", "spec:\n", "spec: {}\nstatus: {conditions: []}\n"] {
      let text = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata:\n  name: a\n" + spec
      let loaded = ResourceLoader().load(file: "o.yaml", text: text)
      #expect(loaded.diagnostics.isEmpty)
      #expect(loaded.resources.authorizationPolicies.first?.rules.isEmpty == true)
    }
  }

  @Test func `Two resources of one kind, namespace and name are an error that names the other place`() {
    let files = [
      ResourceText(name: "b.yaml", text: Self.policy("p")),
      ResourceText(name: "a.yaml", text: Self.policy("p", namespace: "default") + "---\n" + Self.policy("q")),
      ResourceText(name: "c.yaml", text: Self.policy("p", kind: "RequestAuthentication")),
      ResourceText(name: "d.yaml", text: Self.policy("p", namespace: "other")),
    ]
    let loaded = ResourceLoader().load(files)
    #expect(
      loaded.diagnostics.map(\.description) == [
        "a.yaml:4:9: error: AuthorizationPolicy `p` of namespace `default` was given before, at b.yaml:4:9; "
          + "remove or rename one [duplicate-resource]"
      ])
    #expect(loaded.count == 4)
  }

  @Test func `Findings are sorted by file, line and column, and a broken file spoils no other`() {
    let files = [
      ResourceText(name: "z.yaml", text: "a: ["),
      ResourceText(name: "a.yaml", text: Self.policy("p") + "x: 1\n---\n" + Self.policy("Q")),
      ResourceText(name: "m.yaml", octets: [0xFF]),
      ResourceText(name: "n.yaml", text: Self.policy("good")),
    ]
    let loaded = ResourceLoader().load(files)
    #expect(
      loaded.diagnostics.map(\.position.description) == [
        "a.yaml:6:1", "a.yaml:11:9", "m.yaml:1:1", "z.yaml:1:5",
      ])
    #expect(loaded.resources.authorizationPolicies.map(\.metadata.name) == ["good"])
    #expect(loaded.hasErrors)
  }

  @Test func `Messages say what would be right`() {
    let cases: [(String, String)] = [
      (
        "  rules:\n  - to: [{operation: {ports: [80]}}]",
        "p.yaml:7:31: error: `ports` takes a string, not the number `80`; "
          + "write it in quotes: `\"80\"` [wrong-type]"
      ),
      (
        "  rules:\n  - when: [{key: source.ips, values: [a]}]",
        "p.yaml:7:18: error: unknown condition key `source.ips`; "
          + "did you mean `source.ip`? [unknown-condition-key]"
      ),
      (
        "  action: Deny",
        "p.yaml:6:11: error: `Deny` is no value of `action`; did you mean `DENY`? [unknown-value]"
      ),
    ]
    for (spec, expected) in cases {
      let text = SpecCase("", spec).text(kind: "AuthorizationPolicy")
      #expect(ResourceLoader().load(file: "p.yaml", text: text).diagnostics.map(\.description) == [expected])
    }
  }

  @Test func `Values keep their places and ports become canonical`() throws {
    let spec = "  rules:\n  - to:\n    - operation:\n        ports: ['080']\n        notPaths: [/a, /b]"
    let text = SpecCase("", spec).text(kind: "AuthorizationPolicy")
    let loaded = ResourceLoader().load(file: "p.yaml", text: text)
    let operation = try #require(loaded.resources.authorizationPolicies.first?.rules.first?.operations.first)
    #expect(operation.ports.values.map(\.value) == ["80"])
    #expect(operation.paths.values.isEmpty)
    #expect(operation.paths.notValues.map(\.value) == ["/a", "/b"])
    #expect(operation.paths.notValues.map(\.position.description) == ["p.yaml:10:20", "p.yaml:10:24"])
  }

  @Test func `Findings are bounded and errors are never lost among warnings`() {
    var settings = LoaderSettings()
    settings.maximumFindings = 3
    let warned = String(repeating: "  - {to: [{operation: {methods: [GET]}}]}\n", count: 9)
    let text = SpecCase("", "  action: DENY\n  rules:\n\(warned)").text(kind: "AuthorizationPolicy")
    let loaded = ResourceLoader(settings).load(file: "p", text: text)
    #expect(loaded.findings.suffix(2) == ["10:5 warning deny-only-http", "11:5 warning too-many-findings"])
    #expect(loaded.findings.count == 4 && !loaded.hasErrors && loaded.count == 1)
    let mixed = ResourceLoader(settings).load(file: "p", text: text + "x: 1\ny: 1\nz: 1\nu: 1\nv: 1\n")
    #expect(mixed.hasErrors && mixed.count == 0)
    #expect(mixed.findings.count == 8)
  }

  @Test func `Codes are kebab-case and each is one`() {
    let codes = DiagnosticCode.allCases.map(\.rawValue)
    #expect(Set(codes).count == codes.count)
    #expect(codes.allSatisfy { code in code.utf8.allSatisfy { 0x61...0x7A ~= $0 || $0 == 0x2D } })
  }

  @Test func `Mutated policies load or are refused with places, and never trap`() {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("Istio mutation seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let rows = PolicyRuleTests.good
    let texts = rows.map { Array($0.text(kind: "AuthorizationPolicy").utf8) }
    let spice = Array("-:[]{}\"' \n*/.0a~&<".utf8)
    for _ in 0..<5_000 {
      guard var octets = texts.randomElement(using: &generator) else { continue }
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let index = Int.random(in: 0..<octets.count, using: &generator)
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: octets[index] = spice.randomElement(using: &generator) ?? 0
        case 1: octets.insert(spice.randomElement(using: &generator) ?? 0, at: index)
        default: octets.remove(at: index)
        }
      }
      let loaded = ResourceLoader().load([ResourceText(name: "m", octets: octets)])
      #expect(loaded.diagnostics.allSatisfy { $0.position.line > 0 && $0.position.column > 0 })
      if loaded.hasErrors { #expect(loaded.count == 0) }
    }
  }
}
