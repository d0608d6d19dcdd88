// JSON: what does this text say? Octets flow in, a flat list of nodes that point into a copy of them flows
// out, and back to compact text. It knows no token, no key and no policy; it makes no objects and it never
// recurses.

public import Bytes

/// What a reader of JSON accepts beyond the grammar of RFC 8259, and how much of it.
public struct JSONSettings: Sendable, Hashable {
  /// How many lists and objects may be open at once. Honest tokens nest two or three levels; deep nesting
  /// only serves attacks on what reads the document afterwards (design, section 7).
  public var maximumDepth = 64
  /// How many values and member names a document may hold. Each costs 16 octets of storage, so the default
  /// bounds a document's nodes to 1 MiB; a key set of 1,000 keys takes about 16,000.
  public var maximumValues = 65_536
  /// Whether an object may hold two members of one name. RFC 7515 section 4 and RFC 7519 section 4 forbid
  /// them: two readers of one token would see two different claims.
  public var allowsDuplicateNames = false
  /// Whether a number may lie beyond the largest double (`1e400`). Envoy's reader refuses such a document.
  public var allowsNumbersBeyondDouble = false

  public init() {}
}

/// Why a text is not a document. Offsets count octets of the (decoded) text from 0.
public enum JSONError: Error, Equatable, Sendable {
  /// The text is not strict base64url (`parseBase64URL` only).
  case notBase64URL
  /// The text is longer than 2^31 octets.
  case tooLong
  /// The text is not well-formed UTF-8; UTF-16 and UTF-32 end here too.
  case notUTF8
  /// The text starts with a byte order mark (RFC 8259 section 8.1).
  case byteOrderMark
  case unexpectedEnd(at: Int)
  case unexpectedCharacter(at: Int)
  case invalidNumber(at: Int)
  case numberBeyondDouble(at: Int)
  case invalidEscape(at: Int)
  /// Half of a surrogate pair is no character.
  case loneSurrogate(at: Int)
  case controlCharacter(at: Int)
  /// A member name that the object already has; `at` is where the name's text starts.
  case duplicateName(at: Int)
  case tooDeep(at: Int)
  case tooManyValues(at: Int)
  /// Something follows the document.
  case trailingText(at: Int)
}

/// A value of a document: a position in its list of nodes. It is meaningful only with the document that gave
/// it, and only until that document parses another text.
@frozen
public struct JSONValue: Sendable, Hashable {
  @usableFromInline let index: Int

  @inlinable init(index: Int) { self.index = index }
}

/// A member of an object.
@frozen
public struct JSONMember: Sendable {
  /// The unescaped name, a range of the document's `octets`.
  public let name: ByteRange
  public let value: JSONValue

  @inlinable
  init(name: ByteRange, value: JSONValue) {
    self.name = name
    self.value = value
  }
}

/// A parsed text. It owns a copy of it, in which strings are unescaped in place, and a flat list of nodes;
/// both keep their storage, so a document that is reused stops allocating once it has seen the largest text.
///
/// Before the first text and after a refused one, the document is `null`.
public struct JSONDocument: ~Copyable, Sendable {
  /// What a value is.
  @frozen
  public enum Kind: UInt8, Sendable { case object, array, string, number, `true`, `false`, null }

  /// One value or member name. A member's name is a string node right before its value's.
  @usableFromInline
  struct Node: Sendable {
    /// Text: where it starts. Container: the node that contains it, `Node.none` for the root.
    @usableFromInline var start: UInt32
    /// Text: its octets. Container: its elements or members.
    @usableFromInline var count: UInt32
    /// The node behind this one and everything in it.
    @usableFromInline var next: UInt32
    @usableFromInline var kind: Kind

    @usableFromInline static let none = UInt32.max
  }

  /// What every range of this document refers to: `document.octets.span[range]`.
  public internal(set) var octets: ByteBuffer
  @usableFromInline var nodes: [Node]
  /// Positions of member names by hash, for the duplicate check of large objects.
  var nameTable: [UInt32]

  public init() {
    octets = ByteBuffer(capacity: 512)
    nodes = []
    nameTable = []
    nodes.reserveCapacity(64)
    reset()
  }

  /// Reads `text` in place of what the document held. Cost: linear in the text, objects with many members
  /// included.
  /// - Throws: the first thing that is wrong; the document is `null` then.
  public mutating func parse(_ text: Span<UInt8>, _ settings: JSONSettings = JSONSettings()) throws(JSONError)
  {
    reset()
    if text.count > Int(Int32.max) { throw .tooLong }
    octets.append(text)
    try parseOwnOctets(settings)
  }

