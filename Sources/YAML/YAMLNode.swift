// YAML: what people write. The octets of a file flow in; a tree in which every node knows its line and
// column, or one error that does, flows out. It knows nothing of what the text means, and nothing of it runs
// while a check is judged.

/// A place in a text. Lines and columns count from 1; a column counts characters (Unicode scalars).
public struct YAMLPosition: Sendable, Hashable {
  public var line: Int
  public var column: Int

  public init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }
}

/// One node of a document. A copy shares its children, so an alias costs what its name costs.
public struct YAMLNode: Sendable, Equatable {
  public enum Content: Sendable, Equatable {
    case null
    case boolean(Bool)
    /// The literal as written; `YAMLNode.integer` and `YAMLNode.number` read it.
    case number(String)
    case text(String)
    case sequence([YAMLNode])
    /// In the order of the text; no name appears twice.
    case mapping([YAMLMember])
  }

  public var content: Content
  /// Where the node begins; for an alias, where the alias stands.
  public var position: YAMLPosition

  public init(_ content: Content, at position: YAMLPosition) {
    self.content = content
    self.position = position
  }
}

/// One `name: value` of a mapping.
public struct YAMLMember: Sendable, Equatable {
  public var name: String
  /// Where the name begins.
  public var position: YAMLPosition
  public var value: YAMLNode

  public init(name: String, position: YAMLPosition, value: YAMLNode) {
    self.name = name
    self.position = position
    self.value = value
  }
}

extension YAMLNode {
  public var isNull: Bool { content == .null }

  /// The text, when it is text: never that of a number or a boolean.
  public var text: String? {
    if case .text(let text) = content { text } else { nil }
  }

  public var boolean: Bool? {
    if case .boolean(let value) = content { value } else { nil }
  }

  /// The value of a number without fraction and exponent (`80`, `0777` which is 777, `0o17`, `0xFF`) that
  /// fits.
  public var integer: Int? {
    if case .number(let literal) = content { CoreSchema.integer(literal) } else { nil }
  }

  /// The value of a number. `.inf` and `.nan` are numbers here as in YAML.
  public var number: Double? {
    if case .number(let literal) = content { CoreSchema.number(literal) } else { nil }
  }

  public var elements: [YAMLNode]? {
    if case .sequence(let elements) = content { elements } else { nil }
  }

  public var members: [YAMLMember]? {
    if case .mapping(let members) = content { members } else { nil }
  }

  /// The member of that name, octet for octet. Walks the members.
  public func member(_ name: String) -> YAMLMember? {
    members?.first { $0.name.utf8.elementsEqual(name.utf8) }
  }

  /// What the node is, for a message: `a list`, `the number 80`.
  public var kindText: String {
    switch content {
    case .null: "nothing"
    case .boolean(let value): "the boolean `\(value)`"
    case .number(let literal): "the number `\(literal)`"
    case .text: "a string"
    case .sequence: "a list"
    case .mapping: "a mapping"
    }
  }

  /// The members whose names are not among those known, each with the known name that was probably meant.
  public func unknownMembers(known: [String]) -> [(member: YAMLMember, meant: String?)] {
    (members ?? []).compactMap { member in
      if known.contains(where: { $0.utf8.elementsEqual(member.name.utf8) }) { return nil }
      return (member, nearest(to: member.name, in: known))
    }
  }
}
