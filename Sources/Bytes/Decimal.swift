/// Whole numbers as decimal text.
extension ByteBuffer {
  /// Appends a number in decimal digits.
  public mutating func append(decimal number: UInt64) {
    if number >= 10 { append(decimal: number / 10) }
    append(0x30 + UInt8(number % 10))
  }

  /// Appends a number in decimal digits, with a sign when negative.
  public mutating func append(decimal number: Int) {
    if number < 0 { append(0x2D) }
    append(decimal: UInt64(number.magnitude))
  }
}

extension Span where Element == UInt8 {
  /// The number that all octets spell in decimal digits: no sign, no blanks, at least one digit, no overflow;
  /// else nil.
  public func decimalValue() -> UInt64? {
    if isEmpty || count > 20 { return nil }
    var value: UInt64 = 0
    for index in indices {
      guard self[index].isASCIIDigit else { return nil }
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(UInt64(self[index] - 0x30))
      if overflow || carry { return nil }
      value = sum
    }
    return value
  }
}
