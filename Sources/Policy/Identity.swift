import Bytes

/// Comparing one name of a peer's certificate (semantics, section 2.5). Istio writes these as regular
/// expressions over the whole identity, in which a wildcard never covers a line end; policies hold none, so
/// an identity with one can match only where no wildcard stands in its way.
enum Identity {
  private static let scheme: StaticString = "spiffe://"
  private static let slash = UInt8(ascii: "/")
  private static let star = UInt8(ascii: "*")

  static func matches(
    _ kind: MatcherKind, _ text: Span<UInt8>, _ other: Span<UInt8>, _ identity: Span<UInt8>
  ) -> Bool {
    if identity.isEmpty { return false }
    switch kind {
    case .identitySuffix:
      return identity.hasPrefix(scheme) && identity.count >= scheme.utf8CodeUnitCount + text.count
        && identity.hasSuffix(text) && !hasLineEnd(identity)
    case .identityNamespace:
      return !hasLineEnd(identity) && isInNamespace(text, identity)
    case .identityServiceAccount:
      return !hasLineEnd(identity) && isServiceAccount(other, in: text, identity)
    case .identityDomainPrefix, .identityDomainSuffix:
      return hasDomain(kind, text, identity)
    default:
      return TextMatching.matches(kind, text, identity)
    }
  }

  private static func hasLineEnd(_ text: Span<UInt8>) -> Bool { text.firstIndex(of: 0x0A) != nil }

  /// `.*/ns/NAMESPACE/.*`, where each `*` of the namespace covers anything. The pieces between wildcards are
  /// taken at their left-most places, which leaves the most for what follows.
  private static func isInNamespace(_ namespace: Span<UInt8>, _ identity: Span<UInt8>) -> Bool {
    var at = 0
    while at < identity.count {
      // The first piece is tied to the `/ns/` in front of it, so that pair is tried at each of its places;
      // when the namespace goes on with a wildcard, the left-most is as good as any.
      guard let start = nextNamespace(identity, from: at) else { return false }
      let firstEnd = namespace.firstIndex(of: star) ?? namespace.count
      let piece = namespace[0..<firstEnd]
      if identity[start..<identity.count].hasPrefix(piece) {
        if firstEnd < namespace.count {
          return hasRest(namespace[firstEnd..<namespace.count], identity[(start + firstEnd)..<identity.count])
        }
        if start + firstEnd < identity.count, identity[start + firstEnd] == slash { return true }
      }
      at = start - 1
    }
    return false
  }

  /// Where the text behind the next `/ns/` begins.
  private static func nextNamespace(_ identity: Span<UInt8>, from start: Int) -> Int? {
    var index = start
    while index + 4 <= identity.count {
      if identity[index..<(index + 4)].equals("/ns/") { return index + 4 }
      index += 1
    }
    return nil
  }

  /// `rest` begins with `*`; behind its last piece a slash must stand, anywhere.
  private static func hasRest(_ rest: Span<UInt8>, _ text: Span<UInt8>) -> Bool {
    var pattern = 0
    var at = 0
    while pattern < rest.count {
      let start = pattern + 1
      let end = rest.firstIndex(of: star, from: start) ?? rest.count
      let piece = rest[start..<end]
      if end == rest.count {
        // The last piece is followed by a slash.
        while let found = text.firstIndex(of: piece, from: at) {
          if found + piece.count < text.count, text[found + piece.count] == slash { return true }
          at = found + 1
        }
        return false
      }
      guard let found = text.firstIndex(of: piece, from: at) else { return false }
      at = found + piece.count
      pattern = end
    }
    return false
  }

  /// `spiffe://.+/ns/NAMESPACE/(.+/|)sa/NAME(/.+)?`. The left-most namespace leaves the most to match.
  private static func isServiceAccount(
    _ name: Span<UInt8>, in namespace: Span<UInt8>, _ identity: Span<UInt8>
  ) -> Bool {
    guard identity.hasPrefix(scheme) else { return false }
    var from = scheme.utf8CodeUnitCount + 1
    var start: Int?
    while start == nil, let next = nextNamespace(identity, from: from) {
      let end = next + namespace.count
      if end < identity.count, identity[next..<end].equals(namespace), identity[end] == slash {
        start = end + 1
      }
      from = next - 3
    }
    guard let start else { return false }
    var index = start
    while index + 3 + name.count <= identity.count {
      let begins = index == start || (index >= start + 2 && identity[index - 1] == slash)
      let end = index + 3 + name.count
      if begins, identity[index..<(index + 3)].equals("sa/"), identity[(index + 3)..<end].equals(name),
        end == identity.count || (identity[end] == slash && end + 1 < identity.count)
      {
        return true
      }
      index += 1
    }
    return false
  }

  /// `spiffe://DOMAIN/.*` where the domain begins or ends with `text`.
  private static func hasDomain(_ kind: MatcherKind, _ text: Span<UInt8>, _ identity: Span<UInt8>) -> Bool {
    guard identity.hasPrefix(scheme) else { return false }
    let start = scheme.utf8CodeUnitCount
    guard let end = identity.firstIndex(of: slash, from: start) else { return false }
    if hasLineEnd(identity[end..<identity.count]) { return false }
    let domain = identity[start..<end]
    return kind == .identityDomainPrefix ? domain.hasPrefix(text) : domain.hasSuffix(text)
  }
}
