public import Bytes

/// A subject as Envoy prints it (RFC 2253, with the escapes of BoringSSL's `XN_FLAG_RFC2253`): the text that its
/// RBAC filter compares with principals after all alternative names.
///
/// Attributes come in reverse order, with the short names of their types. Of a type without one the value is the
/// DER encoding in hexadecimal digits; the types that BoringSSL knows beyond `AttributeType` name no person,
/// organisation or place.
public enum SubjectText {
  /// Appends the text of a subject.
  /// - Parameter subject: what `CertificateReader.read` returned for `der`.
  /// - Throws: never for such a range. Cost: linear; at most three bytes for each byte of the subject, and the
  ///   types' names.
  public static func append(
    _ subject: ByteRange, of der: Span<UInt8>, to output: inout ByteBuffer
  ) throws(CertificateError) {
    var attributes = InlineArray<64, (set: Int, type: ByteRange, value: DERElement)>(
      repeating: (0, .empty, DERElement(tag: 0, start: 0, content: .empty)))
    var count = 0
    try DistinguishedName.walk(subject, der) { attribute in
      attributes[count] = (attribute.set, attribute.type, attribute.value)
      count += 1
    }
    for index in (0..<count).reversed() {
      let one = attributes[index]
      if index + 1 < count { output.append(attributes[index + 1].set == one.set ? "+" : ",") }
      let name = AttributeType.shortName(of: der[one.type])
      if let name { output.append(name) } else { appendDotted(der[one.type], to: &output) }
      output.append(UInt8(ascii: "="))
      if name == nil || one.value.tag == DERTag.bitString {
        output.append(UInt8(ascii: "#"))
        for index in one.value.start..<one.value.content.end { appendHexadecimal(der[index], to: &output) }
      } else {
        appendString(one.value, der, to: &output)
      }
    }
  }

  private static func appendString(_ value: DERElement, _ der: Span<UInt8>, to output: inout ByteBuffer) {
    let text = der[value.content]
    let width =
      switch value.tag {
      case DERTag.bmpString: 2
      case DERTag.universalString: 4
      default: 1
      }
    for index in stride(from: 0, to: text.count, by: width) {
      let isFirst = index == 0
      let isLast = index + width == text.count
      if value.tag == DERTag.utf8String {
        append(text[index], isFirst: isFirst, isLast: isLast, to: &output)
        continue
      }
      var character: UInt32 = 0
      for byte in index..<(index + width) { character = character << 8 | UInt32(text[byte]) }
      guard let scalar = Unicode.Scalar(character) else { continue }
      // One byte of a character of several is above 0x7F, and is escaped whatever its place.
      for byte in UTF8.encode(scalar) ?? Unicode.UTF8.encodedReplacementCharacter {
        append(byte, isFirst: isFirst, isLast: isLast, to: &output)
      }
    }
  }

  private static func append(_ byte: UInt8, isFirst: Bool, isLast: Bool, to output: inout ByteBuffer) {
    switch byte {
    case UInt8(ascii: ","), UInt8(ascii: "+"), UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "<"),
      UInt8(ascii: ">"), UInt8(ascii: ";"):
      output.append(UInt8(ascii: "\\"))
      output.append(byte)
    case UInt8(ascii: " ") where isFirst || isLast, UInt8(ascii: "#") where isFirst:
      output.append(UInt8(ascii: "\\"))
      output.append(byte)
    case 0..<0x20, 0x7F...:
      output.append(UInt8(ascii: "\\"))
      appendHexadecimal(byte, to: &output)
    default:
      output.append(byte)
    }
  }

  private static func appendHexadecimal(_ byte: UInt8, to output: inout ByteBuffer) {
    appendDigit(byte >> 4, to: &output)
    appendDigit(byte & 0xF, to: &output)
  }

  private static func appendDigit(_ digit: UInt8, to output: inout ByteBuffer) {
    output.append(digit < 10 ? 0x30 + digit : 0x41 + digit - 10)
  }

  /// An object identifier as numbers; a number beyond 64 bits keeps its low ones.
  private static func appendDotted(_ identifier: Span<UInt8>, to output: inout ByteBuffer) {
    var number: UInt64 = 0
    var isFirst = true
    for index in identifier.indices {
      number = number << 7 | UInt64(identifier[index] & 0x7F)
      if identifier[index] >= 0x80 { continue }
      if isFirst {
        // Two numbers in one: the first is 0, 1 or 2.
        let root = min(number / 40, 2)
        output.append(decimal: root)
        number -= root * 40
        isFirst = false
      }
      output.append(UInt8(ascii: "."))
      output.append(decimal: number)
      number = 0
    }
  }
}
