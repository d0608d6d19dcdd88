// Istio: the resources that say who may do what, as typed values. YAML or JSON text flows in; resources with
// the position of every value, and diagnostics for the person who must fix the text, flow out. It matches no
// request.

/// A place in a file. Lines and columns count from 1; a column counts characters.
public struct SourcePosition: Sendable, Hashable {
  public var file: String
  public var line: Int
  public var column: Int

  public init(file: String, line: Int, column: Int) {
    self.file = file
    self.line = line
    self.column = column
  }
}

extension SourcePosition: CustomStringConvertible {
  public var description: String { "\(file):\(line):\(column)" }
}

/// A value and where it was written.
public struct Located<Value: Sendable>: Sendable {
  public var value: Value
  public var position: SourcePosition

  public init(_ value: Value, at position: SourcePosition) {
    self.value = value
    self.position = position
  }
}

extension Located: Equatable where Value: Equatable {}

/// One finding about a resource.
public struct Diagnostic: Sendable, Hashable {
  public enum Severity: String, Sendable, CaseIterable {
    /// Keeps the resource, and with it the configuration, from being used.
    case error
    /// The resource is used, and rarely says what was meant. `validate --strict` fails.
    case warning
    /// Worth knowing, and nothing to fix. It never changes an exit status.
    case note
  }
  public var severity: Severity
  /// A stable name for the kind of finding, such as `unknown-field`.
  public var code: String
  public var position: SourcePosition
  /// What is wrong, and what would be right.
  public var message: String

  public init(_ severity: Severity, _ code: String, at position: SourcePosition, _ message: String) {
    self.severity = severity
    self.code = code
    self.position = position
    self.message = message
  }
}

extension Diagnostic: CustomStringConvertible {
  /// `file:line:column: error: text [code]`
  public var description: String { "\(position): \(severity.rawValue): \(message) [\(code)]" }
}
