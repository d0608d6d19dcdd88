import Authorizer
import Configuration
import Istio
import Policy
import Signatures
import YAML

extension TestFile {
  /// Reads a test file's text. Unknown keys are errors that name the nearest known one.
  public init(file: String, text: [UInt8]) throws(TestFileRefused) {
    self.init(name: file)
    var reader = FieldReader(file: file)
    let start = YAMLPosition(line: 1, column: 1)
    do throws(YAMLError) {
      let documents = try YAMLParser.parse(text)
      if documents.count > 1 {
        reader.error("several-documents", at: documents[1].position, "a test file is one document")
      }
      if let root = documents.first, !root.isNull {
        read(root, &reader)
      } else {
        reader.error("empty", at: start, "the file holds no tests")
      }
    } catch {
      reader.error(error.code, at: error.position, error.message)
    }
    if !reader.diagnostics.isEmpty { throw TestFileRefused(diagnostics: reader.diagnostics) }
  }

  private static let keys = ["policies", "resources", "workload", "settings", "now", "issuers", "tests"]

  private mutating func read(_ root: YAMLNode, _ reader: inout FieldReader) {
    guard reader.isMapping(root, "the test file", known: Self.keys) else { return }
    policies = reader.texts(root, "policies")
    if let member = root.member("resources") {
      if let elements = member.value.elements {
        resources = elements
      } else {
        reader.expected("a list of resources", member.value)
      }
    }
    if root.member("policies") == nil, root.member("resources") == nil {
      reader.error("missing-key", at: root.position, "nothing to test: name `policies`, or give `resources`")
    }
    readWorkload(root, &reader)
    if let section = root.member("settings")?.value {
      let (read, diagnostics) = AuthorizerSettings.read(section: section, file: name)
      settings = read
      reader.diagnostics += diagnostics
    }
    // A workload of a test file is one of many that the policies are for.
    settings.policy.allowUnused = true
    if let text = reader.text(root, "now"), let value = root.member("now")?.value {
      if let time = Timestamp(text), time.seconds >= 0, time.nanoseconds == 0 {
        now = time.seconds
      } else {
        reader.error(
          "invalid-value", at: value.position,
          "`\(text)` is not a time of whole seconds since 1970, such as 2026-01-01T00:00:00Z")
      }
    }
    if let member = root.member("issuers") { readIssuers(member.value, &reader) }
    guard let list = root.member("tests")?.value else {
      reader.error("missing-key", at: root.position, "the file has no `tests`")
      return
    }
    guard let elements = list.elements, !elements.isEmpty else {
      reader.expected("a list of tests", list)
      return
    }
    for element in elements { readTest(element, &reader) }
  }

  private mutating func readWorkload(_ root: YAMLNode, _ reader: inout FieldReader) {
    guard let member = root.member("workload") else {
      reader.error(
        "missing-key", at: root.position,
        "the file has no `workload`; write NAMESPACE/key=value, whom the requests are for")
      return
    }
    guard let text = reader.text(root, "workload") else { return }
    var configuration = ServiceConfiguration()
    do throws(WorkloadFlagError) {
      try configuration.setDefaultWorkload(flag: text)
      workload = configuration.workloads.first
    } catch {
      reader.error("invalid-value", at: member.value.position, "\(error)")
    }
  }

  private mutating func readIssuers(_ list: YAMLNode, _ reader: inout FieldReader) {
    guard let elements = list.elements else { return reader.expected("a list of issuers", list) }
    for element in elements {
      guard reader.isMapping(element, "an issuer", known: ["issuer", "algorithm"]) else { continue }
      guard let issuer = reader.text(element, "issuer") else {
        reader.error(
          "missing-key", at: element.position,
          "an issuer needs `issuer`, the `iss` of its tokens, or \"\" for rules without one")
        continue
      }
      if issuers.contains(where: { $0.issuer == issuer }) {
        reader.error("duplicate-issuer", at: element.position, "the issuer `\(issuer)` is listed twice")
      }
      let algorithms = reader.texts(element, "algorithm")
      for name in algorithms { Self.checkAlgorithm(name, at: element, &reader) }
      issuers.append(
        IssuerEntry(
          issuer: issuer, algorithms: algorithms.isEmpty ? ["ES256"] : algorithms,
          position: reader.place(element.position)))
    }
  }

  /// - Parameter node: the mapping that has the key `algorithm`.
  static func checkAlgorithm(_ name: String, at node: YAMLNode, _ reader: inout FieldReader) {
    if Algorithm(name: Array(name.utf8).span) != nil { return }
    let known = Algorithm.allCases.map { "\($0.name)" }
    let hint = nearest(to: name, in: known).map { "; did you mean `\($0)`?" } ?? ""
    reader.error(
      "invalid-value", at: node.member("algorithm")?.value.position ?? node.position,
      "`\(name)` is no algorithm; known: \(known.joined(separator: ", "))\(hint)")
  }
}
