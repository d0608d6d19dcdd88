import Fetch
import Istio
import KeySets
import Testing

/// Where and how keys are fetched by what ServiceEntries and DestinationRules say (semantics, section 1.9).
@Suite struct MeshHostsTests {
  private func hosts(_ texts: String..., namespaces: Set<String> = ["gateways"]) -> MeshHosts {
    let text = texts.joined(separator: "\n---\n")
    let loaded = ResourceLoader().load(file: "m.yaml", text: text)
    #expect(loaded.diagnostics.isEmpty, "\(loaded.diagnostics)")
    return MeshHosts(loaded.resources, namespaces: namespaces, rootNamespace: "istio-system")
  }

  private func entry(_ spec: String, namespace: String = "gateways") -> String {
    """
    apiVersion: networking.istio.io/v1
    kind: ServiceEntry
    metadata: {name: e, namespace: \(namespace)}
    spec: {hosts: [keys.example], \(spec)}
    """
  }

  private func rule(
    _ spec: String, name: String = "r", namespace: String = "gateways", host: String = "keys.example"
  ) -> String {
    """
    apiVersion: networking.istio.io/v1
    kind: DestinationRule
    metadata: {name: \(name), namespace: \(namespace)}
    spec: {host: "\(host)", \(spec)}
    """
  }

  private func endpoints(_ hosts: MeshHosts, port: UInt16 = 443) throws -> [String] {
    try hosts.route(to: "keys.example", port: port, isSecure: true).endpoints.map { "\($0.host):\($0.port)" }
  }

  private func trust(
    _ hosts: MeshHosts, port: UInt16 = 443, host: String = "keys.example", isSecure: Bool = false
  ) throws -> FetchTrust {
    try hosts.route(to: host, port: port, isSecure: isSecure).trust
  }

  @Test func `an endpoint's own port comes first, then the target port, then the number`() throws {
    let port = "ports: [{number: 443, name: a, targetPort: 8443}, {number: 80, name: b}]"
    let mesh = hosts(
      entry("\(port), resolution: STATIC, endpoints: [{address: 10.0.0.1, ports: {a: 9}}, {address: '::1'}]"))
    #expect(try endpoints(mesh) == ["10.0.0.1:9", "::1:8443"])
    #expect(try endpoints(mesh, port: 80) == ["10.0.0.1:80", "::1:80"])
  }

