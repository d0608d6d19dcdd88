import Bytes
import Check

/// How a field's content is spelled on the wire.
enum WireType: UInt8 {
  case number = 0
  case fixed64 = 1
  case length = 2
  case groupStart = 3
  case groupEnd = 4
  case fixed32 = 5
}

/// What stands before a field's content.
struct Field {
  let number: UInt32
  let type: WireType
  /// Where it begins in the message.
  let offset: Int
}

/// A walk over the fields of one message or sub-message. The octets come with every call; the cursor keeps
/// positions. Whoever took a field from `next` must take its content with `text`, `octets`, `number` or
/// `skip` before the next.
struct FieldCursor {
  /// Where the walk is: always within the message, at most `end` after a call that did not throw.
  private(set) var index: Int
  /// Where this message ends.
  let end: Int

  init(_ range: ByteRange) {
    index = Int(range.start)
    end = range.end
  }

  init(whole message: Span<UInt8>) throws(WireError) {
    if message.count > Int(Int32.max) { throw .messageSize }
    index = 0
    end = message.count
  }

  /// The next field, or nil at the end of the message.
  @inline(__always)
  mutating func next(_ message: Span<UInt8>) throws(WireError) -> Field? {
    if index >= end { return nil }
    let offset = index
    let first = message[offset]
    var tag = UInt32(first)
    if first < 0x80 {
      index = offset + 1
    } else {
      tag = try longTag(message)
    }
    guard let type = WireType(rawValue: UInt8(tag & 7)) else { throw .wireType(at: offset) }
    if tag < 8 { throw .fieldNumber(at: offset) }
    return Field(number: tag >> 3, type: type, offset: offset)
  }

  /// Takes the next field if it is a text or message with this very tag and a length of one octet or two, as
  /// nearly all entries of a map are: at a fraction of what `next` and `octets` cost. Otherwise nothing is taken
  /// and nothing is said: `next` judges what stands there.
  @inline(__always)
  mutating func takeShort(tagged tag: UInt8, _ message: Span<UInt8>) -> ByteRange? {
    guard end - index >= 3, message[index] == tag else { return nil }
    var length = Int(message[index + 1])
    var content = index + 2
    if length >= 0x80 {
      let high = Int(message[content])
      guard high < 0x80 else { return nil }
      length = length & 0x7F | high << 7
      content += 1
    }
    guard length <= end - content else { return nil }
    index = content + length
    return ByteRange(start: content, count: length)
  }

  /// Takes the next field if it is a map's entry with this very tag, spelled as every writer spells it and
  /// shorter than 128 octets: a key, then a value, nothing else, all ASCII. Otherwise nothing is taken and
  /// nothing is said. Most fields of a message stand in such entries.
  /// - Parameter plainEnd: all octets from the entry on and before this one are known to be ASCII; kept by the
  ///   caller from entry to entry, so that a run of entries is looked through once.
  @inline(__always)
  mutating func takeShortEntry(tagged tag: UInt8, _ message: Span<UInt8>, _ plainEnd: inout Int) -> Check
    .Pair?
  {
    // Positions stay far below 2^31 (`init(whole:)`): no sum here can overflow.
    let start = index
    guard end &- start >= 6 else { return nil }
    // The tag and the entry's length, the key's tag and its length: both lengths below 128.
    let head = message.littleEndian32(at: start)
    guard head & 0x80FF_80FF == 0x000A_0000 | UInt32(tag) else { return nil }
    let next = start &+ 2 &+ Int(head >> 8 & 0x7F)
    let valueTag = start &+ 4 &+ Int(head >> 24)
    let value = valueTag &+ 2
    guard next <= end, value <= next else { return nil }
    let middle = message.littleEndian16(at: valueTag)
    guard middle & 0xFF == 0x12, Int(middle >> 8) == next &- value else { return nil }
    if next > plainEnd {
      plainEnd = message.firstNonASCII(from: start)
      if next > plainEnd { return nil }
    }
    index = next
    return Check.Pair(
      name: ByteRange(start: UInt32(truncatingIfNeeded: start &+ 4), count: head >> 24),
      value: ByteRange(start: UInt32(truncatingIfNeeded: value), count: UInt32(middle >> 8)))
  }

  @inline(never)
  private mutating func longTag(_ message: Span<UInt8>) throws(WireError) -> UInt32 {
    let offset = index
    let value = try number(message)
    // Tags are 32-bit numbers of at most five octets everywhere; a longer spelling is refused everywhere too.
    guard let tag = UInt32(exactly: value), index - offset <= 5 else { throw .fieldNumber(at: offset) }
    return tag
  }

  /// A base-128 number.
  @inline(__always)
  mutating func number(_ message: Span<UInt8>) throws(WireError) -> UInt64 {
    let offset = index
    guard let value = Varint.read(message, at: &index), index <= end else { throw .number(at: offset) }
    return value
  }

  /// A length and as many octets.
  @inline(__always)
  mutating func octets(_ message: Span<UInt8>) throws(WireError) -> ByteRange {
    let offset = index
    let length = try number(message)
    if length > UInt64(end - index) { throw .length(at: offset) }
    let range = ByteRange(start: index, count: Int(length))
    index += Int(length)
    return range
  }

  /// A length and as many octets of UTF-8.
  @inline(__always)
  mutating func text(_ message: Span<UInt8>) throws(WireError) -> ByteRange {
    let range = try octets(message)
    if !message[range].isText { throw .text(at: Int(range.start)) }
    return range
  }

  /// Passes over the content of a field that nobody asked for. Groups must balance.
  mutating func skip(_ field: Field, _ message: Span<UInt8>) throws(WireError) {
    switch field.type {
    case .number: _ = try number(message)
    case .fixed64: try advance(8)
    case .length: _ = try octets(message)
    case .groupStart: try skipGroup(field, message)
    case .groupEnd: throw .group(at: field.offset)
    case .fixed32: try advance(4)
    }
  }

  private mutating func advance(_ count: Int) throws(WireError) {
    if end - index < count { throw .length(at: index) }
    index += count
  }

  /// Groups are a relic that no field of ours uses: their nesting is bounded by a small stack in place.
  @inline(never)
  private mutating func skipGroup(_ first: Field, _ message: Span<UInt8>) throws(WireError) {
    var open = InlineArray<32, UInt32>(repeating: 0)
    open[0] = first.number
    var depth = 1
    while depth > 0 {
      guard let field = try next(message) else { throw .group(at: first.offset) }
      switch field.type {
      case .groupStart:
        if depth == CheckRequestReader.maximumGroupDepth { throw .groupDepth(at: field.offset) }
        open[depth] = field.number
        depth += 1
      case .groupEnd:
        if open[depth - 1] != field.number { throw .group(at: field.offset) }
        depth -= 1
      case .number, .fixed64, .length, .fixed32:
        try skip(field, message)
      }
    }
  }
}
