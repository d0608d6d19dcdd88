public import Bytes
import Synchronization

/// Octets on their way from one thread to one other, without a lock and within a fixed size. The writer never waits:
/// what has no room is not taken.
@safe
public final class ByteRing: @unchecked Sendable {
  private let base: UnsafeMutablePointer<UInt8>
  /// A power of two.
  public let capacity: Int
  /// Octets ever written and ever read: their difference is what the ring holds.
  private let written = Atomic<UInt64>(0)
  private let read = Atomic<UInt64>(0)

  /// - Parameter atLeast: octets that it holds, rounded up to a power of two.
  @inline(never)
  public init(atLeast: Int) {
    var size = 64
    while size < atLeast { size *= 2 }
    capacity = size
    unsafe base = UnsafeMutablePointer<UInt8>.allocate(capacity: size)
  }

  deinit { unsafe base.deallocate() }

  /// Takes all the octets, or none when there is no room. Of one thread alone.
  public func append(_ octets: Span<UInt8>) -> Bool {
    let end = written.load(ordering: .relaxed)
    let held = Int(truncatingIfNeeded: end &- read.load(ordering: .acquiring))
    if octets.count > capacity - held { return false }
    let start = Int(truncatingIfNeeded: end) & (capacity - 1)
    let first = min(octets.count, capacity - start)
    unsafe octets.withUnsafeBufferPointer { source in
      guard let from = source.baseAddress else { return }
      unsafe (base + start).update(from: from, count: first)
      unsafe base.update(from: from + first, count: octets.count - first)
    }
    written.store(end &+ UInt64(octets.count), ordering: .releasing)
    return true
  }

  /// Moves everything that is there to the end of `buffer`. Of one thread alone.
  public func drain(into buffer: inout ByteBuffer) {
    let start = read.load(ordering: .relaxed)
    let end = written.load(ordering: .acquiring)
    let count = Int(truncatingIfNeeded: end &- start)
    let index = Int(truncatingIfNeeded: start) & (capacity - 1)
    let first = min(count, capacity - index)
    unsafe buffer.append(Span(_unsafeStart: base + index, count: first))
    unsafe buffer.append(Span(_unsafeStart: base, count: count - first))
    read.store(end, ordering: .releasing)
  }
}
