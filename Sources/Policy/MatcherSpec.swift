import Bytes

/// A matcher before it has its place in a table.
struct MatcherSpec: Hashable {
  var kind: MatcherKind
  var issuerKind = MatcherKind.exact
  var subjectKind = MatcherKind.exact
  var isListElement = false
  var text: [UInt8] = []
  var other: [UInt8] = []
  var number: UInt32 = 0
  var prefix: IPPrefix?

  init(_ kind: MatcherKind, _ text: some Sequence<UInt8> = []) {
    self.kind = kind
    self.text = Array(text)
  }
}

/// Why a value cannot be compiled: text for the author of the policy.
struct InvalidValue: Error, CustomStringConvertible {
  var reason: String
  var description: String { reason }
  init(_ reason: String) { self.reason = reason }
}

/// A policy's values as matchers, field by field (semantics, sections 2.4 to 2.6).
enum ValueReader {
  private static let star = UInt8(ascii: "*")
  private static let slash = UInt8(ascii: "/")
  private static let scheme = Array("spiffe://".utf8)

  /// Text with a wildcard at one end. A second `*` is itself.
  static func pattern(_ value: String, any: MatcherKind = .nonEmpty, ignoringCase: Bool = false)
    -> MatcherSpec
  {
    let text = value.utf8
    if value == "*" { return MatcherSpec(any) }
    if text.first == star {
      return MatcherSpec(ignoringCase ? .suffixIgnoringCase : .suffix, text.dropFirst())
    }
    if text.last == star {
      return MatcherSpec(ignoringCase ? .prefixIgnoringCase : .prefix, text.dropLast())
    }
    return MatcherSpec(ignoringCase ? .exactIgnoringCase : .exact, text)
  }

  /// A principal, written without `spiffe://`.
  static func principal(_ value: String) throws(InvalidValue) -> MatcherSpec {
    try refuseLineEnd(value)
    if value == "*" { return MatcherSpec(.nonEmpty) }
    if value.utf8.first == star { return MatcherSpec(.identitySuffix, value.utf8.dropFirst()) }
    if value.utf8.last == star { return MatcherSpec(.prefix, scheme + value.utf8.dropLast()) }
    return MatcherSpec(.exact, scheme + value.utf8)
  }

  static func namespace(_ value: String) throws(InvalidValue) -> MatcherSpec {
    try refuseLineEnd(value)
    return MatcherSpec(.identityNamespace, value.utf8)
  }

  /// `NAMESPACE/NAME`, or `NAME` in the policy's own namespace.
  static func serviceAccount(_ value: String, policyNamespace: String) throws(InvalidValue) -> MatcherSpec {
    try refuseLineEnd(value)
    let text = Array(value.utf8)
    var spec = MatcherSpec(.identityServiceAccount, policyNamespace.utf8)
    spec.other = text
    if let split = text.firstIndex(of: slash) {
      spec.text = Array(text[..<split])
      spec.other = Array(text[(split + 1)...])
    }
    if spec.text.isEmpty || spec.other.isEmpty {
      throw InvalidValue("a service account is NAME or NAMESPACE/NAME")
    }
    return spec
  }

  static func trustDomain(_ value: String) throws(InvalidValue) -> MatcherSpec {
    try refuseLineEnd(value)
    let text = Array(value.utf8)
    if text.contains(slash) { throw InvalidValue("a trust domain holds no `/`") }
    let stars = text.filter { $0 == star }.count
    if stars == 0 { return MatcherSpec(.prefix, scheme + text + [slash]) }
    if value == "*" { return MatcherSpec(.prefix, scheme) }
    if stars == 1, text.first == star { return MatcherSpec(.identityDomainSuffix, text.dropFirst()) }
    if stars == 1, text.last == star { return MatcherSpec(.identityDomainPrefix, text.dropLast()) }
    throw InvalidValue("a trust domain has at most one `*`, at its beginning or end")
  }

  /// `ISSUER/SUBJECT`, split at the last slash; both parts are compared on their own.
  static func requestPrincipal(_ value: String) -> MatcherSpec {
    let text = Array(value.utf8)
    let split = text.lastIndex(of: slash)
    let issuer = Array(split.map { text[..<$0] } ?? text[...])
    let subject = Array(split.map { text[($0 + 1)...] } ?? [])
    var spec = MatcherSpec(.requestPrincipal, issuer)
    spec.other = subject
    if value == "*" {
      setAny(&spec, issuer: true, subject: true)
    } else if text.first == star {
      if split == nil {
        setAny(&spec, issuer: true)
        spec.subjectKind = .suffix
        spec.other = Array(text.dropFirst())
      } else if issuer == [star] {
        setAny(&spec, issuer: true)
      } else {
        spec.issuerKind = .suffix
        spec.text = Array(issuer.dropFirst())
      }
    } else if text.last == star {
      if split == nil {
        spec.issuerKind = .prefix
        spec.text = Array(issuer.dropLast())
        setAny(&spec, subject: true)
      } else if subject == [star] {
        setAny(&spec, subject: true)
      } else {
        spec.subjectKind = .prefix
        spec.other = Array(subject.dropLast())
      }
    }
    return spec
  }

  private static func setAny(_ spec: inout MatcherSpec, issuer: Bool = false, subject: Bool = false) {
    if issuer {
      spec.issuerKind = .nonEmpty
      spec.text = []
    }
    if subject {
      spec.subjectKind = .nonEmpty
      spec.other = []
    }
  }

  static func address(_ value: String) throws(InvalidValue) -> MatcherSpec {
    guard let prefix = IPPrefix(value) else {
      throw InvalidValue("neither an IP address nor a CIDR block")
    }
    var spec = MatcherSpec(.addressPrefix)
    spec.prefix = prefix
    return spec
  }

  static func port(_ value: String) throws(InvalidValue) -> MatcherSpec {
    guard let number = Array(value.utf8).span.decimalValue(), let port = UInt16(exactly: number) else {
      throw InvalidValue("a port is a whole number from 0 to 65535")
    }
    var spec = MatcherSpec(.number)
    spec.number = UInt32(port)
    return spec
  }

  static func path(_ value: String) throws(InvalidValue) -> MatcherSpec {
    if PathTemplate.isTemplate(value) {
      return MatcherSpec(.template, try PathTemplate.compile(value))
    }
    return pattern(value)
  }

  /// Text, or `[text]` for an element of a list.
  static func filterMetadata(_ value: String) -> MatcherSpec {
    guard value.utf8.first == UInt8(ascii: "["), value.utf8.last == UInt8(ascii: "]") else {
      return pattern(value)
    }
    let isBracket = { (octet: UInt8) in octet == UInt8(ascii: "[") || octet == UInt8(ascii: "]") }
    let inner = value.utf8.drop(while: isBracket).reversed().drop(while: isBracket).reversed()
    var spec = pattern(String(decoding: Array(inner), as: UTF8.self))
    spec.isListElement = true
    return spec
  }

  /// Identities are compared by expressions in which a wildcard ends at a line end; no name holds one.
  private static func refuseLineEnd(_ value: String) throws(InvalidValue) {
    if value.utf8.contains(0x0A) { throw InvalidValue("an identity holds no line end") }
  }
}
