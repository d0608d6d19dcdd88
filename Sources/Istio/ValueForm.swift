/// What the values of one field are compared with (semantics, sections 2.4 to 2.6), and so which values can
/// never match, or match something else than they seem to.
///
/// It finds values that are valid and that Istio takes. A value is found only when it can match nothing, or
/// when it clearly is a pattern of another language.
public enum ValueForm: Sendable {
  case path, method, host, principal, requestPrincipal, namespace, serviceAccount, serverName
  /// Text that a client or an issuer may choose freely: claims, headers, metadata.
  case text

  /// Why a value does not do what it seems to.
  public struct Problem: Sendable, Equatable {
    /// `neverMatches`, `literalPattern` or `literalAsterisk`.
    public var code: DiagnosticCode
    /// What is wrong, and what would be right.
    public var reason: String
  }

  /// What is wrong with a value, or nil. A value has one problem at most: the one that helps most.
  ///
  /// - Parameter refuses: what matches the value is refused, as with `paths` of a DENY rule. `/.*` is then
  ///   the prefix of hidden files and no regular expression.
  public func problem(in text: String, refuses: Bool = false) -> Problem? {
    if text == "*" { return nil }
    return switch self {
    case .path: PathForm.problem(in: text, refuses: refuses)
    case .method: Self.methodProblem(in: text)
    case .host: Self.hostProblem(in: text)
    case .serverName: Self.serverNameProblem(in: text)
    case .principal: Self.principalProblem(in: text)
    case .requestPrincipal: Self.requestPrincipalProblem(in: text)
    case .namespace: Self.namespaceProblem(in: text)
    case .serviceAccount: Self.serviceAccountProblem(in: text)
    case .text: Self.textProblem(in: text)
    }
  }

  // MARK: Operations

  private static func methodProblem(in text: String) -> Problem? {
    let (stem, isLiteral) = stem(of: text)
    if stem.contains(where: { "|, ;".contains($0) }) {
      return .never("a value is one method; write a value for each")
    }
    if let other = stem.first(where: { !isWord($0) && $0 != "*" }) {
      return .never("no method has `\(other)`; write the name, such as `GET`")
    }
    if stem.contains(where: \.isLowercase) {
      return .never("methods are upper case and compared with case; write `\(text.uppercased())`")
    }
    return isLiteral ? .asterisk("only one at the start or the end is a wildcard") : nil
  }

  private static func hostProblem(in text: String) -> Problem? {
    if text.contains(where: \.isWhitespace) { return .never("a host has no blanks") }
    if let scheme = text.firstRange(of: "://") {
      let rest = text[scheme.upperBound...]
      let host = rest.prefix { $0 != "/" }
      let isPattern = rest.hasSuffix(":*") && !host.hasSuffix(":*")
      let right = host.isEmpty ? "" : "; write `\(host)\(isPattern ? ":*" : "")`"
      return .never("a host has no scheme\(right)")
    }
    if text.contains("/") {
      let host = text.prefix { $0 != "/" }
      let right = host.isEmpty || host == "*" ? "" : "; write `\(host)` here and"
      return .never("a host has no path\(right.isEmpty ? ";" : right) name the path in `paths`")
    }
    if let found = Regex.problem(in: text, never: "^$\\()|?+") { return found }
    if let other = text.first(where: { "{}@,;#\"'<>".contains($0) }) {
      return .never("no host has `\(other)`; write a name, `*.` and a name, or a name and `:*`")
    }
    return stem(of: text).isLiteral ? .asterisk("only one at the start or the end is a wildcard") : nil
  }

  // MARK: Sources

  private static func serverNameProblem(in text: String) -> Problem? {
    if text.contains(where: { $0.isASCII && $0.isUppercase }) {
      return .never("the server name is compared in lower case; write `\(text.lowercased())`")
    }
    if text.contains(":") || text.contains("/") {
      return .never("a server name has no scheme, port or path; write the name alone")
    }
    return hostProblem(in: text)
  }

  private static func principalProblem(in text: String) -> Problem? {
    if text.hasPrefix("spiffe://") { return .never("write the principal without `spiffe://`") }
    if text.contains(where: \.isWhitespace) { return .never("a principal has no blanks") }
    if text.hasPrefix("system:serviceaccount:") {
      let parts = text.split(separator: ":", omittingEmptySubsequences: false)
      let right =
        parts.count == 4 ? "`cluster.local/ns/\(parts[2])/sa/\(parts[3])`" : "TRUST-DOMAIN/ns/…/sa/…"
      return .never("a principal is the name in the peer's certificate; write \(right)")
    }
    if let found = Regex.problem(in: text, never: "^$\\()|?") { return found }
    return stem(of: text).isLiteral ? .asterisk("only one at the start or the end is a wildcard") : nil
  }

