import Foundation
import Policy
import TestSupport
import Testing

/// Tables that find their entries by hash decide as those that are walked.
@Suite struct CandidateIndexTests {
  private static let letters = ["a", "b", "/", "."]

  private func word(_ random: inout SeededGenerator, most: Int = 5) -> String {
    (0..<Int.random(in: 0...most, using: &random)).map { _ in
      Self.letters.randomElement(using: &random) ?? "a"
    }
    .joined()
  }

  /// Exact, a beginning, an end, anything, a template.
  private func pattern(_ random: inout SeededGenerator) -> String {
    switch Int.random(in: 0..<8, using: &random) {
    case 0: "/\(word(&random))*"
    case 1: "*\(word(&random))a"
    case 2: "*"
    case 3: "/a/{*}"
    default: "/\(word(&random))"
    }
  }

  private func list(_ random: inout SeededGenerator, _ make: (inout SeededGenerator) -> String) -> String {
    let values = (0...Int.random(in: 0..<3, using: &random)).map { _ in "\"\(make(&random))\"" }
    return "[\(values.joined(separator: ", "))]"
  }

  private func operation(_ random: inout SeededGenerator) -> String {
    var fields: [String] = []
    if Int.random(in: 0..<10, using: &random) < 7 {
      fields.append("paths: \(list(&random) { pattern(&$0) })")
    }
    if Int.random(in: 0..<10, using: &random) < 4 {
      fields.append(
        "hosts: \(list(&random) { [$0.next() % 3 == 0 ? "*." : "", "A.example", $0.next() % 4 == 0 ? "*" : ""].joined() })"
      )
    }
    if Int.random(in: 0..<10, using: &random) < 2 {
      fields.append("notPaths: \(list(&random) { pattern(&$0) })")
    }
    if fields.isEmpty { fields.append("methods: [POST]") }
    return "{to: [{operation: {\(fields.joined(separator: ", "))}}]}"
  }

  @Test func `random tables decide the same, found or walked`() throws {
    let named = ProcessInfo.processInfo.environment["COUNTERSIGN_TEST_SEED"].flatMap { UInt64($0) }
    let seed = named ?? UInt64.random(in: 0 ... .max)
    print("CandidateIndexTests seed \(seed)")
    var random = SeededGenerator(seed: seed)
    var (allowed, denied) = (0, 0)
    for round in 0..<60 {
      var policies = Policies()
      for action in ["DENY", "ALLOW", "AUDIT"] {
        let count = action == "ALLOW" ? 150 : 3
        let rules = (0..<Int.random(in: 1...count, using: &random)).map { _ in operation(&random) }
        policies = policies.adding(action, rules, name: action.lowercased())
      }
      let found = try policies.with { $0.indexedEntries = 0 }.table()
      let walked = try policies.with { $0.indexedEntries = .max }.table()
      var scratch = PolicyScratch()
      for _ in 0..<60 {
        let request = Request {
          $0.path = "/" + word(&random, most: 6) + (Bool.random(using: &random) ? "?b" : "")
          $0.host = ["A.example", "x.a.EXAMPLE", "a.example:80", ""].randomElement(using: &random) ?? ""
        }
        let one = try request.decide(found, &scratch)
        let other = try request.decide(walked, &scratch)
        #expect(one.outcome == other.outcome && one.auditRule == other.auditRule, "\(round) \(request.path)")
        if case .allowed(.allowedByRule) = one.outcome { allowed += 1 }
        if case .denied(.deniedByRule) = one.outcome { denied += 1 }
      }
    }
    #expect(allowed > 50 && denied > 50, "\(allowed) \(denied)")
  }

  @Test func `an entry behind many others is found, and the first of several that match is told`() throws {
    let rules = (0..<500).map { "{to: [{operation: {paths: [\"/item-\($0)/*\", \"*.end-\($0)\"]}}]}" }
    let policies = Policies().adding("ALLOW", rules, name: "many").adding(
      "ALLOW", rules, name: "more")
    let table = try policies.table()
    var scratch = PolicyScratch()
    for index in [0, 1, 63, 64, 65, 499] {
      for path in ["/item-\(index)/x", "/anything.end-\(index)"] {
        guard case .allowed(.allowedByRule(let rule)) = try Request.at(path).decide(table, &scratch).outcome
        else {
          Issue.record("\(path)")
          continue
        }
        #expect(table.describe(rule).index % 500 == index)
      }
    }
    #expect(try Request.at("/item-500/x").decide(table, &scratch).outcome == .denied(.noAllowRuleMatched))
  }
}
