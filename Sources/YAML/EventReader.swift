import CYAML

/// One event of libyaml's parser, in Swift values.
struct Event {
  enum Kind {
    case streamEnd, documentStart, documentEnd
    case alias(String)
    case scalar(String, isPlain: Bool, Properties)
    case sequenceStart(Properties), sequenceEnd
    case mappingStart(Properties), mappingEnd
    /// Nothing to act upon.
    case other
  }

  struct Properties {
    var anchor: String?
    var tag: String?
  }

  var kind: Kind
  var position: YAMLPosition
}

/// Owns libyaml's parser and the text it reads. The only place where the C library is called.
@safe
struct EventReader: ~Copyable {
  private let parser: UnsafeMutablePointer<yaml_parser_t>
  private let text: UnsafeMutableBufferPointer<UInt8>
  private let count: Int

  /// - Parameter octets: UTF-8 without a byte order mark.
  init(_ octets: ArraySlice<UInt8>) throws(YAMLError) {
    count = octets.count
    unsafe text = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(1, count))
    _ = unsafe text.initialize(fromContentsOf: octets)
    unsafe parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
    unsafe parser.initialize(to: yaml_parser_t())
    guard unsafe yaml_parser_initialize(parser) == 1 else {
      throw YAMLError(.syntax("out of memory"), at: YAMLPosition(line: 1, column: 1))
    }
    unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    unsafe yaml_parser_set_input_string(parser, text.baseAddress, count)
  }

  deinit {
    unsafe yaml_parser_delete(parser)
    unsafe parser.deallocate()
    unsafe text.deallocate()
  }

  mutating func next() throws(YAMLError) -> Event {
    var event = unsafe yaml_event_t()
    guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw failure() }
    let result = unsafe Self.read(event)
    unsafe yaml_event_delete(&event)
    return result
  }

  private static func read(_ event: yaml_event_t) -> Event {
    let kind: Event.Kind
    switch unsafe event.type {
    case YAML_STREAM_END_EVENT: kind = .streamEnd
    case YAML_DOCUMENT_START_EVENT: kind = .documentStart
    case YAML_DOCUMENT_END_EVENT: kind = .documentEnd
    case YAML_ALIAS_EVENT: kind = .alias(unsafe string(event.data.alias.anchor) ?? "")
    case YAML_SCALAR_EVENT:
      let scalar = unsafe event.data.scalar
      let octets = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
      let properties = unsafe Event.Properties(anchor: string(scalar.anchor), tag: string(scalar.tag))
      let isPlain = unsafe scalar.style == YAML_PLAIN_SCALAR_STYLE
      kind = unsafe .scalar(String(decoding: octets, as: UTF8.self), isPlain: isPlain, properties)
    case YAML_SEQUENCE_START_EVENT:
      let start = unsafe event.data.sequence_start
      kind = unsafe .sequenceStart(Event.Properties(anchor: string(start.anchor), tag: string(start.tag)))
    case YAML_SEQUENCE_END_EVENT: kind = .sequenceEnd
    case YAML_MAPPING_START_EVENT:
      let start = unsafe event.data.mapping_start
      kind = unsafe .mappingStart(Event.Properties(anchor: string(start.anchor), tag: string(start.tag)))
    case YAML_MAPPING_END_EVENT: kind = .mappingEnd
    default: kind = .other
    }
    return unsafe Event(kind: kind, position: position(event.start_mark))
  }

  private static func position(_ mark: yaml_mark_t) -> YAMLPosition {
    YAMLPosition(line: Int(clamping: mark.line) + 1, column: Int(clamping: mark.column) + 1)
  }

  private static func string(_ text: UnsafeMutablePointer<yaml_char_t>?) -> String? {
    guard let text = unsafe text else { return nil }
    return unsafe String(cString: text)
  }

  /// Where the construct begins in which reading failed; nil before a failure, and where the parser does not say.
  var failureContext: YAMLPosition? {
    guard unsafe parser.pointee.error != YAML_NO_ERROR, unsafe parser.pointee.context != nil else {
      return nil
    }
    return unsafe Self.position(parser.pointee.context_mark)
  }

  private func failure() -> YAMLError {
    let words = unsafe parser.pointee.problem.map { unsafe String(cString: $0) } ?? "the text ends too soon"
    if unsafe parser.pointee.error == YAML_READER_ERROR {
      // Reader errors carry an offset into the text, not a mark.
      let offset = min(Int(clamping: unsafe parser.pointee.problem_offset), count)
      return unsafe YAMLError(.syntax(words), at: YAMLParser.position(after: text[0..<offset]))
    }
    // At the end of the text libyaml counts a line break that is not there.
    let end = unsafe YAMLParser.position(after: text[0..<count])
    var mark = unsafe Self.position(parser.pointee.problem_mark)
    if mark.line > end.line { mark = end }
    guard let context = unsafe parser.pointee.context else { return YAMLError(.syntax(words), at: mark) }
    return unsafe YAMLError(.syntax("\(String(cString: context)), \(words)"), at: mark)
  }
}
