import Authorizer
import Istio
import TestSupport
import Testing

@Suite("The order of RequestAuthentications: semantics 1.1")
struct ObjectOrderTests {
  let a = TestIssuer.a

  /// One rule of issuer A that says which object it is of.
  private func object(_ name: String, namespace: String = "foo", created: String? = nil) -> String {
    let time = created.map { ", creationTimestamp: \"\($0)\"" } ?? ""
    let header = "x-\(name.map { $0 == "." ? "_" : $0 }.map(String.init).joined())"
    let rule = a.rule("outputClaimToHeaders: [{header: \(header), claim: sub}]")
    return """
      ---
      apiVersion: security.istio.io/v1
      kind: RequestAuthentication
      metadata: {name: \(name), namespace: \(namespace)\(time)}
      spec: {jwtRules: [\(rule)]}

      """
  }

  /// The object whose rule is asked first.
  private func first(_ objects: String...) throws -> String? {
    let token = try a.token()
    let orders = [objects.joined(), objects.reversed().joined()].map { yaml in
      Result { try Gate(yaml).ask(Request().bearer(token)).set.keys.sorted().joined(separator: " ") }
    }
    let (one, other) = (try orders[0].get(), try orders[1].get())
    #expect(one == other)
    return one
  }

  @Test func `The workload's own namespace comes before the root namespace, whatever the times`() throws {
    let root = object("a", namespace: "istio-system", created: "2020-01-01T00:00:00Z")
    #expect(try first(object("z", created: "2026-01-01T00:00:00Z"), root) == "x-z")
    #expect(try first(object("z"), object("a", namespace: "istio-system")) == "x-z")
  }

  @Test func `The older object comes first, and one without a time before all others`() throws {
    #expect(
      try first(object("a", created: "2026-01-01T00:00:00Z"), object("z", created: "2025-01-01T00:00:00Z"))
        == "x-z")
    #expect(try first(object("a", created: "1970-01-01T00:00:00Z"), object("z")) == "x-z")
    #expect(
      try first(
        object("a", created: "2026-01-01T01:00:00Z"), object("z", created: "2026-01-01T02:00:00+02:00"))
        == "x-z")
  }

  @Test func `Of two objects of one time the lesser name comes first`() throws {
    #expect(try first(object("b"), object("a")) == "x-a")
    #expect(try first(object("a.b"), object("a-b")) == "x-a-b")
    #expect(
      try first(
        object("b", created: "2026-01-01T00:00:00Z"), object("a", created: "2026-01-01T02:00:00+02:00"))
        == "x-a")
  }

  @Test func `The same objects in any files and any order give the same answers`() throws {
    var random = SeededGenerator(announcing: "objects in any files and any order")
    let requests = try requests()
    for _ in 0..<20 {
      let objects = try self.objects(&random)
      var expected: [String]?
      for _ in 0..<6 {
        let files = Self.files(objects, &random)
        let loaded = ResourceLoader().load(files)
        #expect(loaded.hasErrors == false)
        let compiled = PolicySnapshot.compile(
          .init(resources: loaded.resources, workloads: [Gate.workload], defaultWorkload: "web"),
          settings: AuthorizerSettings())
        let gate = Gate(snapshot: try #require(compiled.snapshot))
        let answers = requests.map { request in
          let answer = gate.ask(request)
          return
            "\(answer.status) \(answer.body) \(answer.rule ?? "") \(answer.set.sorted { $0.key < $1.key }) "
            + "\(answer.removed.sorted()) \(answer.removedParameters.sorted())"
        }
        #expect(expected == nil || expected == answers)
        expected = expected ?? answers
      }
    }
  }

  /// Objects whose order decides: one issuer, different audiences, places, outputs and forwarding.
  private func objects(_ random: inout SeededGenerator) throws -> [String] {
    func pick(_ values: [String]) -> String { values.randomElement(using: &random) ?? "" }
    var objects: [String] = []
    for name in ["a", "b", "c", "d"] {
      let namespace = pick(["foo", "foo", "istio-system"])
      let time = pick(["", "", "2026-01-01T00:00:00Z", "2025-01-01T00:00:00Z"])
      let fields = [
        "outputClaimToHeaders: [{header: \(pick(["x-one", "x-two"])), claim: \(pick(["sub", "aud"]))}]",
        "forwardOriginalToken: \(pick(["true", "false"]))", "audiences: [\(pick(["one", "two"]))]",
        pick(["fromParams: [q]", "fromHeaders: [{name: x-t}, {name: x-u}]"]),
      ].filter { _ in Int.random(in: 0...2, using: &random) > 0 }
      objects.append(
        """
        ---
        apiVersion: security.istio.io/v1
        kind: RequestAuthentication
        metadata: {name: \(name), namespace: \(namespace)\(time.isEmpty ? "" : ", creationTimestamp: \"\(time)\"")}
        spec: {jwtRules: [\(a.rule(fields.joined(separator: ", ")))]}

        """)
    }
    objects.append(
      authorization("ALLOW", [from(#"requestPrincipals: ["*"]"#), to("paths: [/open]")], name: "p"))
    objects.append(authorization("DENY", [to("paths: [/never]")], name: "q", namespace: "istio-system"))
    return objects
  }

  private func requests() throws -> [Request] {
    let tokens = try ["one", "two", "three"].map { try a.token("{\"sub\":\"me\",\"aud\":\"\($0)\"}") }
    var requests = [Request(), .get("/open"), .get("/never")]
    for token in tokens {
      requests += [
        Request().bearer(token), Request("GET", "/?q=\(token)"), Request().with("x-t", token),
        Request("GET", "/?q=\(token)").bearer(tokens[0]), Request().with("x-t", token).with("x-u", tokens[1]),
      ]
    }
    return requests
  }

  private static func files(_ objects: [String], _ random: inout SeededGenerator) -> [ResourceText] {
    var files: [String: String] = [:]
    for object in objects.shuffled(using: &random) {
      files[["z.yaml", "a.yaml", "m/b.yaml"].randomElement(using: &random) ?? "", default: ""] += object
    }
    return files.keys.shuffled(using: &random).map { ResourceText(name: $0, text: files[$0] ?? "") }
  }
}
