import Bytes

/// One value of a `google.protobuf.Struct`, found in its wire form without decoding the rest. Depth is never
/// followed, so the cost is linear in the octets and the stack constant.
enum FilterMetadata {
  enum Value: Equatable {
    case absent
    case text(ByteRange)
    /// The octets of a `ListValue`.
    case list(ByteRange)
    /// A number, a truth value, null or a struct: nothing that a pattern matches.
    case other
    /// No well-formed Struct, or one that says a thing twice, which no encoder does.
    case malformed
  }

  /// One field of a message.
  private struct Field {
    var number: UInt64
    /// The octets of a length-delimited field; nil for the other wire types.
    var content: ByteRange?
  }

  /// The value of the last entry called `key`, as ranges over `octets`, in the Struct that `message` covers.
  static func value(of key: Span<UInt8>, in message: ByteRange, _ octets: Span<UInt8>) -> Value {
    var found = Value.absent
    var index = Int(message.start)
    while index < message.end {
      guard let field = readField(octets, at: &index, end: message.end) else { return .malformed }
      guard field.number == 1 else { continue }
      guard let entry = field.content, let (name, value) = readEntry(entry, octets) else { return .malformed }
      if octets[name].equals(key) {
        found = value.map { readValue($0, octets) } ?? .other
        if found == .malformed { return .malformed }
      }
    }
    return found
  }

  /// Calls `body` with each text of a list until it returns true.
  /// - Returns: whether it did; nil when the list is malformed before that.
  static func contains(_ list: ByteRange, _ octets: Span<UInt8>, where body: (ByteRange) -> Bool) -> Bool? {
    var index = Int(list.start)
    while index < list.end {
      guard let field = readField(octets, at: &index, end: list.end) else { return nil }
      guard field.number == 1 else { continue }
      guard let element = field.content else { return nil }
      switch readValue(element, octets) {
      case .text(let text): if body(text) { return true }
      case .malformed: return nil
      case .absent, .list, .other: break
      }
    }
    return false
  }

  /// A map entry: its key, empty when missing, and the octets of its value.
  private static func readEntry(_ entry: ByteRange, _ octets: Span<UInt8>) -> (ByteRange, ByteRange?)? {
    var key: ByteRange?
    var value: ByteRange?
    var index = Int(entry.start)
    while index < entry.end {
      guard let field = readField(octets, at: &index, end: entry.end) else { return nil }
      switch field.number {
      case 1:
        guard key == nil, let content = field.content else { return nil }
        key = content
      case 2:
        guard value == nil, let content = field.content else { return nil }
        value = content
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
      switch (field.number, field.content) {
      case (3, let content?): found = .text(content)
      case (6, let content?): found = .list(content)
      case (5, .some), (1, nil), (2, nil), (4, nil): found = .other
      default: return .malformed
      }
    }
    return found ?? .other
  }

  /// Reads a field and moves behind it; nil when it is cut or its wire type is a group's or unknown.
  private static func readField(_ octets: Span<UInt8>, at index: inout Int, end: Int) -> Field? {
    let message = octets[0..<end]
    guard let tag = Varint.read(message, at: &index), tag >> 3 > 0, tag >> 3 < 1 << 29 else { return nil }
    switch tag & 7 {
    case 0:
      guard Varint.read(message, at: &index) != nil else { return nil }
    case 1:
      guard end - index >= 8 else { return nil }
      index += 8
    case 2:
      guard let length = Varint.read(message, at: &index), length <= UInt64(end - index) else { return nil }
      let content = ByteRange(start: index, count: Int(length))
      index = content.end
      return Field(number: tag >> 3, content: content)
    case 5:
      guard end - index >= 4 else { return nil }
      index += 4
    default:
      return nil
    }
    return Field(number: tag >> 3, content: nil)
  }
}
