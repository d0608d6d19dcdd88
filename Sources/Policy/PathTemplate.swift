import Bytes

/// Path templates: `{*}` is one or more characters of a segment, `{**}` any number of characters with slashes
/// (semantics, section 2.6). Only characters of `allowed` are ever covered.
enum PathTemplate {
  /// How operators are written in a compiled template. Neither octet is a literal's.
  private static let one: UInt8 = 1
  private static let any: UInt8 = 2

  /// RFC 3986 pchar with `*` and `=`: what Envoy 1.40 takes in a path that a template matches.
  private static let allowed = ASCIISet(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%!$&'()+,;:@=*")
  private static let literal = ASCIISet(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%!$&'()+,;:@=")

  static func isTemplate(_ value: String) -> Bool {
    let text = Array(value.utf8)
    return text.span.firstIndex(of: Array("{*}".utf8).span) != nil
      || text.span.firstIndex(of: Array("{**}".utf8).span) != nil
  }

  /// The template with its operators as single octets.
  static func compile(_ value: String) throws(InvalidValue) -> [UInt8] {
    guard value.utf8.first == UInt8(ascii: "/") else { throw InvalidValue("a path template begins with `/`") }
    var output: [UInt8] = []
    var isOpen = true
    let segments = value.utf8.dropFirst().split(
      separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    for (index, segment) in segments.enumerated() {
      output.append(UInt8(ascii: "/"))
      switch String(decoding: Array(segment), as: UTF8.self) {
      case "{*}", "{**}":
        if !isOpen { throw InvalidValue("no operator may follow `{**}` in a path template") }
        isOpen = segment.count == 3
        output.append(isOpen ? one : any)
      case "":
        if index + 1 < segments.count { throw InvalidValue("a path template holds no empty segment") }
      default:
        if let octet = segment.first(where: { !literal.contains($0) }) {
          throw InvalidValue(
            "a segment of a path template is `{*}`, `{**}` or text without \(describe(octet))")
        }
        output += segment
      }
    }
    return output
  }

  private static func describe(_ octet: UInt8) -> String {
    octet > 0x20 && octet < 0x7F ? "`\(Character(UnicodeScalar(octet)))`" : "octet \(octet)"
  }

  /// Whether a compiled template matches a whole path. Cost: the path's length.
  static func matches(_ template: Span<UInt8>, _ path: Span<UInt8>) -> Bool {
    var at = 0
    var index = 0
    while index < template.count {
      let octet = template[index]
      if octet == any {
        let rest = template[(index + 1)..<template.count]
        guard path.count - at >= rest.count, path.hasSuffix(rest) else { return false }
        return isCovered(path[at..<(path.count - rest.count)])
      }
      if octet == one {
        let start = at
        while at < path.count, allowed.contains(path[at]) { at += 1 }
        if at == start { return false }
      } else {
        guard at < path.count, path[at] == octet else { return false }
        at += 1
      }
      index += 1
    }
    return at == path.count
  }

  private static func isCovered(_ text: Span<UInt8>) -> Bool {
    for index in text.indices where text[index] != UInt8(ascii: "/") && !allowed.contains(text[index]) {
      return false
    }
    return true
  }
}
