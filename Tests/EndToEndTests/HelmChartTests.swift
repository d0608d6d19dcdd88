import Foundation
import TestSupport
import Testing
import YAML

/// The chart of deploy/helm: rendered here (there is no Helm to be had), and what comes of it held to Kubernetes' own
/// schemas, to its values' schema and to what the program takes.
@Suite struct HelmChartTests {
  private static let chart = Vectors.packageFolder.appendingPathComponent("deploy/helm/countersign")
  static let validator = Vectors.packageFolder.appendingPathComponent(".venv/bin/kubernetes-validate")
  private static let python = Vectors.packageFolder.appendingPathComponent(".venv/bin/python")

  private static let everything = """
    image: {tag: "1.2.3"}
    imagePullSecrets: [{name: registry}]
    policies:
      a.yaml: |
        apiVersion: security.istio.io/v1
        kind: AuthorizationPolicy
        metadata: {name: a, namespace: istio-system}
        spec: {}
      b.yaml: |
        # A second file, with a line that is empty.

        apiVersion: security.istio.io/v1
        kind: AuthorizationPolicy
        metadata: {name: b, namespace: istio-system}
        spec: {action: DENY, rules: [{to: [{operation: {paths: [/b]}}]}]}
    tls: {secretName: check, allowedClients: ["spiffe://cluster.local/ns/istio-system/sa/gateway"]}
    podMonitor: {enabled: true, interval: 30s}
    podAnnotations: {example.com/a: "1"}
    podLabels: {team: edge}
    nodeSelector: {kubernetes.io/arch: amd64}
    tolerations: [{key: edge, operator: Exists, effect: NoSchedule}]
    affinity:
      nodeAffinity:
        requiredDuringSchedulingIgnoredDuringExecution:
          nodeSelectorTerms: [{matchExpressions: [{key: edge, operator: In, values: ["yes"]}]}]
    """
  private static let least = """
    replicas: 1
    existingPolicies: mine
    autoscaling: {enabled: false}
    podDisruptionBudget: {enabled: false}
    networkPolicy: {enabled: false}
    """

  private static func sidecar() throws -> String {
    let envoy = try String(
      contentsOf: Vectors.packageFolder.appendingPathComponent("deploy/envoy/unix/envoy.yaml"),
      encoding: .utf8)
    return "sidecar:\n  enabled: true\n  proxy:\n    config: |\n" + HelmTemplate.indent(envoy, 6, first: true)
  }

  private static func read(_ name: String) throws -> String {
    try String(contentsOf: chart.appendingPathComponent(name), encoding: .utf8)
  }

