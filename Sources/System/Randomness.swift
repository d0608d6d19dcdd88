import CLinux
import Glibc
import Synchronization

/// Where unpredictable octets come from: the kernel, or a test's fixed sequence.
public enum Randomness: Sendable {
  /// `getrandom(2)`: waits for the kernel's pool at boot, never gives less than asked.
  case system
  /// A sequence that a test can repeat. Never for keys or hash seeds of a service.
  case repeatable(RepeatableRandomness)

  /// So many octets.
  /// - Throws: when the kernel gives none (a sandbox that forbids the call): the caller must not go on
  ///   without.
  public func octets(_ count: Int) throws(SystemError) -> [UInt8] {
    var octets = [UInt8](repeating: 0, count: count)
    switch self {
    case .repeatable(let sequence):
      for index in octets.indices { octets[index] = UInt8(truncatingIfNeeded: sequence.next()) }
    case .system:
      var filled = 0
      while filled < count {
        let done = try named("read randomness") { () throws(Errno) -> Int in
          try systemCall {
            unsafe octets.withUnsafeMutableBytes { buffer in
              guard let start = buffer.baseAddress else { return 0 }
              return unsafe getrandom(start + filled, count - filled, 0)
            }
          }
        }
        filled += done
      }
    }
    return octets
  }

  /// 64 random bits.
  public func word() throws(SystemError) -> UInt64 {
    var word: UInt64 = 0
    for octet in try octets(8) { word = word << 8 | UInt64(octet) }
    return word
  }
}

/// A repeatable sequence (SplitMix64), shared by any threads.
public final class RepeatableRandomness: Sendable {
  private let state: Atomic<UInt64>

  @inline(never)
  public init(seed: UInt64) {
    // Never inlined: when the optimizer sees both the making and the end of an object that holds an `Atomic`
    // or a `Mutex`, the release compiler of Swift 6.3.1 stops with an ownership error (CopyPropagation).
    state = Atomic(seed)
  }

  func next() -> UInt64 {
    var word = state.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
  }
}
