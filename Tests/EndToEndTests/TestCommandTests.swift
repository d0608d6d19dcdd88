import Foundation
import Testing

@Suite struct TestCommandTests {
  static let policies = """
    apiVersion: security.istio.io/v1
    kind: AuthorizationPolicy
    metadata: {name: open, namespace: foo}
    spec: {rules: [{to: [{operation: {paths: [/open]}}]}, {to: [{operation: {paths: [/more]}}]}]}

    """

  /// Runs `countersign test` over a file with this expectation.
  func run(_ expect: String, _ more: [String] = []) throws -> (code: Int32?, output: String, folder: Folder) {
    let folder = try Folder()
    try folder.write("p.yaml", Self.policies)
    let file = try folder.write(
      "t.yaml",
      "policies: [p.yaml]\nworkload: foo/\n"
        + "tests: [{name: it is open, request: {path: /open}, expect: \(expect)}]\n"
    )
    let arguments = more.map { $0.replacingOccurrences(of: "FOLDER", with: folder.url.path) }
    let child = try Child(
      Tools.countersign, ["test", file] + arguments, log: folder.url.appendingPathComponent("log"))
    let code = child.exitCode(within: 30)
    return (code, child.output, folder)
  }

  @Test func `all pass: 0, and the rules that no test reached are named`() throws {
    let (code, output, folder) = try run("{status: 200}", ["--junit", "FOLDER/j.xml"])
    #expect(code == 0)
    #expect(output.contains("p.yaml:4: foo/open rule[1] was not reached by any test"))
    #expect(output.contains("1 test: 1 passed, 0 failed; 1 of 2 rules reached"))
    let report = try String(contentsOf: folder.url.appendingPathComponent("j.xml"), encoding: .utf8)
    #expect(report.contains("<testsuites tests=\"1\" failures=\"0\""))
  }

  @Test func `one fails: 1, with its difference`() throws {
    let (code, output, _) = try run("{status: 403}")
    #expect(code == 1)
    #expect(output.contains("- expected  403") && output.contains("+ actual    200"))
  }

  @Test func `missing coverage fails only when it is required`() throws {
    #expect(try run("{status: 200}", ["--coverage"]).code == 0)
    #expect(try run("{status: 200}", ["--require-coverage"]).code == 1)
  }

  @Test func `a bad file is 1, a bad command line 2`() throws {
    let bad = try run("{stats: 200}")
    #expect(bad.code == 1)
    #expect(bad.output.contains("t.yaml:3:61: error: unknown key `stats`"))
    #expect(try run("{status: 200}", ["--nonsense"]).code == 2)
    #expect(try run("{status: 200}", ["--filter", "shut"]).code == 1)
  }
}
