public import Bytes

/// Doubles as decimal text by exact integer arithmetic: what C's `printf` prints for `%f` and `%g`, without
/// it.
public enum DecimalDouble {
  /// Appends a number as C's `%f` prints it: all digits of the integer part, six decimals, ties to even.
  /// A value that is not finite appends nothing.
  public static func appendFixed(_ value: Double, to output: inout ByteBuffer) {
    guard value.isFinite else { return }
    if value.sign == .minus { output.append(Mark.minus) }
    let (significand, exponent) = parts(of: value.magnitude)
    if exponent >= 0 {
      let exact = ExactDecimal(significand: significand, exponent: exponent)
      for position in 0..<exact.digitCount { output.append(0x30 + exact.digit(position)) }
      output.append(".000000")
      return
    }
    let millionths = shiftRight(UInt128(significand) * 1_000_000, by: -exponent)
    output.append(decimal: UInt64(millionths / 1_000_000))
    output.append(0x2E)
    appendDigits(UInt64(millionths % 1_000_000), count: 6, to: &output)
  }

  /// Appends a number as protobuf prints a double in JSON: C's `%.15g` when that gives the double back, else
  /// `%.17g`. A value that is not finite appends nothing.
  ///
  /// Cost: no allocation for magnitudes between 1e-7 and 1e22 with up to 15 significant digits.
  public static func appendShort(_ value: Double, to output: inout ByteBuffer) {
    guard value.isFinite else { return }
    let start = output.count
    appendGeneral(value, digits: 15, to: &output)
    if JSONNumber.double(output.span[start..<output.count]) != value {
      output.truncate(to: start)
      appendGeneral(value, digits: 17, to: &output)
    }
  }

  /// C's `%.*g` for 1 to 17 digits.
  static func appendGeneral(_ value: Double, digits count: Int, to output: inout ByteBuffer) {
    if value.sign == .minus { output.append(Mark.minus) }
    if value == 0 {
      output.append(0x30)
      return
    }
    var (digits, exponent) = rounded(value.magnitude, digits: count)
    var kept = count
    while kept > 1 && digits % 10 == 0 {
      digits /= 10
      kept -= 1
    }
    if exponent < -4 || exponent >= count {
      appendScientific(digits, count: kept, exponent: exponent, to: &output)
    } else if exponent < 0 {
      output.append("0.")
      for _ in 0..<(-exponent - 1) { output.append(0x30) }
      appendDigits(digits, count: kept, to: &output)
    } else if kept <= exponent + 1 {
      appendDigits(digits, count: kept, to: &output)
      for _ in 0..<(exponent + 1 - kept) { output.append(0x30) }
    } else {
      let scale = powerOfTen(kept - exponent - 1)
      appendDigits(digits / scale, count: exponent + 1, to: &output)
      output.append(0x2E)
      appendDigits(digits % scale, count: kept - exponent - 1, to: &output)
    }
  }

  private static func appendScientific(
    _ digits: UInt64, count: Int, exponent: Int, to output: inout ByteBuffer
  ) {
    let scale = powerOfTen(count - 1)
    appendDigits(digits / scale, count: 1, to: &output)
    if count > 1 {
      output.append(0x2E)
      appendDigits(digits % scale, count: count - 1, to: &output)
    }
    output.append(exponent < 0 ? "e-" : "e+")
    let magnitude = UInt64(exponent.magnitude)
    if magnitude < 10 { output.append(0x30) }
    output.append(decimal: magnitude)
  }

  /// The first `count` significant digits, ties to even, and the decimal exponent of the first.
  /// - Precondition: `value` is above 0 and finite, `count` is within 1...17.
  private static func rounded(_ value: Double, digits count: Int) -> (UInt64, Int) {
    let (significand, exponent) = parts(of: value)
    let exact = ExactDecimal(significand: significand, exponent: exponent)
    var digits: UInt64 = 0
    for position in 0..<count { digits = digits * 10 + UInt64(exact.digit(position)) }
    let next = exact.digit(count)
    if next > 5 || next == 5 && (exact.hasDigits(after: count) || digits & 1 == 1) { digits += 1 }
    var decimalExponent = exact.digitCount - 1 - exact.decimals
    if digits == powerOfTen(count) {
      digits /= 10
      decimalExponent += 1
    }
    return (digits, decimalExponent)
  }

  /// `value = significand * 2^exponent` exactly, the significand odd unless it is 0.
  private static func parts(of value: Double) -> (significand: UInt64, exponent: Int) {
    let pattern = value.significandBitPattern
    let biased = Int(value.exponentBitPattern)
    var significand = biased == 0 ? pattern : pattern | 1 << 52
    if significand == 0 { return (0, 0) }
    let zeros = significand.trailingZeroBitCount
    significand >>= UInt64(zeros)
    return (significand, max(biased, 1) - 1075 + zeros)
  }

  /// `value / 2^bits`, ties to even.
  private static func shiftRight(_ value: UInt128, by bits: Int) -> UInt128 {
    // The value is below 2^73: beyond that it rounds to nothing.
    if bits > 100 { return 0 }
    let quotient = value >> UInt128(bits)
    let rest = value & (UInt128(1) << UInt128(bits) &- 1)
    let half = UInt128(1) << UInt128(bits - 1)
    return rest > half || rest == half && quotient & 1 == 1 ? quotient + 1 : quotient
  }

  private static func powerOfTen(_ exponent: Int) -> UInt64 {
    var power: UInt64 = 1
    for _ in 0..<exponent { power *= 10 }
    return power
  }

  private static func appendDigits(_ value: UInt64, count: Int, to output: inout ByteBuffer) {
    var scale = powerOfTen(count - 1)
    for _ in 0..<count {
      output.append(0x30 + UInt8(value / scale % 10))
      scale /= 10
    }
  }
}
