import Bytes
import Check

/// Where a token was found, and its text.
struct FoundToken: Sendable {
  enum Place: Sendable {
    /// Index into the rule's header locations.
    case header(Int)
    /// Index into the rule's parameters.
    case parameter(Int)
    /// Index into the rule's cookies.
    case cookie(Int)
  }

  enum Text: Sendable {
    /// A part of the message.
    case message(ByteRange)
    /// A part of the finder's own bytes: a query parameter is percent-decoded.
    /// - Parameter from: the encoded value in the message.
    case decoded(ByteRange, from: ByteRange)
    /// A part of a header that an earlier rule has set.
    case changes(ByteRange)
    /// Something stands where a token should, and it cannot be read without guessing.
    case unreadable
  }

  var place: Place
  var text: Text
}

/// Collects the tokens of one rule from a request, in Envoy's order (semantics, section 1.4; protocol,
/// section 0.4). It owns reusable storage; nothing is allocated once that has grown to the usual size.
struct TokenFinder: ~Copyable, Sendable {
  private(set) var found: [FoundToken] = []
  /// What `.decoded` ranges refer to.
  private(set) var decoded = ByteBuffer(capacity: 2048)

  init() { found.reserveCapacity(16) }

  /// Finds all tokens of `rule`. Headers and parameters that an earlier rule removed are not there any more.
  mutating func collect(
    _ rule: borrowing TokenRule, _ check: borrowing Check, in message: Span<UInt8>,
    changes: borrowing RequestChanges
  ) {
    found.clear()
    decoded.removeAll()
    for index in rule.headers.indices {
      collectHeader(rule, index, check, in: message, changes: changes)
    }
    if !rule.parameters.isEmpty {
      collectParameters(rule, path: message[check.path], at: Int(check.path.start), changes: changes)
    }
    for index in rule.cookies.indices {
      collectCookie(rule, index, check, in: message, changes: changes)
    }
  }

  // MARK: Headers

  private mutating func collectHeader(
    _ rule: borrowing TokenRule, _ location: Int, _ check: borrowing Check, in message: Span<UInt8>,
    changes: borrowing RequestChanges
  ) {
    let name = rule.octets.span[rule.headers[location].name]
    let prefix = rule.octets.span[rule.headers[location].prefix]
    if let value = changes.valueSet(for: name) {
      let octets = changes.octets.span
      if let token = Self.token(in: octets, value, after: prefix, mayBeSeveral: false) {
        found.append(FoundToken(place: .header(location), text: token.map(FoundToken.Text.changes)))
      }
      return
    }
    if changes.hidesHeader(name) { return }
    var line = check.headerIndex(of: name, in: message)
    // One map entry a name is the rule of the joined encoding, and Envoy keeps `authorization` joined in the
    // raw one. Several entries are a message that no honest proxy sends: reading the first or the last would
    // be a guess.
    let severalAllowed = check.headerEncoding == .raw && !name.equals("authorization")
    if let first = line, !severalAllowed,
      check.headerIndex(of: name, from: first + 1, in: message) != nil
    {
      found.append(FoundToken(place: .header(location), text: .unreadable))
      return
    }
    let mayBeSeveral = check.headerEncoding == .joined && !name.equals("authorization")
    while let index = line {
      if let token = Self.token(
        in: message, check.headers[index].value, after: prefix, mayBeSeveral: mayBeSeveral)
      {
        found.append(FoundToken(place: .header(location), text: token.map(FoundToken.Text.message)))
      }
      if !severalAllowed { return }
      line = check.headerIndex(of: name, from: index + 1, in: message)
    }
  }

  /// The token in a header's value. The prefix may stand anywhere; characters no token has are skipped behind
  /// it; all the rest is the token. Nil when the prefix is not there: then the value holds no token, not a
  /// bad one.
  /// - Parameter mayBeSeveral: a comma may stand where two lines were joined. Skipping one could take the
  ///   token out of a line in which Envoy, having both apart, looks for no prefix.
  private static func token(
    in octets: Span<UInt8>, _ value: ByteRange, after prefix: Span<UInt8>, mayBeSeveral: Bool
  ) -> HeaderToken? {
    let value = trimmed(value, in: octets)
    if prefix.isEmpty { return .at(value) }
    let text = octets[value]
    guard let position = text.firstIndex(of: prefix) else { return nil }
    var start = position + prefix.count
    while start < text.count, !tokenCharacters.contains(text[start]) {
      if mayBeSeveral, text[start] == 0x2C { return .unreadable }
      start += 1
    }
    return .at(start == text.count ? value : value.dropFirst(start))
  }

  private enum HeaderToken {
    case at(ByteRange)
    case unreadable

    func map(_ text: (ByteRange) -> FoundToken.Text) -> FoundToken.Text {
      switch self {
      case .at(let range): text(range)
      case .unreadable: .unreadable
      }
    }
  }

