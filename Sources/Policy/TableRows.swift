import Bytes

/// What part of a check a predicate looks at.
enum Attribute: UInt8, Sendable {
  case method, destinationPort, destinationIP, sourceIP, remoteIP
  case host, path, serverName
  case sourceIdentity
  case requestPrincipal
  case header
  case claim
  case filterMetadata

  /// What a test costs, roughly, in nanoseconds: an entry asks its cheapest predicates first.
  var cost: Int {
    switch self {
    case .method, .destinationPort: 2
    case .destinationIP, .sourceIP, .host, .path, .serverName: 5
    case .sourceIdentity, .requestPrincipal: 10
    case .header, .remoteIP: 30
    case .claim: 40
    case .filterMetadata: 80
    }
  }
}

/// How a value is compared.
enum MatcherKind: UInt8, Sendable {
  /// Anything, even empty text.
  case present
  /// Text of at least one octet and no line end: the regular expression `.+` over the whole value.
  case nonEmpty
  case exact, prefix, suffix
  case exactIgnoringCase, prefixIgnoringCase, suffixIgnoringCase
  /// A path template, see `PathTemplate`.
  case template
  /// `spiffe://`, anything, then the text.
  case identitySuffix
  /// `/ns/NAMESPACE/` anywhere in an identity; the text is the namespace, in which `*` stands for anything.
  case identityNamespace
  /// The text is a namespace, the other one a service account's name.
  case identityServiceAccount
  /// An identity whose trust domain begins or ends with the text.
  case identityDomainPrefix, identityDomainSuffix
  /// A request principal: the issuer is compared with the text, the subject with the other one.
  case requestPrincipal
  /// A port.
  case number
  /// An address; the number counts from the first address prefix of the table.
  case addressPrefix
}

struct Matcher: Sendable {
  var kind: MatcherKind
  /// Of a request principal: how the issuer and how the subject are compared.
  var issuerKind = MatcherKind.exact
  var subjectKind = MatcherKind.exact
  /// Of filter metadata: the value must be a list with such an element, not text.
  var isListElement = false
  var text = ByteRange.empty
  var other = ByteRange.empty
  var number: UInt32 = 0
}

/// In doubt about what the client sent, a predicate takes the side that does not let more pass.
enum Reading: UInt8, Sendable {
  /// A match helps to deny: every way to read the request that matches counts.
  case wide
  /// A match helps to allow: it must hold in every way to read the request.
  case narrow
}

/// Headers that are parts of a check of their own.
enum HeaderPlace: UInt8, Sendable {
  /// Envoy joins the lines of some headers itself (semantics, section 1.4): what arrives is what Envoy
  /// matches.
  case fixedSlot
  case ordinary
  case authority, method, path, scheme
}

/// A list of matchers over one attribute: it holds when any of them matches. Equal ones exist once.
struct Predicate: Sendable {
  var attribute: Attribute
  var reading: Reading
  var place = HeaderPlace.ordinary
  /// Rows of `names`: a header's name; a claim's path; a metadata namespace and the
  /// names of its key.
  var firstName: UInt32
  var nameCount: UInt32
  var firstMatcher: UInt32
  var matcherCount: UInt32
}

/// A predicate that must hold, or must not.
struct Literal: Sendable, Hashable {
  private var bits: UInt32

  init(predicate: Int, isNegated: Bool) { bits = UInt32(predicate) << 1 | (isNegated ? 1 : 0) }

  @inline(__always) var predicate: Int { Int(bits >> 1) }
  @inline(__always) var isNegated: Bool { bits & 1 != 0 }
}

/// One source with one operation and the rule's conditions: all literals must be true.
struct Entry: Sendable {
  var firstLiteral: UInt32
  var literalCount: UInt32
}

/// It matches when any of its entries does.
struct RuleRow: Sendable {
  var firstEntry: UInt32
  var entryCount: UInt32
}
