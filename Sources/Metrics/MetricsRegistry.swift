public import Bytes
import Synchronization

/// All threads' cells of one layout, and their text.
public final class MetricsRegistry: Sendable {
  private let layout: MetricsLayout
  private let blocks = Mutex<[CellBlock]>([])

  @inline(never)
  public init(_ layout: MetricsLayout) {
    // Never inlined: when the optimizer sees both the making and the end of an object that holds an `Atomic`
    // or a `Mutex`, the release compiler of Swift 6.3.1 stops with an ownership error (CopyPropagation).
    self.layout = layout
  }

  /// New cells for one thread that counts: at its start, not per request. They count for ever, also after
  /// their owner has gone, since a counter never falls.
  public func makeCells() -> WorkerCells {
    let block = CellBlock(layout)
    blocks.withLock { $0.append(block) }
    return WorkerCells(block)
  }

  /// The sum over all threads.
  public func value(_ counter: Counter) -> UInt64 { sum(of: counter.cell, in: held()) }

  /// The sum over all threads.
  public func value(_ gauge: Gauge) -> Int64 { Int64(bitPattern: sum(of: gauge.cell, in: held())) }

  /// How often a histogram has observed anything.
  public func count(_ histogram: Histogram) -> UInt64 {
    let blocks = held()
    return (0...histogram.boundCount).reduce(0) { $0 &+ sum(of: histogram.cell + $1, in: blocks) }
  }

  /// Writes the text of a scrape. Writers go on meanwhile: each number is one
  /// that was true during the call, and a histogram's count is the sum of the buckets shown with it.
  /// - Parameters:
  ///   - buffer: appended to.
  ///   - samples: further values, read by the caller just now; those of one name stand together.
  public func render(
    into buffer: inout ByteBuffer, and samples: [MetricSample] = [], format: ExpositionFormat = .text
  ) {
    let blocks = held()
    for family in layout.families {
      appendHead(family.name, family.help, family.kind, format, into: &buffer)
      for series in family.series {
        if family.kind == .histogram {
          render(family, series, blocks, into: &buffer)
        } else {
          let value = sum(of: series.cell, in: blocks)
          appendName(family.name, series.labels, into: &buffer)
          if family.kind == .gauge {
            append(Int64(bitPattern: value), family.scale, into: &buffer)
          } else {
            append(value, family.scale, into: &buffer)
          }
        }
      }
    }
    for (index, sample) in samples.enumerated() {
      let isFirst = index == 0 || samples[index - 1].name != sample.name
      sample.render(withHead: isFirst, format, into: &buffer)
    }
    if format == .openMetrics { buffer.append("# EOF\n") }
  }

  private func render(
    _ family: MetricsLayout.Family, _ series: MetricsLayout.Series, _ blocks: [CellBlock],
    into buffer: inout ByteBuffer
  ) {
    let comma = series.labels.isEmpty ? "" : ","
    var cumulated: UInt64 = 0
    for (index, bound) in family.bounds.enumerated() {
      cumulated &+= sum(of: series.cell + index, in: blocks)
      let upper = decimalText(bound, family.scale)
      appendName(family.name + "_bucket", series.labels + comma + "le=\"\(upper)\"", into: &buffer)
      append(cumulated, .one, into: &buffer)
    }
    cumulated &+= sum(of: series.cell + family.bounds.count, in: blocks)
    appendName(family.name + "_bucket", series.labels + comma + "le=\"+Inf\"", into: &buffer)
    append(cumulated, .one, into: &buffer)
    appendName(family.name + "_sum", series.labels, into: &buffer)
    append(sum(of: series.cell + family.bounds.count + 1, in: blocks), family.scale, into: &buffer)
    appendName(family.name + "_count", series.labels, into: &buffer)
    append(cumulated, .one, into: &buffer)
  }

  private func held() -> [CellBlock] { blocks.withLock { $0 } }

  private func sum(of cell: Int, in blocks: [CellBlock]) -> UInt64 {
    blocks.reduce(0) { $0 &+ $1.value(cell) }
  }

  private func append(_ value: UInt64, _ scale: MetricScale, into buffer: inout ByteBuffer) {
    buffer.append(Array(decimalText(value, scale).utf8))
    buffer.append(0x0A)
  }

  private func append(_ value: Int64, _ scale: MetricScale, into buffer: inout ByteBuffer) {
    if value < 0 { buffer.append(0x2D) }
    append(value.magnitude, scale, into: &buffer)
  }
}
