import Synchronization

/// Counters whose number is known only when policies are loaded: a row for each thread that counts, summed by whoever
/// asks. Rows are like `WorkerCells`: one writer, plain loads and stores.
public final class HitTable: Sendable {
  /// Counters in a row.
  public let count: Int
  private let rows = Mutex<[CellBlock]>([])

  @inline(never)
  public init(count: Int) {
    // Never inlined: see `MetricsRegistry`.
    self.count = count
  }

  /// A new row, all zero. It counts for ever, also after its owner has gone.
  public func makeRow() -> HitRow {
    let block = CellBlock(count: count)
    rows.withLock { $0.append(block) }
    return HitRow(block)
  }

  /// Each counter's sum over the rows.
  public var totals: [UInt64] {
    let blocks = rows.withLock { $0 }
    return (0..<count).map { index in blocks.reduce(0) { $0 &+ $1.value(index) } }
  }
}

/// One thread's row.
@safe
public struct HitRow: ~Copyable, Sendable {
  private let block: CellBlock

  init(_ block: CellBlock) { self.block = block }

  /// - Precondition: `index` is within the table.
  public func add(_ index: Int) { block.add(index, 1) }
}
