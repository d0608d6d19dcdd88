public import Bytes
public import JSON

/// Claims that may be believed: those of a token whose signature was proved. Empty means that there is no
/// token. All storage is reused, and documents are exchanged, not copied.
public struct VerifiedClaims: ~Copyable, Sendable {
  /// The payload; `null` without a token. Ranges of claims refer to its octets.
  public private(set) var document: JSONDocument
  public private(set) var isPresent = false
  /// `iss`, over `document.octets`.
  public private(set) var issuer: ByteRange?
  /// `sub`, over `document.octets`.
  public private(set) var subject: ByteRange?
  /// Of the payload's members, those whose names the rule gives (`spaceDelimitedClaims`), over
  /// `document.octets`.
  private var spaceDelimitedNames: [ByteRange] = []
  private var scratch: ByteBuffer
  /// Whose payload this is.
  private var owner: UnverifiedToken.Identity?

  /// No token.
  public init() {
    document = JSONDocument()
    scratch = ByteBuffer(capacity: 256)
    spaceDelimitedNames.reserveCapacity(8)
  }

  /// Promotes a token's claims: the payload moves here, and the token is not parsed until it has one again
  /// (`giveBack`, `copyBack`).
  /// - Parameter spaceDelimited: names of top-level claims that are lists in one string, besides `scope` and
  ///   `permission` (`spaceDelimitedClaims`); names, not paths.
  /// - Throws: `.verificationFailed` when the proof is another token's; there are no claims then.
  public mutating func take(
    _ token: inout UnverifiedToken, proof: consuming SignatureProof, spaceDelimited: [[UInt8]] = []
  ) throws(TokenError) {
    clear()
    guard token.isParsed, proof.identity == token.identity else { throw .verificationFailed }
    swap(&document, &token.payload)
    issuer = token.issuer
    subject = token.subject
    isPresent = true
    owner = token.identity
    token.isParsed = false
    if spaceDelimited.isEmpty { return }
    let names = spaceDelimited.span
    var members = document.members(of: document.root)
    while let member = members.next(in: document) {
      for index in names.indices where document.octets.span[member.name].equals(names[index].span) {
        spaceDelimitedNames.append(member.name)
      }
    }
  }

  /// Moves the payload back to the token that it was taken from, so that another token's claims can be taken. There are
  /// no claims afterwards. Another token is left alone.
  public mutating func giveBack(to token: inout UnverifiedToken) {
    guard isPresent, owner == token.identity else { return }
    swap(&document, &token.payload)
    token.isParsed = true
    clear()
  }

  /// Copies the payload back to the token that it was taken from, so that another rule can look at that token while its
  /// claims are still in use. Another token is left alone. Cost: linear in the payload.
  public func copyBack(to token: inout UnverifiedToken) {
    guard isPresent, owner == token.identity, !token.isParsed else { return }
    token.payload.copy(document)
    token.isParsed = true
  }

  /// Whether the rule makes lists of claims beside `scope` and `permission`, of which the token has some.
  public var hasFurtherLists: Bool { !spaceDelimitedNames.isEmpty }

  /// Forgets the token. Storage stays.
  public mutating func clear() {
    document.reset()
    isPresent = false
    issuer = nil
    subject = nil
    owner = nil
    spaceDelimitedNames.clear()
  }

  /// Whether a top-level claim of the token, when it is a string, is a list of words divided by single
  /// blanks, empty ones dropped; a string of nothing but blanks stays a string (Istio semantics 1.6). False
  /// for a claim it has not.
  public func isSpaceDelimited(_ topLevelName: Span<UInt8>) -> Bool {
    for name in spaceDelimitedNames where document.octets.span[name].equals(topLevelName) { return true }
    return (topLevelName.equals("scope") || topLevelName.equals("permission"))
      && document.member(topLevelName, of: document.root) != nil
  }

  /// The claim at a path of member names. Only objects are entered; an empty path is the payload itself.
  /// Cost: linear in the members of the objects on the way.
  public func find(path: [[UInt8]]) -> JSONValue? {
    if !isPresent { return nil }
    var value = document.root
    let names = path.span
    for index in names.indices {
      guard let next = document.member(names[index].span, of: value) else { return nil }
      value = next
    }
    return value
  }

  /// Appends the value of a header that carries a claim (`outputClaimToHeaders`, Istio semantics 1.7): a
  /// string as it is; a whole number from 0 and below 2^64 in digits, any other with six decimals; `true`,
  /// `false`; a list or object as standard base64 of compact JSON.
  /// - Parameter path: the claim's name, divided at each dot.
  /// - Returns: whether there is a value. There is none for a claim that is missing, null or an empty string,
  ///   and none, unlike Envoy, which fails the request, for text with CR, LF or NUL, which would end the
  ///   header.
  public mutating func appendHeaderValue(of path: [[UInt8]], to output: inout ByteBuffer) -> Bool {
    guard let value = find(path: path) else { return false }
    switch document.kind(of: value) {
    case .null: return false
    case .true: output.append("true")
    case .false: output.append("false")
    case .string:
      let text = document.octets.span[document.text(of: value)]
      if text.isEmpty || Self.breaksHeader(text) { return false }
      output.append(text)
    case .number:
      guard let number = document.double(of: value) else { return false }
      if number >= 0, number < 0x1p64, Double(UInt64(number)) == number {
        output.append(decimal: UInt64(number))
      } else {
        DecimalDouble.appendFixed(number, to: &output)
      }
    case .array, .object:
      scratch.removeAll()
      JSONWriter.write(value, of: document, numbers: .asDoubles, into: &scratch)
      Base64.encode(scratch.span, into: &output)
    }
    return true
  }

  private static func breaksHeader(_ text: Span<UInt8>) -> Bool {
    for index in text.indices {
      let octet = text[index]
      if octet == 0x0D || octet == 0x0A || octet == 0 { return true }
    }
    return false
  }
}
