import Configuration
import Foundation
import Istio
import System
import Testing

struct PolicyFilesTests {
  private static func policy(_ name: String) -> String {
    """
    apiVersion: security.istio.io/v1
    kind: AuthorizationPolicy
    metadata: {name: \(name), namespace: a}
    spec: {action: DENY, rules: [{}]}
    """
  }

  private func withFolder(_ files: [String: String], _ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "policies-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for (name, text) in files {
      let file = folder.appendingPathComponent(name)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try text.write(to: file, atomically: true, encoding: .utf8)
    }
    try body(folder.path)
  }

  private func names(_ loaded: LoadedResources) -> [String] {
    loaded.resources.authorizationPolicies.map(\.metadata.name)
  }

  @Test func `a folder gives its policy files in order, those of folders below included`() throws {
    try withFolder([
      "b.yaml": Self.policy("b"), "a.yml": Self.policy("a"), "c/d.yaml": Self.policy("d"),
      "notes.txt": Self.policy("not-me"),
      "e.json": #"{"apiVersion":"security.istio.io/v1","kind":"AuthorizationPolicy","metadata":"#
        + #"{"name":"e","namespace":"a"},"spec":{"action":"DENY","rules":[{}]}}"#,
    ]) { folder in
      let loaded = try PolicyFiles.load([folder])
      #expect(loaded.diagnostics.isEmpty, "\(loaded.diagnostics)")
      #expect(names(loaded) == ["a", "b", "d", "e"])
    }
  }

  @Test func `a file that is named is read whatever it is called, in the order named`() throws {
    try withFolder(["z.txt": Self.policy("z"), "a.yaml": Self.policy("a")]) { folder in
      let loaded = try PolicyFiles.load(["\(folder)/z.txt", "\(folder)/a.yaml"])
      #expect(names(loaded) == ["z", "a"])
    }
  }

  private static let built = [
    "kustomization.yaml", "kustomization.yml", "Chart.yaml", "Chart.yml", "values.yaml", "values.yml",
  ]

  @Test func `files of a folder that build resources are passed over by name and counted`() throws {
    var files = [
      "a.yaml": Self.policy("a"), "my-values.yaml": Self.policy("b"), "chart.yaml": Self.policy("c"),
    ]
    for name in Self.built { files[name] = "name: x\nresources: [a.yaml]\n" }
    files["below/values.yaml"] = "replicas: 1\n"
    // Not even YAML.
    files["below/Chart.yaml"] = "{{ x }}: ["
    try withFolder(files) { folder in
      let found = try PolicyFiles.find([folder])
      #expect(
        Set(found.texts.map { String($0.name.dropFirst(folder.count + 1)) }) == [
          "a.yaml", "my-values.yaml", "chart.yaml",
        ])
      var expected = Dictionary(uniqueKeysWithValues: Self.built.map { ($0, 1) })
      (expected["values.yaml"], expected["Chart.yaml"]) = (2, 2)
      #expect(found.passedOver == expected)
      #expect(try PolicyFiles.load([folder]).diagnostics.isEmpty)
    }
  }

  @Test func `a file of such a name that is named itself is loaded`() throws {
    try withFolder(["values.yaml": "replicas: 1\n"]) { folder in
      let loaded = try PolicyFiles.load(["\(folder)/values.yaml"])
      #expect(loaded.diagnostics.map(\.code) == ["not-a-resource"])
      #expect(try PolicyFiles.find(["\(folder)/values.yaml"]).passedOver.isEmpty)
    }
  }

  @Test func `a policy in a file of such a name is not lost`() throws {
    let flow =
      #"{"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", "metadata": {"name": "f"}}"#
    try withFolder(["values.yaml": "# mine\n" + Self.policy("a"), "x/kustomization.yaml": flow]) { folder in
      let loaded = try PolicyFiles.load([folder])
      #expect(names(loaded) == ["a", "f"])
    }
    let patch = "patches:\n- patch: |\n    apiVersion: security.istio.io/v1\n    kind: AuthorizationPolicy\n"
    try withFolder(["kustomization.yaml": patch]) { folder in
      let found = try PolicyFiles.find([folder])
      #expect(found.texts.isEmpty)
    }
  }

  @Test func `a path that is not there is an error that names it`() throws {
    try withFolder(["a.yaml": Self.policy("a")]) { folder in
      let missing = "\(folder)/missing"
      let error = #expect(throws: SystemError.self) {
        _ = try PolicyFiles.load(["\(folder)/a.yaml", missing])
      }
      #expect(error.map { "\($0)".contains(missing) } == true)
    }
  }

  @Test func `what is wrong inside a file is a finding with its place, and the same policy twice is one`()
    throws
  {
    try withFolder(["a.yaml": Self.policy("a"), "b.yaml": "kind: [", "c.yaml": Self.policy("a")]) { folder in
      let found = try PolicyFiles.load([folder]).diagnostics.map(\.description)
      #expect(found.contains { $0.hasPrefix("\(folder)/b.yaml:1:") })
      #expect(found.contains { $0.hasPrefix("\(folder)/c.yaml:") })
    }
  }

  @Test func `no paths are no resources`() throws {
    let loaded = try PolicyFiles.load([])
    #expect(names(loaded).isEmpty && loaded.diagnostics.isEmpty)
  }
}
