import Bytes

/// The functions over `Span`, for arrays: the checking macros take no view that cannot be copied.
extension [UInt8] {
  func equals(_ other: [UInt8]) -> Bool { span.equals(other.span) }
  func equals(text: StaticString) -> Bool { span.equals(text) }
  func equalsIgnoringCase(_ other: [UInt8]) -> Bool { span.equalsIgnoringCase(other.span) }
  func begins(with prefix: [UInt8]) -> Bool { span.hasPrefix(prefix.span) }
  func begins(withText prefix: StaticString) -> Bool { span.hasPrefix(prefix) }
  func ends(with suffix: [UInt8]) -> Bool { span.hasSuffix(suffix.span) }
  func position(of octet: UInt8, from start: Int = 0) -> Int? { span.firstIndex(of: octet, from: start) }
  func position(of pattern: [UInt8], from start: Int = 0) -> Int? {
    span.firstIndex(of: pattern.span, from: start)
  }
  func lastPosition(of octet: UInt8) -> Int? { span.lastIndex(of: octet) }
  var isUTF8: Bool { span.isValidUTF8 }
  var isASCII: Bool { span.isASCII }
  func firstNonASCII(from start: Int) -> Int { span.firstNonASCII(from: start) }
  var isText: Bool { span.isText }
  var decimal: UInt64? { span.decimalValue() }
  var copied: [UInt8] { span.copy() }
  var asText: String { span.text() }
  func part(_ range: ByteRange) -> [UInt8] { span[range].copy() }
  func part(_ range: Range<Int>) -> [UInt8] { span[range].copy() }
}

/// What a buffer shows of itself.
func view(_ buffer: borrowing ByteBuffer) -> [UInt8] { buffer.span.copy() }
