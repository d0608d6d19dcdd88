/// The cause of an error that the parser describes by its consequence: a tab in the indentation, or a template that is
/// not rendered. A text that is YAML is never looked at.
enum YAMLCause {
  /// The error with its cause as the reason and the cause's position; the same error when neither is the cause.
  /// - Parameter context: where the construct begins in which the error is.
  static func find(_ error: YAMLError, context: YAMLPosition?, in text: ArraySlice<UInt8>) -> YAMLError {
    let line = line(error.position.line, of: text)
    switch error.reason {
    case .unsupportedKey:
      // One of the mappings that `{{` begins stands where a key belongs.
      for column in [error.position.column - 1, error.position.column] where isTemplate(line, at: column) {
        return YAMLError(.template, at: YAMLPosition(line: error.position.line, column: column))
      }
    case .syntax(let words):
      if let column = template(in: line, upTo: error.position.column) {
        return YAMLError(.template, at: YAMLPosition(line: error.position.line, column: column))
      }
      if let context, isTemplate(Self.line(context.line, of: text), at: context.column) {
        return YAMLError(.template, at: context)
      }
      if let column = tab(in: line, error.position.column, words) {
        return YAMLError(.tab, at: YAMLPosition(line: error.position.line, column: column))
      }
    default: break
    }
    return error
  }

  /// A line as scalars, so that its positions are columns. Lines count from 1.
  private static func line(_ number: Int, of text: ArraySlice<UInt8>) -> [Unicode.Scalar] {
    let lines = text.split(separator: 0x0A, maxSplits: number, omittingEmptySubsequences: false)
    guard lines.indices.contains(number - 1) else { return [] }
    return Array(String(decoding: lines[number - 1], as: UTF8.self).unicodeScalars)
  }

  /// The column of the tab that is at fault, from 1. Within brackets and quotes a tab is allowed, and the parser's
  /// context says that it was there.
  private static func tab(in line: [Unicode.Scalar], _ column: Int, _ words: String) -> Int? {
    guard let tab = line.firstIndex(of: "\t"), line[..<tab].allSatisfy({ $0 == " " }) else { return nil }
    if words.contains("flow") || words.contains("quoted") { return nil }
    let isAtTab = line.indices.contains(column - 1) && line[column - 1] == "\t"
    // With a tab the line continues the value of the line before, and its `:` comes as a surprise.
    let continues = words.contains("mapping values are not allowed")
    return isAtTab || continues || words.contains("tab character") ? tab + 1 : nil
  }

  /// The column of the first `{{` that begins a value before a column, from 1.
  private static func template(in line: [Unicode.Scalar], upTo column: Int) -> Int? {
    (1...max(1, line.count)).first { $0 <= column && isTemplate(line, at: $0) }
  }

  /// Whether `{{` is at a column and begins a value: in front of it there are only blanks, or an indicator.
  private static func isTemplate(_ line: [Unicode.Scalar], at column: Int) -> Bool {
    let index = column - 1
    guard index >= 0, index + 1 < line.count, line[index] == "{", line[index + 1] == "{" else { return false }
    guard let before = line[..<index].last(where: { $0 != " " && $0 != "\t" }) else { return true }
    return [":", "-", ",", "[", "{", "?"].contains(before)
  }
}
