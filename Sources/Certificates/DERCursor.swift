import Bytes

/// The tags that a certificate is made of (X.690 section 8.1.2).
enum DERTag {
  static let boolean: UInt8 = 0x01
  static let integer: UInt8 = 0x02
  static let bitString: UInt8 = 0x03
  static let octetString: UInt8 = 0x04
  static let null: UInt8 = 0x05
  static let objectIdentifier: UInt8 = 0x06
  static let utf8String: UInt8 = 0x0C
  static let numericString: UInt8 = 0x12
  static let printableString: UInt8 = 0x13
  static let teletexString: UInt8 = 0x14
  static let ia5String: UInt8 = 0x16
  static let utcTime: UInt8 = 0x17
  static let generalizedTime: UInt8 = 0x18
  static let universalString: UInt8 = 0x1C
  static let bmpString: UInt8 = 0x1E
  static let sequence: UInt8 = 0x30
  static let set: UInt8 = 0x31

  /// `[number]`, primitive.
  static func context(_ number: UInt8) -> UInt8 { 0x80 | number }
  /// `[number]`, constructed.
  static func constructed(_ number: UInt8) -> UInt8 { 0xA0 | number }
}

/// One element: its tag, where it begins, and its content.
struct DERElement {
  var tag: UInt8
  var start: Int
  var content: ByteRange
}

/// A walk over the elements within one element. It follows no depth: who wants the elements of an element walks
/// over its content.
struct DERCursor {
  private(set) var index: Int
  let end: Int

  init(_ range: ByteRange) {
    index = Int(range.start)
    end = range.end
  }

  var isAtEnd: Bool { index == end }

  /// Whether the next element has this tag.
  func isNext(_ tag: UInt8, _ der: Span<UInt8>) -> Bool { index < end && der[index] == tag }

  /// The next element. Lengths are definite and spelled as shortly as they can be (X.690 section 10.1); tags have
  /// one byte, as all tags of a certificate do.
  mutating func next(_ der: Span<UInt8>) throws(CertificateError) -> DERElement {
    let start = index
    guard end - index >= 2, der[index] & 0x1F != 0x1F, der[index] != 0 else { throw .structure(at: start) }
    let tag = der[index]
    var length = Int(der[index + 1])
    index += 2
    if length >= 0x80 {
      // Two bytes of length reach 64 KiB: more than the text's limit leaves.
      let count = length & 0x7F
      guard count == 1 || count == 2, end - index >= count else { throw .structure(at: start) }
      length = Int(der[index])
      if count == 2 { length = length << 8 | Int(der[index + 1]) }
      guard length >= (count == 1 ? 0x80 : 0x100) else { throw .structure(at: start) }
      index += count
    }
    guard length <= end - index else { throw .structure(at: start) }
    let content = ByteRange(start: index, count: length)
    index += length
    return DERElement(tag: tag, start: start, content: content)
  }

  /// The content of the next element, which must have this tag.
  mutating func next(_ tag: UInt8, _ der: Span<UInt8>) throws(CertificateError) -> ByteRange {
    let element = try next(der)
    if element.tag != tag { throw .structure(at: element.start) }
    return element.content
  }

  /// The content of an element that holds exactly one, with this tag.
  static func only(
    _ tag: UInt8, in range: ByteRange, _ der: Span<UInt8>
  ) throws(CertificateError) -> ByteRange {
    var cursor = DERCursor(range)
    let content = try cursor.next(tag, der)
    try cursor.finish()
    return content
  }

  func finish() throws(CertificateError) {
    if !isAtEnd { throw .structure(at: index) }
  }
}

/// What single elements must be like.
enum DERValue {
  /// Checks an element of a type that its place does not fix: the parameters of an algorithm, the value of another
  /// name. What is constructed is not looked into.
  static func check(_ element: DERElement, _ der: Span<UInt8>) throws(CertificateError) {
    let text = der[element.content]
    switch element.tag {
    case DERTag.boolean:
      guard text.count == 1, text[0] == 0 || text[0] == 0xFF else { throw .structure(at: element.start) }
    case DERTag.integer, 0x0A: try integer(element.content, der)
    case DERTag.bitString: try bitString(element.content, der)
    case DERTag.null:
      guard text.isEmpty else { throw .structure(at: element.start) }
    case DERTag.objectIdentifier: try objectIdentifier(element.content, der)
    case DERTag.octetString, DERTag.sequence, DERTag.set: break
    case DERTag.utf8String, DERTag.bmpString, DERTag.universalString, DERTag.numericString,
      DERTag.printableString, DERTag.teletexString, DERTag.ia5String:
      try string(element, der)
    // Context-specific and application tags hold whatever their module says.
    case 0x40...: break
    default: throw .structure(at: element.start)
    }
  }

  /// At least one byte, and none too many.
  static func integer(_ range: ByteRange, _ der: Span<UInt8>) throws(CertificateError) {
    let text = der[range]
    guard !text.isEmpty else { throw .structure(at: Int(range.start)) }
    if text.count > 1, (text[0] == 0 && text[1] < 0x80) || (text[0] == 0xFF && text[1] >= 0x80) {
      throw .structure(at: Int(range.start))
    }
  }

  /// A count of unused bits, which are zero, and the bits.
  static func bitString(_ range: ByteRange, _ der: Span<UInt8>) throws(CertificateError) {
    let text = der[range]
    guard !text.isEmpty, text[0] < 8 else { throw .structure(at: Int(range.start)) }
    if text[0] == 0 { return }
    let mask = UInt8(1) << text[0] - 1
    guard text.count > 1, text[text.count - 1] & mask == 0 else { throw .structure(at: Int(range.start)) }
  }

  static func objectIdentifier(_ range: ByteRange, _ der: Span<UInt8>) throws(CertificateError) {
    let text = der[range]
    var isStart = true
    for index in text.indices {
      if isStart, text[index] == 0x80 { throw .structure(at: Int(range.start)) }
      isStart = text[index] < 0x80
    }
    if text.isEmpty || !isStart { throw .structure(at: Int(range.start)) }
  }

  /// A string type of distinguished names (RFC 5280 section 4.1.2.4), whose bytes are characters of it.
  static func string(_ element: DERElement, _ der: Span<UInt8>) throws(CertificateError) {
    let text = der[element.content]
    switch element.tag {
    case DERTag.utf8String: guard text.isValidUTF8 else { throw .structure(at: element.start) }
    case DERTag.bmpString:
      guard text.count % 2 == 0 else { throw .structure(at: element.start) }
      for index in stride(from: 0, to: text.count, by: 2) where text[index] & 0xF8 == 0xD8 {
        throw .structure(at: element.start)
      }
    case DERTag.universalString:
      guard text.count % 4 == 0 else { throw .structure(at: element.start) }
      for index in stride(from: 0, to: text.count, by: 4) where !isCharacter(text, at: index) {
        throw .structure(at: element.start)
      }
    case DERTag.bitString: try bitString(element.content, der)
    case DERTag.numericString, DERTag.printableString, DERTag.teletexString, DERTag.ia5String: break
    default: throw .structure(at: element.start)
    }
  }

  private static func isCharacter(_ text: Span<UInt8>, at index: Int) -> Bool {
    let plane = Int(text[index]) << 8 | Int(text[index + 1])
    return plane <= 0x10 && !(plane == 0 && text[index + 2] & 0xF8 == 0xD8)
  }
}
