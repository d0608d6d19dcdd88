import Bytes
import JSON
import Signatures

/// From text to a token, in Envoy's order, so that the same fault gets the same answer (Istio semantics 1.6).
extension UnverifiedToken {
  /// Reads a compact token (RFC 7515 section 7.1) in place of what this value held.
  ///
  /// Stricter than Envoy (design, section 7): no empty part; base64url without padding and spare bits; strict
  /// JSON without duplicate names; `kid` not empty; no `crit`, no `b64`.
  /// - Throws: the first fault; the token holds nothing then. Cost: linear in the text, no allocation once
  ///   warm.
  public mutating func parse(
    _ text: Span<UInt8>, _ settings: TokenSettings = TokenSettings()
  ) throws(TokenError) {
    reset()
    do throws(TokenError) {
      let sections = try readEnvelope(text, settings)
      try readPayload(text[sections.payload], settings)
      try readSignature(text, sections)
      isParsed = true
    } catch {
      reset()
      throw error
    }
  }

  /// The same by a cache: a text that it has is not read again, since it would be read alike. What it makes
  /// is the same in all respects; nothing of it is believed (`KeyRing.verify`).
  public mutating func parse(
    _ text: Span<UInt8>, _ settings: TokenSettings, _ cache: inout TokenCache
  ) throws(TokenError) {
    guard cache.isEnabled, text.count <= settings.maximumTokenBytes else {
      try parse(text, settings)
      return
    }
    let place = cache.place(text)
    if cache.restore(text, at: place, into: &self) { return }
    try parse(text, settings)
    cachePlace = place
  }

  /// Decodes the signature if that was left for later.
  mutating func completeSignature() throws(TokenError) {
    if !signature.isEmpty { return }
    let segment = (signingInput.upperBound + 1)..<text.count
    guard Self.decode(segment, of: text, into: &signature) else { throw .signatureNotBase64URL }
  }

  private static func decode(
    _ segment: Range<Int>, of text: borrowing ByteBuffer, into output: inout ByteBuffer
  ) -> Bool {
    Base64.decodeURL(text.span[segment], into: &output)
  }

  /// Where the parts of a compact token lie.
  struct Sections {
    let header: Range<Int>
    let payload: Range<Int>
    let signature: Range<Int>

    /// - Throws: `.malformed` unless there are exactly three parts, none empty.
    init(_ text: Span<UInt8>) throws(TokenError) {
      guard let first = text.firstIndex(of: 0x2E), let second = text.firstIndex(of: 0x2E, from: first + 1),
        text.firstIndex(of: 0x2E, from: second + 1) == nil,
        first > 0, second > first + 1, text.count > second + 1
      else { throw .malformed }
      header = 0..<first
      payload = (first + 1)..<second
      signature = (second + 1)..<text.count
    }
  }

  /// Reads all but the payload's content and the signature: what holds for any JWS.
  mutating func readEnvelope(_ text: Span<UInt8>, _ settings: TokenSettings) throws(TokenError) -> Sections {
    if text.count > settings.maximumTokenBytes { throw .tooLarge }
    let sections = try Sections(text)
    self.text.append(text)
    facts.payloadSegment = ByteRange(sections.payload)
    do throws(JSONError) {
      try header.parseBase64URL(text[sections.header], settings.json)
    } catch {
      throw error == .notBase64URL ? .headerNotBase64URL : .headerNotJSON
    }
    let root = header.root
    guard header.kind(of: root) == .object else { throw .headerNotJSON }
    guard let name = header.member("alg", of: root), header.kind(of: name) == .string else {
      throw .algorithmMissing
    }
    guard let algorithm = Algorithm(name: header.octets.span[header.text(of: name)]) else {
      throw .algorithmNotSupported
    }
    facts.algorithm = algorithm
    if let kid = header.member("kid", of: root) {
      guard header.kind(of: kid) == .string, !header.text(of: kid).isEmpty else { throw .keyIDNotString }
      facts.keyID = header.text(of: kid)
    }
    if header.member("crit", of: root) != nil || header.member("b64", of: root) != nil {
      throw .verificationFailed
    }
    return sections
  }

  private mutating func readPayload(_ text: Span<UInt8>, _ settings: TokenSettings) throws(TokenError) {
    do throws(JSONError) {
      try payload.parseBase64URL(text, settings.json)
    } catch {
      throw error == .notBase64URL ? .payloadNotBase64URL : .payloadNotJSON
    }
    guard payload.kind(of: payload.root) == .object else { throw .payloadNotJSON }
    var claims = RegisteredClaims()
    var members = payload.members(of: payload.root)
    while let member = members.next(in: payload) {
      claims.note(payload.octets.span[member.name], member.value)
    }
    facts.issuer = try string(claims.issuer, else: .issuerNotString)
    facts.subject = try string(claims.subject, else: .subjectNotString)
    facts.issuedAt = try time(claims.issuedAt, else: .issuedAtNotInteger, .issuedAtOutOfRange)
    facts.notBefore = try time(claims.notBefore, else: .notBeforeNotInteger, .notBeforeOutOfRange)
    facts.expiry = try time(claims.expiry, else: .expiryNotInteger, .expiryOutOfRange)
    _ = try string(claims.tokenID, else: .tokenIDNotString)
    try checkAudience(claims.audience)
    facts.audience = claims.audience
  }

  /// The members of the payload that have a meaning here, found in one walk.
  private struct RegisteredClaims {
    var issuer: JSONValue?
    var subject: JSONValue?
    var audience: JSONValue?
    var expiry: JSONValue?
    var notBefore: JSONValue?
    var issuedAt: JSONValue?
    var tokenID: JSONValue?

    mutating func note(_ name: Span<UInt8>, _ value: JSONValue) {
      if name.count != 3 { return }
      if name.equals("iss") { issuer = value }
      if name.equals("sub") { subject = value }
      if name.equals("aud") { audience = value }
      if name.equals("exp") { expiry = value }
      if name.equals("nbf") { notBefore = value }
      if name.equals("iat") { issuedAt = value }
      if name.equals("jti") { tokenID = value }
    }
  }

  private func string(_ claim: JSONValue?, else error: TokenError) throws(TokenError) -> ByteRange? {
    guard let claim else { return nil }
    guard payload.kind(of: claim) == .string else { throw error }
    return payload.text(of: claim)
  }

  /// A number from 0 and below 2^64, as the double that Envoy makes of it, its fraction cut off.
  private func time(
    _ claim: JSONValue?, else notNumber: TokenError, _ outOfRange: TokenError
  ) throws(TokenError) -> UInt64? {
    guard let claim else { return nil }
    guard payload.kind(of: claim) == .number else { throw notNumber }
    guard let number = payload.double(of: claim), number >= 0, number < 0x1p64 else { throw outOfRange }
    return UInt64(number)
  }

  private func checkAudience(_ claim: JSONValue?) throws(TokenError) {
    guard let claim, payload.kind(of: claim) != .string else { return }
    guard payload.kind(of: claim) == .array else { throw .audienceNotStringOrList }
    var elements = payload.elements(of: claim)
    while let element = elements.next(in: payload) {
      if payload.kind(of: element) != .string { throw .audienceNotStringOrList }
    }
  }

  mutating func readSignature(_ text: Span<UInt8>, _ sections: Sections) throws(TokenError) {
    guard Base64.decodeURL(text[sections.signature], into: &signature) else { throw .signatureNotBase64URL }
  }
}
