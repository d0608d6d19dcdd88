import Bytes
import JSON
import JWT

/// What a verified token says (semantics, section 2.5). Without a token nothing matches, so every negation
/// holds.
extension DecisionTable {
  /// Issuer and subject must both be text; each is compared on its own, never the joined form.
  func testRequestPrincipal(_ row: Predicate, _ claims: borrowing VerifiedClaims) -> Bool {
    guard claims.isPresent, let issuer = claims.issuer, let subject = claims.subject else { return false }
    let text = claims.document.octets.span
    // As lists of words (`spaceDelimitedClaims`) they are no text any more.
    if becomesList("iss", text[issuer], claims) || becomesList("sub", text[subject], claims) { return false }
    let octets = pool.span
    var index = Int(row.firstMatcher)
    let end = index + Int(row.matcherCount)
    while index < end {
      let matcher = matchers[index]
      if TextMatching.matches(matcher.issuerKind, octets[matcher.text], text[issuer]),
        TextMatching.matches(matcher.subjectKind, octets[matcher.other], text[subject])
      {
        return true
      }
      index += 1
    }
    return false
  }

  /// A claim matches as text, or as a list with an element that is text and matches.
  func testClaim(_ row: Predicate, _ claims: borrowing VerifiedClaims) -> Bool {
    guard claims.isPresent else { return false }
    let octets = pool.span
    var value = claims.document.root
    var name = Int(row.firstName)
    let end = name + Int(row.nameCount)
    while name < end {
      guard let member = claims.document.member(octets[names[name]], of: value) else { return false }
      value = member
      name += 1
    }
    let text = claims.document.octets.span
    switch claims.document.kind(of: value) {
    case .string:
      let string = text[claims.document.text(of: value)]
      if row.nameCount == 1, claims.isSpaceDelimited(octets[names[Int(row.firstName)]]), hasWord(string) {
        return anyWordMatches(row, string)
      }
      return anyMatches(row, string)
    case .array:
      var elements = claims.document.elements(of: value)
      while let element = elements.next(in: claims.document) {
        if claims.document.kind(of: element) == .string,
          anyMatches(row, text[claims.document.text(of: element)])
        {
          return true
        }
      }
      return false
    case .object, .number, .true, .false, .null:
      return false
    }
  }

  /// - Parameter name: `iss` or `sub`, which only a rule's setting makes a list.
  func becomesList(
    _ name: StaticString, _ value: Span<UInt8>, _ claims: borrowing VerifiedClaims
  ) -> Bool {
    guard claims.hasFurtherLists, hasWord(value) else { return false }
    var members = claims.document.members(of: claims.document.root)
    while let member = members.next(in: claims.document) {
      let memberName = claims.document.octets.span[member.name]
      if memberName.equals(name) { return claims.isSpaceDelimited(memberName) }
    }
    return false
  }

  /// Text of nothing but blanks stays text.
  private func hasWord(_ text: Span<UInt8>) -> Bool {
    for index in text.indices where text[index] != UInt8(ascii: " ") { return true }
    return false
  }

  private func anyWordMatches(_ row: Predicate, _ text: Span<UInt8>) -> Bool {
    var start = 0
    while start < text.count {
      let end = text.firstIndex(of: UInt8(ascii: " "), from: start) ?? text.count
      if end > start, anyMatches(row, text[start..<end]) { return true }
      start = end + 1
    }
    return false
  }
}
