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
