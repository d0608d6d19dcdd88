import Bytes

/// One value of a `google.protobuf.Struct`, found in its wire form without decoding the rest. Nothing is recursive: a
/// lookup goes as deep as its key says, so the cost is linear in the bytes of each level, and the stack constant.
enum FilterMetadata {
  enum Value: Equatable {
    case absent
    case text(ByteRange)
    /// The bytes of a `ListValue`.
    case list(ByteRange)
    /// The bytes of a `Struct`.
    case fields(ByteRange)
    case number(Double)
    case boolean(Bool)
    /// Null, or no kind at all.
    case null
    /// No well-formed Struct, or one that says a thing twice, which no encoder does.
    case malformed
  }

  /// One field of a message.
  private struct Field {
    var number: UInt64
    var type: UInt64
    /// The bytes of a length-delimited field.
    var content = ByteRange.empty
    /// The value of a varint or 64-bit field.
    var scalar: UInt64 = 0
  }

  private enum WireType {
    static let varint: UInt64 = 0
    static let fixed64: UInt64 = 1
    static let length: UInt64 = 2
    static let fixed32: UInt64 = 5
  }

  /// The value of the last entry called `key`, as ranges over `octets`, in the Struct that `message` covers.
  static func value(of key: Span<UInt8>, in message: ByteRange, _ octets: Span<UInt8>) -> Value {
    var found = Value.absent
    var index = Int(message.start)
    while index < message.end {
      guard let field = readField(octets, at: &index, end: message.end) else { return .malformed }
      guard field.number == 1 else { continue }
      guard field.type == WireType.length, let (name, value) = readEntry(field.content, octets) else {
        return .malformed
      }
      if octets[name].equals(key) {
        found = value.map { readValue($0, octets) } ?? .null
        if found == .malformed { return .malformed }
      }
    }
    return found
  }

  /// Calls `body` with each element of a list until it returns true.
  /// - Returns: whether it did; nil when the list is malformed before that.
  static func contains(_ list: ByteRange, _ octets: Span<UInt8>, where body: (Value) -> Bool) -> Bool? {
    var index = Int(list.start)
    while index < list.end {
      guard let field = readField(octets, at: &index, end: list.end) else { return nil }
      guard field.number == 1 else { continue }
      guard field.type == WireType.length else { return nil }
      let element = readValue(field.content, octets)
      if element == .malformed { return nil }
      if body(element) { return true }
    }
    return false
  }

  /// A map entry: its key, empty when missing, and the bytes of its value.
  private static func readEntry(_ entry: ByteRange, _ octets: Span<UInt8>) -> (ByteRange, ByteRange?)? {
    var key: ByteRange?
    var value: ByteRange?
    var index = Int(entry.start)
    while index < entry.end {
      guard let field = readField(octets, at: &index, end: entry.end) else { return nil }
      switch field.number {
      case 1:
        guard key == nil, field.type == WireType.length else { return nil }
        key = field.content
      case 2:
        guard value == nil, field.type == WireType.length else { return nil }
        value = field.content
      default: break
      }
    }
    return (key ?? .empty, value)
  }

  private static func readValue(_ value: ByteRange, _ octets: Span<UInt8>) -> Value {
    var found: Value?
    var index = Int(value.start)
    while index < value.end {
      guard let field = readField(octets, at: &index, end: value.end) else { return .malformed }
      guard field.number >= 1, field.number <= 6 else { continue }
      if found != nil { return .malformed }
      switch (field.number, field.type) {
      case (1, WireType.varint): found = .null
      case (2, WireType.fixed64): found = .number(Double(bitPattern: field.scalar))
      case (3, WireType.length): found = .text(field.content)
      case (4, WireType.varint): found = .boolean(field.scalar != 0)
      case (5, WireType.length): found = .fields(field.content)
      case (6, WireType.length): found = .list(field.content)
      default: return .malformed
      }
    }
    return found ?? .null
  }

  /// Reads a field and moves behind it; nil when it is cut or its wire type is a group's or unknown.
  private static func readField(_ octets: Span<UInt8>, at index: inout Int, end: Int) -> Field? {
    let message = octets[0..<end]
    guard let tag = Varint.read(message, at: &index), tag >> 3 > 0, tag >> 3 < 1 << 29 else { return nil }
    var field = Field(number: tag >> 3, type: tag & 7)
    switch field.type {
    case WireType.varint:
      guard let number = Varint.read(message, at: &index) else { return nil }
      field.scalar = number
    case WireType.fixed64:
      guard end - index >= 8 else { return nil }
      for place in 0..<8 { field.scalar |= UInt64(octets[index + place]) << UInt64(place * 8) }
      index += 8
    case WireType.length:
      guard let length = Varint.read(message, at: &index), length <= UInt64(end - index) else { return nil }
      field.content = ByteRange(start: index, count: Int(length))
      index = field.content.end
    case WireType.fixed32:
      guard end - index >= 4 else { return nil }
      index += 4
    default:
      return nil
    }
    return field
  }
}
