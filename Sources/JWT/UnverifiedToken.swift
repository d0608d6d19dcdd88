public import Bytes
public import JSON
public import Signatures

/// How much of a token is read.
public struct TokenSettings: Sendable, Hashable {
  /// Longest token text in bytes. Usual tokens take 1 to 8 KiB, tokens that list a user's groups 30 KiB and more.
  /// Envoy accepts 60 KiB for all headers of a request together unless it is configured otherwise, so a token that
  /// passed such a proxy never reaches 64 KiB. A longer token is refused unread (`TokenError.tooLarge`).
  public var maximumTokenBytes = 64 * 1024 {
    didSet { json.maximumValues = max(JSONSettings().maximumValues, maximumTokenBytes / 2) }
  }
  /// Depth and number of values of header and claims. The number grows with `maximumTokenBytes`: a value takes at least
  /// two bytes of JSON, so a token within its size limit is never refused for its number of values.
  public var json = JSONSettings()

  public init() {}
}

/// A token as a client sent it: read, well-formed, and not to be believed. It owns a copy of what was signed,
/// so the claims that a verifier promotes are those of the very octets it has checked. All storage is reused.
///
/// What it holds is meaningful after a `parse` that did not throw. While `VerifiedClaims` has taken its payload,
/// all but
/// the payload is still there, and `isParsed` is false.
public struct UnverifiedToken: ~Copyable, Sendable {
  /// The whole compact text, as received.
  public internal(set) var text: ByteBuffer
  /// The decoded signature; empty in a token that a cache has read, until it is asked for.
  var signature: ByteBuffer
  /// The decoded header. Ranges of the header, such as `keyID`, refer to its octets.
  public internal(set) var header: JSONDocument
  /// The decoded claims. Ranges of claims, such as `issuer`, refer to its octets.
  public internal(set) var payload: JSONDocument
  /// Which text of which token this is: a proof of another one does not promote this.
  private(set) var identity: Identity
  /// Whether it holds a token.
  public internal(set) var isParsed = false
  /// What was read of the text besides the documents.
  var facts = TokenFacts()
  /// Where a cache would have this text, and where it has it (`parse(_:_:_:)`).
  var cachePlace: UInt64?
  var cacheEntry: TokenCache.Entry?
  /// What key sets have said of the signature since the text was read: no key set checks it twice.
  private(set) var checks: [SignatureCheck] = []

  /// What the signature covers: header and payload segments with the dot between them (RFC 7515 section
  /// 5.2), over `text`.
  public var signingInput: Range<Int> { 0..<facts.payloadSegment.end }
  /// The payload segment as received, base64url (for `outputPayloadToHeader`); over `text`.
  public var payloadSegment: ByteRange { facts.payloadSegment }
  /// `alg`.
  public var algorithm: Algorithm { facts.algorithm }
  /// `kid`, never empty; over `header.octets`.
  public var keyID: ByteRange? { facts.keyID }
  /// `iss`, over `payload.octets`.
  public var issuer: ByteRange? { facts.issuer }
  /// `sub`, over `payload.octets`.
  public var subject: ByteRange? { facts.subject }
  /// `exp` in seconds since 1970, a fraction cut off.
  public var expiry: UInt64? { facts.expiry }
  /// `nbf` in seconds since 1970, a fraction cut off.
  public var notBefore: UInt64? { facts.notBefore }
  /// `iat` in seconds since 1970, a fraction cut off. It is never compared (Istio semantics 1.6).
  public var issuedAt: UInt64? { facts.issuedAt }
  /// `aud`: a string or a list of strings.
  public var audience: JSONValue? { facts.audience }

  /// A token's place and a count of its texts; the place is random, so that no two tokens share one.
  struct Identity: Sendable, Equatable {
    let place: UInt64
    var text: UInt64
  }

  public init() {
    text = ByteBuffer(capacity: 2048)
    signature = ByteBuffer(capacity: 512)
    header = JSONDocument()
    payload = JSONDocument()
    identity = Identity(place: .random(in: 0 ... .max), text: 0)
  }

