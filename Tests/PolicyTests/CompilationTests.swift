import Istio
import Policy
import Testing

@Suite("Compilation and explanation; semantics 2.10: nothing invalid is dropped in silence")
struct CompilationTests {
  func policy(
    _ action: AuthorizationPolicy.Action, _ rule: Rule, namespace: String = "foo"
  ) -> AuthorizationPolicy {
    AuthorizationPolicy(
      metadata: .init(name: "p", namespace: namespace, position: here), attachment: .allWorkloads,
      action: action,
      rules: [rule], isDryRun: false)
  }

  func at(_ line: Int) -> SourcePosition { SourcePosition(file: "p.yaml", line: line, column: 3) }

  func list(_ values: String...) -> MatchList {
    MatchList(values: values.enumerated().map { Located($0.element, at: at(10 + $0.offset)) })
  }

  func source(_ change: (inout Source) -> Void) -> Rule {
    var source = Source(position: at(2))
    change(&source)
    return Rule(sources: [source], position: at(1))
  }

  func operation(_ change: (inout Istio.Operation) -> Void) -> Rule {
    var operation = Istio.Operation(position: at(2))
    change(&operation)
    return Rule(operations: [operation], position: at(1))
  }

  func condition(_ key: ConditionKey, _ list: MatchList) -> Rule {
    Rule(conditions: [Condition(key: key, match: list, position: at(2))], position: at(1))
  }

  /// The lines of what is refused, the same for every action.
  func refusals(_ rule: Rule, _ settings: PolicySettings = PolicySettings()) -> [Int] {
    let actions: [AuthorizationPolicy.Action] = [.allow, .deny, .audit]
    let all = actions.map { action in
      do throws(CompilationError) {
        _ = try DecisionTable(compiling: [policy(action, rule)], settings: settings)
        return [Int]()
      } catch {
        #expect(error.diagnostics.allSatisfy { $0.severity == .error && $0.code == "invalid-policy" })
        return error.diagnostics.map(\.position.line)
      }
    }
    #expect(all[0] == all[1] && all[1] == all[2])
    return all[0]
  }

