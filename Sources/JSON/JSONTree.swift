public import Bytes

/// A JSON value to be written for people and tools: indented, members in the order given. It allocates.
public indirect enum JSONTree: Sendable {
  case text(String), number(Int), boolean(Bool), null
  /// As it stands: a number of any length.
  case literal(String)
  case list([JSONTree])
  case object([(String, JSONTree)])

  public static func texts(_ values: [String]) -> JSONTree { .list(values.map { .text($0) }) }

  /// Appends the value.
  /// - Parameter indent: blanks in front of every line but the first.
  public func write(into output: inout ByteBuffer, indent: Int = 0) {
    switch self {
    case .text(let text): JSONWriter.writeString(Array(text.utf8).span, into: &output)
    case .number(let number): output.append(Array("\(number)".utf8))
    case .boolean(let value): output.append(value ? "true" : "false")
    case .null: output.append("null")
    case .literal(let text): output.append(Array(text.utf8))
    case .list(let elements):
      Self.write(elements.map { (nil, $0) }, "[", "]", into: &output, indent)
    case .object(let members):
      Self.write(members.map { ($0.0, $0.1) }, "{", "}", into: &output, indent)
    }
  }

  /// The value as text.
  public var text: String {
    var buffer = ByteBuffer(capacity: 1024)
    write(into: &buffer)
    return String(decoding: buffer.copy(), as: UTF8.self)
  }

  /// The value as text in one line.
  public var line: String {
    var buffer = ByteBuffer(capacity: 256)
    writeLine(into: &buffer)
    return String(decoding: buffer.copy(), as: UTF8.self)
  }

  private func writeLine(into output: inout ByteBuffer) {
    switch self {
    case .list(let elements):
      output.append("[")
      for (index, element) in elements.enumerated() {
        if index > 0 { output.append(",") }
        element.writeLine(into: &output)
      }
      output.append("]")
    case .object(let members):
      output.append("{")
      for (index, member) in members.enumerated() {
        if index > 0 { output.append(",") }
        JSONWriter.writeString(Array(member.0.utf8).span, into: &output)
        output.append(":")
        member.1.writeLine(into: &output)
      }
      output.append("}")
    case .text, .number, .boolean, .null, .literal: write(into: &output)
    }
  }

  private static func write(
    _ parts: [(String?, JSONTree)], _ open: StaticString, _ close: StaticString,
    into output: inout ByteBuffer, _ indent: Int
  ) {
    output.append(open)
    for (index, (name, value)) in parts.enumerated() {
      output.append(Array(("\(index == 0 ? "" : ",")\n" + String(repeating: " ", count: indent + 2)).utf8))
      if let name {
        JSONWriter.writeString(Array(name.utf8).span, into: &output)
        output.append(": ")
      }
      value.write(into: &output, indent: indent + 2)
    }
    if !parts.isEmpty { output.append(Array(("\n" + String(repeating: " ", count: indent)).utf8)) }
    output.append(close)
  }
}
