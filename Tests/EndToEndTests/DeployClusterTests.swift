import Foundation
import TestSupport
import Testing
import YAML

/// What lies in deploy/ for clusters and images: no cluster runs here, so it is held to what the program says
/// and does, and its parts to each other.
@Suite struct DeployClusterTests {
  private static let folder = Vectors.packageFolder.appendingPathComponent("deploy")

  private func documents(_ path: String) throws -> [YAMLNode] {
    try YAMLParser.parse(Array(Data(contentsOf: Self.folder.appendingPathComponent(path))))
  }

  private func at(_ node: YAMLNode?, _ path: String) -> YAMLNode? {
    path.split(separator: ".").reduce(node) { node, name in
      if let index = Int(name) {
        return node?.elements.flatMap { $0.indices.contains(index) ? $0[index] : nil }
      }
      return node?.member(String(name))?.value
    }
  }

  private func object(_ kind: String, _ name: String, in documents: [YAMLNode]) throws -> YAMLNode {
    try #require(documents.first { at($0, "kind")?.text == kind && at($0, "metadata.name")?.text == name })
  }

  private func run(_ arguments: [String]) throws -> (Int32?, String) {
    let logs = try Folder()
    let child = try Child(Tools.countersign, arguments, log: logs.url.appendingPathComponent("log"))
    let code = child.exitCode(within: 60)
    return (code, child.output)
  }

