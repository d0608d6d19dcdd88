import Bytes

/// Comparing text with a matcher (semantics, section 2.4). All of it is linear in the text, but for
/// namespaces with several wildcards, which cost the product of text and pattern.
enum TextMatching {
  private static let lineEnd: UInt8 = 0x0A

  /// Whether `text` matches; false for kinds that compare no text.
  @inline(__always)
  static func matches(_ kind: MatcherKind, _ pattern: Span<UInt8>, _ text: Span<UInt8>) -> Bool {
    switch kind {
    case .present: true
    case .nonEmpty: !text.isEmpty && text.firstIndex(of: lineEnd) == nil
    case .exact: text.equals(pattern)
    case .prefix: text.hasPrefix(pattern)
    case .suffix: text.hasSuffix(pattern)
    case .exactIgnoringCase: text.equalsIgnoringCase(pattern)
    case .prefixIgnoringCase:
      text.count >= pattern.count && text[0..<pattern.count].equalsIgnoringCase(pattern)
    case .suffixIgnoringCase:
      text.count >= pattern.count
        && text[(text.count - pattern.count)..<text.count].equalsIgnoringCase(pattern)
    case .template: PathTemplate.matches(pattern, text)
    case .identitySuffix, .identityNamespace, .identityServiceAccount, .identityDomainPrefix,
      .identityDomainSuffix, .requestPrincipal, .number, .addressPrefix:
      false
    }
  }

  /// Whether a run of the comma-separated parts of `text` matches, with or without the blanks around it: what
  /// one of the header lines that a proxy joined may have been. Cost: the text's length times the commas of
  /// the pattern.
  static func matchesRun(_ kind: MatcherKind, _ pattern: Span<UInt8>, _ text: Span<UInt8>) -> Bool {
    switch kind {
    case .exact:
      return hasRunStart(text) { start in
        guard text.count - start >= pattern.count, text[start..<(start + pattern.count)].equals(pattern)
        else {
          return false
        }
        return isRunEnd(text, at: start + pattern.count)
      }
    case .prefix:
      return hasRunStart(text) { text[$0..<text.count].hasPrefix(pattern) }
    case .suffix:
      return hasRunEnd(text) { text[0..<$0].hasSuffix(pattern) }
    default:
      return matches(kind, pattern, text)
    }
  }

  private static func isBlank(_ octet: UInt8) -> Bool { octet == 0x20 || octet == 0x09 }

  /// Whether `holds` is true of a place where a run may begin: the text's beginning or behind a comma, and
  /// behind the blanks there.
  private static func hasRunStart(_ text: Span<UInt8>, _ holds: (Int) -> Bool) -> Bool {
    var start = 0
    while true {
      if holds(start) { return true }
      var inner = start
      while inner < text.count, isBlank(text[inner]) { inner += 1 }
      if inner != start, holds(inner) { return true }
      guard let comma = text.firstIndex(of: UInt8(ascii: ","), from: inner) else { return false }
      start = comma + 1
    }
  }

  /// Whether `holds` is true of a place where a run may end: the text's end or a comma, and in front of the
  /// blanks there.
  private static func hasRunEnd(_ text: Span<UInt8>, _ holds: (Int) -> Bool) -> Bool {
    var from = 0
    while true {
      let end = text.firstIndex(of: UInt8(ascii: ","), from: from) ?? text.count
      if holds(end) { return true }
      var inner = end
      while inner > from, isBlank(text[inner - 1]) { inner -= 1 }
      if inner != end, holds(inner) { return true }
      if end == text.count { return false }
      from = end + 1
    }
  }

  private static func isRunEnd(_ text: Span<UInt8>, at index: Int) -> Bool {
    var index = index
    while index < text.count, isBlank(text[index]) { index += 1 }
    return index == text.count || text[index] == UInt8(ascii: ",")
  }
}
