import Bytes
import JSON
import JWT

/// The tokens of one request, each read once however many rules look at it. One value a worker; its storage is reused.
///
/// A token is known by where its text is in the message. `VerifiedClaims` takes the payload of one token at a time; the
/// pool gives it back before another token's is taken, and copies it back when a rule looks at that token again.
struct TokenPool: ~Copyable {
  /// Where a token's text is, which is what tells it from the request's other tokens.
  struct Source: Sendable, Equatable {
    enum Origin: Sendable {
      /// The message has the token as it is.
      case message
      /// The message has it percent-encoded.
      case encodedMessage
      /// A header that this answer sets.
      case changes
    }
    var origin: Origin
    /// Over the message, or over the bytes of the changes.
    var range: ByteRange
  }

  /// Most tokens that are remembered. An ordinary request has one or two; one with more different tokens than this only
  /// makes them be read again.
  static let capacity = 16

  private var tokens = OwnedArray<UnverifiedToken>(capacity: Self.capacity)
  private var sources: [Source] = []
  /// Beside `sources`: why the text is not a token; nil where it is one.
  private var errors: [TokenError?] = []
  /// Which place the next token takes when all are in use.
  private var oldest = 0
  /// Whose payload the claims have.
  private var lender: Int?

  init() {
    tokens.append(UnverifiedToken())
    sources.reserveCapacity(Self.capacity)
    errors.reserveCapacity(Self.capacity)
  }

  /// Storage beyond this is given back after the request, but for the first token's: a worker would otherwise keep the
  /// largest token that it ever saw, once for each place.
  private static let keptBytes = 32 << 10

  /// Forgets the request before. Storage of usual size stays.
  mutating func reset() {
    for index in sources.indices.dropFirst() where tokens[index].contentBytes > Self.keptBytes {
      tokens[index] = UnverifiedToken()
    }
    sources.clear()
    errors.clear()
    oldest = 0
    lender = nil
  }

  /// Reads the token at `source`, unless that has been done for this request.
  /// - Parameters:
  ///   - text: the token, decoded where it was encoded.
  ///   - claims: which may have the token's payload.
  /// - Returns: its index, until the next `reset` or `read`.
  /// - Throws: why the text is not a token.
  mutating func read(
    _ source: Source, _ text: Span<UInt8>, _ settings: TokenSettings, _ cache: inout TokenCache,
    _ claims: borrowing VerifiedClaims
  ) throws(TokenError) -> Int {
    let known = sources.firstIndex(of: source)
    if let known {
      if let error = errors[known] { throw error }
      if lender == known { claims.copyBack(to: &tokens[known]) }
      if tokens[known].isParsed { return known }
    }
    let index = known ?? takePlace(for: source)
    do throws(TokenError) {
      try tokens[index].parse(text, settings, &cache)
    } catch {
      errors[index] = error
      throw error
    }
    return index
  }

  private mutating func takePlace(for source: Source) -> Int {
    if sources.count < Self.capacity {
      sources.append(source)
      errors.append(nil)
      if tokens.count < sources.count { tokens.append(UnverifiedToken()) }
      return sources.count - 1
    }
    let index = oldest
    oldest = (oldest + 1) % Self.capacity
    // Its payload stays with the claims.
    if lender == index { lender = nil }
    sources[index] = source
    errors[index] = nil
    return index
  }

  /// Lets `body` read the issuer that the only token that was read for this request names. The text is empty if
  /// no token or several tokens were read, and if it was not parsed, names no issuer, or has lent the claims its
  /// payload.
  func withOnlyIssuer<R>(_ body: (Span<UInt8>) -> R) -> R {
    guard sources.count == 1, errors[0] == nil, tokens[0].isParsed, lender == nil,
      let issuer = tokens[0].issuer
    else { return body(Span()) }
    return body(tokens[0].payload.octets.span[issuer])
  }

  subscript(index: Int) -> UnverifiedToken {
    _read { yield tokens[index] }
    _modify { yield &tokens[index] }
  }

  /// Promotes the claims of a token whose signature was proved.
  mutating func promote(
    _ index: Int, proof: consuming SignatureProof, spaceDelimited: [[UInt8]], to claims: inout VerifiedClaims
  ) throws(TokenError) {
    if let lender, lender != index { claims.giveBack(to: &tokens[lender]) }
    lender = nil
    try claims.take(&tokens[index], proof: proof, spaceDelimited: spaceDelimited)
    lender = index
  }
}