  @Test func `without endpoints a name is resolved, and its port is mapped`() throws {
    let port = "ports: [{number: 443, name: a, targetPort: 8443}]"
    #expect(try endpoints(hosts(entry("\(port), resolution: DNS"))) == ["keys.example:8443"])
    #expect(
      try endpoints(hosts(entry("\(port), resolution: DNS, endpoints: [{address: inner.example}]")))
        == ["inner.example:8443"])
    #expect(try endpoints(hosts(entry(port))) == [])
    #expect(
      try endpoints(hosts(entry("\(port), addresses: [10.1.1.1, 10.2.0.0/16]"))) == ["10.1.1.1:443"])
  }

  @Test func `a port that is not listed leaves the way to the URL, with a warning`() throws {
    let mesh = hosts(
      entry("ports: [{number: 80, name: a}], resolution: STATIC, endpoints: [{address: 10.0.0.1}]"))
    let route = try mesh.route(to: "keys.example", port: 443, isSecure: true)
    #expect(route.endpoints.isEmpty && route.warnings.map(\.code) == ["unlisted-port"])
  }

  @Test func `two entries for a host and port are refused, and one of another port is not`() throws {
    let spec = "resolution: STATIC, endpoints: [{address: 10.0.0.1}]"
    let first = entry("ports: [{number: 443, name: a}], \(spec)")
    let same = entry("ports: [{number: 443, name: b}], \(spec)", namespace: "other")
    let tie = hosts(first, same)
    #expect(throws: MeshHosts.Refusal.self) { try endpoints(tie) }
    let beside = hosts(first, entry("ports: [{number: 80, name: b}], \(spec)", namespace: "other"))
    #expect(try endpoints(beside) == ["10.0.0.1:443"])
  }

  @Test func `what is not exported to a workload's namespace is not seen`() throws {
    let spec = "ports: [{number: 443, name: a}], resolution: STATIC, endpoints: [{address: 10.0.0.1}]"
    for (exports, namespace, isSeen) in [
      ("", "far", true), (", exportTo: ['*']", "far", true), (", exportTo: ['.']", "far", false),
      (", exportTo: ['.']", "gateways", true), (", exportTo: [gateways]", "far", true),
      (", exportTo: ['~']", "gateways", false),
    ] {
      let mesh = hosts(entry(spec + exports, namespace: namespace))
      #expect(try endpoints(mesh).isEmpty == !isSeen, "\(exports) \(namespace)")
    }
  }

  @Test func `a rule gives TLS to an http URL, by port where it says so`() throws {
    let tls = "tls: {mode: SIMPLE, caCertificates: /ca, subjectAltNames: [a], sni: s}"
    let outer = hosts(rule("trafficPolicy: {\(tls)}"))
    let found = try trust(outer)
    #expect(found.forcesTLS && found.authorities == "/ca" && found.subjectAltNames == ["a"])
    #expect(found.serverName == "s" && !found.skipsVerification)
    #expect(try !trust(outer, host: "other.example").forcesTLS)
    let ports = "portLevelSettings: [{port: {number: 80}}, {port: {number: 444}, tls: {mode: SIMPLE}}]"
    let byPort = hosts(rule("trafficPolicy: {\(tls), \(ports)}"))
    #expect(try trust(byPort).authorities == "/ca")
    #expect(try !trust(byPort, port: 80).forcesTLS)
    let replaced = try trust(byPort, port: 444)
    #expect(replaced.forcesTLS && replaced.authorities == nil && replaced.subjectAltNames.isEmpty)
  }

  @Test func `an entry's names count where the rule has none`() throws {
    let named = entry("ports: [{number: 443, name: a}], resolution: DNS, subjectAltNames: [b]")
    #expect(
      try trust(hosts(named, rule("trafficPolicy: {tls: {mode: SIMPLE}}"))).subjectAltNames == ["b"])
    #expect(
      try trust(hosts(named, rule("trafficPolicy: {tls: {mode: SIMPLE, subjectAltNames: [a]}}")))
        .subjectAltNames == ["a"])
  }

  @Test func `mutual TLS takes its files, and https is never made plain`() throws {
    let mutual = try trust(
      hosts(rule("trafficPolicy: {tls: {mode: MUTUAL, clientCertificate: /c, privateKey: /k}}")))
    #expect(mutual.clientCertificate == "/c" && mutual.clientKey == "/k")
    let plain = hosts(rule("trafficPolicy: {tls: {mode: DISABLE}}"))
    let route = try plain.route(to: "keys.example", port: 443, isSecure: true)
    #expect(route.warnings.map(\.code) == ["tls-not-disabled"])
    #expect(try plain.route(to: "keys.example", port: 80, isSecure: false).warnings.isEmpty)
    let careless = hosts(rule("trafficPolicy: {tls: {mode: SIMPLE, insecureSkipVerify: true}}"))
    let unsafe = try careless.route(to: "keys.example", port: 443, isSecure: false)
    #expect(unsafe.trust.skipsVerification && unsafe.warnings.map(\.code) == ["insecure-skip-verify"])
  }

  @Test func `what cannot be honoured is refused, not left out`() {
    for (spec, code) in [
      ("tls: {mode: ISTIO_MUTUAL}", "unsupported-tls"),
      ("tls: {mode: SIMPLE, credentialName: c}", "unsupported-tls"),
      ("tls: {mode: SIMPLE, caCrl: /crl}", "unsupported-tls"),
    ] {
      let mesh = hosts(rule("trafficPolicy: {\(spec)}"))
      let error = #expect(throws: MeshHosts.Refusal.self) { try trust(mesh) }
      #expect(error?.diagnostic.code == code)
      let source = KeySource(.address("http://keys.example:443/k"), name: "a/b[0]")
      #expect(mesh.findings(for: source).map(\.code) == [code])
    }
    let socket = hosts(
      entry("ports: [{number: 443, name: a}], resolution: STATIC, endpoints: [{address: 'unix:///s'}]"))
    #expect(throws: MeshHosts.Refusal.self) { try endpoints(socket) }
  }

  @Test func `the nearest namespace and the most exact host win, and a tie is refused`() throws {
    func simple(_ file: String) -> String { "trafficPolicy: {tls: {mode: SIMPLE, caCertificates: \(file)}}" }
    let near = rule(simple("/near"))
    let root = rule(simple("/root"), namespace: "istio-system")
    let far = rule(simple("/far"), namespace: "far")
    let wide = rule(simple("/wide"), name: "w", host: "*.example")
    #expect(try trust(hosts(root, far, wide, near)).authorities == "/near")
    #expect(try trust(hosts(far, root)).authorities == "/root")
    #expect(try trust(hosts(far)).authorities == "/far")
    #expect(try trust(hosts(wide)).authorities == "/wide")
    #expect(try trust(hosts(root, wide), host: "b.example").authorities == "/wide")
    let tie = hosts(near, rule(simple("/other"), name: "z"))
    #expect(throws: MeshHosts.Refusal.self) { try trust(tie) }
    // Subsets alone do not compete.
    #expect(
      try trust(hosts(near, rule("subsets: [{name: a}]", name: "z"))).authorities == "/near")
  }
}
