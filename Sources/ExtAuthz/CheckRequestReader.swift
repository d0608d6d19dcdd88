import Bytes
public import Check

/// What a `CheckRequest` may hold at most. Message octets are bounded before, by the gRPC layer.
public struct CheckRequestSettings: Sendable, Hashable {
  /// Header lines, pseudo headers included. Envoy itself stops at 100 (`max_headers_count`) unless told
  /// otherwise.
  public var maximumHeaders = 256
  /// Entries of `context_extensions`: written by an operator for a route, so few.
  public var maximumContextExtensions = 64
  /// Entries of `metadata_context.filter_metadata`: one for each filter that an operator lists.
  public var maximumMetadataNamespaces = 64
  public init() {}
}

/// Reads `envoy.service.auth.v3.CheckRequest` in one forward pass, without a copy or an allocation (beyond
/// the lists of the `Check`, which keep their storage). Cost: about the octets of the message's texts, which
/// are checked for UTF-8.
///
/// Protobuf's rules hold: fields in any order, unknown fields and fields of another wire type passed over,
/// the last of a repeated scalar wins, repeated sub-messages merge, the last member of a oneof wins. Three
/// things are stricter:
/// - Entries of a map with the same key are all kept, in their order, where protobuf keeps the last: whoever
///   looks for a credential must see that there are two.
/// - A metadata namespace whose Struct comes in two pieces is refused (`WireError.splitMetadata`).
/// - A number of ten octets whose last carries more than the 64th bit is refused.
///
/// What is not asked for is passed over by its length and not looked into: labels, bodies, times, typed and route
/// metadata. Metadata values and the peer's certificate are kept as they are and not looked into either.
public enum CheckRequestReader {
  /// How deep unknown groups may nest. Nobody has sent a group for fifteen years.
  public static let maximumGroupDepth = 32

  /// Reads `message` into `check`, which is emptied first.
  ///
  /// With `header_map` (Envoy's `encode_raw_headers`) holding a line, the header lines are its lines, encoded
  /// `.raw`, and the `headers` map is passed over wherever it stands; else they are the map's entries,
  /// encoded `.joined`. Of raw lines `:path` is the path, whose bytes the `path` field does not keep: it has `!` for
  /// each that is not UTF-8, so that a rule on `/a!b` would match other requests. Without such a line the field
  /// counts; two of them make the path ambiguous. `serverName` is the empty range when the TLS session came without
  /// one.
  /// - Throws: `WireError`; `check` is empty then.
  public static func read(
    _ message: Span<UInt8>, into check: inout Check, settings: CheckRequestSettings = CheckRequestSettings()
  ) throws(WireError) {
    check.reset()
    do {
      var cursor = try FieldCursor(whole: message)
      while let field = try cursor.next(message) {
        switch (field.number, field.type) {
        case (1, .length): try readAttributes(try cursor.octets(message), of: message, into: &check, settings)
        default: try cursor.skip(field, message)
        }
      }
      if check.headerEncoding == .raw { takeRawPath(message, &check) }
    } catch {
      check.reset()
      throw error
    }
  }

  private static let pathName = Array(":path".utf8)

  private static func takeRawPath(_ message: Span<UInt8>, _ check: inout Check) {
    guard let line = check.headerIndex(of: pathName.span, in: message) else { return }
    check.path = check.headers[line].value
    check.pathIsAmbiguous = check.headerIndex(of: pathName.span, from: line + 1, in: message) != nil
  }

  private static func readAttributes(
    _ range: ByteRange, of message: Span<UInt8>, into check: inout Check, _ settings: CheckRequestSettings
  ) throws(WireError) {
    var cursor = FieldCursor(range)
    while let field = try cursor.next(message) {
      switch (field.number, field.type) {
      case (1, .length): try readPeer(try cursor.octets(message), of: message, into: &check.source)
      case (2, .length): try readPeer(try cursor.octets(message), of: message, into: &check.destination)
      case (4, .length): try readRequest(try cursor.octets(message), of: message, into: &check, settings)
      case (10, .length):
        if check.contextExtensions.count >= settings.maximumContextExtensions {
          throw .contextExtensions(at: field.offset)
        }
        check.contextExtensions.append(try readEntry(try cursor.octets(message), of: message))
      case (11, .length): try readMetadata(try cursor.octets(message), of: message, into: &check, settings)
      case (12, .length): try readSession(try cursor.octets(message), of: message, into: &check)
      default: try cursor.skip(field, message)
      }
    }
  }

  // MARK: Peers

