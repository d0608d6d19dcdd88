import Foundation
import PolicyDifferential
import PolicyOracle
import TestSupport
import Testing

/// The authorizer against the oracle. `make differential` asks a million questions in a release build, `make
/// mutations` sees that mistakes are found.
@Suite("Random policies, requests and claims against the oracle")
struct DifferentialTests {
  @Test func `20,000 triples get the same answer`() async throws {
    var random = SeededGenerator(announcing: "DifferentialTests")
    let result = try await PolicyDifferential(seed: random.next(), triples: 20_000).run(tasks: 2)
    #expect(result.difference == nil, "\(result.difference ?? "")")
    #expect(result.triples == 20_000)
    // A million fill all cells.
    let empty = result.coverage.emptyCells
    #expect(empty.count < result.coverage.cellCount / 5, "never happened: \(empty)")
  }

  @Test func `a seed makes the same questions again`() throws {
    let run = PolicyDifferential(seed: 7, triples: 500)
    #expect(try run.run().coverage.table == run.run().coverage.table)
  }

  /// A change of the sources must not take the place away where a mistake is put in.
  @Test func `the snippet of every mutation stands in its file once`() throws {
    let list = Vectors.packageFolder.appendingPathComponent("Tests/PolicyDifferential/mutations")
    var count = 0
    for mutation in try String(contentsOf: list, encoding: .utf8).components(separatedBy: "\n= ").dropFirst()
    {
      let lines = mutation.split(separator: "\n", omittingEmptySubsequences: false)
      func text(_ mark: String) -> String {
        lines.dropFirst().filter { ($0 + " ").hasPrefix(mark) }.map { String($0.dropFirst(2)) }
          .joined(separator: "\n")
      }
      let file = Vectors.packageFolder.appendingPathComponent(text("@ "))
      let source = try String(contentsOf: file, encoding: .utf8)
      #expect(source.ranges(of: text("- ")).count == 1, "\(lines[0])")
      #expect(text("- ") != text("+ "), "\(lines[0])")
      count += 1
    }
    #expect(count >= 30)
  }
}
