import Bytes

/// The grammar of RFC 8259 as a loop. Open containers are chained through their own nodes, so the stack stays
/// flat whatever the text nests.
extension JSONDocument {
  /// What may come next.
  private enum Expected { case value, elementOrEnd, name, nameOrEnd, commaOrEnd, nothing }

  /// Where the reader stands.
  private struct Progress {
    var position = 0
    /// The innermost open container.
    var container = Node.none
    var depth = 0
    var expected = Expected.value
    let settings: JSONSettings
  }

  /// Reads the document's own octets into nodes.
  mutating func readOctets(_ settings: JSONSettings) throws(JSONError) {
    if octets.span.hasPrefix("\u{FEFF}") { throw .byteOrderMark }
    guard octets.span.isValidUTF8 else { throw .notUTF8 }
    var progress = Progress(settings: settings)
    while true {
      progress.position = skipBlanks(from: progress.position)
      let position = progress.position
      guard position < octets.count else {
        if progress.expected == .nothing { return }
        throw .unexpectedEnd(at: position)
      }
      let octet = octets[position]
      switch progress.expected {
      case .nothing:
        throw .trailingText(at: position)
      case .commaOrEnd:
        try readCommaOrEnd(octet, &progress)
      case .nameOrEnd where octet == Mark.objectEnd, .elementOrEnd where octet == Mark.arrayEnd:
        try close(octet, &progress)
      case .name, .nameOrEnd:
        try readName(octet, &progress)
      case .value, .elementOrEnd:
        try readValue(octet, &progress)
      }
    }
  }

  private mutating func readCommaOrEnd(_ octet: UInt8, _ progress: inout Progress) throws(JSONError) {
    if octet == Mark.comma {
      progress.position += 1
      progress.expected = nodes[Int(progress.container)].kind == .object ? .name : .value
    } else {
      try close(octet, &progress)
    }
  }

  /// Reads a member's name and the colon behind it.
  private mutating func readName(_ octet: UInt8, _ progress: inout Progress) throws(JSONError) {
    guard octet == Mark.quote else { throw .unexpectedCharacter(at: progress.position) }
    nodes[Int(progress.container)].count += 1
    try readString(&progress)
    let colon = skipBlanks(from: progress.position)
    guard colon < octets.count else { throw .unexpectedEnd(at: colon) }
    guard octets[colon] == Mark.colon else { throw .unexpectedCharacter(at: colon) }
    progress.position = colon + 1
    progress.expected = .value
  }

  private mutating func readValue(_ octet: UInt8, _ progress: inout Progress) throws(JSONError) {
    if progress.container != Node.none, nodes[Int(progress.container)].kind == .array {
      nodes[Int(progress.container)].count += 1
    }
    switch octet {
    case Mark.quote: try readString(&progress)
    case Mark.objectStart:
      try open(.object, &progress)
      return
    case Mark.arrayStart:
      try open(.array, &progress)
      return
    case Mark.minus, 0x30...0x39: try readNumber(&progress)
    case 0x74: try readLiteral("true", .true, &progress)
    case 0x66: try readLiteral("false", .false, &progress)
    case 0x6E: try readLiteral("null", .null, &progress)
    default: throw .unexpectedCharacter(at: progress.position)
    }
    progress.expected = progress.container == Node.none ? .nothing : .commaOrEnd
  }

  private mutating func append(
    _ kind: Kind, start: Int, count: Int, _ progress: inout Progress
  ) throws(JSONError) {
    guard nodes.count < progress.settings.maximumValues else { throw .tooManyValues(at: progress.position) }
    nodes.append(
      Node(start: UInt32(start), count: UInt32(count), next: UInt32(nodes.count + 1), kind: kind))
  }