  /// What it takes for what it holds, in bytes: texts, documents and their nodes.
  public var contentBytes: Int {
    text.count + header.octets.count + payload.octets.count
      + (header.nodeCount + payload.nodeCount) * JSONNodeList.nodeOctets
  }

  /// Forgets the text, so that no proof made for it promotes what comes next. Storage stays.
  mutating func reset() {
    forget()
    header.reset()
    payload.reset()
  }

  /// The same but for the documents, which are replaced as a whole next.
  mutating func forget() {
    identity.text &+= 1
    isParsed = false
    text.removeAll()
    signature.removeAll()
    facts = TokenFacts()
    cachePlace = nil
    cacheEntry = nil
    checks.clear()
  }

  /// What the key set of this number has said of the signature; nil when it was not asked.
  func check(by setNumber: UInt64) -> SignatureCheck? {
    for index in checks.indices where checks[index].setNumber == setNumber { return checks[index] }
    return nil
  }

  mutating func remember(_ check: SignatureCheck) { checks.append(check) }

  /// Holds `nbf` and `exp` against the clock (Istio semantics 1.6). A second of difference equal to the skew
  /// is allowed.
  /// - Parameters:
  ///   - now: seconds since 1970.
  ///   - skewSeconds: how far the issuer's clock may be off; Envoy's default is a minute.
  /// - Throws: `.notYetValid` or `.expired`. `exp: 0` has expired, whatever the clock says.
  public func checkTimes(now: UInt64, skewSeconds: UInt64 = 60) throws(TokenError) {
    if let notBefore, notBefore > Self.adding(now, skewSeconds) { throw .notYetValid }
    if let expiry, expiry == 0 || now > Self.adding(expiry, skewSeconds) { throw .expired }
  }

  private static func adding(_ time: UInt64, _ skew: UInt64) -> UInt64 {
    let (sum, overflow) = time.addingReportingOverflow(skew)
    return overflow ? .max : sum
  }

  /// Whether one of the token's audiences is among `allowed`. A leading `http://` or `https://` and one
  /// trailing slash do not count, on both sides (Istio semantics 1.2). An empty `allowed` allows all tokens;
  /// otherwise a token without audience has none that is allowed. Cost: the product of both lists.
  public func hasAudience(in allowed: [[UInt8]]) -> Bool {
    if allowed.isEmpty { return true }
    guard let audience else { return false }
    if payload.kind(of: audience) == .string { return isAllowed(audience, allowed) }
    var elements = payload.elements(of: audience)
    while let element = elements.next(in: payload) {
      if isAllowed(element, allowed) { return true }
    }
    return false
  }

  private func isAllowed(_ value: JSONValue, _ allowed: [[UInt8]]) -> Bool {
    let text = payload.octets.span[payload.text(of: value)]
    let audience = text[Audience.core(of: text)]
    let list = allowed.span
    for index in list.indices where audience.equals(list[index].span[Audience.core(of: list[index].span)]) {
      return true
    }
    return false
  }
}

/// What a key set said of a token's signature.
struct SignatureCheck: Sendable {
  let setNumber: UInt64
  /// Nil: a key of the set made the signature.
  let error: TokenError?
}

/// What is read of a token besides its documents; ranges as `UnverifiedToken` has them.
struct TokenFacts: Sendable {
  var payloadSegment = ByteRange.empty
  var algorithm = Algorithm.es256
  var keyID: ByteRange?
  var issuer: ByteRange?
  var subject: ByteRange?
  var expiry: UInt64?
  var notBefore: UInt64?
  var issuedAt: UInt64?
  var audience: JSONValue?
}

/// Audiences as Envoy compares them.
enum Audience {
  /// The part that counts: without scheme and one trailing slash.
  static func core(of text: Span<UInt8>) -> Range<Int> {
    var start = 0
    if text.hasPrefix("http://") { start = 7 }
    if text.hasPrefix("https://") { start = 8 }
    let end = text.count > start && text[text.count - 1] == 0x2F ? text.count - 1 : text.count
    return start..<end
  }
}
