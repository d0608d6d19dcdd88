import Foundation
import PolicyDifferential
import PolicyOracle

// policy-differential [--seed N] [--triples N] [--tasks N] [--first SET]
//
// Compares the authorizer with the oracle. Exit status: 0 without a difference and with every cell of the
// coverage filled; 1 with a difference, which is printed; 2 for a wrong call; 3 with an empty cell.

func stop(_ status: Int32, _ text: String) -> Never {
  print(text)
  exit(status)
}

func usage() -> Never {
  stop(2, "usage: policy-differential [--seed N] [--triples N] [--tasks N] [--first SET]")
}

var run = PolicyDifferential(seed: .random(in: 0 ... .max), triples: 1_000_000)
var tasks = max(1, ProcessInfo.processInfo.activeProcessorCount)
var arguments = CommandLine.arguments.dropFirst()
while let name = arguments.popFirst() {
  guard let value = arguments.popFirst() else { usage() }
  switch (name, UInt64(value), Int(value)) {
  case ("--seed", let seed?, _): run.seed = seed
  case ("--triples", _, let count?): run.triples = count
  case ("--tasks", _, let count?) where count > 0: tasks = count
  case ("--first", _, let set?): run.first = set
  default: usage()
  }
}
print("seed \(run.seed), \(run.triples) triples, \(PolicyDifferential.requestsPerSet) to a policy set")
let start = ContinuousClock.now
do {
  let result = try await run.run(tasks: tasks)
  let seconds = (ContinuousClock.now - start) / .seconds(1)
  let rate = Int(Double(result.triples) / seconds)
  let figures = "\(result.triples) triples of \(result.sets) policy sets in \(Int(seconds)) s (\(rate)/s)"
  if let difference = result.difference { stop(1, "difference after \(figures)\n\(difference)") }
  print(result.coverage.table)
  let empty = result.coverage.emptyCells
  print("coverage: \(result.coverage.cellCount - empty.count) of \(result.coverage.cellCount) cells")
  print("\(figures), seed \(run.seed): 0 differences")
  if !empty.isEmpty { stop(3, "never happened:\n" + empty.joined(separator: "\n")) }
} catch {
  stop(1, "\(error)")
}
