import Foundation
import TestSupport
import Testing

@Suite struct ExplainCommandTests {
  /// Runs `countersign explain` over the policies of `TestCommandTests`.
  func run(_ arguments: [String], check: [UInt8]? = nil) throws -> (code: Int32?, output: String) {
    let folder = try Folder()
    let policies = try folder.write("p.yaml", TestCommandTests.policies)
    var all = ["explain", "--policies", policies, "--workload", "foo/"] + arguments
    if let check {
      let file = folder.url.appendingPathComponent("check.bin")
      try Data(check).write(to: file)
      all += ["--check", file.path]
    }
    let child = try Child(Tools.countersign, all, log: folder.url.appendingPathComponent("log"))
    let code = child.exitCode(within: 30)
    return (code, child.output)
  }

  @Test func `a verdict is explained whatever it is, and the code is 0`() throws {
    let open = try run(["--path", "/open?x=1"])
    #expect(open.code == 0)
    #expect(open.output.contains("ALLOWED: rule 0 of foo/open"))
    let shut = try run(["--path", "/shut"])
    #expect(shut.code == 0)
    #expect(shut.output.contains("DENIED 403: ALLOW policies apply to the workload"))
    #expect(shut.output.contains("`paths` fails: saw \"/shut\"; wanted any of [\"/open\"]"))
    #expect(!shut.output.contains("\u{1B}"))
  }

  @Test func `colours come when they are asked for`() throws {
    #expect(try run(["--color"]).output.contains("\u{1B}[1mRequest"))
  }

  @Test func `JSON is JSON`() throws {
    let (code, output) = try run(["--json", "--path", "/open"])
    #expect(code == 0)
    let object = try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any]
    #expect((object?["verdict"] as? [String: Any])?["allowed"] as? Bool == true)
  }

  @Test func `a certificate of the peer brings all its names`() throws {
    let folder = try Folder()
    let policies = try folder.write(
      "p.yaml",
      """
      apiVersion: security.istio.io/v1
      kind: AuthorizationPolicy
      metadata: {name: p, namespace: foo}
      spec: {rules: [{from: [{source: {namespaces: [second]}}]}, {from: [{source: {namespaces: [third]}}]}]}
      """)
    let certificate = try folder.write("peer.pem", PeerCertificate.several)
    let base = ["explain", "--policies", policies, "--workload", "foo/"]
    func output(_ more: String...) throws -> String {
      let child = try Child(Tools.countersign, base + more, log: folder.url.appendingPathComponent("log"))
      #expect(child.exitCode(within: 30) == 0)
      return child.output
    }
    let seen = try output("--certificate", certificate)
    #expect(seen.contains("ALLOWED: rule 0 of foo/p"))
    #expect(seen.contains(#"["spiffe://one.example/ns/first/sa/a", "spiffe://two.example/ns/second/sa/b","#))
    #expect(try output("--principal", "spiffe://one.example/ns/first/sa/a").contains("DENIED 403"))
    let broken = try folder.write("broken.pem", "no certificate")
    #expect(
      try output("--certificate", broken).contains("the certificate that the proxy sent is unreadable"))
  }

  /// `GET /open` of host `a`.
  private let captured: [UInt8] =
    [0x0A, 0x13, 0x22, 0x11, 0x12, 0x0F, 0x12, 3] + Array("GET".utf8) + [0x22, 5] + Array("/open".utf8)
    + [0x2A, 1] + Array("a".utf8)

  @Test func `a captured check is read, with its gRPC frame and without`() throws {
    for check in [captured, [0, 0, 0, 0, UInt8(captured.count)] + captured] {
      let (code, output) = try run([], check: check)
      #expect(code == 0)
      #expect(output.contains("GET /open of host a") && output.contains("ALLOWED"))
    }
  }

  @Test func `a check that is none is an error with its place`() throws {
    let (code, output) = try run([], check: [0x0A, 0x7F, 1])
    #expect(code == 1)
    #expect(output.contains("no CheckRequest"))
  }

  @Test func `metadata and the route's context are part of what is explained`() throws {
    let named = try run(["--context", "countersign.workload=other", "--metadata", "f={\"k\": [1, null]}"])
    #expect(named.code == 0)
    #expect(named.output.contains("`countersign.workload` name none of the configured ones"))
    #expect(try run(["--metadata", "f=[]"]).code == 2)
    #expect(try run(["--context", "nonsense"]).code == 2)
  }

  @Test func `a bad command line is 2`() throws {
    #expect(try run(["--path", "open"]).code == 2)
    #expect(try run(["--header", "nonsense"]).code == 2)
    #expect(try run(["--port", "70000"]).code == 2)
    #expect(try run(["--path", "/open"], check: captured).code == 2)
  }
}
