import Istio
import Testing

/// What Istio's webhook refuses of a ServiceEntry or a DestinationRule (semantics, section 1.9).
@Suite struct NetworkingTests {
  private func load(_ kind: String, _ spec: String) -> LoadedResources {
    let text =
      "apiVersion: networking.istio.io/v1\nkind: \(kind)\nmetadata: {name: a, namespace: n}\nspec: \(spec)\n"
    return ResourceLoader().load(file: "n.yaml", text: text)
  }

  @Test(arguments: [
    ("{hosts: [a.example]}", []),
    ("{}", ["missing-field"]), ("{hosts: []}", ["missing-field"]),
    ("{hosts: ['*']}", ["unknown-value"]),
    ("{hosts: [a], port: []}", ["unknown-field"]),
    ("{hosts: [a], location: INTERNAL}", ["unknown-value"]),
    ("{hosts: [a], resolution: STATIC}", ["missing-field"]),
    ("{hosts: [a], resolution: STATIC, workloadSelector: {labels: {app: a}}}", []),
    ("{hosts: [a], resolution: STATIC, endpoints: [{address: b.example}]}", ["invalid-address"]),
    ("{hosts: [a], endpoints: [{address: 10.0.0.1}]}", ["unknown-field"]),
    ("{hosts: [a], resolution: DNS_ROUND_ROBIN, endpoints: [{address: a}, {address: b}]}", ["too-many"]),
    ("{hosts: [a], resolution: DNS, workloadSelector: {}, endpoints: [{address: a}]}", ["unknown-field"]),
    ("{hosts: [a], resolution: DNS, endpoints: [{ports: {a: 1}}]}", ["missing-field"]),
    ("{hosts: [a], resolution: DNS, endpoints: [{address: a, ports: {a: 65536}}]}", ["invalid-port"]),
    ("{hosts: [a], ports: [{name: a}]}", ["missing-field"]),
    ("{hosts: [a], ports: [{number: '80', name: a}]}", ["invalid-port"]),
    ("{hosts: [a], ports: [{number: 0, name: a}]}", ["invalid-port"]),
    ("{hosts: [a], ports: [{number: 1, name: a}, {number: 1, name: b}]}", ["unknown-value"]),
    ("{hosts: [a], ports: [{number: 1, name: a}, {number: 2, name: a}]}", ["unknown-value"]),
  ])
  func `a ServiceEntry that Istio refuses is an error`(_ spec: String, _ codes: [String]) {
    let loaded = load("ServiceEntry", spec)
    #expect(loaded.diagnostics.map(\.code) == codes, "\(loaded.diagnostics)")
    #expect(loaded.resources.serviceEntries.count == (codes.isEmpty ? 1 : 0))
  }

  @Test(arguments: [
    ("{host: a}", []),
    ("{}", ["missing-field"]), ("{host: a, tls: {}}", ["unknown-field"]),
    ("{host: a, trafficPolicy: {loadBalancer: {simple: RANDOM}, connectionPool: {any: 1}}}", []),
    ("{host: a, trafficPolicy: {tls: {mode: TLS}}}", ["unknown-value"]),
    ("{host: a, trafficPolicy: {tls: {mode: MUTUAL, privateKey: /k}}}", ["missing-field"]),
    ("{host: a, trafficPolicy: {tls: {mode: MUTUAL, credentialName: c}}}", []),
    (
      "{host: a, trafficPolicy: {tls: {mode: SIMPLE, credentialName: c, caCertificates: /a}}}",
      ["unknown-field"]
    ),
    ("{host: a, trafficPolicy: {tls: {mode: ISTIO_MUTUAL, caCertificates: /a}}}", ["unknown-field"]),
    (
      "{host: a, trafficPolicy: {tls: {mode: SIMPLE, insecureSkipVerify: true, caCertificates: /a}}}",
      ["unknown-field"]
    ),
    ("{host: a, trafficPolicy: {tls: {mode: SIMPLE, insecureSkipVerify: 'true'}}}", ["wrong-type"]),
    ("{host: a, trafficPolicy: {portLevelSettings: [{tls: {mode: SIMPLE}}]}}", ["missing-field"]),
    ("{host: a, trafficPolicy: {portLevelSettings: [{port: {}}]}}", ["missing-field"]),
    (
      "{host: a, trafficPolicy: {portLevelSettings: [{port: {number: 1}}, {port: {number: 1}}]}}",
      ["unknown-value"]
    ),
  ])
  func `a DestinationRule that Istio refuses is an error`(_ spec: String, _ codes: [String]) {
    let loaded = load("DestinationRule", spec)
    #expect(loaded.diagnostics.map(\.code) == codes, "\(loaded.diagnostics)")
    #expect(loaded.resources.destinationRules.count == (codes.isEmpty ? 1 : 0))
  }

  @Test func `a finding says where it is`() {
    let loaded = load("ServiceEntry", "{hosts: ['*']}")
    #expect(
      loaded.diagnostics.map(\.description) == [
        "n.yaml:4:16: error: `*` alone is no host of a ServiceEntry; name hosts [unknown-value]"
      ])
  }

  @Test func `a short host has its namespace behind it, and names are lower case`() {
    #expect(
      load("DestinationRule", "{host: Keys}").resources.destinationRules[0].host.value
        == "keys.n.svc.cluster.local")
    #expect(
      load("DestinationRule", "{host: '*.Example'}").resources.destinationRules[0].host.value == "*.example")
    #expect(
      load("ServiceEntry", "{hosts: [Keys.Example]}").resources.serviceEntries[0].hosts[0].value
        == "keys.example")
  }

  @Test func `kinds and groups that look like ours misspelt are not passed over`() {
    let wrong = ResourceLoader().load(
      file: "n.yaml", text: "apiVersion: networking.istio.io/v1\nkind: ServiceEntri\nmetadata: {name: a}\n")
    #expect(wrong.diagnostics.map(\.code) == ["unknown-kind"])
    let group = ResourceLoader().load(
      file: "n.yaml", text: "apiVersion: networking.istio.o/v1\nkind: ServiceEntry\nmetadata: {name: a}\n")
    #expect(group.diagnostics.map(\.code) == ["unknown-api-group"])
    let version = ResourceLoader().load(
      file: "n.yaml", text: "apiVersion: networking.istio.io/v2\nkind: ServiceEntry\nmetadata: {name: a}\n")
    #expect(version.diagnostics.map(\.code) == ["unsupported-version"])
    let other = ResourceLoader().load(
      file: "n.yaml", text: "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: a}\n")
    #expect(other.diagnostics.isEmpty && other.resources.passedOver == ["Gateway": 1])
    let list = ResourceLoader().load(
      file: "n.yaml",
      text: """
        apiVersion: networking.istio.io/v1
        kind: ServiceEntryList
        items: [{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: a}, spec: {hosts: [b]}}]
        """)
    #expect(list.diagnostics.isEmpty && list.resources.serviceEntries.count == 1)
  }
}
