public import Synchronization

/// One thread's counters and gauges. Exactly one thread writes them, so an increment is a plain load, add and
/// store, without a lock prefix or another thread's cache line; any thread may read meanwhile. What they have
/// counted stays in the registry when the writer goes.
@safe
public struct WorkerCells: ~Copyable, Sendable {
  @usableFromInline let block: CellBlock

  init(_ block: CellBlock) { self.block = block }

  /// Counts.
  @inlinable
  public func add(_ counter: Counter, _ amount: UInt64 = 1) {
    block.add(counter.cell, amount)
  }

  /// Moves a gauge up or down.
  @inlinable
  public func add(_ gauge: Gauge, _ amount: Int64) {
    block.add(gauge.cell, UInt64(bitPattern: amount))
  }

  /// Sets this thread's part of a gauge.
  @inlinable
  public func set(_ gauge: Gauge, _ value: Int64) {
    block.set(gauge.cell, UInt64(bitPattern: value))
  }

  /// Counts an observation in the first bucket whose bound is not below it. Cost: a walk over the bounds.
  @inlinable
  public func observe(_ histogram: Histogram, _ value: UInt64) {
    block.observe(histogram, value)
  }

  /// The same for observations of one value.
  @inlinable
  public func observe(_ histogram: Histogram, _ value: UInt64, times: UInt64) {
    block.observe(histogram, value, times)
  }

  /// This thread's count so far, for its own decisions and for tests.
  public func value(_ counter: Counter) -> UInt64 { block.value(counter.cell) }

  /// This thread's part of a gauge.
  public func value(_ gauge: Gauge) -> Int64 { Int64(bitPattern: block.value(gauge.cell)) }
}

/// The memory behind one thread's cells, shared with the readers. It starts and ends on boundaries of 128
/// octets: a neighbour in the same line, or in the line that the processor fetches along, would make both
/// slow.
@safe
@usableFromInline
final class CellBlock: @unchecked Sendable {
  @usableFromInline let base: UnsafeMutablePointer<Atomic<UInt64>>
  @usableFromInline let count: Int
  @usableFromInline let bounds: UnsafeMutablePointer<UInt64>
  @usableFromInline let boundCount: Int

  convenience init(_ layout: MetricsLayout) {
    self.init(count: layout.cellCount, bounds: layout.bounds)
  }

  init(count: Int, bounds values: [UInt64] = []) {
    self.count = count
    boundCount = values.count
    let octets = (max(1, count) * MemoryLayout<UInt64>.stride + 127) / 128 * 128
    let raw = UnsafeMutableRawPointer.allocate(byteCount: octets, alignment: 128)
    unsafe base = raw.bindMemory(to: Atomic<UInt64>.self, capacity: count)
    for index in 0..<count { unsafe (base + index).initialize(to: Atomic(0)) }
    unsafe bounds = .allocate(capacity: max(1, boundCount))
    for index in 0..<boundCount { unsafe (bounds + index).initialize(to: values[index]) }
  }

  deinit {
    unsafe UnsafeMutableRawPointer(base).deallocate()
    unsafe bounds.deallocate()
  }

  @inlinable
  func add(_ cell: Int, _ amount: UInt64) {
    precondition(cell >= 0 && cell < count, "a handle of another layout")
    let held = unsafe base[cell].load(ordering: .relaxed)
    unsafe base[cell].store(held &+ amount, ordering: .relaxed)
  }

  @inlinable
  func set(_ cell: Int, _ value: UInt64) {
    precondition(cell >= 0 && cell < count, "a handle of another layout")
    unsafe base[cell].store(value, ordering: .relaxed)
  }

  @inlinable
  func observe(_ histogram: Histogram, _ value: UInt64, _ times: UInt64 = 1) {
    precondition(
      histogram.firstBound >= 0 && histogram.firstBound + histogram.boundCount <= boundCount,
      "a handle of another layout")
    var bucket = 0
    while bucket < histogram.boundCount, unsafe bounds[histogram.firstBound + bucket] < value { bucket += 1 }
    add(histogram.cell + bucket, times)
    add(histogram.cell + histogram.boundCount + 1, value &* times)
  }

  func value(_ cell: Int) -> UInt64 {
    precondition(cell >= 0 && cell < count, "a handle of another layout")
    return unsafe base[cell].load(ordering: .relaxed)
  }
}