  /// The texts of all templates, by file.
  private func render(_ overrides: String) throws -> [String: String] {
    let values = try HelmValue.read(Self.read("values.yaml")).overlaid(by: HelmValue.read(overrides))
    let chart = try HelmValue.read(Self.read("Chart.yaml"))
    guard case .mapping(let about) = chart else { throw Failure("no chart") }
    let root = HelmValue.mapping([
      "Values": values,
      "Release": .mapping(["Name": .text("gate"), "Namespace": .text("edge")]),
      "Chart": .mapping(["AppVersion": about["appVersion"] ?? .null]),
    ])
    var rendered: [String: String] = [:]
    let folder = Self.chart.appendingPathComponent("templates")
    for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
      let text = try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
      do { rendered[name] = try HelmTemplate(text, root).render() } catch {
        throw Failure("\(name): \(error)")
      }
    }
    return rendered
  }

  private func at(_ node: YAMLNode?, _ path: String) -> YAMLNode? {
    path.split(separator: ".").reduce(node) { node, name in
      if let index = Int(name) {
        return node?.elements.flatMap { $0.indices.contains(index) ? $0[index] : nil }
      }
      return node?.member(String(name))?.value
    }
  }

  private func objects(_ rendered: [String: String]) throws -> [String: YAMLNode] {
    var objects: [String: YAMLNode] = [:]
    for (name, text) in rendered where name.hasSuffix(".yaml") {
      do {
        if let node = try YAMLParser.parse(Array(text.utf8)).first, node.members != nil {
          objects[name] = node
        }
      } catch { throw Failure("\(name): \(error)\n\(text)") }
    }
    return objects
  }

  private func run(_ program: URL, _ arguments: [String]) throws -> (Int32?, String) {
    let logs = try Folder()
    let child = try Child(program, arguments, log: logs.url.appendingPathComponent("log"))
    let code = child.exitCode(within: 60)
    return (code, child.output)
  }

  private static var overrides: [String] { get throws { ["{}", everything, least, try sidecar()] } }

  static var hasSchemas: Bool {
    if FileManager.default.isExecutableFile(atPath: validator.path) || Vectors.isCI { return true }
    print("skipped: no \(validator.path) (make test installs it)")
    return false
  }

  @Test(.enabled(if: HelmChartTests.hasSchemas))
  func `every object that the chart makes, and every manifest, is as Kubernetes' schemas say`() throws {
    let folder = try Folder()
    var files: [String] = [
      Vectors.packageFolder.appendingPathComponent("deploy/kubernetes/countersign.yaml").path
    ]
    for (index, overrides) in try Self.overrides.enumerated() {
      let rendered = try render(overrides)
      for name in try objects(rendered).keys where name != "podmonitor.yaml" {
        files.append(try folder.write("\(index)/\(name)", rendered[name] ?? ""))
      }
    }
    // Of the first version that the chart takes, and of the last that the schemas know.
    #expect(try Self.read("Chart.yaml").contains("kubeVersion: \">=1.30.0-0\""))
    for version in ["1.30", "1.37"] {
      let (code, output) = try run(Self.validator, ["--strict", "--quiet", "-k", version] + files)
      #expect(code == 0, "\(version): \(output)")
    }
    let broken = try folder.write(
      "broken.yaml",
      try Self.read("templates/serviceaccount.yaml").replacingOccurrences(
        of: "{{ .Release.Name }}", with: "a") + "typo: 1\n")
    let (code, _) = try run(Self.validator, ["--strict", "--quiet", broken])
    #expect(code != 0, "the schemas find what is wrong")
  }

  @Test(.enabled(if: HelmChartTests.hasSchemas))
  func `the values' schema takes the defaults and these overrides, and refuses what is misspelt`() throws {
    let folder = try Folder()
    let script = try folder.write(
      "check.py",
      """
      import json, sys, yaml, jsonschema
      schema = json.load(open(sys.argv[1]))
      jsonschema.Draft7Validator.check_schema(schema)
      def laid(a, b):
          def one(k, v):
              return laid(a[k], v) if isinstance(v, dict) and isinstance(a.get(k), dict) else v
          return {**a, **{k: one(k, v) for k, v in b.items()}}
      values = laid(yaml.safe_load(open(sys.argv[2])), yaml.safe_load(open(sys.argv[3])) or {})
      jsonschema.validate(values, schema)
      """)
    func isTaken(_ overrides: String) throws -> Bool {
      let file = try folder.write("overrides.yaml", overrides)
      return try run(
        Self.python,
        [
          script, Self.chart.appendingPathComponent("values.schema.json").path,
          Self.chart.appendingPathComponent("values.yaml").path, file,
        ]
      ).0 == 0
    }
    for overrides in try Self.overrides { #expect(try isTaken(overrides), "\(overrides)") }
    for wrong in [
      "replicsa: 2", "replicas: two", "tls: {clientCertificates: maybe}", "config: {listeners: {}}",
      "policies: {a.txt: x}", "autoscaling: {enabled: \"yes\"}", "sidecar: {enabled: true}",
      "config: {workloads: []}",
    ] {
      #expect(try !isTaken(wrong), "\(wrong)")
    }
  }

  @Test func `what the ConfigMaps hold is taken by the program`() throws {
    for overrides in try Self.overrides {
      let rendered = try render(overrides)
      let all = try objects(rendered)
      let folder = try Folder()
      try folder.write("policies/none.yaml", "")
      for member in at(all["policies.yaml"], "data")?.members ?? [] {
        try folder.write("policies/\(member.name)", member.value.text ?? "")
      }
      let text = try #require(at(all["configmap.yaml"], "data")?.member("countersign.yaml")?.value.text)
      let file = try folder.write(
        "countersign.yaml",
        text.replacingOccurrences(of: "/etc/countersign/policies", with: folder.url.path + "/policies"))
      let (code, output) = try run(Tools.countersign, ["validate", "--config", file])
      let isForeign = all["policies.yaml"] == nil
      #expect(code == 0 || isForeign && output.contains("[no-policies]"), "\(output)\n\(text)")
    }
  }

  @Test func `ports, mounts, probes, selectors and times fit each other in every shape`() throws {
    for overrides in try Self.overrides {
      let all = try objects(render(overrides))
      let isSidecar = overrides.contains("sidecar:")
      let pod = try #require(at(all["deployment.yaml"], "spec.template.spec"))
      let container = try #require(at(pod, isSidecar ? "initContainers.0" : "containers.0"))
      #expect(at(container, "name")?.text == "countersign")
      #expect(isSidecar == (at(container, "restartPolicy")?.text == "Always"))
      // Every volume that is mounted is there, and the other way round.
      let containers = [at(pod, "containers")?.elements, at(pod, "initContainers")?.elements].flatMap {
        $0 ?? []
      }
      let mounted = Set(
        containers.flatMap { at($0, "volumeMounts")?.elements ?? [] }.compactMap { at($0, "name")?.text })
      let volumes = Set(at(pod, "volumes")?.elements?.compactMap { at($0, "name")?.text } ?? [])
      #expect(mounted == volumes)
      let text = try #require(at(all["configmap.yaml"], "data")?.member("countersign.yaml")?.value.text)
      let read = try #require(YAMLParser.parse(Array(text.utf8)).first)
      let paths = at(container, "volumeMounts")?.elements?.compactMap { at($0, "mountPath")?.text } ?? []
      var needed = ["/etc/countersign/policies", at(read, "jwks.stateFolder")?.text ?? "-"]
      if let certificate = at(read, "tls.certificate")?.text { needed.append(certificate) }
      if isSidecar {
        needed.append(String(at(read, "listeners.grpc")?.text?.dropFirst(5) ?? "-"))
        let envoy = at(all["configmap.yaml"], "data")?.member("envoy.yaml")?.value.text ?? ""
        #expect(envoy.contains("pipe: {path: \(needed.last ?? "")}"), "\(envoy)")
        #expect(envoy.contains("port_value: 8080"))
      }
      for path in needed {
        #expect(paths.contains { path == $0 || path.hasPrefix($0 + "/") }, "\(path) of \(paths)")
      }
      func seconds(_ key: String) -> Int { Int(at(read, key)?.text?.dropLast() ?? "") ?? 0 }
      let grace = try #require(at(pod, "terminationGracePeriodSeconds")?.integer)
      #expect(seconds("drainDelay") > 0 && grace > seconds("drainDelay") + seconds("shutdownTimeout"))
      let labels = try #require(at(all["deployment.yaml"], "spec.template.metadata.labels"))
      for (file, path) in [
        ("deployment.yaml", "spec.selector.matchLabels"), ("service.yaml", "spec.selector"),
        ("poddisruptionbudget.yaml", "spec.selector.matchLabels"),
        ("networkpolicy.yaml", "spec.podSelector.matchLabels"),
        ("podmonitor.yaml", "spec.selector.matchLabels"),
      ] where all[file] != nil {
        let selector = try #require(at(all[file], path)?.members)
        #expect(selector.count == 2)
        for member in selector {
          #expect(labels.member(member.name)?.value.text == member.value.text, "\(file)")
        }
      }
      // The port that the Service names is one of the pod's.
      let target = at(all["service.yaml"], "spec.ports.0.targetPort")?.text
      let ports = containers.flatMap { at($0, "ports")?.elements ?? [] }.compactMap { at($0, "name")?.text }
      #expect(ports.contains(target ?? "-") && ports.contains("admin"))
    }
  }

  @Test func `each option makes and leaves out what it says`() throws {
    let all = try Self.overrides.map { Set(try objects(render($0)).keys) }
    let always: Set = ["serviceaccount.yaml", "configmap.yaml", "deployment.yaml", "service.yaml"]
    let usual: Set = [
      "policies.yaml", "poddisruptionbudget.yaml", "horizontalpodautoscaler.yaml", "networkpolicy.yaml",
    ]
    #expect(all[0] == always.union(usual))
    #expect(all[1] == always.union(usual).union(["podmonitor.yaml"]))
    #expect(all[2] == always)
    #expect(all[3] == always.union(usual))
    let secure = try objects(render(Self.everything))
    #expect(
      at(secure["deployment.yaml"], "spec.template.spec.containers.0.image")?.text == "countersign:1.2.3")
    #expect(at(secure["service.yaml"], "spec.ports.0.appProtocol") == nil)
    let plain = try render("{}")
    #expect(plain["NOTES.txt"]?.contains("gate.edge.svc.cluster.local:9191.") == true)
    let one = try objects(render(Self.least))
    #expect(at(one["deployment.yaml"], "spec.replicas")?.integer == 1)
    #expect(at(one["deployment.yaml"], "spec.template.spec.volumes.1.configMap.name")?.text == "mine")
  }
}
