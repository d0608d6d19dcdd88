/// Durations as Go's `time.ParseDuration` reads them, which covers protobuf's JSON form: `5s`, `1.5s`,
/// `1m30s`, `100ms`.
enum GoDuration {
  private static let units: [String: Int64] = [
    "ns": 1, "us": 1_000, "µs": 1_000, "μs": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000,
    "h": 3_600_000_000_000,
  ]

  /// Nil when the text is no duration or does not fit (292 years). A fraction is cut at a nanosecond.
  static func nanoseconds(_ text: String) -> Int64? {
    var rest = Substring(text)
    var sign: Int64 = 1
    if rest.first == "-" || rest.first == "+" {
      if rest.removeFirst() == "-" { sign = -1 }
    }
    if rest == "0" { return 0 }
    if rest.isEmpty { return nil }
    var total: Int64 = 0
    while !rest.isEmpty {
      guard let part = nextPart(&rest) else { return nil }
      let (sum, overflow) = total.addingReportingOverflow(part)
      if overflow { return nil }
      total = sum
    }
    return sign * total
  }

  private static func nextPart(_ rest: inout Substring) -> Int64? {
    let whole = digits(&rest)
    var fraction: Substring = ""
    if rest.first == "." {
      rest.removeFirst()
      fraction = digits(&rest)
    }
    if whole.isEmpty && fraction.isEmpty { return nil }
    let name = rest.prefix { $0 != "." && !isDigit($0) }
    rest = rest.dropFirst(name.count)
    guard let unit = units[String(name)], let count = whole.isEmpty ? 0 : Int64(whole) else { return nil }
    let (product, overflow) = count.multipliedReportingOverflow(by: unit)
    if overflow { return nil }
    var scale = unit
    var total = product
    for digit in fraction {
      scale /= 10
      guard scale > 0, let value = digit.wholeNumberValue else { break }
      let (sum, overflow) = total.addingReportingOverflow(scale * Int64(value))
      if overflow { return nil }
      total = sum
    }
    return total
  }

  private static func digits(_ rest: inout Substring) -> Substring {
    let digits = rest.prefix(while: isDigit)
    rest = rest.dropFirst(digits.count)
    return digits
  }

  private static func isDigit(_ character: Character) -> Bool { "0"..."9" ~= character && character.isASCII }
}
