import Foundation
import SignatureDifferential
import Signatures

// signature-differential [--seed N] [--count N] [--measure RUNS]
//
// Compares ECDSA by tables and RSA without EVP with libcrypto, seven in ten signatures on P-256 and one of
// each other kind, or measures each algorithm beside libcrypto. Exit status: 0 without a difference; 1 with
// one, which is printed; 2 for a wrong call.

func stop(_ status: Int32, _ text: String) -> Never {
  print(text)
  exit(status)
}

var seed = UInt64.random(in: 0 ... .max)
var count = 100_000
var runs: Int?
var arguments = CommandLine.arguments.dropFirst()
while let name = arguments.popFirst() {
  guard let value = arguments.popFirst() else { stop(2, "usage: --seed N --count N --measure RUNS") }
  switch (name, UInt64(value), Int(value)) {
  case ("--seed", let given?, _): seed = given
  case ("--count", _, let given?) where given > 0: count = given
  case ("--measure", _, let given?) where given > 0: runs = given
  default: stop(2, "usage: --seed N --count N --measure RUNS")
  }
}
if let runs {
  print(try SignatureMeasurement(runs: runs).table())
  exit(0)
}
print("seed \(seed), \(count) signatures")
let start = ContinuousClock.now
let parts: [(Curve?, Int)] = [
  (.p256, count - count / 10 * 3), (.p384, count / 10), (.p521, count / 10), (nil, count / 10),
]
var failed = false
await withTaskGroup(of: (String, Result<SignatureDifferential.Outcome, any Error>).self) { group in
  for (index, (curve, share)) in parts.enumerated() {
    let seed = seed &+ UInt64(index)
    group.addTask {
      guard let curve else {
        var differential = RSADifferential(seed: seed)
        return ("RSA", Result { try differential.run(share) })
      }
      var differential = SignatureDifferential(curve, seed: seed)
      return ("\(curve.name)", Result { try differential.run(share) })
    }
  }
  for await (name, result) in group {
    switch result {
    case .failure(let error):
      print("\(name): \(error)")
      failed = true
    case .success(let outcome):
      let kinds = outcome.kinds.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
      print(
        "\(name): \(outcome.count) signatures, \(outcome.valid) valid; \(kinds.joined(separator: ", "))"
      )
      if let difference = outcome.difference {
        print("difference: \(difference)")
        failed = true
      }
    }
  }
}
print(
  "\(Int((ContinuousClock.now - start) / .seconds(1))) s, seed \(seed): \(failed ? "failed" : "0 differences")"
)
exit(failed ? 1 : 0)
