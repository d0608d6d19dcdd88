import Authorizer
import Istio
import Policy
import Testing

@Suite("Semantics 2.1 to 2.7: operations, structure and decisions")
struct Semantics2OperationTests {
  private static let base = AuthorizerSettings(normalizing: .base)
  private static func at(_ host: String) -> Request { Request().at(host: host) }

  @Test(arguments: [
    Row(
      to("hosts: [Example.com]"), matches: [at("example.com"), at("EXAMPLE.COM")],
      not: [at("example.com:8080"), at("a.example.com"), at("example.com."), at("")]),
    Row(
      to("hosts: [\"example.com:*\"]"), matches: [at("example.com:8080")], not: [at("example.com")]),
    Row(
      to("hosts: [\"*.example.com\"]"), matches: [at("A.example.com")],
      not: [at("example.com"), at("aexample.com")]),
    Row(to("notHosts: [example.com]"), matches: [at("example.com:1")], not: [at("EXAMPLE.com")]),
    Row(
      to("methods: [GET]"), matches: [Request("GET")],
      not: [Request("get"), Request("GETX"), Request("POST")]),
    Row(to("methods: [\"P*\"]"), matches: [Request("POST"), Request("PUT")], not: [Request("GET")]),
    Row(to("notMethods: [GET]"), matches: [Request("get")], not: [Request("GET")]),
    Row(
      to("ports: [\"8080\"]"), matches: [.local("10.0.0.1", 8080)],
      not: [.local("10.0.0.1", 80), at("a:8080")]),
    Row(to("notPorts: [\"8080\"]"), matches: [.local("10.0.0.1", 80)], not: [.local("10.0.0.1", 8080)]),
    Row(
      to("paths: [/a]"), matches: [.get("/a"), .get("/a?x=/b"), .get("/a#f")],
      not: [.get("/a/"), .get("/A"), .get("/%61"), .get("/a;x"), .get("/b?/a"), .get("//a")]),
    Row(to("paths: [\"/a*\"]"), matches: [.get("/a"), .get("/abc")], not: [.get("/b/a")]),
    Row(to("paths: [\"*.js\"]"), matches: [.get("/x.js?q")], not: [.get("/x?y.js")]),
    Row(to("notPaths: [/a]"), matches: [.get("/b")], not: [.get("/a?b")]),
    Row(to("paths: [\"/a/*/b\"]"), matches: [.get("/a/*/b")], not: [.get("/a/x/b")]),
    Row(
      to("paths: [\"/v/{*}/x\"]"), matches: [.get("/v/1/x?q"), .get("/v/a=b/x")],
      not: [.get("/v//x"), .get("/v/1/2/x"), .get("/v/[/x")]),
    Row(
      to("paths: [\"/a/{**}\"]"), matches: [.get("/a/"), .get("/a/b/c")], not: [.get("/a"), .get("/a/|")]),
    Row(to("paths: [\"/s/{**}/c\"]"), matches: [.get("/s//c"), .get("/s/a/b/c")], not: [.get("/s/c")]),
  ])
  func `2.6: hosts, methods, ports, paths and templates`(row: Row) throws { try row.hold() }

  @Test(arguments: [
    Row(
      to("paths: [/admin]"),
      matches: [.get("/x/../admin"), .get("/%61dmin"), .get("/x/%2e%2e/admin"), .get("\\admin")],
      not: [.get("//admin"), .get("/x%2f..%2fadmin"), .get("/%2561dmin"), .get("/ADMIN")], base),
    Row(
      to("paths: [/a/admin]"), matches: [.get("//a///admin")], not: [.get("/a%2fadmin")],
      AuthorizerSettings(normalizing: .mergeSlashes)),
    Row(
      to("paths: [/a/admin]"),
      matches: [.get("/a%2Fadmin"), .get("/a%5c%2fadmin"), .get("//a/x/..%2fadmin")],
      not: [.get("/a%252fadmin")], AuthorizerSettings(normalizing: .decodeAndMergeSlashes)),
    Row(to("paths: [/admin]"), matches: [.get("/admin")], not: [.get("/x/../admin"), .get("/%61dmin")]),
  ])
  func `2.7: what each normalisation makes one path`(row: Row) throws { try row.hold() }

  @Test func `2.2: an empty rule matches all`() throws {
    for request in [Request(), .get("/x"), .saying("{}")] {
      #expect(try Gate(Row.tokens + allow("{}")).status(request) == 200)
      #expect(try Gate(Row.tokens + deny("{}")).ask(request).reason == .deniedByRule)
    }
  }

