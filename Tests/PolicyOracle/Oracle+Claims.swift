/// What a verified token says (semantics, sections 1.6 and 2.5). Without a token nothing matches.
extension Oracle {
  /// Issuer and subject are matched separately, and both must be text.
  func requestPrincipal(_ value: String) -> Bool {
    guard let token = believed?.token else {
      saw(.noToken)
      return false
    }
    guard case .text(let issuer)? = token.claim("iss"), case .text(let subject)? = token.claim("sub") else {
      return false
    }
    if words(in: issuer, called: "iss") != nil || words(in: subject, called: "sub") != nil {
      saw(.principalIsWords)
      return false
    }
    let any = Expression(.some)
    if value == "*" { return any.matches(issuer) && any.matches(subject) }
    let parts = value.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    let left = parts.dropLast().joined(separator: "/")
    let right = parts[parts.count - 1]
    if value.hasPrefix("*") {
      if parts.count == 1 { return any.matches(issuer) && subject.hasSuffix(value.dropFirst()) }
      return (left == "*" ? any.matches(issuer) : issuer.hasSuffix(left.dropFirst())) && subject == right
    }
    if value.hasSuffix("*") {
      if parts.count == 1 { return issuer.hasPrefix(value.dropLast()) && any.matches(subject) }
      return issuer == left
        && (right == "*" ? any.matches(subject) : subject.hasPrefix(right.dropLast()))
    }
    return parts.count == 1 ? issuer == value && subject.isEmpty : issuer == left && subject == right
  }

  /// The words of a top-level claim that is a list in one string; nil when it is no such claim. Text of
  /// nothing but blanks stays text.
  private func words(in text: String, called name: String) -> [String]? {
    let words = text.split(separator: " ").map(String.init)
    let isList = ["scope", "permission"].contains(name) || believed?.wordLists.contains(name) == true
    return isList && !words.isEmpty ? words : nil
  }

  /// The path walks objects; text matches, and a list with an element that is text and matches.
  func claim(_ path: [String], _ value: String) -> Bool {
    guard let token = believed?.token else {
      saw(.noToken)
      return false
    }
    var found = Claim.object(token.claims)
    for name in path {
      guard case .object(let members) = found, let next = members.first(where: { $0.name == name })?.value
      else {
        saw(.claimMissing)
        return false
      }
      found = next
    }
    var candidates: [String] = []
    switch found {
    case .text(let text):
      if path.count == 1, let words = words(in: text, called: path[0]) {
        saw(.claimWords)
        candidates = words
      } else {
        saw(.claimText)
        candidates = [text]
      }
    case .list(let elements):
      saw(.claimList)
      candidates = elements.compactMap { if case .text(let text) = $0 { text } else { nil } }
    case .number, .truth, .null, .object: saw(.claimOther)
    }
    let matched = candidates.contains { Expression.pattern(value).matches($0) }
    if matched, path.count > 1 { saw(.nestedClaim) }
    return matched
  }

  /// The value of a header that carries a claim (semantics, section 1.7); nil when there is none.
  static func headerValue(of name: String, in token: Token) -> String? {
    var found = Claim.object(token.claims)
    for part in name.split(separator: ".", omittingEmptySubsequences: false) {
      guard case .object(let members) = found, let next = members.first(where: { $0.name == part })?.value
      else { return nil }
      found = next
    }
    switch found {
    case .null: return nil
    case .truth(let value): return value ? "true" : "false"
    case .text(let text): return text.isEmpty || text.utf8.contains(0x0A) ? nil : text
    case .number(let literal):
      guard let number = Double(literal) else { return nil }
      if number >= 0, number < 0x1p64, number == number.rounded() { return String(UInt64(number)) }
      return fixed(number)
    case .list, .object: return base64(found.json)
    }
  }
}
