public import Bytes

/// Compact JSON text, as protobuf's printer writes it: Envoy puts such text into headers.
public enum JSONWriter {
  /// How numbers are written.
  public enum Numbers: Sendable {
    /// The literal as it was read: nothing is lost.
    case asWritten
    /// As protobuf prints doubles: 15 significant digits when they give the double back, else 17, C style
    /// (`1e+21`, `1e-07`, `-0`).
    case asDoubles
  }

  /// Appends a value and everything in it, without blanks, members in the document's order.
  /// Cost: linear, constant stack.
  public static func write(
    _ value: JSONValue, of document: borrowing JSONDocument, numbers: Numbers = .asWritten,
    into output: inout ByteBuffer
  ) {
    var index = value.index
    var container: Int?
    while true {
      while let open = container, Int(document.nodes[open].next) == index {
        output.append(document.nodes[open].kind == .object ? Mark.objectEnd : Mark.arrayEnd)
        if open == value.index { return }
        container = Int(document.nodes[open].start)
      }
      if let open = container {
        if index > open + 1 { output.append(Mark.comma) }
        if document.nodes[open].kind == .object {
          writeString(document.octets.span[document.text(of: JSONValue(index: index))], into: &output)
          output.append(Mark.colon)
          index += 1
        }
      }
      let node = document.nodes[index]
      if node.kind == .object || node.kind == .array {
        output.append(node.kind == .object ? Mark.objectStart : Mark.arrayStart)
        container = index
      } else {
        writeScalar(JSONValue(index: index), of: document, numbers, into: &output)
        if container == nil { return }
      }
      index += 1
    }
  }

  private static func writeScalar(
    _ value: JSONValue, of document: borrowing JSONDocument, _ numbers: Numbers, into output: inout ByteBuffer
  ) {
    switch document.kind(of: value) {
    case .string: writeString(document.octets.span[document.text(of: value)], into: &output)
    case .number:
      if numbers == .asDoubles, let number = document.double(of: value) {
        DecimalDouble.appendShort(number, to: &output)
      } else {
        output.append(document.octets.span[document.text(of: value)])
      }
    case .true: output.append("true")
    case .false: output.append("false")
    case .null: output.append("null")
    case .object, .array: break
    }
  }

  /// Appends text in quotes. Escaped as protobuf does: what JSON demands, `<`, `>`, DEL, and the controls and
  /// invisible characters that mislead whoever reads the text in a page or a log. Invalid UTF-8 becomes a
  /// space.
  public static func writeString(_ text: Span<UInt8>, into output: inout ByteBuffer) {
    output.append(Mark.quote)
    var index = 0
    while index < text.count {
      let octet = text[index]
      if octet < 0x80 {
        writeASCII(octet, into: &output)
        index += 1
      } else {
        let (scalar, size) = scalar(in: text, at: index)
        if scalar == 0xFFFF_FFFF {
          output.append(0x20)
        } else if isEscaped(scalar) {
          writeEscape(scalar, into: &output)
        } else {
          output.append(text[index..<(index + size)])
        }
        index += size
      }
    }
    output.append(Mark.quote)
  }

  private static func writeASCII(_ octet: UInt8, into output: inout ByteBuffer) {
    switch octet {
    case Mark.quote: output.append("\\\"")
    case Mark.backslash: output.append("\\\\")
    case 0x08: output.append("\\b")
    case 0x09: output.append("\\t")
    case 0x0A: output.append("\\n")
    case 0x0C: output.append("\\f")
    case 0x0D: output.append("\\r")
    case 0x00...0x1F, 0x3C, 0x3E, 0x7F: writeEscape(UInt32(octet), into: &output)
    default: output.append(octet)
    }
  }

  /// The scalar at `index` and its size; all bits set and size 1 where none stands.
  private static func scalar(in text: Span<UInt8>, at index: Int) -> (UInt32, Int) {
    let first = text[index]
    let size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2
    guard first >= 0xC2, first <= 0xF4, index + size <= text.count,
      text[index..<(index + size)].isValidUTF8
    else { return (0xFFFF_FFFF, 1) }
    var value = UInt32(first) & (0x7F >> UInt32(size))
    for offset in 1..<size { value = value << 6 | UInt32(text[index + offset] & 0x3F) }
    return (value, size)
  }

  private static func isEscaped(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x7F...0x9F, 0xAD, 0x600...0x603, 0x6DD, 0x70F, 0x17B4, 0x17B5, 0x200B...0x200F, 0x2028...0x202E,
      0x2060...0x2064, 0x206A...0x206F, 0xFEFF, 0xFFF9...0xFFFB, 0x1D173...0x1D17A, 0xE0001,
      0xE0020...0xE007F:
      true
    default: false
    }
  }

  private static func writeEscape(_ scalar: UInt32, into output: inout ByteBuffer) {
    if scalar >= 0x10000 {
      writeEscape(0xD800 + (scalar - 0x10000) >> 10, into: &output)
      writeEscape(0xDC00 + (scalar - 0x10000) & 0x3FF, into: &output)
      return
    }
    output.append("\\u")
    var shift: UInt32 = 16
    while shift > 0 {
      shift -= 4
      let digit = UInt8(scalar >> shift & 15)
      output.append(digit < 10 ? 0x30 + digit : 0x61 + digit - 10)
    }
  }
}
