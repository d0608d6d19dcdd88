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
}

/// The last denials of one worker. A worker adds one now and then, not each: under a flood the page needs examples, and
/// a lock for each denial would be a cost that a client chooses.
final class RecentDenials: Sendable {
  /// How many are kept. So many are taken at once, and then one an interval, in nanoseconds.
  static let kept = 32
  static let burst: UInt64 = 16
  static let interval: UInt64 = 20_000_000

  private let list = Mutex<[RecentDenial]>([])

  @inline(never)
  init() {}

  func add(_ denial: RecentDenial) {
    list.withLock { list in
      if list.count == Self.kept { list.removeFirst() }
      list.append(denial)
    }
  }

  var all: [RecentDenial] { list.withLock { $0 } }
}
