import Authorizer
import Istio
import Testing

@Suite("Which workload a check is about: design 2")
struct WorkloadTests {
  static let names = ["one", "two", "three"]
  static let workloads = [
    Workload(
      name: "one", namespace: "foo", labels: ["app": "one"], serviceAccount: "sa-one",
      hosts: ["One.example.com", "*.one.test"]),
    Workload(
      name: "two", namespace: "foo", labels: ["app": "two"], serviceAccount: "sa-two",
      hosts: ["*.deep.one.test", "two.example.com", "[::1]"]),
    Workload(name: "three", namespace: "foo", labels: ["app": "three"]),
  ]

  func gate(_ defaultWorkload: String? = "three", _ workloads: [Workload] = Self.workloads) throws -> Gate {
    try Gate(
      Self.names.map { authorization("DENY", ["{}"], name: $0, app: $0) }.joined(), workloads: workloads,
      defaultWorkload: defaultWorkload)
  }

  /// The workload whose policy denied.
  func found(_ request: Request, in gate: Gate) -> String? {
    let answer = gate.ask(request)
    #expect(!answer.isAllowed)
    #expect(answer.rule == answer.workload.map { "ns[foo]-policy[\($0)]-rule[0]" })
    return answer.workload
  }

  let name = "countersign.workload"
  let principal = "spiffe://cluster.local/ns/foo/sa/sa-one"

  @Test func `The name in the proxy's configuration wins over all else`() throws {
    let gate = try gate()
    let request = Request().at(host: "one.example.com").changed { $0.destinationPrincipal = principal }
    #expect(found(request.extended(name, "two"), in: gate) == "two")
    #expect(found(request.extended("workload", "two"), in: gate) == "one")
    #expect(found(request.extended("other", "x").extended(name, "three"), in: gate) == "three")
    #expect(found(request.extended(name, "two").extended(name, "three"), in: gate) == "three", "last wins")
  }

  @Test func `A name that nobody has is denied, never given the default`() throws {
    let gate = try gate()
    for unknown in ["", "four", "One", "one ", "on", "onee", "foo/one"] {
      let answer = gate.ask(Request().at(host: "one.example.com").extended(name, unknown))
      #expect(
        answer.status == 403 && answer.reason == .unknownWorkload && answer.workload == nil, "\(unknown)")
      #expect(answer.body == "RBAC: access denied" && answer.rule == nil)
    }
    #expect(gate.ask(Request().extended(name, "one").extended(name, "x")).reason == .unknownWorkload)
  }

  @Test func `The destination's service account comes before the host`() throws {
    let gate = try gate()
    let request = Request().at(host: "two.example.com")
    func at(_ principal: String) -> String? {
      found(request.changed { $0.destinationPrincipal = principal }, in: gate)
    }
    #expect(at(principal) == "one")
    #expect(at("spiffe://other.domain/ns/foo/sa/sa-two") == "two")
    for other in [
      "", "spiffe://", "spiffe://d", "spiffe://d/", "spiffe://d/ns/foo/sa/sa-onee",
      "spiffe://d/ns/foo/sa/sa-on",
      "spiffe://d/ns/bar/sa/sa-one", "spiffe://d/ns/foo/sx/sa-one", "http://d/ns/foo/sa/sa-one",
      "spiffe://d/ns/foo/sa/sa-one/x", "SPIFFE://d/ns/foo/sa/sa-one", "spiffe://d/xx/foo/sa/sa-one",
    ] {
      #expect(at(other) == "two", "\(other)")
    }
  }

  @Test func `Hosts match without port and letter case, exact ones first, then the longest suffix`() throws {
    let gate = try gate()
    let cases = [
      ("one.example.com", "one"), ("ONE.Example.COM:8443", "one"), ("a.one.test", "one"),
      ("A.B.ONE.TEST:1", "one"), ("x.deep.one.test", "two"), ("deep.one.test", "one"), ("[::1]:80", "two"),
      ("[::1]", "two"), ("two.example.com:", "two"),
      ("one.test", "three"), (".one.test", "three"), ("xone.test", "three"), ("one.example.com.", "three"),
      ("one.example.com.evil", "three"), ("", "three"), (":80", "three"), ("[::1", "three"), ("::1", "three"),
    ]
    for (host, workload) in cases {
      #expect(found(Request().at(host: host), in: gate) == workload, "\(host)")
    }
  }

  @Test func `Nothing that fits means the default, and without one a denial`() throws {
    #expect(found(Request(), in: try gate()) == "three")
    for none in [nil, "four"] {
      let answer = try gate(none).ask(Request())
      #expect(answer.reason == .unknownWorkload && answer.workload == nil)
      #expect(found(Request().extended(name, "three"), in: try gate(none)) == "three")
    }
  }

  @Test func `An asterisk alone is every host`() throws {
    var workloads = Self.workloads
    workloads[2].hosts = ["*"]
    let gate = try gate(nil, workloads)
    #expect(found(Request().at(host: "x"), in: gate) == "three")
    #expect(found(Request().at(host: ""), in: gate) == "three")
    #expect(found(Request().at(host: "a.deep.one.test"), in: gate) == "two")
  }

  @Test func `Each workload has its own token rules`() throws {
    let (a, b) = (TestIssuer.a, TestIssuer.b)
    let elsewhere = Workload(name: "bar", namespace: "bar", labels: [:])
    let gate = try Gate(
      authentication(a.rule("outputPayloadToHeader: x-a")) + authentication(b.rule(), namespace: "bar"),
      workloads: [Gate.workload, elsewhere])
    let inBar = Request().extended(name, "bar")
    #expect(gate.status(Request().bearer(try a.token())) == 200)
    #expect(gate.status(inBar.bearer(try b.token())) == 200)
    #expect(gate.body(Request().bearer(try b.token())) == "Jwt issuer is not configured")
    #expect(gate.body(inBar.bearer(try a.token())) == "Jwt issuer is not configured")
    #expect(gate.ask(Request()).removed == ["x-a"] && gate.ask(inBar).removed.isEmpty)
  }
}
