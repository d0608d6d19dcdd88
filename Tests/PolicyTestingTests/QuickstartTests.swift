import Foundation
import PolicyTesting
import TestSupport
import Testing

@Suite struct QuickstartTests {
  @Test func `the quickstart's policies pass their own tests, and every rule is reached`() throws {
    let file = Vectors.packageFolder.appendingPathComponent("deploy/quickstart/policies-test.yaml").path
    let run = TestRun([try TestSuite(reading: file)])
    #expect(run.results.count >= 6)
    #expect(run.results.filter { !$0.passed }.map(TestRun.text) == [])
    #expect(run.unreached == [])
  }
}