  @Test func `the ConfigMaps hold a configuration and policies that validate, together`() throws {
    let all = try documents("kubernetes/countersign.yaml")
    let folder = try Folder()
    let policies = folder.url.appendingPathComponent("policies").path
    for (name, content) in try #require(object("ConfigMap", "countersign-policies", in: all).member("data"))
      .value
      .members?.map({ ($0.name, $0.value.text ?? "") }) ?? []
    {
      try folder.write("policies/\(name)", content)
    }
    let text = try #require(
      at(object("ConfigMap", "countersign", in: all), "data")?.member("countersign.yaml")?.value.text)
    #expect(text.contains("policies: [/etc/countersign/policies]"))
    let file = try folder.write(
      "countersign.yaml", text.replacingOccurrences(of: "/etc/countersign/policies", with: policies))
    let (code, output) = try run(["validate", "--config", file])
    #expect(
      code == 0 && output.contains("1 RequestAuthentication, 1 AuthorizationPolicy; 0 errors"), "\(output)")
  }

  @Test func `probes, ports, mounts and times of the Deployment fit the configuration that it mounts`() throws
  {
    let all = try documents("kubernetes/countersign.yaml")
    let pod = try #require(at(object("Deployment", "countersign", in: all), "spec.template.spec"))
    let container = try #require(at(pod, "containers.0"))
    let ports =
      at(container, "ports")?.elements?.map { (at($0, "name")?.text, at($0, "containerPort")?.integer) } ?? []
    let text =
      at(try object("ConfigMap", "countersign", in: all), "data")?.member("countersign.yaml")?.value.text
      ?? ""
    let read = try #require(YAMLParser.parse(Array(text.utf8)).first)
    for (name, port) in ports {
      #expect(at(read, "listeners.\(name ?? "")")?.text == "[::]:\(port ?? 0)")
    }
    #expect(ports.count == 2)
    for (probe, path) in [
      ("startupProbe", "/readyz"), ("readinessProbe", "/readyz"), ("livenessProbe", "/livez"),
    ] {
      #expect(at(container, "\(probe).httpGet.path")?.text == path)
      #expect(at(container, "\(probe).httpGet.port")?.text == "admin")
    }
    let mounts = at(container, "volumeMounts")?.elements?.compactMap { at($0, "mountPath")?.text } ?? []
    let file = try #require(at(container, "args.2")?.text)
    for path in [file, "/etc/countersign/policies", at(read, "jwks.stateFolder")?.text ?? "-"] {
      #expect(mounts.contains { path == $0 || path.hasPrefix($0 + "/") }, "\(path)")
    }
    let volumes = at(pod, "volumes")?.elements?.compactMap { at($0, "configMap.name")?.text } ?? []
    for name in volumes { _ = try object("ConfigMap", name, in: all) }
    #expect(volumes.count == 2)
    func seconds(_ key: String) -> Int { Int(at(read, key)?.text?.dropLast() ?? "") ?? 0 }
    let grace = try #require(at(pod, "terminationGracePeriodSeconds")?.integer)
    #expect(seconds("drainDelay") > 0 && grace > seconds("drainDelay") + seconds("shutdownTimeout"))
    #expect(at(container, "securityContext.readOnlyRootFilesystem")?.boolean == true)
    #expect(at(pod, "securityContext.runAsNonRoot")?.boolean == true)
  }

  @Test func `every selector finds the pods, and the services that others name are there`() throws {
    let all = try documents("kubernetes/countersign.yaml") + documents("kubernetes/pod-monitor.yaml")
    let labels = at(try object("Deployment", "countersign", in: all), "spec.template.metadata.labels")
    for (kind, path) in [
      ("Deployment", "spec.selector.matchLabels"), ("Service", "spec.selector"),
      ("PodDisruptionBudget", "spec.selector.matchLabels"), ("NetworkPolicy", "spec.podSelector.matchLabels"),
      ("PodMonitor", "spec.selector.matchLabels"),
    ] {
      let found = at(try object(kind, "countersign", in: all), path)
      #expect(found?.members?.map(\.name) == labels?.members?.map(\.name), "\(kind)")
      #expect(found?.members?.map(\.value.text) == labels?.members?.map(\.value.text), "\(kind)")
    }
    let scaled = at(try object("HorizontalPodAutoscaler", "countersign", in: all), "spec.scaleTargetRef.name")
    #expect(scaled?.text == "countersign")
    let mesh = try #require(documents("istio/mesh-config.yaml").first)
    let provider = try #require(at(mesh, "spec.meshConfig.extensionProviders.0"))
    #expect(at(provider, "envoyExtAuthzGrpc.service")?.text == "countersign.countersign.svc.cluster.local")
    #expect(at(provider, "envoyExtAuthzGrpc.failOpen")?.boolean == false)
    let port = at(try object("Service", "countersign", in: all), "spec.ports.0.port")?.integer
    #expect(at(provider, "envoyExtAuthzGrpc.port")?.integer == port)
    let custom = try #require(documents("istio/custom-policy.yaml").first)
    #expect(at(custom, "spec.provider.name")?.text == at(provider, "name")?.text)
    let (code, output) = try run(
      ["validate", Self.folder.appendingPathComponent("istio/custom-policy.yaml").path])
    #expect(code == 0, "\(output)")
  }

  @Test func `the image has every library that the program loads, and is built as make builds`() throws {
    let text = try String(
      contentsOf: Self.folder.appendingPathComponent("docker/Dockerfile"), encoding: .utf8)
    let stages = text.components(separatedBy: "\nFROM ")
    try #require(stages.count == 3)
    let makefile = try String(
      contentsOf: Vectors.packageFolder.appendingPathComponent("Makefile"), encoding: .utf8)
    #expect(makefile.contains("SWIFT_RELEASE := swift build -c release --static-swift-stdlib"))
    #expect(stages[1].contains("RUN swift build -c release --static-swift-stdlib --product countersign"))
    let packages = try #require(makefile.firstMatch(of: /BUILD_PACKAGES := (.*)/)).1.split(separator: " ")
    for package in packages where package != "curl" { #expect(stages[1].contains(package), "\(package)") }
    let installed = stages[2].split(whereSeparator: { $0 == " " || $0 == "\n" }).map(String.init)
    let logs = try Folder()
    let script = """
      ldd '\(Tools.countersign.path)' | awk '$3 ~ /^\\// {print $3}' | grep -v swift | xargs -n1 readlink -f \
      | xargs -n1 dpkg -S 2>/dev/null | cut -d: -f1 | sort -u
      """
    let child = try Child(
      URL(fileURLWithPath: "/bin/sh"), ["-c", script], log: logs.url.appendingPathComponent("log"))
    #expect(child.exitCode(within: 60) == 0)
    let needed = child.output.split(separator: "\n").map(String.init)
    #expect(needed.contains("libssl3") && needed.contains("libnghttp2-14"), "\(needed)")
    // Of the base image: the C library. libcurl is loaded by name.
    for package in needed + ["libcurl4"] where !["libc6", "libgcc-s1"].contains(package) {
      #expect(installed.contains(package), "\(package)")
    }
    #expect(stages[2].contains("USER 65532:65532"))
  }
}
