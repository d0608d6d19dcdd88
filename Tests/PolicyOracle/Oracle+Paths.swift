/// Paths (semantics, sections 2.6 and 2.7).
extension Oracle {
  private static let unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

  /// The path without query and fragment as policies see it; nil when a proxy would answer 400.
  func normalizedPath() -> String? {
    let path = String(request.path.prefix { $0 != "?" && $0 != "#" })
    switch mesh.pathNormalization {
    case .none:
      saw(.pathAsItIs)
      return path
    case .base: saw(.pathBase)
    case .mergeSlashes: saw(.pathMerged)
    case .decodeAndMergeSlashes: saw(.pathDecoded)
    }
    if path == "*" { return path }
    guard path.hasPrefix("/") || path.hasPrefix("\\"), path.utf8.allSatisfy({ 0x21...0x7E ~= $0 }) else {
      return nil
    }
    var text = path
    if mesh.pathNormalization == .decodeAndMergeSlashes {
      for (escape, character) in [("%2F", "/"), ("%2f", "/"), ("%5C", "\\"), ("%5c", "\\")] {
        text = text.replacing(escape, with: character)
      }
    }
    if text.contains("%00") { return nil }
    text = Self.withoutDotSegments(text.replacing("\\", with: "/"))
    if mesh.pathNormalization != .base {
      while text.contains("//") { text = text.replacing("//", with: "/") }
    }
    if text != path { saw(.pathChanged) }
    return text
  }

  /// `.` and `..` go, with what `..` follows. Escaped dots are dots; in front of a `;` they are not.
  private static func withoutDotSegments(_ path: String) -> String {
    let segments = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    var kept: [String] = []
    for (index, written) in segments.enumerated() {
      let segment = escaped(decoded(written))
      let isLast = index == segments.count - 1
      if segment == "." || written.hasPrefix(".;") {
        if isLast { kept.append("") }
      } else if segment == ".." || written.hasPrefix("..;") {
        kept = kept.dropLast()
        if isLast { kept.append("") }
      } else {
        kept.append(segment)
      }
    }
    return "/" + kept.joined(separator: "/")
  }

  /// Escapes of unreserved characters decoded, all others left.
  private static func decoded(_ segment: String) -> String {
    var rest = segment[...]
    var output = ""
    while let first = rest.first {
      let digits = rest.dropFirst().prefix(2)
      if first == "%", digits.count == 2, digits.allSatisfy(\.isHexDigit),
        let code = UInt8(digits, radix: 16),
        unreserved.utf8.contains(code)
      {
        output.unicodeScalars.append(UnicodeScalar(code))
        rest = rest.dropFirst(3)
      } else {
        output.append(first)
        rest = rest.dropFirst()
      }
    }
    return output
  }

  private static func escaped(_ segment: String) -> String {
    var text = segment
    for character in "\"<>^`{|}" {
      text = text.replacing(
        String(character), with: "%" + String(character.asciiValue ?? 0, radix: 16, uppercase: true))
    }
    return text
  }

  /// `:path` as a header: with its query.
  func pathHeader(_ path: String) -> String {
    if mesh.pathNormalization == .none { return request.path }
    let beforeFragment = request.path.prefix { $0 != "#" }
    guard let question = beforeFragment.firstIndex(of: "?") else { return path }
    return path + beforeFragment[question...]
  }

  // MARK: Matching

  func path(_ value: String, _ path: String) -> Bool {
    if !value.contains("{*}") && !value.contains("{**}") { return Expression.pattern(value).matches(path) }
    let matched = Self.template(value).matches(path)
    saw(matched ? .templateMatched : .templateUnmatched)
    return matched
  }

  /// `{*}` is a piece of one segment, `{**}` any number of characters with slashes. Both cover these
  /// characters alone.
  private static func template(_ value: String) -> Expression {
    let covered = Set((unreserved + "%!$&'()+,;:@=*").utf8)
    var pieces: [Expression.Piece] = []
    for segment in value.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
      pieces.append(.text("/"))
      switch segment {
      case "{*}": pieces.append(.run(of: { covered.contains($0) }, atLeast: 1))
      case "{**}": pieces.append(.run(of: { covered.contains($0) || $0 == 0x2F }, atLeast: 0))
      default: pieces.append(.text(String(segment)))
      }
    }
    return Expression(pieces)
  }
}
