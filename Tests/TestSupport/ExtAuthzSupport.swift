import Foundation

extension SeededGenerator {
  /// A generator for the test called `test`: its seed comes from `COUNTERSIGN_TEST_SEED`, else from chance,
  /// and is printed.
  public init(announcing test: String) {
    let named = ProcessInfo.processInfo.environment["COUNTERSIGN_TEST_SEED"].flatMap { UInt64($0) }
    let seed = named ?? UInt64.random(in: 0 ... .max)
    print("\(test): COUNTERSIGN_TEST_SEED=\(seed)")
    self.init(seed: seed)
  }
}
