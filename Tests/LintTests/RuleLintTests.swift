import Istio
import Lint
import Policy
import Testing

@Suite struct RuleLintTests {
  private let some = "{to: [{operation: {paths: [/a]}}]}"

  @Test func `a rule that excludes all it demands never matches`() {
    func operation(_ text: String) -> String { policy("DENY", "{to: [{operation: {\(text)}}]}") }
    #expect(places(.contradiction, in: operation("paths: [/a], notPaths: [/a]")) == ["5:29"])
    #expect(places(.contradiction, in: operation("methods: [GET], notMethods: [\"*\"]")).count == 1)
    #expect(places(.contradiction, in: operation("paths: [/a, /b], notPaths: [\"/*\"]")).count == 1)
    #expect(places(.contradiction, in: operation("paths: [/a, /b], notPaths: [/a]")) == [])
    #expect(places(.contradiction, in: operation("paths: [\"/a*\"], notPaths: [/a]")) == [])
    let when = "{when: [{key: source.ip, values: [10.0.0.1], notValues: [10.0.0.1]}]}"
    #expect(places(.contradiction, in: policy("DENY", when)).count == 1)
  }

  @Test func `a rule that is there twice is told, with its twin`() {
    let twice = "{to: [{operation: {paths: [/a, /b]}}]}, {to: [{operation: {paths: [/b, /a]}}]}"
    let found = findings(.duplicateRule, in: policy("DENY", twice))
    #expect(found.count == 1 && found.first?.message.contains("p.yaml:5:2") == true)
    #expect(
      places(.duplicateRule, in: policy("DENY", some, name: "a"), policy("DENY", some, name: "b")).count == 1)
    #expect(
      places(.duplicateRule, in: policy("DENY", some, name: "a"), policy("ALLOW", some, name: "b")) == [])
    #expect(
      places(.duplicateRule, in: policy("DENY", some, name: "a"), policy("DENY", some, name: "b", app: "x"))
        == [])
  }

  @Test func `a rule beside one that matches everything changes nothing`() {
    #expect(places(.shadowedRule, in: policy("ALLOW", "\(some), {}")) == ["5:2"])
    #expect(
      places(.shadowedRule, in: policy("DENY", "{}", name: "a"), policy("ALLOW", some, name: "b")) == ["10:2"]
    )
    #expect(
      places(.shadowedRule, in: policy("ALLOW", "{}", name: "a"), policy("DENY", some, name: "b")) == [])
    #expect(
      places(.shadowedRule, in: policy("DENY", "{}", name: "a", app: "x"), policy("ALLOW", some, name: "b"))
        == [])
    #expect(
      places(
        .shadowedRule, in: policy("DENY", "{}", name: "a", namespace: "istio-system"),
        policy("ALLOW", some, name: "b", app: "x")) == ["10:2"])
  }

  @Test func `an ALLOW policy for a namespace is told to shut the rest of it`() {
    let found = findings(.defaultDeny, in: policy("ALLOW", some))
    #expect(found.map(\.place) == ["2:1"])
    #expect(found.first?.message.contains("every workload of namespace `foo`") == true)
    let root = findings(.defaultDeny, in: policy("ALLOW", some, namespace: "istio-system"))
    #expect(root.first?.message.contains("every workload of every namespace") == true)
    #expect(places(.defaultDeny, in: policy("ALLOW", some, app: "x")) == [])
    #expect(places(.defaultDeny, in: policy("ALLOW", "\(some), {}")) == [])
    #expect(places(.defaultDeny, in: policy("DENY", some)) == [])
  }

  @Test func `dry-run policies decide nothing, so nothing is said of them`() {
    for code in LintCode.allCases {
      #expect(
        places(code, in: policy("ALLOW", "{to: [{operation: {paths: [\"/a*\"]}}]}", dryRun: true)) == [])
    }
  }

  @Test func `a policy without a namespace is told which one it has`() {
    let bare = policy("DENY", some).replacing(", namespace: foo", with: "")
    let found = findings(.missingNamespace, in: bare)
    #expect(found.map(\.place) == ["2:1"])
    #expect(found.first?.message.contains("the namespace `default` alone") == true)
    #expect(
      places(.missingNamespace, in: authentication("https://a").replacing(", namespace: foo", with: "")).count
        == 1)
    #expect(places(.missingNamespace, in: policy("DENY", some, namespace: "default")) == [])
  }

  @Test func `a namespace may be missing where a workload is in the default one`() {
    let bare = policy("DENY", some).replacing(", namespace: foo", with: "")
    let resources = ResourceLoader().load(file: "p.yaml", text: bare).resources
    func codes(_ settings: PolicySettings, _ namespaces: Set<String>) -> [String] {
      Linter.findings(in: resources, settings: settings, namespaces: namespaces).map(\.code)
        .filter { $0 == LintCode.missingNamespace.rawValue }
    }
    #expect(codes(PolicySettings(), ["foo"]).count == 1)
    #expect(codes(PolicySettings(), ["foo", "default"]) == [])
    var settings = PolicySettings()
    settings.rootNamespace = "default"
    #expect(codes(settings, ["foo"]) == [])
  }

  @Test func `every code is named and explained once, and every message is one`() {
    #expect(Set(LintCode.allCases.map(\.summary)).count == LintCode.allCases.count)
    let everything =
      policy("DENY", "{to: [{operation: {hosts: [a], notPaths: [\"/a*\"]}}]}", name: "a")
      + policy("ALLOW", some, name: "b")
    let loaded = ResourceLoader().load(file: "p.yaml", text: everything)
    for finding in Linter.findings(in: loaded.resources, settings: PolicySettings()) {
      #expect(!finding.message.hasSuffix("."), "\(finding)")
      #expect(finding.message.first?.isUppercase == false, "\(finding)")
    }
  }
}