  @Test func `2.2: an empty spec allows nobody, and admits what another policy allows`() throws {
    let empty =
      "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n"
      + "metadata: {name: empty, namespace: foo}\nspec: {}\n"
    #expect(try Gate(empty).status(Request()) == 403)
    let both = try Gate(empty + allow(to("paths: [/open]")))
    #expect(both.status(.get("/open")) == 200 && both.status(.get("/x")) == 403)
  }

  @Test(arguments: [
    Row(
      #"{from: [{source: {ipBlocks: [10.0.0.1]}}, {source: {ipBlocks: [10.0.0.2]}}], "#
        + "to: [{operation: {paths: [/a]}}]}",
      matches: [Request.address("10.0.0.2").changed { $0.path = "/a" }],
      not: [.address("10.0.0.2"), Request.address("10.0.0.3").changed { $0.path = "/a" }]),
    Row(
      to(#"methods: [GET, PUT], paths: ["/a*"], notPaths: [/ab]"#),
      matches: [.get("/a"), Request("PUT", "/ac")],
      not: [.get("/ab"), Request("POST", "/a"), .get("/b")]),
    Row(
      #"{when: [{key: "request.headers[a]", values: ["x*"], notValues: [xy]}, "#
        + #"{key: "request.headers[b]", values: [z]}]}"#,
      matches: [.joined("a", "x").with("b", "z")],
      not: [.joined("a", "xy").with("b", "z"), .joined("a", "x"), .joined("b", "z")]),
  ])
  func `2.2: alternatives and what must hold together`(row: Row) throws { try row.hold() }

  @Test func `2.3: AUDIT and dry-run policies change no answer`() throws {
    let dry = authorization("DENY", ["{}"], name: "dry").replacing(
      "namespace: foo}", with: "namespace: foo, annotations: {istio.io/dry-run: \"true\"}}")
    #expect(try Gate(dry + authorization("AUDIT", ["{}"], name: "audit")).status(Request()) == 200)
    let wet = dry.replacing("\"true\"", with: "\"false\"")
    #expect(try Gate(wet).status(Request()) == 403)
    let dryAllow = dry.replacing("DENY", with: "ALLOW").replacing("{}", with: to("paths: [/never]"))
    #expect(try Gate(dryAllow).status(Request()) == 200, "no enforced ALLOW policy is left")
    #expect(try Gate(dryAllow.replacing("\"true\"", with: "\"false\"")).status(Request()) == 403)
  }

  @Test func `2.3: DENY goes before ALLOW, and policies of one action add up`() throws {
    let one = authorization("ALLOW", [to("paths: [\"/a*\"]")], name: "one")
    let two = authorization("ALLOW", [to("paths: [/b]")], name: "two")
    let gate = try Gate(one + two + deny(to("paths: [/ab]")))
    #expect(["/a", "/b", "/ab", "/c"].map { gate.status(.get($0)) } == [200, 200, 403, 403])
    #expect(gate.ask(.get("/ab")).rule == "ns[foo]-policy[deny]-rule[0]")
    #expect(gate.body(.get("/c")) == "RBAC: access denied")
  }

  @Test func `2.1: selectors and the root namespace choose the policies of a workload`() throws {
    let other = Workload(name: "other", namespace: "bar", labels: ["app": "web"])
    let shut = authorization("DENY", ["{}"], name: "d", namespace: "foo", app: "web")
    func statuses(_ yaml: String) throws -> [Int] {
      let gate = try Gate(yaml, workloads: [Gate.workload, other])
      return ["web", "other"].map { gate.status(Request().extended("countersign.workload", $0)) }
    }
    #expect(try statuses(shut) == [403, 200])
    #expect(try statuses(shut.replacing("namespace: foo", with: "namespace: istio-system")) == [403, 403])
    let both = shut + authorization("DENY", ["{}"], name: "e", namespace: "bar", app: "web")
    #expect(try statuses(both) == [403, 403])
  }

  @Test func `2.1: a targetRef reaches its gateway and no plain workload`() throws {
    let label = "gateway.networking.k8s.io/gateway-name"
    let gateway = Workload(name: "gw", namespace: "foo", labels: [label: "gw"])
    let policy = deny("{}").replacing(
      "spec: {", with: "spec: {targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}], ")
    let gate = try Gate(policy, workloads: [Gate.workload, gateway])
    #expect(gate.status(Request().extended("countersign.workload", "gw")) == 403)
    #expect(gate.status(Request().extended("countersign.workload", "web")) == 200)
  }
}
