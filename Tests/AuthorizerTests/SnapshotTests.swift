import Signatures
import Authorizer
import Istio
import KeySets
import Policy
import Testing

@Suite("From resources to a snapshot")
struct SnapshotTests {
  let a = TestIssuer.a
  let b = TestIssuer.b

  @Test func `An error anywhere means no snapshot`() throws {
    let stranger = authorization("DENY", ["{}"], name: "elsewhere", namespace: "bar")
    for (yaml, code) in [
      (authentication(a.rule()) + stranger, "unused-policy"), ("", "no-policies"),
    ] {
      let compiled = try Gate.compile(yaml)
      #expect(compiled.snapshot == nil)
      #expect(compiled.diagnostics.contains { $0.severity == .error && $0.code == code }, "\(code)")
    }
    #expect(try Gate.compile(authentication(a.rule())).snapshot != nil)
    var meant = AuthorizerSettings()
    meant.policy.allowUnused = true
    meant.policy.allowEmpty = true
    #expect(try Gate.compile(authentication(a.rule()) + stranger, settings: meant).snapshot != nil)
    #expect(try Gate.compile("", settings: meant).snapshot != nil)
  }

  @Test func `One key set that many rules name is read once`() throws {
    let other = "{issuer: x, jwks: '\(a.keySet)'}"
    #expect(try Gate(authentication(a.rule(), other)).snapshot.keySetCount == 1)
    #expect(
      try Gate(authentication(a.rule()) + authentication(a.rule(), name: "two")).snapshot.keySetCount == 1)
    #expect(try Gate(authentication(a.rule(), b.rule())).snapshot.keySetCount == 2)
    #expect(try Gate(everybody).snapshot.keySetCount == 0)
    let workloads = ["one", "two"].map { Workload(name: $0, namespace: "foo", labels: [:]) }
    let shared = try Gate(authentication(a.rule(), b.rule()), workloads: workloads)
    #expect(shared.snapshot.keySetCount == 2 && shared.snapshot.workloadCount == 2)
    #expect(shared.snapshot.workloadName(1) == "two")
  }

  @Test func `Rules that share a key set judge each by its own fields`() throws {
    let gate = try Gate(
      authentication(
        a.rule("fromHeaders: [{name: x-a}]"), "{issuer: x, jwks: '\(a.keySet)', fromHeaders: [{name: x-x}]}")
        + onlyKnown)
    let asX = try a.token(#"{"iss":"x","sub":"me"}"#)
    #expect(gate.status(Request().with("x-a", try a.token())) == 200)
    #expect(gate.status(Request().with("x-x", asX)) == 200)
    #expect(gate.status(Request().with("x-a", asX)) == 401)
    #expect(gate.status(Request().with("x-x", try a.token())) == 401)
  }

  @Test func `A finding is told once, however many workloads it concerns`() throws {
    var resources = ResourceLoader().load(file: "p.yaml", text: authentication(a.rule())).resources
    resources.requestAuthentications[0].jwtRules[0].keys = .inline(
      Located("{}", at: resources.requestAuthentications[0].metadata.position))
    let workloads = ["one", "two", "three"].map { Workload(name: $0, namespace: "foo", labels: [:]) }
    let compiled = PolicySnapshot.compile(
      .init(resources: resources, workloads: workloads, defaultWorkload: nil), settings: AuthorizerSettings())
    #expect(compiled.snapshot == nil && compiled.diagnostics.count == 1)
  }

  @Test func `Rules with one address of keys share one provider, named by a rule`() throws {
    let yaml = authentication(
      a.rule(), "{issuer: x, jwksUri: \"https://x/keys\", timeout: 2s}", "{issuer: \"https://y\"}",
      "{issuer: z, jwksUri: \"https://x/keys\", timeout: 9s}")
    let sources = try #require(try Gate.compile(yaml).snapshot).keySources
    #expect(sources.map(\.place) == [.issuer("https://y"), .address("https://x/keys")])
    #expect(sources[1].timeoutMilliseconds == 9_000 && sources[1].name.hasPrefix("foo/tokens["))
  }

  @Test func `A key set that cannot be read means no snapshot, whoever loaded it`() throws {
    var resources = ResourceLoader().load(file: "p.yaml", text: authentication(a.rule())).resources
    let position = SourcePosition(file: "p.yaml", line: 7, column: 3)
    resources.requestAuthentications[0].jwtRules[0].keys = .inline(Located("{\"keys\":[]}", at: position))
    let compiled = PolicySnapshot.compile(
      .init(resources: resources, workloads: [Gate.workload], defaultWorkload: "web"),
      settings: AuthorizerSettings())
    #expect(compiled.snapshot == nil)
    #expect(compiled.diagnostics.map(\.code) == ["invalid-jwks"])
    #expect(compiled.diagnostics.first?.position == position)
  }

  @Test func `Verifications are counted by algorithm and result`() throws {
    let gate = try Gate(authentication(a.rule()))
    _ = gate.ask(Request().bearer(try a.token()))
    _ = gate.ask(Request().bearer(try a.token()))
    _ = gate.ask(Request().bearer(try a.forged()))
    _ = gate.ask(Request().bearer(try a.forged(past)))
    _ = gate.ask(Request())
    #expect(gate.verifications.total(.hs256, succeeded: true) == 2)
    #expect(gate.verifications.total(.hs256, succeeded: false) == 1, "what has expired is not verified")
    #expect(gate.verifications.total(.rs256, succeeded: true) == 0)
  }
}
