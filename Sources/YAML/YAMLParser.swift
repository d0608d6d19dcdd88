/// Reads a text of any number of documents: block, flow or JSON.
public enum YAMLParser {
  /// The documents' root nodes in order. A document without content has a null root; a text of blanks and
  /// comments has no document. A byte order mark before the text is dropped.
  /// - Throws: the first error; nothing of the text is returned then.
  /// - Complexity: linear in the text; bounded by the settings.
  public static func parse(
    _ octets: [UInt8], _ settings: YAMLSettings = YAMLSettings()
  ) throws(YAMLError) -> [YAMLNode] {
    guard octets.count <= settings.maximumTextBytes else {
      throw YAMLError(.tooLong(limit: settings.maximumTextBytes), at: YAMLPosition(line: 1, column: 1))
    }
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    let text = octets.starts(with: mark) ? octets.dropFirst(mark.count) : octets[...]
    if let offset = firstInvalidOctet(text) {
      throw YAMLError(.notUTF8, at: position(after: text[..<offset]))
    }
    var reader = try EventReader(text)
    do throws(YAMLError) {
      var builder = TreeBuilder(settings)
      while !builder.isFinished { try builder.take(reader.next()) }
      return builder.documents
    } catch {
      throw YAMLCause.find(error, context: reader.failureContext, in: text)
    }
  }

  /// The documents of a text that is known to be Unicode.
  public static func parse(
    _ text: String, _ settings: YAMLSettings = YAMLSettings()
  ) throws(YAMLError) -> [YAMLNode] {
    try parse(Array(text.utf8), settings)
  }

  /// The place behind these octets: where the next character would stand.
  static func position(after octets: some Sequence<UInt8>) -> YAMLPosition {
    var position = YAMLPosition(line: 1, column: 1)
    for octet in octets {
      if octet == 0x0A {
        position = YAMLPosition(line: position.line + 1, column: 1)
      } else if octet & 0xC0 != 0x80 {
        position.column += 1
      }
    }
    return position
  }

  /// The index of the first octet that is no UTF-8 (RFC 3629), or nil.
  private static func firstInvalidOctet(_ octets: ArraySlice<UInt8>) -> Int? {
    var decoder = Unicode.UTF8.ForwardParser()
    var iterator = octets.makeIterator()
    var offset = octets.startIndex
    while true {
      switch decoder.parseScalar(from: &iterator) {
      case .valid(let scalar): offset += scalar.count
      case .emptyInput: return nil
      case .error: return offset
      }
    }
  }
}
