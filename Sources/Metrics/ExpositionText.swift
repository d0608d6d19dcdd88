import Bytes

// The small pieces of the text exposition format 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/). Cold: once per scrape.

/// How metrics are written.
public enum ExpositionFormat: Sendable, Hashable, CaseIterable {
  /// Prometheus's text format, version 0.0.4.
  case text
  /// OpenMetrics 1.0: counters' families are called without `_total`, and the end is marked.
  case openMetrics

  /// The media type, for HTTP.
  public var contentType: StaticString {
    switch self {
    case .text: "text/plain; version=0.0.4; charset=utf-8"
    case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
    }
  }

  /// What a client wants by its `Accept` header: OpenMetrics where it is named, and not with less weight than plain
  /// text.
  public init(accept: String) {
    func weight(of type: String) -> Double {
      accept.split(separator: ",").map { part in
        let pieces = part.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" }.lowercased() }
        guard pieces.first == type else { return 0 }
        return pieces.first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
      }.max() ?? 0
    }
    let open = weight(of: "application/openmetrics-text")
    self = open > 0 && open >= weight(of: "text/plain") ? .openMetrics : .text
  }
}

/// `# HELP` and `# TYPE`.
func appendHead(
  _ name: String, _ help: String, _ kind: MetricKind, _ format: ExpositionFormat,
  into buffer: inout ByteBuffer
) {
  var name = name
  if format == .openMetrics, kind == .counter, name.hasSuffix("_total") { name.removeLast("_total".count) }
  let text = "# HELP \(name) \(escapedHelp(help))\n# TYPE \(name) \(kind.rawValue)\n"
  buffer.append(Array(text.utf8))
}

/// A sample up to its value.
func appendName(_ name: String, _ labels: String, into buffer: inout ByteBuffer) {
  buffer.append(Array((labels.isEmpty ? "\(name) " : "\(name){\(labels)} ").utf8))
}

/// A label's value between its quotes: backslash, quote and line end escaped, the only ones the format knows.
/// Works on octets: to `Character`s, `\r\n` is one letter and no line end.
func escapedLabelValue(_ value: String) -> String { escaped(value, quote: true) }

/// A help text: backslash and line end escaped.
func escapedHelp(_ help: String) -> String { escaped(help, quote: false) }

private func escaped(_ text: String, quote: Bool) -> String {
  var octets: [UInt8] = []
  octets.reserveCapacity(text.utf8.count)
  for octet in text.utf8 {
    switch octet {
    case 0x5C: octets += [0x5C, 0x5C]
    case 0x0A: octets += [0x5C, 0x6E]
    case 0x22 where quote: octets += [0x5C, 0x22]
    default: octets.append(octet)
    }
  }
  return String(decoding: octets, as: UTF8.self)
}

/// A stored number as the format shows it; exact, without a trailing zero behind the point.
func decimalText(_ value: UInt64, _ scale: MetricScale) -> String {
  guard scale == .nanosecondsAsSeconds else { return String(value) }
  let fraction = value % 1_000_000_000
  if fraction == 0 { return String(value / 1_000_000_000) }
  var digits = String(fraction)
  digits = String(repeating: "0", count: 9 - digits.count) + digits
  while digits.hasSuffix("0") { digits.removeLast() }
  return "\(value / 1_000_000_000).\(digits)"
}

/// A floating-point value as the format shows it: Go's spelling of what is not finite.
func decimalText(_ value: Double) -> String {
  if value.isNaN { return "NaN" }
  if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
  // Whole numbers that a Double holds exactly need no point and no exponent.
  if value == value.rounded(), value.magnitude < 9_007_199_254_740_992 { return String(Int64(value)) }
  return value.description
}