  /// Decodes strict base64url (no padding, RFC 7515 section 2) and reads the result.
  /// - Throws: `.notBase64URL` for the encoding, else as `parse`.
  public mutating func parseBase64URL(
    _ text: Span<UInt8>, _ settings: JSONSettings = JSONSettings()
  ) throws(JSONError) {
    reset()
    if text.count > Int(Int32.max) { throw .tooLong }
    guard Base64.decodeURL(text, into: &octets) else { throw .notBase64URL }
    try parseOwnOctets(settings)
  }

  /// Makes the document `null`; its storage stays.
  public mutating func reset() {
    // Most resets find it reset.
    if octets.isEmpty, nodes.count == 1, nodes[0].kind == .null { return }
    octets.removeAll()
    nodes.clear()
    nodes.append(Node(start: 0, count: 0, next: 1, kind: .null))
  }

  private mutating func parseOwnOctets(_ settings: JSONSettings) throws(JSONError) {
    nodes.clear()
    do throws(JSONError) {
      try readOctets(settings)
    } catch {
      reset()
      throw error
    }
  }

  /// The whole document.
  @inlinable public var root: JSONValue { JSONValue(index: 0) }

  @inlinable
  public func kind(of value: JSONValue) -> Kind { nodes[value.index].kind }

  /// The unescaped UTF-8 of a string, or the literal of a number as it was written; empty for everything
  /// else.
  @inlinable
  public func text(of value: JSONValue) -> ByteRange {
    let node = nodes[value.index]
    guard node.kind == .string || node.kind == .number else { return .empty }
    return ByteRange(start: Int(node.start), count: Int(node.count))
  }

  /// How many elements a list or members an object has; 0 for everything else.
  @inlinable
  public func count(of value: JSONValue) -> Int {
    let node = nodes[value.index]
    return node.kind == .array || node.kind == .object ? Int(node.count) : 0
  }

  /// The value of an object's member; nil when it has none of this name, or when `object` is no object. With
  /// duplicate names allowed, the first. Cost: linear in the object's members.
  @inlinable
  public func member(_ name: Span<UInt8>, of object: JSONValue) -> JSONValue? {
    var members = members(of: object)
    while let member = members.next(in: self) {
      if Int(member.name.count) == name.count, octets.span[member.name].equals(name) { return member.value }
    }
    return nil
  }

  /// The same for a name known at compile time.
  @inlinable
  public func member(_ name: StaticString, of object: JSONValue) -> JSONValue? {
    var members = members(of: object)
    while let member = members.next(in: self) {
      if Int(member.name.count) == name.utf8CodeUnitCount, octets.span[member.name].equals(name) {
        return member.value
      }
    }
    return nil
  }

  /// The members of an object in the text's order; none when `object` is no object.
  @inlinable
  public func members(of object: JSONValue) -> JSONMembers {
    let node = nodes[object.index]
    if node.kind != .object { return JSONMembers(position: 0, end: 0) }
    return JSONMembers(position: object.index + 1, end: Int(node.next))
  }

  /// The elements of a list in order; none when `array` is no list.
  @inlinable
  public func elements(of array: JSONValue) -> JSONElements {
    let node = nodes[array.index]
    if node.kind != .array { return JSONElements(position: 0, end: 0) }
    return JSONElements(position: array.index + 1, end: Int(node.next))
  }

  /// The double nearest to a number; nil when `value` is no number or lies beyond the largest double.
  ///
  /// Cost: no allocation for literals of up to 19 digits with a small exponent, which all honest claims are.
  public func double(of value: JSONValue) -> Double? {
    kind(of: value) == .number ? JSONNumber.double(octets.span[text(of: value)]) : nil
  }
}

/// Walks an object's members: `while let member = members.next(in: document)`. It borrows nothing.
@frozen
public struct JSONMembers: Sendable {
  @usableFromInline var position: Int
  @usableFromInline let end: Int

  @inlinable
  init(position: Int, end: Int) {
    self.position = position
    self.end = end
  }

  /// The next member, or nil at the end. `document` is the one that gave this walk.
  @inlinable
  public mutating func next(in document: borrowing JSONDocument) -> JSONMember? {
    if position >= end { return nil }
    let name = document.nodes[position]
    let value = JSONValue(index: position + 1)
    position = Int(document.nodes[position + 1].next)
    return JSONMember(name: ByteRange(start: Int(name.start), count: Int(name.count)), value: value)
  }
}

/// Walks a list's elements: `while let element = elements.next(in: document)`. It borrows nothing.
@frozen
public struct JSONElements: Sendable {
  @usableFromInline var position: Int
  @usableFromInline let end: Int

  @inlinable
  init(position: Int, end: Int) {
    self.position = position
    self.end = end
  }

  /// The next element, or nil at the end. `document` is the one that gave this walk.
  @inlinable
  public mutating func next(in document: borrowing JSONDocument) -> JSONValue? {
    if position >= end { return nil }
    let value = JSONValue(index: position)
    position = Int(document.nodes[position].next)
    return value
  }
}
