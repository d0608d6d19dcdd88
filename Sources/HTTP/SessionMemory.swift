import CNghttp2
import Glibc

/// A worker's memory for nghttp2's objects: what a stream gave back serves the next one, so that a warm
/// connection asks the process's allocator for nothing. Blocks come in classes of 32 octets up to 1 KiB and
/// of powers of two up to 64 KiB; larger ones are the allocator's.
///
/// It belongs to one thread, with all connections that use it, and each of them keeps it alive.
@safe
public final class SessionMemory {
  /// At one address for nghttp2, which hands it back at every call: reaching it counts no reference.
  private let pool: UnsafeMutablePointer<SessionPool>

  /// - Parameter maximumIdleOctets: a worker's worth of streams that were open at once; 4 MiB is about 2,000.
  public init(maximumIdleOctets: Int = 4 << 20) {
    unsafe pool = .allocate(capacity: 1)
    unsafe pool.initialize(to: SessionPool(maximumIdleOctets: maximumIdleOctets))
  }

  deinit {
    unsafe pool.deinitialize(count: 1)
    unsafe pool.deallocate()
  }

  /// What nghttp2 is handed, and copies.
  var functions: nghttp2_mem {
    unsafe nghttp2_mem(
      mem_user_data: UnsafeMutableRawPointer(pool),
      malloc: { unsafe SessionMemory.pool($1)?.pointee.take($0) },
      free: { unsafe SessionMemory.pool($1)?.pointee.give($0) },
      calloc: { unsafe SessionMemory.pool($2)?.pointee.takeZeroed($0, $1) },
      realloc: { unsafe SessionMemory.pool($2)?.pointee.resize($0, $1) })
  }

  private static func pool(_ user: UnsafeMutableRawPointer?) -> UnsafeMutablePointer<SessionPool>? {
    unsafe user?.assumingMemoryBound(to: SessionPool.self)
  }
}

@available(*, unavailable)
extension SessionMemory: Sendable {}

/// The blocks of a `SessionMemory`.
@safe
struct SessionPool: ~Copyable {
  /// In front of each block: its class, and room for its alignment.
  private static let head = 16
  private static let steps = 32
  private static let classes = steps + 6
  private static let large = UInt64(classes)

  private let lists: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  /// Octets of blocks that wait to be used again, and how many may: beyond that they go back.
  private(set) var idleOctets = 0
  private let maximumIdleOctets: Int

  init(maximumIdleOctets: Int) {
    self.maximumIdleOctets = maximumIdleOctets
    unsafe lists = .allocate(capacity: Self.classes)
    unsafe lists.initialize(repeating: nil, count: Self.classes)
  }

  deinit {
    for index in 0..<Self.classes {
      var next = unsafe lists[index]
      while let block = unsafe next {
        unsafe next = unsafe block.load(as: UnsafeMutableRawPointer?.self)
        unsafe Glibc.free(block - Self.head)
      }
    }
    unsafe lists.deallocate()
  }

  /// The class that a size needs, and the octets of its blocks; nil beyond the largest.
  private static func place(_ size: Int) -> (index: Int, octets: Int)? {
    if size <= steps * 32 {
      let index = max(0, (size - 1) / 32)
      return (index, (index + 1) * 32)
    }
    var octets = steps * 64
    for index in steps..<classes {
      if size <= octets { return (index, octets) }
      octets *= 2
    }
    return nil
  }

  private static func octets(_ index: Int) -> Int {
    index < steps ? (index + 1) * 32 : (steps * 64) << (index - steps)
  }

  mutating func take(_ size: Int) -> UnsafeMutableRawPointer? {
    guard let (index, octets) = Self.place(size) else { return unsafe fresh(size, Self.large) }
    if let block = unsafe lists[index] {
      unsafe lists[index] = unsafe block.load(as: UnsafeMutableRawPointer?.self)
      idleOctets -= octets
      return unsafe block
    }
    return unsafe fresh(octets, UInt64(index))
  }

  private func fresh(_ octets: Int, _ index: UInt64) -> UnsafeMutableRawPointer? {
    guard let start = unsafe Glibc.malloc(octets + Self.head) else { return nil }
    unsafe start.storeBytes(of: index, as: UInt64.self)
    return unsafe start + Self.head
  }

  mutating func give(_ block: UnsafeMutableRawPointer?) {
    guard let block = unsafe block else { return }
    let index = unsafe (block - Self.head).load(as: UInt64.self)
    precondition(index <= Self.large, "a block that is not ours")
    let octets = index == Self.large ? 0 : Self.octets(Int(index))
    if index == Self.large || idleOctets + octets > maximumIdleOctets {
      unsafe Glibc.free(block - Self.head)
      return
    }
    unsafe block.storeBytes(of: lists[Int(index)], as: UnsafeMutableRawPointer?.self)
    unsafe lists[Int(index)] = block
    idleOctets += octets
  }

  mutating func takeZeroed(_ count: Int, _ size: Int) -> UnsafeMutableRawPointer? {
    let (octets, overflow) = count.multipliedReportingOverflow(by: size)
    guard !overflow, let block = unsafe take(octets) else { return nil }
    unsafe memset(block, 0, octets)
    return unsafe block
  }

  mutating func resize(_ block: UnsafeMutableRawPointer?, _ size: Int) -> UnsafeMutableRawPointer? {
    guard let block = unsafe block else { return unsafe take(size) }
    let index = unsafe (block - Self.head).load(as: UInt64.self)
    if index == Self.large {
      guard let start = unsafe Glibc.realloc(block - Self.head, size + Self.head) else { return nil }
      return unsafe start + Self.head
    }
    let octets = Self.octets(Int(index))
    if size <= octets { return unsafe block }
    guard let other = unsafe take(size) else { return nil }
    unsafe memcpy(other, block, octets)
    unsafe give(block)
    return unsafe other
  }
}
