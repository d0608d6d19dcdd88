import Bytes

/// The two header values of a gRPC request that have a grammar of their own.
enum GRPCHeaders {
  /// `grpc-timeout`: one to eight digits and a unit, as nanoseconds. Nil when malformed.
  static func timeout(_ value: Span<UInt8>) -> UInt64? {
    guard value.count >= 2, value.count <= 9 else { return nil }
    let last = value.count - 1
    let unit: UInt64
    switch value[last] {
    case UInt8(ascii: "H"): unit = 3_600_000_000_000
    case UInt8(ascii: "M"): unit = 60_000_000_000
    case UInt8(ascii: "S"): unit = 1_000_000_000
    case UInt8(ascii: "m"): unit = 1_000_000
    case UInt8(ascii: "u"): unit = 1_000
    case UInt8(ascii: "n"): unit = 1
    default: return nil
    }
    guard let amount = value.extracting(0..<last).decimalValue() else { return nil }
    // 99999999H is 11,000 years: more than 64 bits of nanoseconds hold.
    let (product, overflow) = amount.multipliedReportingOverflow(by: unit)
    return overflow ? .max : product
  }

  /// Whether a content type is gRPC with protobuf messages: `application/grpc` or `application/grpc+proto`,
  /// parameters allowed. Media types ignore case (RFC 9110 section 8.3.1).
  static func isGRPC(_ value: Span<UInt8>) -> Bool {
    let base: StaticString = "application/grpc"
    let proto: StaticString = "application/grpc+proto"
    return isType(value, base) || isType(value, proto)
  }

  private static func isType(_ value: Span<UInt8>, _ type: StaticString) -> Bool {
    let count = type.utf8CodeUnitCount
    guard value.count >= count else { return false }
    for index in 0..<count where unsafe value[index].asciiLowercased != type.utf8Start[index] { return false }
    var index = count
    while index < value.count, value[index] == 0x20 || value[index] == 0x09 { index += 1 }
    return index == value.count || value[index] == UInt8(ascii: ";")
  }

  /// Appends text as `grpc-message` carries it: octets 0x20 to 0x7E except `%` stay, others become `%XX`.
  static func appendPercentEncoded(_ text: Span<UInt8>, to buffer: inout ByteBuffer) {
    for index in text.indices {
      let octet = text[index]
      if octet >= 0x20 && octet <= 0x7E && octet != UInt8(ascii: "%") {
        buffer.append(octet)
      } else {
        buffer.append(UInt8(ascii: "%"))
        buffer.append(upperHexDigit(octet >> 4))
        buffer.append(upperHexDigit(octet & 15))
      }
    }
  }

  private static func upperHexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x37 + value }
}
