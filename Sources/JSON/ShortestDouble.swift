public import Bytes

/// Doubles as the shortest decimal text that reads back as the same double, in the layout of RFC 8785 section 3.2.2.3
/// (that of ECMAScript): `3`, `1.5`, `0.1`, `1e+21`.
public enum ShortestDouble {
  /// The most bytes that a number takes.
  public static let maximumBytes = 25

  /// Appends a number; one that is not finite, which JSON does not have, appends nothing.
  ///
  /// The digits are those of the Schubfach algorithm (Giulietti, "The Schubfach way to render doubles"). Cost: about a
  /// hundred nanoseconds whatever the number; no allocation but for a table of 10 KiB that the first fraction of the
  /// process fills.
  public static func append(_ value: Double, to output: inout ByteBuffer) {
    guard value.isFinite else { return }
    if value < 0 { output.append(Mark.minus) }
    if value == 0 {
      output.append(0x30)
      return
    }
    var (digits, exponent) = decimal(value.magnitude)
    while digits % 10 == 0 {
      digits /= 10
      exponent += 1
    }
    var count = 1
    var scale: UInt64 = 1
    while digits / scale >= 10 {
      scale *= 10
      count += 1
    }
    layOut(digits, count: count, scale: scale, point: count + exponent, to: &output)
  }

  /// - Parameters:
  ///   - scale: the power of ten of the first digit.
  ///   - point: how many digits stand before the decimal point.
  private static func layOut(
    _ digits: UInt64, count: Int, scale: UInt64, point: Int, to output: inout ByteBuffer
  ) {
    if point > 21 || point <= -6 {
      appendDigits(digits, from: scale, point: 1, to: &output)
      output.append(point > 21 ? "e+" : "e-")
      output.append(decimal: UInt64((point - 1).magnitude))
    } else if point <= 0 {
      output.append("0.")
      for _ in point..<0 { output.append(0x30) }
      appendDigits(digits, from: scale, point: count, to: &output)
    } else {
      appendDigits(digits, from: scale, point: point, to: &output)
      for _ in 0..<max(0, point - count) { output.append(0x30) }
    }
  }

  private static func appendDigits(
    _ digits: UInt64, from scale: UInt64, point: Int, to output: inout ByteBuffer
  ) {
    var scale = scale
    var left = point
    while scale > 0 {
      if left == 0 { output.append(0x2E) }
      output.append(0x30 + UInt8(digits / scale % 10))
      scale /= 10
      left -= 1
    }
  }

  /// The shortest digits that read back as the double, and their power of ten; of several the nearest.
  /// - Precondition: `value` is above 0 and finite.
  private static func decimal(_ value: Double) -> (digits: UInt64, exponent: Int) {
    let fraction = value.significandBitPattern
    let biased = Int(value.exponentBitPattern)
    let c = biased == 0 ? fraction : fraction | 1 << 52
    let q = max(biased, 1) - 1075
    // Whole numbers below 2^53 are their own digits.
    if q <= 0, q > -53, c & (1 << UInt64(-q) - 1) == 0 { return (c >> UInt64(-q), 0) }
    // The interval of what rounds to the double: its lower half is smaller at a power of two.
    let isNarrow = fraction == 0 && biased > 1
    let k = (q * 1_262_611 - (isNarrow ? 524_031 : 0)) >> 22
    let h = UInt64(q + (-k * 1_741_647) >> 19 + 1)
    let power = PowersOfTen.table[-k - PowersOfTen.least]
    let lower = roundedToOdd(power, (4 * c - (isNarrow ? 1 : 2)) << h) + (c & 1)
    let middle = roundedToOdd(power, 4 * c << h)
    let upper = roundedToOdd(power, (4 * c + 2) << h) - (c & 1)
    let s = middle / 4
    if s >= 10 {
      let tens = s / 10
      let isBelowInside = lower <= 40 * tens
      let isAboveInside = 40 * tens + 40 <= upper
      if isBelowInside != isAboveInside { return (tens + (isAboveInside ? 1 : 0), k + 1) }
    }
    let isBelowInside = lower <= 4 * s
    let isAboveInside = 4 * s + 4 <= upper
    if isBelowInside != isAboveInside { return (s + (isAboveInside ? 1 : 0), k) }
    // Both or neither: the nearer one, to even at the same distance.
    let half = 4 * s + 2
    let isNearerAbove = middle > half || middle == half && s & 1 == 1
    return (s + (isNearerAbove ? 1 : 0), k)
  }

  /// The product's upper 64 of 192 bits, the last bit set when anything is lost.
  private static func roundedToOdd(_ power: UInt128, _ factor: UInt64) -> UInt64 {
    let low = UInt64(truncatingIfNeeded: power).multipliedFullWidth(by: factor)
    let high = UInt64(truncatingIfNeeded: power >> 64).multipliedFullWidth(by: factor)
    let (sum, carry) = high.low.addingReportingOverflow(low.high)
    return high.high + (carry ? 1 : 0) | (sum > 1 ? 1 : 0)
  }
}

/// Powers of ten as 128 bits, the first of them set, rounded up.
enum PowersOfTen {
  /// The exponents that the digits of doubles need.
  static let least = -292
  static let most = 324

  /// From 10^-292 to 10^324. Powers of two do not count: 10^k has the bits of 5^k.
  static let table: [UInt128] = {
    var table = [UInt128](repeating: 0, count: most - least + 1)
    var words: [UInt64] = [1]
    for exponent in 0...most {
      let (bits, isExact) = leading(words)
      table[exponent - least] = bits + (isExact ? 0 : 1)
      multiply(&words, by: 5)
    }
    // 2^896 over 5^292 has 217 bits left. Rounding down step by step is rounding down once.
    words = [UInt64](repeating: 0, count: 14) + [1]
    for exponent in 1...(-least) {
      divide(&words, by: 5)
      table[-exponent - least] = leading(words).bits + 1
    }
    return table
  }()

  /// The first 128 bits, and whether all others are 0.
  private static func leading(_ words: [UInt64]) -> (bits: UInt128, isExact: Bool) {
    guard let top = words.lastIndex(where: { $0 != 0 }) else { return (0, true) }
    func word(_ index: Int) -> UInt64 { index < 0 ? 0 : words[index] }
    let shift = UInt64(words[top].leadingZeroBitCount)
    let first = UInt128(word(top)) << 64 | UInt128(word(top - 1))
    let third = word(top - 2)
    let bits = first << UInt128(shift) | (shift == 0 ? 0 : UInt128(third >> (64 - shift)))
    let rest = third << shift
    return (bits, rest == 0 && words.prefix(max(0, top - 2)).allSatisfy { $0 == 0 })
  }

  private static func multiply(_ words: inout [UInt64], by factor: UInt64) {
    var carry: UInt64 = 0
    for index in words.indices {
      let product = UInt128(words[index]) * UInt128(factor) + UInt128(carry)
      words[index] = UInt64(truncatingIfNeeded: product)
      carry = UInt64(truncatingIfNeeded: product >> 64)
    }
    if carry > 0 { words.append(carry) }
  }

  private static func divide(_ words: inout [UInt64], by divisor: UInt64) {
    var rest: UInt64 = 0
    for index in words.indices.reversed() {
      let part = UInt128(rest) << 64 | UInt128(words[index])
      words[index] = UInt64(truncatingIfNeeded: part / UInt128(divisor))
      rest = UInt64(truncatingIfNeeded: part % UInt128(divisor))
    }
  }
}