  private static func readPeer(
    _ range: ByteRange, of message: Span<UInt8>, into peer: inout Check.Peer
  ) throws(WireError) {
    var cursor = FieldCursor(range)
    while let field = try cursor.next(message) {
      switch (field.number, field.type) {
      case (1, .length): try readAddress(try cursor.octets(message), of: message, into: &peer)
      case (4, .length): peer.principal = try cursor.text(message)
      case (5, .length): peer.certificate = try cursor.octets(message)
      default: try cursor.skip(field, message)
      }
    }
  }

  /// A oneof: a socket address, or a pipe or internal listener, which have no address to match.
  private static func readAddress(
    _ range: ByteRange, of message: Span<UInt8>, into peer: inout Check.Peer
  ) throws(WireError) {
    var cursor = FieldCursor(range)
    while let field = try cursor.next(message) {
      switch (field.number, field.type) {
      case (1, .length): try readSocketAddress(try cursor.octets(message), of: message, into: &peer)
      case (2, .length), (3, .length):
        peer.address = .empty
        peer.port = 0
        try cursor.skip(field, message)
      default: try cursor.skip(field, message)
      }
    }
  }

  private static func readSocketAddress(
    _ range: ByteRange, of message: Span<UInt8>, into peer: inout Check.Peer
  ) throws(WireError) {
    var cursor = FieldCursor(range)
    while let field = try cursor.next(message) {
      switch (field.number, field.type) {
      case (2, .length): peer.address = try cursor.text(message)
      // A uint32 keeps the low 32 bits of whatever number came.
      case (3, .number): peer.port = UInt32(truncatingIfNeeded: try cursor.number(message))
      case (4, .length):
        // A named port displaces a number: a oneof.
        peer.port = 0
        try cursor.skip(field, message)
      default: try cursor.skip(field, message)
      }
    }
  }

  // MARK: Request

  private static func readRequest(
    _ range: ByteRange, of message: Span<UInt8>, into check: inout Check, _ settings: CheckRequestSettings
  ) throws(WireError) {
    var cursor = FieldCursor(range)
    while let field = try cursor.next(message) {
      switch (field.number, field.type) {
      case (2, .length):
        check.hasHTTP = true
        try readHTTPRequest(try cursor.octets(message), of: message, into: &check, settings)
      default: try cursor.skip(field, message)
      }
    }
  }

  private static func readHTTPRequest(
    _ range: ByteRange, of message: Span<UInt8>, into check: inout Check, _ settings: CheckRequestSettings
  ) throws(WireError) {
    var cursor = FieldCursor(range)
    var plainEnd = 0
    while true {
      // Headers come one after another, and most of a message is headers.
      let offset = cursor.index
      if let entry = cursor.takeShortEntry(tagged: 0x1A, message, &plainEnd) {
        try addHeader(entry, at: offset, into: &check, settings)
        continue
      }
      if let range = cursor.takeShort(tagged: 0x1A, message) {
        try addHeader(try readEntry(range, of: message), at: offset, into: &check, settings)
        continue
      }
      guard let field = try cursor.next(message) else { return }
      switch (field.number, field.type) {
      case (3, .length):
        let entry = try readEntry(try cursor.octets(message), of: message)
        try addHeader(entry, at: field.offset, into: &check, settings)
      case (2, .length): check.method = try cursor.text(message)
      case (4, .length): check.path = try cursor.text(message)
      case (5, .length): check.host = try cursor.text(message)
      case (6, .length): check.scheme = try cursor.text(message)
      case (13, .length): try readHeaderMap(try cursor.octets(message), of: message, into: &check, settings)
      default: try cursor.skip(field, message)
      }
    }
  }

  /// An entry of `headers`, unless the lines of `header_map` take their place.
  @inline(__always)
  private static func addHeader(
    _ entry: Check.Pair, at offset: Int, into check: inout Check, _ settings: CheckRequestSettings
  ) throws(WireError) {
    if check.headerEncoding == .raw { return }
    if check.headers.count >= settings.maximumHeaders { throw .headers(at: offset) }
    check.headers.append(entry)
  }

  /// An entry of a `map<string, string>`; a missing key or value is empty.
  private static func readEntry(
    _ range: ByteRange, of message: Span<UInt8>
  ) throws(WireError) -> Check.Pair {
    if let entry = plainEntry(range, of: message) { return entry }
    var entry = Check.Pair(name: .empty, value: .empty)
    var cursor = FieldCursor(range)
    while let field = try cursor.next(message) {
      switch (field.number, field.type) {
      case (1, .length): entry.name = try cursor.text(message)
      case (2, .length): entry.value = try cursor.text(message)
      default: try cursor.skip(field, message)
      }
    }
    return entry
  }

