import Istio
import Testing

/// One row of a table: a `spec`, written from line 6 of `p.yaml` on, and what must be found in it.
struct SpecCase: Sendable, CustomTestStringConvertible {
  var name: String
  var spec: String
  /// `line:column severity code`, in order. Empty: nothing at all is found.
  var findings: [String]

  init(_ name: String, _ spec: String, _ findings: String...) {
    self.name = name
    self.spec = spec
    self.findings = findings
  }

  var testDescription: String { name }

  func text(kind: String) -> String {
    "apiVersion: security.istio.io/v1\nkind: \(kind)\nmetadata:\n  name: p\nspec:\n\(spec)\n"
  }
}

extension LoadedResources {
  /// `line:column severity code` of every finding.
  var findings: [String] {
    diagnostics.map { "\($0.position.line):\($0.position.column) \($0.severity.rawValue) \($0.code)" }
  }

  /// The warnings `never-matches`, and all other findings.
  var splitFindings: (never: [String], others: [String]) {
    let never = findings.filter { $0.hasSuffix(" warning never-matches") }
    return (never, findings.filter { !never.contains($0) })
  }

  var count: Int { resources.requestAuthentications.count + resources.authorizationPolicies.count }
}

/// Loads the spec and compares the findings; a spec with an error must yield no resource, any other one.
func check(_ row: SpecCase, kind: String, _ settings: LoaderSettings = LoaderSettings()) {
  let loaded = ResourceLoader(settings).load(file: "p.yaml", text: row.text(kind: kind))
  #expect(loaded.findings == row.findings, "\(row.name):\n\(loaded.diagnostics.map(\.description))")
  #expect(loaded.count == (loaded.hasErrors ? 0 : 1))
  for diagnostic in loaded.diagnostics {
    #expect(diagnostic.position.file == "p.yaml")
    let first = diagnostic.message.unicodeScalars.first
    #expect(first?.properties.isUppercase == false, "\(diagnostic)")
    #expect(!diagnostic.message.hasSuffix("."), "\(diagnostic)")
  }
}
