/// Values of `paths`: what looks like a query, a regular expression or a route's parameter.
enum PathForm {
  typealias Problem = ValueForm.Problem

  static func problem(in text: String, refuses: Bool) -> Problem? {
    // What a request's path never holds.
    if let mark = text.firstIndex(where: { $0 == "?" || $0 == "#" }) {
      let path = text[..<mark]
      let wildcard = text[mark] == "?" ? ", and `?` is no wildcard" : ""
      let right = path.hasPrefix("/") ? "; write `\(path)`" : ""
      return .never("query and fragment are not part of the path\(wildcard)\(right)")
    }
    if text.contains(where: \.isWhitespace) { return .never("a path has no blanks, only `%20`") }
    if text.utf8.contains(where: { $0 >= 0x80 }) {
      return .never("other characters than ASCII are percent-encoded in a path, such as `%C3%A9`")
    }
    if text.contains("\\") {
      return .never(
        "a path has `/` in place of `\\`, and no value is a regular expression\(right(for: text))")
    }
    if text.hasPrefix("^") {
      return .never("every path begins with `/`, and no value is a regular expression\(right(for: text))")
    }
    if PathTemplate.isTemplate(text) {
      if !text.hasPrefix("/"), !text.hasPrefix("{**}") {
        return .never("every path begins with `/`; write `/\(text)`")
      }
    } else if !text.hasPrefix("/"), !text.hasPrefix("*") {
      return beginning(text)
    }
    return pattern(in: text, refuses: refuses)
  }

  /// It begins with neither `/` nor `*`.
  private static func beginning(_ text: String) -> Problem {
    if let scheme = text.firstRange(of: "://") {
      let path = text[scheme.upperBound...].drop { $0 != "/" }
      return .never(
        "a path has no scheme and no host; write `\(path.isEmpty ? "/" : path)` here and the host in `hosts`")
    }
    if text.hasPrefix(".*") || text.hasPrefix(".+") {
      return .never("every path begins with `/`, and no value is a regular expression\(right(for: text))")
    }
    return .never("every path begins with `/`; write `/\(text)`")
  }

  /// It can match the text that it is, and is likely to mean another language's pattern.
  private static func pattern(in text: String, refuses: Bool) -> Problem? {
    let segments = text.split(separator: "/", omittingEmptySubsequences: false)
    if let parameter = segments.first(where: isParameter) {
      return .pattern("`\(parameter)` is no parameter, `{*}` is one segment\(right(for: text))")
    }
    if isRegex(text, refuses: refuses) {
      return .pattern("no value is a regular expression\(right(for: text))")
    }
    if PathTemplate.isTemplate(text) || !ValueForm.stem(of: text).isLiteral { return nil }
    return .asterisk(
      "`{*}` is one segment, `{**}` any number, and one `*` at an end a wildcard\(right(for: text))")
  }

  /// `:id` and `<id>`, as routers write them.
  private static func isParameter(_ segment: Substring) -> Bool {
    var name = segment
    if segment.hasPrefix(":") {
      name = segment.dropFirst()
    } else if segment.hasPrefix("<"), segment.hasSuffix(">") {
      // `<int:id>` too.
      name = segment.dropFirst().dropLast()
    } else {
      return false
    }
    return name.first?.isLetter == true
      && name.allSatisfy { $0.isLetter || $0.isNumber || "_:-".contains($0) }
  }

  private static func isRegex(_ text: String, refuses: Bool) -> Bool {
    if text.hasSuffix("$") || text.contains(".+") || text.contains("[^") || text.contains("|") { return true }
    for range in ["[0-9]", "[a-z", "[A-Z", "[a-f", "(?", ")+", "]+"] where text.contains(range) {
      return true
    }
    // A leading `*` makes the rest literal: one `*` too many.
    if text.hasPrefix("*") { return false }
    if text.dropLast().contains(".*") { return true }
    // `/index.*` is a prefix, and so is `/.*` where hidden files are refused.
    return text.hasSuffix("/.*") && !(text == "/.*" && refuses)
  }

  /// `; write …` when the value has an obvious form in Istio's language, else nothing.
  private static func right(for text: String) -> String {
    guard let right = translated(text), right != text, PathTemplate.problem(in: right) == nil else {
      return ""
    }
    if right.hasSuffix("/*"), text.hasSuffix("**"), right != "/*" {
      return "; write `\(right.dropLast()){**}` or `\(right)`"
    }
    return "; write `\(right)`"
  }

  /// The value with the wildcards of other languages as those of Istio; nil when a part has no such form.
  private static func translated(_ text: String) -> String? {
    var plain = text[...]
    if plain.hasPrefix("^") { plain = plain.dropFirst() }
    if plain.hasSuffix("$") { plain = plain.dropLast() }
    var path = String(plain).replacing("\\/", with: "/").replacing("\\.", with: ".").replacing(
      "\\d+", with: "[0-9]+")
    for segment in ["[^/]+", "[^/]*"] { path = path.replacing(segment, with: "{*}") }
    if ["**", ".*", ".+", "/**", "/.*"].contains(path) { return path.hasPrefix("/") ? "/*" : "*" }
    if path.hasPrefix(".*"), isPlain(path.dropFirst(2)) { return "*" + path.dropFirst(2) }
    guard path.hasPrefix("/") else { return nil }
    let any: Set<Substring> = ["*", ".*", ".+", "(.*)", "(.+)", "[0-9]+", "([0-9]+)", "{*}"]
    let rest: Set<Substring> = ["**", "{**}"]
    var segments = path.split(separator: "/", omittingEmptySubsequences: false).map { segment in
      any.contains(segment) || isParameter(segment) ? "{*}" : rest.contains(segment) ? "{**}" : segment
    }
    let last = path.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
    let takesRest = ["*", "**", ".*", ".+", "(.*)", "(.+)"].contains(last)
    if takesRest { segments[segments.count - 1] = "{**}" }
    let literals = segments.filter { $0 != "{*}" && $0 != "{**}" }
    guard literals.allSatisfy({ isPlain($0) }) else { return nil }
    if takesRest, literals.count == segments.count - 1 { segments[segments.count - 1] = "*" }
    return segments.joined(separator: "/")
  }

  private static func isPlain(_ text: some StringProtocol) -> Bool {
    !text.contains { "^$\\()|[]{}+*<>".contains($0) }
  }
}
