import Bytes

/// Numbers as text (RFC 8259 section 6) and as doubles.
enum JSONNumber {
  /// Where the number that starts at `start` ends; nil when none stands there.
  static func end(in text: Span<UInt8>, from start: Int) -> Int? {
    var index = start
    if index < text.count, text[index] == Mark.minus { index += 1 }
    let integer = index
    skipDigits(text, &index)
    if index == integer { return nil }
    if text[integer] == 0x30 && index > integer + 1 { return nil }
    if index < text.count, text[index] == 0x2E {
      index += 1
      let fraction = index
      skipDigits(text, &index)
      if index == fraction { return nil }
    }
    if index < text.count, text[index] | 0x20 == 0x65 {
      index += 1
      if index < text.count, text[index] == 0x2B || text[index] == Mark.minus { index += 1 }
      let exponent = index
      skipDigits(text, &index)
      if index == exponent { return nil }
    }
    return index
  }

  private static func skipDigits(_ text: Span<UInt8>, _ index: inout Int) {
    while index < text.count, text[index].isASCIIDigit { index += 1 }
  }

  /// Whether a literal deserves the full conversion to be sure that it is finite: it has an exponent, or more
  /// digits than the largest double.
  static func mayExceedDouble(_ literal: Span<UInt8>) -> Bool {
    if literal.count > 308 { return true }
    for index in literal.indices where literal[index] | 0x20 == 0x65 { return true }
    return false
  }

  /// The double nearest to a literal of the JSON grammar (ties to even); nil when it lies beyond the largest
  /// double. What is smaller than every double is 0. Cost: no allocation for up to 19 digits and an exponent
  /// of up to 22.
  static func double(_ literal: Span<UInt8>) -> Double? {
    var index = 0
    let isNegative = !literal.isEmpty && literal[0] == Mark.minus
    if isNegative { index = 1 }
    var significand: UInt64 = 0
    var exponent = 0
    var isExact = true
    var isFraction = false
    while index < literal.count {
      let octet = literal[index]
      if octet == 0x2E {
        isFraction = true
      } else if octet.isASCIIDigit {
        if significand > 1_844_674_407_370_955_160 {
          isExact = false
        } else {
          let (sum, carry) = (significand * 10).addingReportingOverflow(UInt64(octet - 0x30))
          if carry { isExact = false } else { significand = sum }
          if isFraction { exponent -= 1 }
        }
      } else {
        break
      }
      index += 1
    }
    if index < literal.count { exponent += readExponent(literal, from: index + 1) }
    if isExact, let magnitude = exactly(significand, exponent) { return isNegative ? -magnitude : magnitude }
    return nearest(literal)
  }

  /// The exponent behind the `e`, cut at a million: far outside every double, far inside an integer.
  private static func readExponent(_ literal: Span<UInt8>, from start: Int) -> Int {
    var index = start
    var isNegative = false
    if index < literal.count, !literal[index].isASCIIDigit {
      isNegative = literal[index] == Mark.minus
      index += 1
    }
    var value = 0
    while index < literal.count, literal[index].isASCIIDigit {
      value = min(value * 10 + Int(literal[index] - 0x30), 1_000_000)
      index += 1
    }
    return isNegative ? -value : value
  }

  /// The product when one correctly rounded operation on exact operands gives it (Clinger's fast path).
  private static func exactly(_ significand: UInt64, _ exponent: Int) -> Double? {
    if significand == 0 { return 0 }
    if exponent == 0 { return Double(significand) }
    guard significand <= 1 << 53, exponent >= -22, exponent <= 22 else { return nil }
    var power = 1.0
    for _ in 0..<abs(exponent) { power *= 10 }
    return exponent > 0 ? Double(significand) * power : Double(significand) / power
  }

  private static func nearest(_ literal: Span<UInt8>) -> Double? {
    guard let value = Double(literal.text()), value.isFinite else { return nil }
    return value
  }
}
