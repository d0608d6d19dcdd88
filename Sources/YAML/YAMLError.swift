/// Why a text is not taken, and where.
public struct YAMLError: Error, Sendable, Equatable {
  public enum Reason: Sendable, Equatable {
    /// Not UTF-8 (UTF-16 and UTF-32 included).
    case notUTF8
    /// The parser's words.
    case syntax(String)
    /// A tab in the indentation of a line.
    case tab
    /// `{{` where a value begins: a template (Helm, Go template) that nothing has rendered.
    case template
    case tooLong(limit: Int)
    case tooDeep(limit: Int)
    case tooManyNodes(limit: Int)
    case duplicateKey(String, first: YAMLPosition)
    /// A list, a mapping, an alias or nothing where a key belongs.
    case unsupportedKey
    /// `<<`.
    case mergeKey
    case unsupportedTag(String)
    /// A core tag on content that it does not fit, such as `!!int x`.
    case tagMismatch(tag: String, text: String)
    case unknownAlias(String)
    /// An alias within the node that it stands for.
    case recursiveAlias(String)
  }

  public var reason: Reason
  public var position: YAMLPosition

  public init(_ reason: Reason, at position: YAMLPosition) {
    self.reason = reason
    self.position = position
  }
}

extension YAMLError: CustomStringConvertible {
  /// `line:column: text`
  public var description: String { "\(position.line):\(position.column): \(message)" }

  /// What is wrong, and what would be right.
  public var message: String {
    switch reason {
    case .notUTF8: "the text is not UTF-8"
    case .syntax(let words): "not YAML: \(words)"
    case .tab: "a tab is used for indentation: YAML takes only spaces there; replace it by spaces"
    case .template:
      "`{{` begins a template that is not rendered (Helm, Go template): load what it renders to, for example the "
        + "output of `helm template`"
    case .tooLong(let limit): "the text is longer than \(limit) octets; split it into several files"
    case .tooDeep(let limit): "lists and mappings are nested deeper than \(limit) levels"
    case .tooManyNodes(let limit):
      "the text has more than \(limit) values, aliases counted as what they stand for; split it"
    case .duplicateKey(let name, let first):
      "the key `\(name)` was given before, at \(first.line):\(first.column); remove one"
    case .unsupportedKey: "a key must be plain text: no list, mapping, alias or nothing"
    case .mergeKey: "merge keys (`<<`) are not taken; write the members out"
    case .unsupportedTag(let tag): "the tag `\(tag)` is not taken; only those of YAML's core schema are"
    case .tagMismatch(let tag, let text): "`\(text)` does not fit its tag `\(tag)`"
    case .unknownAlias(let name): "the alias `*\(name)` has no anchor `&\(name)` before it in this document"
    case .recursiveAlias(let name): "the alias `*\(name)` stands within its own anchor"
    }
  }

  /// A stable name for the kind of error.
  public var code: String {
    switch reason {
    case .notUTF8: "yaml-not-utf8"
    case .syntax: "yaml-syntax"
    case .tab: "yaml-tab"
    case .template: "yaml-template"
    case .tooLong: "yaml-too-long"
    case .tooDeep: "yaml-too-deep"
    case .tooManyNodes: "yaml-too-many-nodes"
    case .duplicateKey: "yaml-duplicate-key"
    case .unsupportedKey: "yaml-unsupported-key"
    case .mergeKey: "yaml-merge-key"
    case .unsupportedTag: "yaml-unsupported-tag"
    case .tagMismatch: "yaml-tag-mismatch"
    case .unknownAlias: "yaml-unknown-alias"
    case .recursiveAlias: "yaml-recursive-alias"
    }
  }
}