  /// The entry spelled as every writer spells it: a key of less than 128 octets, then a value of less than
  /// 16,384, nothing else, all ASCII. Nil for any other spelling, which only the walk over fields can judge.
  /// Most of a message's fields stand in such entries, and this takes them at a fraction of the walk's cost.
  @inline(__always)
  private static func plainEntry(_ range: ByteRange, of message: Span<UInt8>) -> Check.Pair? {
    let start = Int(range.start)
    let end = range.end
    guard range.count >= 4, message[start] == 0x0A else { return nil }
    let nameCount = Int(message[start + 1])
    let valueTag = start + 2 + nameCount
    guard nameCount < 0x80, valueTag + 1 < end, message[valueTag] == 0x12 else { return nil }
    var valueCount = Int(message[valueTag + 1])
    var value = valueTag + 2
    if valueCount < 0x80 {
      // Tags and lengths are below 128 too: one look at everything.
      guard value + valueCount == end, message[range].isASCII else { return nil }
    } else {
      guard value < end, message[value] < 0x80 else { return nil }
      valueCount = valueCount & 0x7F | Int(message[value]) << 7
      value += 1
      guard value + valueCount == end, message[start..<valueTag].isASCII, message[value..<end].isASCII else {
        return nil
      }
    }
    return Check.Pair(
      name: ByteRange(start: start + 2, count: nameCount), value: ByteRange(start: value, count: valueCount))
  }

  private static func readHeaderMap(
    _ range: ByteRange, of message: Span<UInt8>, into check: inout Check, _ settings: CheckRequestSettings
  ) throws(WireError) {
    var cursor = FieldCursor(range)
    while let field = try cursor.next(message) {
      switch (field.number, field.type) {
      case (1, .length):
        let line = try readHeaderValue(try cursor.octets(message), of: message)
        if check.headerEncoding == .joined {
          check.headerEncoding = .raw
          check.headers.removeAll()
        }
        if check.headers.count >= settings.maximumHeaders { throw .headers(at: field.offset) }
        check.headers.append(line)
      default: try cursor.skip(field, message)
      }
    }
  }

  /// One header line: its raw value where there is one, since only that is exact.
  private static func readHeaderValue(
    _ range: ByteRange, of message: Span<UInt8>
  ) throws(WireError) -> Check.Pair {
    var line = Check.Pair(name: .empty, value: .empty)
    var raw = ByteRange.empty
    var cursor = FieldCursor(range)
    while let field = try cursor.next(message) {
      switch (field.number, field.type) {
      case (1, .length): line.name = try cursor.text(message)
      case (2, .length): line.value = try cursor.text(message)
      case (3, .length): raw = try cursor.octets(message)
      default: try cursor.skip(field, message)
      }
    }
    if !raw.isEmpty { line.value = raw }
    return line
  }

  // MARK: Connection

  private static func readMetadata(
    _ range: ByteRange, of message: Span<UInt8>, into check: inout Check, _ settings: CheckRequestSettings
  ) throws(WireError) {
    var cursor = FieldCursor(range)
    while let field = try cursor.next(message) {
      switch (field.number, field.type) {
      case (1, .length):
        if check.filterMetadata.count >= settings.maximumMetadataNamespaces {
          throw .metadataNamespaces(at: field.offset)
        }
        check.filterMetadata.append(try readNamespace(try cursor.octets(message), of: message))
      default: try cursor.skip(field, message)
      }
    }
  }

  private static func readNamespace(
    _ range: ByteRange, of message: Span<UInt8>
  ) throws(WireError) -> Check.Pair {
    var entry = Check.Pair(name: .empty, value: .empty)
    var hasValue = false
    var cursor = FieldCursor(range)
    while let field = try cursor.next(message) {
      switch (field.number, field.type) {
      case (1, .length): entry.name = try cursor.text(message)
      case (2, .length):
        if hasValue { throw .splitMetadata(at: field.offset) }
        hasValue = true
        entry.value = try cursor.octets(message)
      default: try cursor.skip(field, message)
      }
    }
    return entry
  }

  private static func readSession(
    _ range: ByteRange, of message: Span<UInt8>, into check: inout Check
  ) throws(WireError) {
    if check.serverName == nil { check.serverName = .empty }
    var cursor = FieldCursor(range)
    while let field = try cursor.next(message) {
      switch (field.number, field.type) {
      case (1, .length): check.serverName = try cursor.text(message)
      default: try cursor.skip(field, message)
      }
    }
  }
}