  private mutating func open(_ kind: Kind, _ progress: inout Progress) throws(JSONError) {
    guard progress.depth < progress.settings.maximumDepth else { throw .tooDeep(at: progress.position) }
    let index = nodes.count
    try append(kind, start: Int(progress.container), count: 0, &progress)
    progress.container = UInt32(index)
    progress.depth += 1
    progress.position += 1
    progress.expected = kind == .object ? .nameOrEnd : .elementOrEnd
  }

  /// Ends the innermost container at `octet`, which must be its own bracket.
  private mutating func close(_ octet: UInt8, _ progress: inout Progress) throws(JSONError) {
    let index = Int(progress.container)
    let isObject = nodes[index].kind == .object
    guard octet == (isObject ? Mark.objectEnd : Mark.arrayEnd) else {
      throw .unexpectedCharacter(at: progress.position)
    }
    nodes[index].next = UInt32(nodes.count)
    if isObject && !progress.settings.allowsDuplicateNames {
      if let duplicate = duplicateName(in: index) { throw .duplicateName(at: duplicate) }
    }
    progress.container = nodes[index].start
    progress.depth -= 1
    progress.position += 1
    progress.expected = progress.container == Node.none ? .nothing : .commaOrEnd
  }

  private mutating func readLiteral(
    _ text: StaticString, _ kind: Kind, _ progress: inout Progress
  ) throws(JSONError) {
    let position = progress.position
    let end = position + text.utf8CodeUnitCount
    guard end <= octets.count else { throw .unexpectedEnd(at: octets.count) }
    guard octets.span[position..<end].equals(text) else { throw .unexpectedCharacter(at: position) }
    try append(kind, start: position, count: 0, &progress)
    progress.position = end
  }

  private mutating func readNumber(_ progress: inout Progress) throws(JSONError) {
    let start = progress.position
    guard let end = JSONNumber.end(in: octets.span, from: start) else { throw .invalidNumber(at: start) }
    if !progress.settings.allowsNumbersBeyondDouble, JSONNumber.mayExceedDouble(octets.span[start..<end]),
      JSONNumber.double(octets.span[start..<end]) == nil
    {
      throw .numberBeyondDouble(at: start)
    }
    try append(.number, start: start, count: end - start, &progress)
    progress.position = end
  }

  private mutating func readString(_ progress: inout Progress) throws(JSONError) {
    let start = progress.position + 1
    var read = plainEnd(from: start)
    var write = read
    while true {
      guard read < octets.count else { throw .unexpectedEnd(at: read) }
      let octet = octets[read]
      if octet == Mark.quote { break }
      if octet < 0x20 { throw .controlCharacter(at: read) }
      if octet == Mark.backslash {
        try readEscape(&read, &write)
      } else {
        octets[write] = octet
        write += 1
        read += 1
      }
    }
    try append(.string, start: start, count: write - start, &progress)
    progress.position = read + 1
  }

  /// The first octet from `start` that is not plain text: a quote, a backslash, a control character, or the
  /// end.
  private func plainEnd(from start: Int) -> Int {
    let view = octets.span
    var index = start
    while index < view.count {
      let octet = view[index]
      if octet == Mark.quote || octet == Mark.backslash || octet < 0x20 { break }
      index += 1
    }
    return index
  }

  private func skipBlanks(from start: Int) -> Int {
    let view = octets.span
    var index = start
    while index < view.count {
      switch view[index] {
      case 0x20, 0x09, 0x0A, 0x0D: index += 1
      default: return index
      }
    }
    return index
  }
}

/// The octets that mean something in the grammar.
enum Mark {
  static let quote: UInt8 = 0x22
  static let backslash: UInt8 = 0x5C
  static let comma: UInt8 = 0x2C
  static let colon: UInt8 = 0x3A
  static let minus: UInt8 = 0x2D
  static let objectStart: UInt8 = 0x7B
  static let objectEnd: UInt8 = 0x7D
  static let arrayStart: UInt8 = 0x5B
  static let arrayEnd: UInt8 = 0x5D
}
