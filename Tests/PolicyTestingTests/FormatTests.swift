import Istio
import PolicyTesting
import Testing

@Suite struct FormatTests {
  static let head = "workload: foo/app=web\npolicies: [p.yaml]\n"

  @Test func `a file in order has no findings`() {
    let text =
      Self.head + "now: 2024-02-29T12:00:00Z\nsettings: {trustedProxies: 2}\n"
      + "tests: [{name: a, expect: {status: 200}}]\n"
    #expect(findings(text) == [])
  }

  @Test(arguments: [
    ("polices: [a]", "t.yaml:3:1: error: unknown key `polices` in the test file; did you mean `policies`?"),
    ("now: 2023-02-29T12:00:00Z", "t.yaml:3:6: error: `2023-02-29T12:00:00Z` is not a time"),
    ("settings: {trustedProxy: 1}", "t.yaml:3:12: error: unknown key `trustedProxy`; did you mean"),
    ("settings: {trustedProxies: 99}", "t.yaml:3:28: error: the number `99` where a whole number"),
    ("issuers: [{issuer: a, algorithm: ES255}]", "t.yaml:3:34: error: `ES255` is no algorithm"),
    ("issuers: [{algorithm: ES256}]", "t.yaml:3:11: error: an issuer needs `issuer`"),
    ("issuers: [{issuer: a}, {issuer: a}]", "t.yaml:3:24: error: the issuer `a` is listed twice"),
    ("resources: {}", "t.yaml:3:12: error: a mapping where a list of resources is expected"),
    ("resources: [", "t.yaml:5:1: error: not YAML"),
  ])
  func `what is wrong with the file is said with its place`(line: String, finding: String) {
    let found = findings(Self.head + line + "\ntests: [{name: a, expect: {status: 200}}]\n")
    #expect(found.contains { $0.hasPrefix(finding) }, "\(found)")
  }

  @Test(arguments: [
    ("{name: a}", "t.yaml:4:5: error: a test needs `expect`"),
    ("{expect: {status: 200}}", "t.yaml:4:5: error: a test needs a `name`"),
    ("{name: a, expect: {}}", "t.yaml:4:23: error: `expect` expects nothing"),
    ("{name: a, expect: {status: 404}}", "t.yaml:4:32: error: no verdict has status 404"),
    (
      "{name: a, expect: {stauts: 200}}",
      "t.yaml:4:24: error: unknown key `stauts` in `expect`; did you mean `status`?"
    ),
    (
      "{name: a, expect: {reason: alowed}}",
      "t.yaml:4:32: error: `alowed` is no reason; did you mean `allowed`?"
    ),
    ("{name: a, expect: {decidedBy: {rule: 1}}}", "t.yaml:4:35: error: `decidedBy` needs `policy`"),
    (
      "{name: a, request: {port: 70000}, expect: {status: 200}}",
      "t.yaml:4:31: error: the number `70000` where"
    ),
    (
      "{name: a, request: {headers: [x]}, expect: {status: 200}}",
      "t.yaml:4:34: error: a list where a mapping of"
    ),
    (
      "{name: a, token: {issuer: b, expiresIn: soon}, expect: {status: 200}}",
      "t.yaml:4:45: error: `soon` is no time"
    ),
    ("{name: a, token: {issuer: b, in: body}, expect: {status: 200}}", "t.yaml:4:38: error: `in` is"),
    (
      "{name: a, token: {text: b, tampered: true}, expect: {status: 200}}",
      "t.yaml:4:32: error: `tampered` is for"
    ),
    (
      "{name: a, token: {issuer: b, claims: {n: .inf}}, expect: {status: 200}}",
      "t.yaml:4:46: error: the number"
    ),
  ])
  func `what is wrong with a test is said with its place`(test: String, finding: String) {
    let found = findings(Self.head + "tests:\n  - " + test + "\n")
    #expect(found.contains { $0.hasPrefix(finding) }, "\(found)")
  }

  @Test func `a file without tests, workload or policies is refused`() {
    #expect(findings("") == ["t.yaml:1:1: error: the file holds no tests [empty]"])
    #expect(findings("tests: []\n").count == 3)
    #expect(findings(Self.head + "tests: []\n").count == 1)
    #expect(findings(Self.head + "tests: [{name: a, expect: {status: 200}}]\n--- \na: b\n").count == 1)
  }

  @Test func `policies that cannot be used refuse the file with their own places`() throws {
    let text =
      "workload: foo/\nresources:\n  - {apiVersion: security.istio.io/v1, kind: AuthorisationPolicy}\n"
      + "tests: [{name: a, expect: {status: 200}}]\n"
    let file = try TestFile(file: "t.yaml", text: Array(text.utf8))
    let refused = #expect(throws: TestFileRefused.self) { try TestSuite(file) }
    #expect(refused?.diagnostics.first?.description.hasPrefix("t.yaml:3:") == true)
    let missing = #expect(throws: TestFileRefused.self) { try TestSuite(reading: "/nowhere/t.yaml") }
    #expect(missing?.diagnostics.count == 1)
  }
}
