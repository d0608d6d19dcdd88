import Bytes
import Istio

/// Which token rules of a workload can accept a token of an issuer: so that a thousand issuers cost what one
/// does. Only for workloads whose rules look into the same places, name their issuer each, and of which none
/// is required; others are walked.
struct IssuerIndex: Sendable {
  private let hash: SeededHash
  /// Open addressing; 0 is free.
  private var hashes: [UInt64]
  private var firsts: [UInt32]
  private var counts: [UInt32]
  private var lists: [UInt32] = []

  /// Off when the rules are not such ones, or too few for it to matter.
  let isUsed: Bool

  init(_ rules: [JWTRule]) {
    let places = rules.first.map(TokenRule.places)
    isUsed =
      rules.count > 1
      && rules.allSatisfy {
        !$0.issuer.isEmpty && $0.presence == .optional && TokenRule.places(of: $0) == places
      }
    let hash = SeededHash(.random(in: 0 ... .max), .random(in: 0 ... .max))
    self.hash = hash
    var found: [UInt64: [UInt32]] = [:]
    for (index, rule) in rules.enumerated() {
      found[hash(Array(rule.issuer.utf8).span) | 1, default: []].append(UInt32(index))
    }
    var size = 4
    while size < found.count * 2 { size *= 2 }
    hashes = [UInt64](repeating: 0, count: size)
    firsts = [UInt32](repeating: 0, count: size)
    counts = firsts
    for (hash, list) in found {
      var slot = Int(truncatingIfNeeded: hash >> 1) & (size - 1)
      while hashes[slot] != 0 { slot = (slot + 1) & (size - 1) }
      hashes[slot] = hash
      firsts[slot] = UInt32(lists.count)
      counts[slot] = UInt32(list.count)
      lists += list
    }
  }

  /// Where in `rule(at:)` the rules of an issuer are, in their order. Now and then one of another issuer is
  /// among them, which then refuses the token.
  func rules(of issuer: Span<UInt8>) -> Range<Int> {
    let wanted = hash(issuer) | 1
    var slot = Int(truncatingIfNeeded: wanted >> 1) & (hashes.count - 1)
    while hashes[slot] != 0 {
      if hashes[slot] == wanted { return Int(firsts[slot])..<(Int(firsts[slot]) + Int(counts[slot])) }
      slot = (slot + 1) & (hashes.count - 1)
    }
    return 0..<0
  }

  func rule(at position: Int) -> Int { Int(lists[position]) }
}
