/// Protocol Buffers' base-128 numbers.
public enum Varint {
  /// Reads a number at `index` and moves behind it. Nil, with `index` unspecified, when it is cut, longer
  /// than ten octets or above 64 bits.
  @inlinable
  public static func read(_ octets: Span<UInt8>, at index: inout Int) -> UInt64? {
    if index < octets.count {
      let first = octets[index]
      if first < 0x80 {
        index += 1
        return UInt64(first)
      }
    }
    return readLong(octets, at: &index)
  }

  @usableFromInline
  static func readLong(_ octets: Span<UInt8>, at index: inout Int) -> UInt64? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while index < octets.count {
      let octet = octets[index]
      index += 1
      if shift == 63 && octet > 1 { return nil }
      value |= UInt64(octet & 0x7F) << shift
      if octet < 0x80 { return value }
      shift += 7
      if shift > 63 { return nil }
    }
    return nil
  }

  /// How many octets `value` takes: 1 to 10.
  @inlinable
  public static func size(_ value: UInt64) -> Int {
    value == 0 ? 1 : (70 - value.leadingZeroBitCount) / 7
  }
}

extension ByteBuffer {
  /// Appends a number in base 128.
  public mutating func append(varint value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    append(UInt8(rest))
  }
}