  private static let tokenCharacters = ASCIISet(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")

  private static func trimmed(_ range: ByteRange, in message: Span<UInt8>) -> ByteRange {
    var start = Int(range.start)
    var end = range.end
    while end > start, message[end - 1] == 0x20 || message[end - 1] == 0x09 { end -= 1 }
    while start < end, message[start] == 0x20 || message[start] == 0x09 { start += 1 }
    return ByteRange(start..<end)
  }

  // MARK: Query parameters

  /// For each of the rule's parameters the first occurrence in the query, name and value percent-decoded.
  /// - Parameter pathStart: where the path is in the message.
  private mutating func collectParameters(
    _ rule: borrowing TokenRule, path: Span<UInt8>, at pathStart: Int, changes: borrowing RequestChanges
  ) {
    guard let question = path.firstIndex(of: 0x3F) else { return }
    for index in rule.parameters.indices {
      let wanted = rule.octets.span[rule.parameters[index]]
      if changes.removesParameter(wanted) { continue }
      if let (encoded, value) = firstParameter(wanted, path: path, from: question + 1) {
        found.append(
          FoundToken(
            place: .parameter(index),
            text: .decoded(
              value, from: ByteRange(start: pathStart + encoded.lowerBound, count: encoded.count))))
      }
    }
  }

  /// Removes a parameter in every spelling that the query has of it: the proxy compares the names as they are
  /// encoded, and a token in `access%5Ftoken` must not reach the upstream either.
  /// - Returns: false when there are more spellings than an honest client has use for.
  static func removeParameter(
    _ name: Span<UInt8>, fromQueryOf path: Span<UInt8>, in changes: inout RequestChanges,
    scratch: inout ByteBuffer
  ) -> Bool {
    changes.removeParameter(name)
    guard let question = path.firstIndex(of: 0x3F) else { return true }
    let limit = path.firstIndex(of: 0x23, from: question + 1) ?? path.count
    var start = question + 1
    while start < limit {
      let end = path[0..<limit].firstIndex(of: 0x26, from: start) ?? limit
      let spelled = path[start..<(path[0..<end].firstIndex(of: 0x3D, from: start) ?? end)]
      scratch.removeAll()
      PercentEncoding.decode(spelled, into: &scratch)
      if scratch.span.equals(name) { changes.removeParameter(spelled) }
      if changes.removedParameters.count > maximumRemovedParameters { return false }
      start = end + 1
    }
    return true
  }

  /// Names in an answer's list of query parameters to remove: each rule has a few, each in one spelling.
  private static let maximumRemovedParameters = 64

  /// - Returns: where the value is in the path, and what it decodes to.
  private mutating func firstParameter(
    _ wanted: Span<UInt8>, path: Span<UInt8>, from start: Int
  ) -> (encoded: Range<Int>, decoded: ByteRange)? {
    let limit = path.firstIndex(of: 0x23, from: start) ?? path.count
    var start = start
    while start < limit {
      // Each search stays within its part: a query of many parts must not cost its square.
      let end = path[0..<limit].firstIndex(of: 0x26, from: start) ?? limit
      let equals = path[0..<end].firstIndex(of: 0x3D, from: start) ?? end
      let mark = decoded.count
      PercentEncoding.decode(path[start..<equals], into: &decoded)
      let matches = decoded.span[mark..<decoded.count].equals(wanted)
      decoded.truncate(to: mark)
      if matches {
        let encoded = min(equals + 1, end)..<end
        PercentEncoding.decode(path[encoded], into: &decoded)
        return (encoded, ByteRange(mark..<decoded.count))
      }
      start = end + 1
    }
    return nil
  }

  // MARK: Cookies

  /// The first cookie of a name. Cookie lines arrive joined with a comma in the joined encoding, yet a
  /// comma does not separate cookies: where the two readings differ, the request is refused rather than
  /// guessed at.
  private mutating func collectCookie(
    _ rule: borrowing TokenRule, _ location: Int, _ check: borrowing Check, in message: Span<UInt8>,
    changes: borrowing RequestChanges
  ) {
    let name = rule.octets.span[rule.cookies[location]]
    let header = Self.cookieHeader
    if changes.hidesHeader(header.span) { return }
    var line = check.headerIndex(of: header.span, in: message)
    while let index = line {
      let value = check.headers[index].value
      let strict = Self.cookie(name, in: message, value, commaSeparates: false)
      if check.headerEncoding == .joined {
        let lenient = Self.cookie(name, in: message, value, commaSeparates: true)
        if strict != lenient {
          found.append(FoundToken(place: .cookie(location), text: .unreadable))
          return
        }
      }
      if let strict {
        found.append(FoundToken(place: .cookie(location), text: .message(strict)))
        return
      }
      line = check.headerIndex(of: header.span, from: index + 1, in: message)
    }
  }

  private static let cookieHeader = Array("cookie".utf8)

  private static func cookie(
    _ name: Span<UInt8>, in message: Span<UInt8>, _ line: ByteRange, commaSeparates: Bool
  ) -> ByteRange? {
    var start = Int(line.start)
    while start < line.end {
      var end = start
      while end < line.end, message[end] != 0x3B, !(commaSeparates && message[end] == 0x2C) { end += 1 }
      var nameStart = start
      while nameStart < end, message[nameStart] == 0x20 { nameStart += 1 }
      if let equals = message[0..<end].firstIndex(of: 0x3D, from: nameStart),
        message[nameStart..<equals].equals(name)
      {
        return unquoted(ByteRange((equals + 1)..<end), in: message)
      }
      start = end + 1
    }
    return nil
  }

  private static func unquoted(_ range: ByteRange, in message: Span<UInt8>) -> ByteRange {
    guard range.count >= 2, message[Int(range.start)] == 0x22, message[range.end - 1] == 0x22 else {
      return range
    }
    return ByteRange((Int(range.start) + 1)..<(range.end - 1))
  }
}
