import Synchronization

/// The tables of a process: which keys want one, which have one, and how much memory they may take. Any
/// thread may wish; one thread builds. Who looks for a table looks at one number first, and takes the lock
/// only when that has changed.
public final class ECDSATables: Sendable {
  private struct State: Sendable {
    var tables: [KeyFingerprint: ECDSATable] = [:]
    /// In the order of their wishes: the key that was used often enough first comes first.
    var wishes: [VerificationKey] = []
    /// Keys of which no table can be made.
    var failed: Set<KeyFingerprint> = []
    var octets = 0
  }

  /// How often a key is used before a table is worth its building: as long as some hundreds of checks.
  public static let usesBeforeWish: UInt32 = 32

  private let maximumOctets: Int
  private let state = Mutex(State())
  private let version = Atomic<UInt64>(1)
  private let onWish = Mutex<(@Sendable () -> Void)?>(nil)

  /// - Parameter maximumOctets: of all tables together; a key beyond that is checked without one. P-256 takes
  /// 0.3 MB a key, P-384 2.8 and P-521 4.2; the two latter the same once for their generator, which does not
  /// count.
  @inline(never)
  public init(maximumOctets: Int) { self.maximumOctets = maximumOctets }

  /// Changes whenever a table was added. One load; never 0.
  public var currentVersion: UInt64 { version.load(ordering: .acquiring) }

  /// The table of a key, if it is there. Takes the lock.
  public func table(for fingerprint: KeyFingerprint) -> ECDSATable? {
    state.withLock { $0.tables[fingerprint] }
  }

  /// A key is used often enough that a table pays. Takes the lock: not for every check.
  public func wish(for key: VerificationKey) {
    let isNew = state.withLock { state in
      guard state.tables[key.fingerprint] == nil, !state.failed.contains(key.fingerprint),
        !state.wishes.contains(where: { $0.fingerprint == key.fingerprint }),
        state.wishes.count < 10_000
      else { return false }
      state.wishes.append(key)
      return true
    }
    if isNew { onWish.withLock { $0 }?() }
  }

  /// Calls this on every new wish, from the wishing thread: it must not block.
  public func setWishHandler(_ handler: (@Sendable () -> Void)?) { onWish.withLock { $0 = handler } }

  /// Builds the table that has been wished for longest, if there is room. For one thread, which it takes
  /// milliseconds to tens of them.
  /// - Returns: false when nothing is wished for.
  public func buildNext() -> Bool {
    let next = state.withLock { $0.wishes.isEmpty ? nil : $0.wishes.removeFirst() }
    guard let key = next, case .ec(let curve, _, _) = key.material else { return next != nil }
    let octets = ECDSATable.octets(curve)
    let hasRoom = state.withLock { state in
      if state.octets + octets > maximumOctets { Self.dropUnused(&state) }
      return state.octets + octets <= maximumOctets
    }
    // The wish comes again when the key was used twice as often.
    if !hasRoom { return true }
    let table = ECDSATable.build(for: key)
    state.withLock { state in
      if let table {
        state.tables[key.fingerprint] = table
        state.octets += octets
      } else {
        state.failed.insert(key.fingerprint)
      }
    }
    if table != nil { version.wrappingAdd(1, ordering: .acquiringAndReleasing) }
    return true
  }

  /// The memory that tables take, and their number.
  public var usage: (tables: Int, octets: Int) { state.withLock { ($0.tables.count, $0.octets) } }

  /// Tables that no verifier holds any more: their keys have left every set.
  private static func dropUnused(_ state: inout State) {
    for fingerprint in Array(state.tables.keys) {
      guard var table = state.tables.removeValue(forKey: fingerprint) else { continue }
      if isKnownUniquelyReferenced(&table) {
        state.octets -= ECDSATable.octets(table.curve)
      } else {
        state.tables[fingerprint] = table
      }
    }
  }
}
