import Bytes

/// Writing of fields whose sizes are known before their octets: nothing is written twice or moved. All field
/// numbers here are below 16, so that a tag is one octet.
enum FieldWriter {
  /// What a length-delimited field of `count` octets takes, tag and length included.
  static func size(_ count: Int) -> Int { 1 + Varint.size(UInt64(count)) + count }

  /// The same for a text, which proto3 leaves out when it is empty.
  static func textSize(_ count: Int) -> Int { count == 0 ? 0 : size(count) }

  /// Tag and length of a field whose `count` octets follow.
  static func appendHead(_ number: UInt8, _ count: Int, into output: inout ByteBuffer) {
    output.append(number << 3 | WireType.length.rawValue)
    output.append(varint: UInt64(count))
  }

  static func appendText(_ number: UInt8, _ text: Span<UInt8>, into output: inout ByteBuffer) {
    if text.isEmpty { return }
    appendRepeatedText(number, text, into: &output)
  }

  /// An element of a repeated field stands there even when it is empty.
  static func appendRepeatedText(_ number: UInt8, _ text: Span<UInt8>, into output: inout ByteBuffer) {
    appendHead(number, text.count, into: &output)
    output.append(text)
  }

  static func appendNumber(_ number: UInt8, _ value: UInt64, into output: inout ByteBuffer) {
    output.append(number << 3 | WireType.number.rawValue)
    output.append(varint: value)
  }
}
