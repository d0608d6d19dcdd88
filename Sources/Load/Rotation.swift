/// Follows an issuer that rotates its keys: which generation signs now, and whether a key that was removed was
/// believed for too long. Generation n is published together with n-1; n-2 is removed then.
public struct Rotation: Sendable {
  /// How long after the first proof that a set was fetched a worker may still judge by the one before: its batch.
  public static let graceNanoseconds: UInt64 = 10_000_000

  public private(set) var current = 0
  /// When an answer first showed that a generation is known.
  private var known: [UInt64?]
  /// Checks with a removed key that were allowed although the set without it had been fetched.
  public private(set) var lateAcceptances: UInt64 = 0

  public init(generations: Int) { known = Array(repeating: nil, count: generations) }

  /// The issuer signs with another key from now on.
  public mutating func move(to generation: Int) {
    if known.indices.contains(generation) { current = generation }
  }

  /// The generation whose tokens a class sends now; nil: there is none yet.
  public func generation(for kind: LoadClass, number: UInt64) -> Int? {
    switch kind {
    case .removed: current >= 2 ? current - 2 : nil
    // One in eight still holds a token of the key before.
    case .honest, .bad: number & 7 == 0 && current >= 1 ? current - 1 : current
    case .anonymous, .forgedKeyID: nil
    }
  }

  /// An answer has come.
  /// - Parameters:
  ///   - sentAt: monotonic nanoseconds, as `now`.
  public mutating func answered(
    _ kind: LoadClass, generation: Int, isAllowed: Bool, sentAt: UInt64, now: UInt64
  ) {
    guard isAllowed, known.indices.contains(generation) else { return }
    switch kind {
    case .honest where known[generation] == nil: known[generation] = now
    case .removed:
      // Whoever has the set with `generation + 2` does not have this one.
      guard generation + 2 < known.count, let proof = known[generation + 2] else { return }
      if sentAt > proof &+ Self.graceNanoseconds { lateAcceptances += 1 }
    default: break
    }
  }
}