  private static func requestPrincipalProblem(in text: String) -> Problem? {
    if let slash = text.lastIndex(of: "/"), text[..<slash].hasSuffix(":/") {
      return .never("it is split at its last `/`; write issuer, `/` and subject")
    }
    if let slash = text.lastIndex(of: "/"), text.hasPrefix("*"), text[slash...].contains("*") {
      return .asterisk(
        "with a `*` in front, one behind is no wildcard, and the subject must be `\(text[slash...].dropFirst())`; write "
          + "`*` for any token, or the issuer in full")
    }
    if text.hasSuffix("/.*"), !text.dropLast().contains("*") {
      return .pattern("no value is a regular expression; write `\(text.dropLast(2))*`")
    }
    return textProblem(in: text)
  }

  /// Every `*` of a namespace is a wildcard.
  private static func namespaceProblem(in text: String) -> Problem? {
    let isName = text.utf8.allSatisfy { 0x30...0x39 ~= $0 || 0x61...0x7A ~= $0 || $0 == 0x2D || $0 == 0x2A }
    if isName { return nil }
    let right =
      text.contains(".*") ? "; `*` stands for any letters, and a regular expression is not taken" : ""
    return .never("a namespace has lower-case letters, digits and `-`\(right)")
  }

  private static func serviceAccountProblem(in text: String) -> Problem? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    if text.hasPrefix("system:serviceaccount:"), parts.count == 4 {
      return .never("an account is its name, with its namespace in front; write `\(parts[2])/\(parts[3])`")
    }
    let isName = text.utf8.allSatisfy { 0x2D...0x39 ~= $0 || 0x61...0x7A ~= $0 }
    return isName ? nil : .never("a service account has lower-case letters, digits, `-` and `.`")
  }

  private static func textProblem(in text: String) -> Problem? {
    if text.hasPrefix("^"), text.hasSuffix("$") || text.contains(".*") || text.contains(".+") {
      let inner = text.dropFirst().dropLast(text.hasSuffix("$") ? 1 : 0)
      let isPlain = !inner.isEmpty && !inner.contains { "^$\\()|[]+*?".contains($0) }
      return .pattern("no value is a regular expression\(isPlain ? "; write `\(inner)`" : "")")
    }
    if let found = Regex.problem(in: text, never: "") { return found }
    return stem(of: text).isLiteral ? .asterisk("only one at the start or the end is a wildcard") : nil
  }

  /// A value without the `*` that is its wildcard, and whether another one is in it, which is literal.
  static func stem(of text: String) -> (text: Substring, isLiteral: Bool) {
    let stem = text.hasPrefix("*") ? text.dropFirst() : text.hasSuffix("*") ? text.dropLast() : text[...]
    return (stem, stem.contains("*"))
  }

  private static func isWord(_ letter: Character) -> Bool {
    letter.isASCII && (letter.isLetter || letter.isNumber || letter == "-" || letter == "_")
  }
}

extension ValueForm.Problem {
  static func never(_ reason: String) -> Self { Self(code: .neverMatches, reason: reason) }
  static func pattern(_ reason: String) -> Self { Self(code: .literalPattern, reason: reason) }
  static func asterisk(_ reason: String) -> Self { Self(code: .literalAsterisk, reason: reason) }
}

/// Regular expressions where only `*` at an end is a wildcard.
private enum Regex {
  /// - Parameter never: letters of regular expressions that what the value is compared with cannot have.
  static func problem(in text: String, never: String) -> ValueForm.Problem? {
    if let letter = text.first(where: never.contains) {
      return .never(
        "`\(letter)` can be no part of it, and no value is a regular expression\(right(for: text))")
    }
    // `.*` at the end is a prefix and a wildcard, as in `api.*`.
    // After a leading `*` all is literal: that is no regular expression but one `*` too many.
    if text.hasPrefix("*") { return nil }
    let isAny = text == ".*" || text == ".+"
    if isAny || text.dropLast().contains(".*") || text.dropLast(2).hasSuffix("/") && text.hasSuffix(".*") {
      return .pattern("no value is a regular expression\(right(for: text))")
    }
    return nil
  }

  /// The value with `.*` at an end as `*`, when nothing else of it is a regular expression.
  private static func right(for text: String) -> String {
    var plain = text[...]
    if plain.hasPrefix("^") { plain = plain.dropFirst() }
    if plain.hasSuffix("$") { plain = plain.dropLast() }
    var right = String(plain).replacing("\\.", with: ".")
    let hasStart = right.hasPrefix(".*") || right.hasPrefix(".+")
    if hasStart {
      right = "*" + right.dropFirst(2)
    } else if right.hasSuffix(".*") || right.hasSuffix(".+") {
      right = right.dropLast(2) + "*"
    }
    let stem = ValueForm.stem(of: right).text
    let isPlain = right != text && !right.isEmpty && !stem.contains { "^$\\()|[]{}+*?".contains($0) }
    return isPlain ? "; write `\(right)`" : "; one `*` at the start or the end is a wildcard"
  }
}
