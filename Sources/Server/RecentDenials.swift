public import Authorizer
import Bytes
import Synchronization

/// A denial as an operator reads it: no token, no query.
public struct RecentDenial: Sendable, Hashable {
  /// Wall clock seconds.
  public let time: Int64
  public let status: Int
  /// As in metrics.
  public let reason: String
  /// What is wrong with the token, or the rule that matched; empty where the reason says all.
  public let detail: String
  public let method: String
  public let host: String
  public let path: String
  /// What decided: `PolicySnapshot.account(of:issuer:)` puts it into words. Nil for a check that was not evaluated.
  public var facts: DenialFacts?
  /// The policies that `facts` is about, as `CheckServer.publish` counts them.
  public var generation: UInt64 = 0
  /// What the token says of its issuer: not verified, and empty where that is not known.
  public var issuer = ""
}

/// The last denials of one worker, in memory that is taken once. A worker adds one now and then, not each: under a
/// flood the page needs examples, and a lock for each denial would be a cost that a client chooses.
final class RecentDenials: Sendable {
  /// How many are kept. So many are taken at once, and then one an interval, in nanoseconds.
  static let kept = 32
  static let burst: UInt64 = 16
  static let interval: UInt64 = 20_000_000
  /// Octets of each text that are kept: a path of a client's choice may be long.
  static let mostOctets = 160

  /// The texts of a denial, in their order in its part of the memory.
  private static let texts = 6

  private struct Slot {
    var time: Int64 = 0
    var status = 0
    var facts: DenialFacts?
    var generation: UInt64 = 0
    var counts = InlineArray<6, Int>(repeating: 0)
  }

  private struct Ring {
    var slots = [Slot](repeating: Slot(), count: kept)
    var octets = [UInt8](repeating: 0, count: kept * texts * mostOctets)
    /// Denials ever added.
    var added = 0

    mutating func write(_ text: Span<UInt8>, _ index: Int, of slot: Int) {
      let count = min(text.count, mostOctets)
      let start = (slot * texts + index) * mostOctets
      for position in 0..<count { octets[start + position] = text[position] }
      slots[slot].counts[index] = count
    }

    func text(_ index: Int, of slot: Int) -> String {
      let start = (slot * texts + index) * mostOctets
      return String(decoding: octets[start..<(start + slots[slot].counts[index])], as: UTF8.self)
    }
  }

  private let ring = Mutex(Ring())

  @inline(never)
  init() {}

  /// Keeps a denial in place of the oldest one. Nothing is allocated.
  /// - Parameters:
  ///   - facts: nil for a check that was not evaluated.
  ///   - issuer: empty where it is not known.
  func add(
    time: Int64, status: Int, reason: Span<UInt8>, detail: Span<UInt8>, method: Span<UInt8>,
    host: Span<UInt8>, path: Span<UInt8>, facts: DenialFacts? = nil, generation: UInt64 = 0,
    issuer: Span<UInt8> = Span()
  ) {
    ring.withLock { ring in
      let slot = ring.added % Self.kept
      ring.added += 1
      ring.slots[slot].time = time
      ring.slots[slot].status = status
      ring.slots[slot].facts = facts
      ring.slots[slot].generation = generation
      ring.write(reason, 0, of: slot)
      ring.write(detail, 1, of: slot)
      ring.write(method, 2, of: slot)
      ring.write(host, 3, of: slot)
      ring.write(path, 4, of: slot)
      ring.write(issuer, 5, of: slot)
    }
  }

  /// The oldest first.
  var all: [RecentDenial] {
    ring.withLock { ring in
      (max(0, ring.added - Self.kept)..<ring.added).map { number in
        let slot = number % Self.kept
        return RecentDenial(
          time: ring.slots[slot].time, status: ring.slots[slot].status, reason: ring.text(0, of: slot),
          detail: ring.text(1, of: slot), method: ring.text(2, of: slot), host: ring.text(3, of: slot),
          path: ring.text(4, of: slot), facts: ring.slots[slot].facts,
          generation: ring.slots[slot].generation, issuer: ring.text(5, of: slot))
      }
    }
  }
}
