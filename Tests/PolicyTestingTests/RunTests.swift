import Foundation
import Istio
import PolicyTesting
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

@Suite struct RunTests {
  @Test func `a failure reads as what was expected, what came, and why`() throws {
    let run = try run("{name: the shop is open, request: {path: /shut}, expect: {status: 200}}")
    let text = TestRun.text(of: try #require(run.results.first))
    #expect(text.hasPrefix("t.yaml:34:5: failed: the shop is open\n    status\n      - expected  200\n"))
    #expect(text.contains("      + actual    403\n    why: no rule of the ALLOW policies matched\n"))
    #expect(text.contains("rule 1 of foo/readers (t.yaml:23:11) did not match: `paths` [\"/open\"]"))
    #expect(run.summary == "1 test: 0 passed, 1 failed; 0 of 8 rules reached")
  }

  @Test func `rules that no test reached are named, and those that one reached are not`() throws {
    let open = "{name: a, request: {path: /open}, expect: {status: 200}}"
    let token = #"{name: b, request: {path: /api}, "# + ExpectationTests.alice + "}, expect: {status: 200}}"
    let first = try run(open)
    #expect(first.unreached.map(\.name).contains("foo/tokens jwtRules[0]"))
    #expect(!first.unreached.map(\.name).contains("foo/readers rule[1]"))
    #expect(
      first.unreached.first?.description == "t.yaml:9: foo/tokens jwtRules[0]"
    )
    let both = try run(open, token)
    #expect(both.unreached.count == first.unreached.count - 2)
    #expect(both.coverage.count == 8)
    let refused = try run(token.replacing("subject", with: "tampered: true, subject"))
    #expect(refused.unreached.count == 8)
  }

  @Test func `threads change neither results nor their order`() throws {
    let paths = ["/open", "/shut", "/api", "/open?x", "/"]
    let tests = (0..<60).map {
      "  - {name: t\($0), request: {path: \(paths[$0 % 5])}, expect: {status: 200}}\n"
    }
    let text = inlinePolicies + "tests:\n" + tests.joined()
    let suite = try TestSuite(TestFile(file: "t.yaml", text: Array(text.utf8)))
    func outline(_ threads: Int) -> [String] {
      TestRun([suite], threads: threads).results.map { "\($0.name) \($0.differences) \($0.words)" }
    }
    let serial = outline(1)
    #expect(serial.count == 60)
    for threads in [2, 3, 8, 100] { #expect(outline(threads) == serial, "\(threads) threads") }
  }

  @Test func `filter metadata, the proxy's identity and lines that stay apart are part of a request`() throws
  {
    let text = """
      workload: foo/app=web
      resources:
        - apiVersion: security.istio.io/v1
          kind: AuthorizationPolicy
          metadata: {name: a, namespace: foo}
          spec:
            rules:
              - when: [{key: "experimental.envoy.filters.x[k]", values: [v]}]
              - when: [{key: "request.headers[x-a]", values: [one]}]
      tests:
        - {name: m, request: {metadata: {envoy.filters.x: {k: v, n: [1, true, ~]}}},
           expect: {decidedBy: {policy: a, rule: 0}}}
        - {name: n, request: {metadata: {envoy.filters.x: {k: 1}}}, expect: {status: 403}}
        - {name: raw, request: {rawHeaders: true, headers: {X-A: [two, one]}},
           expect: {decidedBy: {policy: a, rule: 1}}}
        - {name: joined, request: {headers: {X-A: [two, one]}, destinationPrincipal: spiffe://d/ns/a/sa/b},
           expect: {status: 403}}

      """
    let run = TestRun([try TestSuite(TestFile(file: "t.yaml", text: Array(text.utf8)))])
    #expect(run.results.map(\.passed) == [true, true, true, true])
  }

  @Test func `a filter chooses tests by name`() throws {
    let text =
      inlinePolicies + "tests: [{name: one, expect: {status: 403}}, {name: two, expect: {status: 403}}]\n"
    let suite = try TestSuite(TestFile(file: "t.yaml", text: Array(text.utf8)))
    #expect(TestRun([suite], filter: "tw").results.map(\.name) == ["two"])
    #expect(TestRun([suite], filter: "zwei").results.isEmpty)
  }

  @Test func `the JUnit report is XML whatever the names hold`() throws {
    let name = #""<a & 'b'> \u0001 ]]> \\ ü""#
    let run = try run("{name: \(name), expect: {status: 200}}", "{name: b, expect: {status: 403}}")
    let reader = ReportReader()
    let parser = XMLParser(data: Data(run.junit.utf8))
    parser.delegate = reader
    #expect(parser.parse(), "\(run.junit)")
    #expect(reader.elements == ["testsuites", "testsuite", "testcase", "failure", "testcase"])
    #expect(reader.names == ["t.yaml", "<a & 'b'> \u{FFFD} ]]> \\ ü", "b"])
    #expect(reader.failures == ["1", "1"])
  }
}

private final class ReportReader: NSObject, XMLParserDelegate {
  var elements: [String] = []
  var names: [String] = []
  var failures: [String] = []

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) {
    elements.append(name)
    if let text = attributes["name"] { names.append(text) }
    if let text = attributes["failures"] { failures.append(text) }
  }
}
