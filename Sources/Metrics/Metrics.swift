// Metrics: what the service counts about itself. Increments flow in, each from one thread into cells of its
// own; Prometheus text flows out, summed over the threads by whoever asks. Nothing here reads a clock, opens
// a file or knows what is counted; nothing waits for anything.

/// What a family of time series is, in the words of the exposition format.
public enum MetricKind: String, Sendable, Hashable {
  case counter, gauge, histogram
}

/// How a stored whole number is written.
public enum MetricScale: Sendable, Hashable {
  /// As it is: events, octets.
  case one
  /// Nanoseconds, written in seconds: Prometheus's base unit, exact in nine decimals.
  case nanosecondsAsSeconds
}

/// One counter's place in every thread's cells. Made by `MetricsLayout`, valid for registries of that layout.
@frozen
public struct Counter: Sendable, Hashable {
  @usableFromInline let cell: Int
}

/// One gauge's place in every thread's cells; what is shown is the sum over the threads.
@frozen
public struct Gauge: Sendable, Hashable {
  @usableFromInline let cell: Int
}

/// One histogram's place in every thread's cells: a cell per bucket, one for what lies above all bounds, one
/// for the sum.
@frozen
public struct Histogram: Sendable, Hashable {
  @usableFromInline let cell: Int
  @usableFromInline let firstBound: Int
  @usableFromInline let boundCount: Int
}

/// The families and series of a service, named once at start. Each call names one series and gives its
/// handle; calls with one name make one family. Cold: strings and arrays.
public struct MetricsLayout: Sendable {
  struct Series: Sendable {
    /// `a="b",c="d"`, escaped; empty without labels.
    let labels: String
    let cell: Int
  }

  struct Family: Sendable {
    let name: String
    let help: String
    let kind: MetricKind
    let scale: MetricScale
    /// Of a histogram: its upper bounds.
    let bounds: [UInt64]
    let firstBound: Int
    var series: [Series]
  }

  private(set) var families: [Family] = []
  private(set) var cellCount = 0
  private(set) var bounds: [UInt64] = []

  public init() {}

  /// A number that only grows.
  /// - Parameters:
  ///   - name: by custom in snake case with the unit, ending in `_total`.
  ///   - help: one sentence.
  ///   - labels: names and values; the values may hold anything.
  /// - Precondition: names are well formed, and a family's series agree in everything but label values.
  ///   Asking for a series again gives the same handle.
  public mutating func counter(
    _ name: String, help: String, labels: [(String, String)] = [], scale: MetricScale = .one
  ) -> Counter {
    Counter(cell: series(Family(name, help, .counter, scale, [], 0), labels, cells: 1))
  }

  /// Declares a family of counters that has no series yet: a scrape shows its HELP and TYPE, so that rules and
  /// dashboards know it from the start.
  public mutating func declareCounter(_ name: String, help: String) {
    precondition(isMetricName(name), "\(name) is not a metric name")
    if !families.contains(where: { $0.name == name }) {
      families.append(Family(name, help, .counter, .one, [], 0))
    }
  }

  /// A number that goes up and down.
  public mutating func gauge(
    _ name: String, help: String, labels: [(String, String)] = [], scale: MetricScale = .one
  ) -> Gauge {
    Gauge(cell: series(Family(name, help, .gauge, scale, [], 0), labels, cells: 1))
  }

  /// A distribution over fixed buckets.
  /// - Parameter bounds: inclusive upper bounds in stored units, rising, 1 to 64 of them (an observation
  ///   walks them).
  public mutating func histogram(
    _ name: String, help: String, labels: [(String, String)] = [], scale: MetricScale = .one, bounds: [UInt64]
  ) -> Histogram {
    precondition(!bounds.isEmpty && bounds.count <= 64, "\(name): 1 to 64 bounds")
    precondition(zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }, "\(name): bounds must rise")
    precondition(labels.allSatisfy { $0.0 != "le" }, "\(name): le is the histogram's own label")
    let known = families.first { $0.name == name }
    let firstBound = known?.firstBound ?? self.bounds.count
    if known == nil { self.bounds += bounds }
    let cell = series(
      Family(name, help, .histogram, scale, bounds, firstBound), labels, cells: bounds.count + 2)
    return Histogram(cell: cell, firstBound: firstBound, boundCount: bounds.count)
  }

  private mutating func series(_ family: Family, _ labels: [(String, String)], cells: Int) -> Int {
    let text = labelText(labels)
    guard let index = families.firstIndex(where: { $0.name == family.name }) else {
      precondition(isMetricName(family.name), "\(family.name) is not a metric name")
      families.append(family)
      return addSeries(text, to: families.count - 1, cells)
    }
    let known = families[index]
    precondition(
      known.help == family.help && known.kind == family.kind && known.scale == family.scale
        && known.bounds == family.bounds, "\(family.name) is already another family")
    if let same = known.series.first(where: { $0.labels == text }) { return same.cell }
    return addSeries(text, to: index, cells)
  }

  private mutating func addSeries(_ labels: String, to family: Int, _ cells: Int) -> Int {
    let cell = cellCount
    families[family].series.append(Series(labels: labels, cell: cell))
    cellCount += cells
    return cell
  }
}

extension MetricsLayout.Family {
  fileprivate init(
    _ name: String, _ help: String, _ kind: MetricKind, _ scale: MetricScale, _ bounds: [UInt64],
    _ firstBound: Int
  ) {
    self.init(
      name: name, help: help, kind: kind, scale: scale, bounds: bounds, firstBound: firstBound, series: [])
  }
}

/// `a="b",c="d"` with the values escaped.
/// - Precondition: the names are label names, each once.
func labelText(_ labels: [(String, String)]) -> String {
  precondition(labels.allSatisfy { isLabelName($0.0) }, "not a label name in \(labels)")
  precondition(Set(labels.map(\.0)).count == labels.count, "a label twice in \(labels)")
  return labels.map { name, value in "\(name)=\"\(escapedLabelValue(value))\"" }.joined(separator: ",")
}

func isMetricName(_ name: String) -> Bool {
  guard let first = name.utf8.first, !first.isDigit else { return false }
  return name.utf8.allSatisfy { $0.isLetter || $0.isDigit || $0 == 0x5F || $0 == 0x3A }
}

func isLabelName(_ name: String) -> Bool {
  isMetricName(name) && !name.utf8.contains(0x3A) && !name.hasPrefix("__")
}

extension UInt8 {
  fileprivate var isDigit: Bool { self >= 0x30 && self <= 0x39 }
  fileprivate var isLetter: Bool { (self | 0x20) >= 0x61 && (self | 0x20) <= 0x7A }
}
