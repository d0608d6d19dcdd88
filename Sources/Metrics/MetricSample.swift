import Bytes

/// A value that nobody counts: it is read at the moment of a scrape.
public struct MetricSample: Sendable, Hashable {
  public let name: String
  public let help: String
  public let kind: MetricKind
  public let value: Double
  /// `a="b"`, escaped.
  let labels: String
  /// It announces a family and has no value.
  private let isHead: Bool

  /// - Parameter kind: counter or gauge.
  /// - Precondition: the names are well formed, and `kind` is not `histogram`.
  public init(
    _ name: String, help: String, kind: MetricKind = .gauge, labels: [(String, String)] = [], value: Double
  ) {
    precondition(isMetricName(name), "\(name) is not a metric name")
    precondition(kind != .histogram, "\(name): a histogram is counted, not measured")
    self.name = name
    self.help = help
    self.kind = kind
    self.labels = labelText(labels)
    self.value = value
    isHead = false
  }

  /// HELP and TYPE of a family that may have no sample; samples of its name follow.
  public init(family name: String, help: String, kind: MetricKind = .gauge) {
    precondition(isMetricName(name), "\(name) is not a metric name")
    self.name = name
    self.help = help
    self.kind = kind
    labels = ""
    value = 0
    isHead = true
  }

  func render(withHead: Bool, _ format: ExpositionFormat, into buffer: inout ByteBuffer) {
    if withHead { appendHead(name, help, kind, format, into: &buffer) }
    if isHead { return }
    appendName(name, labels, into: &buffer)
    buffer.append(Array(decimalText(value).utf8))
    buffer.append(0x0A)
  }

  /// The metrics of a process under the names that every Prometheus client library uses. What is nil is left
  /// out.
  public static func process(
    cpuSeconds: Double?, residentBytes: UInt64?, virtualBytes: UInt64?, startTimeSeconds: Double?,
    openDescriptors: Int?, maximumDescriptors: UInt64?
  ) -> [MetricSample] {
    var list: [MetricSample] = []
    func add(_ name: String, _ help: String, _ kind: MetricKind, _ value: Double?) {
      if let value { list.append(MetricSample(name, help: help, kind: kind, value: value)) }
    }
    add("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", .counter, cpuSeconds)
    add(
      "process_resident_memory_bytes", "Resident memory size in bytes.", .gauge,
      residentBytes.map { Double($0) })
    add(
      "process_virtual_memory_bytes", "Virtual memory size in bytes.", .gauge, virtualBytes.map { Double($0) }
    )
    add(
      "process_start_time_seconds", "Start time of the process since unix epoch in seconds.", .gauge,
      startTimeSeconds)
    add("process_open_fds", "Number of open file descriptors.", .gauge, openDescriptors.map { Double($0) })
    add(
      "process_max_fds", "Maximum number of open file descriptors.", .gauge,
      maximumDescriptors.map { Double($0) })
    return list
  }

  /// The allocator's own view of memory.
  public static func allocator(_ statistics: AllocatorStatistics) -> [MetricSample] {
    func gauge(_ what: String, _ help: String, _ value: UInt64) -> MetricSample {
      MetricSample("jemalloc_\(what)_bytes", help: help, value: Double(value))
    }
    return [
      gauge("allocated", "Bytes in use by the application.", statistics.allocatedBytes),
      gauge("active", "Bytes in pages that hold an allocation.", statistics.activeBytes),
      gauge("metadata", "Bytes that the allocator needs for itself.", statistics.metadataBytes),
      gauge("resident", "Bytes in pages that are present.", statistics.residentBytes),
      gauge("mapped", "Bytes in mapped extents.", statistics.mappedBytes),
      gauge("retained", "Bytes of address space kept for reuse.", statistics.retainedBytes),
    ]
  }
}
