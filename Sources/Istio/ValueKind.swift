internal import Bytes

/// What the values of a field or condition must be.
enum ValueKind {
  /// No rule but not to be empty. `ValueForm` knows which of these can match.
  case anyText
  case serviceAccount, trustDomain
  case address, port, path
}

extension Decoding {
  /// Checks one value of a field or condition key.
  /// - Returns: the value, in canonical form where there is one; nil, with an error, when it is refused.
  mutating func checked(_ value: Located<String>, _ kind: ValueKind, _ field: String) -> Located<String>? {
    let text = value.value
    switch kind {
    case .anyText: return value
    case .address:
      if IPPrefix(text) != nil { return value }
      let message = "`\(text)` in `\(field)` is no IP address and no CIDR range, such as `10.0.0.0/8`"
      error(.invalidAddress, value.position, message)
    case .port:
      let isDecimal = !text.isEmpty && text.utf8.allSatisfy { 0x30...0x39 ~= $0 }
      // Leading zeros are Istio's to accept; the canonical form is what is compared.
      if isDecimal, let number = UInt32(text), number <= 65535 {
        return Located(String(number), at: value.position)
      }
      error(
        .invalidPort, value.position, "`\(text)` in `\(field)` is no port; write a number from 0 to 65535")
    case .serviceAccount:
      guard let problem = serviceAccountProblem(text) else { return value }
      error(
        .invalidServiceAccount, value.position, "`\(text)` in `\(field)` is no service account: \(problem)")
    case .trustDomain:
      guard let problem = Self.trustDomainProblem(text) else { return value }
      error(.invalidTrustDomain, value.position, "`\(text)` in `\(field)` is no trust domain: \(problem)")
    case .path:
      if let problem = PathTemplate.problem(in: text) {
        error(.invalidPathTemplate, value.position, "`\(text)` in `\(field)` is no path: \(problem)")
        return nil
      }
      return value
    }
    return nil
  }

  private func serviceAccountProblem(_ text: String) -> String? {
    if text.utf8.contains(0x2A) { return "wildcards are not taken" }
    let limit = settings.limits.serviceAccountLength
    if text.utf8.count > limit { return "it is longer than \(limit) characters" }
    let parts = text.utf8.split(separator: 0x2F, omittingEmptySubsequences: false)
    if parts.count > 2 || parts.contains(where: \.isEmpty) { return "write `name` or `namespace/name`" }
    return nil
  }

  private static func trustDomainProblem(_ text: String) -> String? {
    if text.utf8.contains(0x2F) { return "it holds a `/`" }
    let stars = text.utf8.filter { $0 == 0x2A }.count
    if stars > 1 { return "it has more than one `*`" }
    if stars == 1, !text.hasPrefix("*"), !text.hasSuffix("*") {
      return "`*` may stand at its start or end alone"
    }
    return nil
  }
}

/// Path templates: `{*}` is one segment, `{**}` any rest (semantics, section 2.6).
enum PathTemplate {
  static func isTemplate(_ text: String) -> Bool { text.contains("{*}") || text.contains("{**}") }

  /// What is wrong with a path, by the rules of Istio's `CheckValidPathTemplate`; nil when nothing is.
  static func problem(in text: String) -> String? {
    let isTemplate = isTemplate(text)
    var path = text.utf8[...]
    while path.first == 0x2F { path = path.dropFirst() }
    while path.last == 0x2F { path = path.dropLast() }
    var sawRest = false
    for segment in path.split(separator: 0x2F, omittingEmptySubsequences: false) {
      let isRest = segment.elementsEqual("{**}".utf8)
      if isRest || segment.elementsEqual("{*}".utf8) {
        if sawRest { return "`{**}` must be its last operator" }
        sawRest = isRest
        continue
      }
      let words = String(decoding: segment, as: UTF8.self)
      if segment.contains(0x7B) || segment.contains(0x7D) {
        return "a segment is `{*}`, `{**}` or has no braces, unlike `\(words)`"
      }
      if isTemplate && !(!segment.isEmpty && segment.allSatisfy(isLiteral)) {
        return
          "beside `{*}` and `{**}` a segment takes letters, digits and `-._~%!$&'()+,;:@=`, unlike `\(words)`"
      }
    }
    return nil
  }

  private static func isLiteral(_ octet: UInt8) -> Bool {
    0x30...0x39 ~= octet || 0x41...0x5A ~= octet || 0x61...0x7A ~= octet
      || "-._~%!$&'()+,;:@=".utf8.contains(octet)
  }
}
