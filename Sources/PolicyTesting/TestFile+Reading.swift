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
      if let seconds = Timestamp.seconds(of: text) {
        now = seconds
      } else {
        reader.error("invalid-value", at: value.position, "`\(text)` is no time such as 2026-01-01T00:00:00Z")
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
        reader.error("missing-key", at: element.position, "an issuer needs `issuer`, the `iss` of its tokens")
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

/// Times as `2026-01-01T00:00:00Z` (RFC 3339, in UTC, of whole seconds).
enum Timestamp {
  static func seconds(of text: String) -> Int64? {
    let octets = Array(text.utf8)
    guard octets.count == 20 else { return nil }
    for (index, mark) in [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":"), (19, "Z")] {
      if octets[index] != mark.utf8.first { return nil }
    }
    func number(_ range: Range<Int>) -> Int64? {
      octets[range].allSatisfy { 0x30...0x39 ~= $0 }
        ? Int64(String(decoding: octets[range], as: UTF8.self)) : nil
    }
    guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
      let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
      year >= 1970, 1...12 ~= month, 1...lastDay(month, year) ~= day, hour < 24, minute < 60, second < 60
    else { return nil }
    return days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second
  }

  private static func lastDay(_ month: Int64, _ year: Int64) -> Int64 {
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    return switch month {
    case 2: isLeap ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  /// Days since 1970: years begin in March, so that the leap day is the last of its year.
  private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let shifted = month <= 2 ? year - 1 : year
    let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
    return 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
  }
}
