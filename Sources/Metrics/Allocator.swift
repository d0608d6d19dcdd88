import CJemalloc

/// jemalloc's own figures, in octets.
public struct AllocatorStatistics: Sendable, Hashable {
  /// In use by the application.
  public let allocatedBytes: UInt64
  /// In pages that hold an allocation.
  public let activeBytes: UInt64
  /// The allocator's own.
  public let metadataBytes: UInt64
  /// In pages that are present.
  public let residentBytes: UInt64
  /// In mapped extents.
  public let mappedBytes: UInt64
  /// Address space kept for reuse, not present.
  public let retainedBytes: UInt64

  /// The figures of now, all of one moment; nil when the allocator was built without statistics.
  public static func now() -> AllocatorStatistics? {
    // Statistics stand still until the epoch is advanced.
    var epoch: UInt64 = 1
    guard unsafe mallctl("epoch", nil, nil, &epoch, MemoryLayout<UInt64>.size) == 0,
      let allocated = read("stats.allocated"), let active = read("stats.active"),
      let metadata = read("stats.metadata"), let resident = read("stats.resident"),
      let mapped = read("stats.mapped"), let retained = read("stats.retained")
    else { return nil }
    return AllocatorStatistics(
      allocatedBytes: allocated, activeBytes: active, metadataBytes: metadata, residentBytes: resident,
      mappedBytes: mapped, retainedBytes: retained)
  }

  private static func read(_ name: String) -> UInt64? {
    var value = 0
    var size = MemoryLayout<Int>.size
    guard unsafe mallctl(name, &value, &size, nil, 0) == 0 else { return nil }
    return UInt64(value)
  }
}

/// How much the calling thread has allocated so far: two readings tell whether what lay between allocated.
/// The gate of "no allocation per check" stands on it, so it must be seen to rise when something does
/// allocate.
@safe
public struct ThreadAllocationMeter: ~Copyable {
  private let counter: UnsafePointer<UInt64>

  /// For the calling thread; use it on that thread alone (it is not `Sendable`, and the memory ends with the
  /// thread).
  /// - Returns: nil when jemalloc is not this process's allocator or keeps no statistics.
  public init?() {
    var pointer: UnsafePointer<UInt64>?
    var size = unsafe MemoryLayout<UnsafePointer<UInt64>?>.size
    guard unsafe mallctl("thread.allocatedp", &pointer, &size, nil, 0) == 0, let pointer = unsafe pointer
    else {
      return nil
    }
    unsafe counter = pointer
  }

  /// Octets allocated by this thread since it started, freed or not.
  public var allocatedBytes: UInt64 { unsafe counter.pointee }
}

@available(*, unavailable)
extension ThreadAllocationMeter: Sendable {}
