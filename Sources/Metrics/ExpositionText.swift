import Bytes

// The small pieces of the text exposition format 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/). Cold: once per scrape.

/// `# HELP` and `# TYPE`.
func appendHead(_ name: String, _ help: String, _ kind: MetricKind, into buffer: inout ByteBuffer) {
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