  @Test func `A value that cannot be compiled is refused at its place in every kind of policy`() {
    #expect(refusals(source { $0.ipBlocks = list("10.0.0.1", "10.0.0") }) == [11])
    #expect(refusals(source { $0.remoteIPBlocks = list("10.0.0.0/33") }) == [10])
    #expect(refusals(operation { $0.ports = list("80", "65536", "-1", "x", "+80") }) == [11, 12, 13, 14])
    #expect(
      refusals(operation { $0.paths = list("/{*}x", "/{**}/{*}", "{*}", "/a//{*}", "/*/{*}") }).count == 5)
    #expect(refusals(operation { $0.paths = list("/[/{*}", "/a b/{*}") }) == [10, 11])
    #expect(refusals(operation { $0.methods = list("GET", "") }) == [11])
    #expect(refusals(operation { $0.hosts = MatchList(notValues: [Located("", at: at(20))]) }) == [20])
    #expect(refusals(source { $0.trustDomains = list("a*b", "*a*", "a/b", "**") }) == [10, 11, 12, 13])
    #expect(refusals(source { $0.serviceAccounts = list("/a", "a/", "a/b") }) == [10, 11])
    #expect(refusals(source { $0.principals = list("a\nb") }) == [10])
    #expect(refusals(source { $0.namespaces = list("a\n*") }) == [10])
    #expect(refusals(condition(.destinationIP, list("here"))) == [10])
    #expect(refusals(condition(.destinationPort, list("http"))) == [10])
  }

  @Test func `Good values are not refused`() {
    #expect(refusals(source { $0.ipBlocks = list("10.0.0.1", "::/0", "10.0.0.0/8") }).isEmpty)
    #expect(refusals(operation { $0.ports = list("0", "65535", "080") }).isEmpty)
    #expect(
      refusals(operation { $0.paths = list("/{*}/a", "/{**}", "/a/{**}/b", "/{*}/", "*", "/a*b") }).isEmpty)
    #expect(refusals(source { $0.trustDomains = list("a*", "*a", "*", "a") }).isEmpty)
    #expect(
      refusals(condition(.filterMetadata(namespace: "envoy.filters.a", path: ["k"]), list("[a]", "[]")))
        .isEmpty)
  }

  @Test func `What says nothing is refused`() {
    #expect(refusals(Rule(sources: [Source(position: at(2))], position: at(1))) == [2])
    #expect(refusals(Rule(operations: [Istio.Operation(position: at(2))], position: at(1))) == [2])
    #expect(refusals(condition(.sourceIP, MatchList())) == [2])
    #expect(refusals(condition(.requestHeader(""), list("a"))) == [2])
    #expect(refusals(condition(.requestClaim([]), list("a"))) == [2])
    #expect(refusals(condition(.requestClaim(["a", ""]), list("a"))) == [2])
    for path in [[], [""], ["a", ""]] {
      #expect(
        refusals(condition(.filterMetadata(namespace: "envoy.filters.a", path: path), list("a"))) == [2])
    }
    #expect(refusals(Rule(position: at(1))).isEmpty)
  }

  @Test func `Service accounts stand alone in a source`() {
    #expect(
      refusals(
        source {
          $0.serviceAccounts = list("a")
          $0.namespaces = list("b")
        }) == [2])
    #expect(
      refusals(
        source {
          $0.serviceAccounts = list("a")
          $0.ipBlocks = list("10.0.0.1")
        }
      ).isEmpty)
  }

  @Test func `A rule with too many combinations is refused, not cut`() {
    var rule = Rule(position: at(1))
    for index in 0..<10 {
      var source = Source(position: at(2))
      source.namespaces = list("n\(index)")
      rule.sources.append(source)
      var operation = Istio.Operation(position: at(3))
      operation.paths = list("/\(index)")
      rule.operations.append(operation)
    }
    var settings = PolicySettings()
    settings.maximumClauses = 299
    #expect(refusals(rule, settings) == [1])
    // A hundred combinations of two clauses, and each counts itself.
    settings.maximumClauses = 300
    #expect(refusals(rule, settings).isEmpty)
  }

  @Test func `Equal lists of values are one predicate`() throws {
    let table = try allow(
      to("paths: [/a, /b], methods: [GET]"), to("paths: [/b, /a, /a], notMethods: [GET]"), to("paths: [/c]")
    ).deny(to("notPaths: [/a, /b]")).table()
    #expect(table.size.predicates == 3)
    #expect(table.size.rules == 4)
    let headers = try allow(when("request.headers[X]", "values: [a]")).deny(
      when("request.headers[x]", "values: [a]")
    )
    .table()
    // One reads joined lines narrowly, one widely.
    #expect(headers.size.predicates == 2)
  }

  @Test func `A CUSTOM policy is passed over`() throws {
    let table = try DecisionTable(compiling: [policy(.custom("p"), Rule(position: here))])
    var scratch = PolicyScratch()
    #expect(try Request.at("/").decide(table, &scratch).outcome == .allowed(.noPolicies))
  }

  @Test func `A rule is described by its policy, number, id and position`() throws {
    let table = try deny("{}", to("paths: [/a]")).table()
    let descriptions = table.allRules.map { table.describe($0) }
    #expect(descriptions.map(\.id) == ["ns[foo]-policy[deny]-rule[0]", "ns[foo]-policy[deny]-rule[1]"])
    #expect(
      descriptions[1].name == "deny" && descriptions[1].namespace == "foo" && descriptions[1].index == 1)
    #expect(descriptions[1].position.line == 5)
  }

  @Test func `An explanation names the first clause, as written, that failed`() throws {
    let table = try allow(
      """
      {from: [{source: {requestPrincipals: [i/s]}}, {source: {ipBlocks: [10.0.0.1]}}],
       to: [{operation: {paths: [/a], methods: [GET]}}],
       when: [{key: "request.headers[x]", notValues: [bad, worse]}]}
      """
    ).table()
    var scratch = PolicyScratch()
    func explain(_ request: Request) throws -> RuleExplanation? {
      try request.read { check, octets, changes, claims in
        table.explain(
          table.allRules[0], for: check, in: octets.span, changes: changes, claims: claims, scratch: &scratch)
      }
    }
    let passing = try #require(try explain(.at("/a")))
    #expect(passing.matched)
    #expect(passing.alternatives.map(\.source) == [0, 1])
    #expect(passing.alternatives[0].failed?.field == "requestPrincipals")
    #expect(passing.alternatives[0].failed?.values.map(\.value) == ["i/s"])
    #expect(passing.alternatives[1].failed == nil)

    var other = Request("PUT", "/b")
    other.headers = [("x", "bad")]
    let failing = try #require(try explain(other))
    #expect(!failing.matched)
    // Methods come before paths in an operation; both fail.
    #expect(failing.alternatives[1].failed?.place == .operation(0))
    #expect(failing.alternatives[1].failed?.field == "methods")

    var header = Request.at("/a")
    header.headers = [("x", "worse")]
    let clause = try #require(try explain(header)?.alternatives[1].failed)
    #expect(clause.isNegated && clause.place == .condition(0) && clause.field == "request.headers[x]")
    #expect(clause.values.map(\.value) == ["bad", "worse"])
    #expect(clause.values[0].position.line > 1)
    #expect(try explain(Request { $0.hasHTTP = false }) == nil)
    #expect(
      table.clauses(of: table.allRules[0]).map(\.field) == [
        "requestPrincipals", "ipBlocks", "methods", "paths", "request.headers[x]",
      ])
  }

  @Test func `Excluded fields are named as policies write them`() throws {
    let table = try allow(from("notRequestPrincipals: [\"*\"], notIpBlocks: [10.0.0.1]")).table()
    #expect(table.clauses(of: table.allRules[0]).map(\.field) == ["notRequestPrincipals", "notIpBlocks"])
  }
}
