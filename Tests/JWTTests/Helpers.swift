import Bytes
import JSON
import Signatures

@testable import JWT

func base64url(_ octets: [UInt8]) -> String {
  var output = ByteBuffer()
  Base64.encodeURL(octets.span, into: &output)
  return output.span.text()
}

func base64url(_ text: String) -> String { base64url(Array(text.utf8)) }

/// A compact token with any content and, unless given, a signature of three zero octets.
func token(
  header: String = #"{"alg":"RS256"}"#, payload: String = "{}", signature: String = "AAAA"
) -> String {
  "\(base64url(header)).\(base64url(payload)).\(signature)"
}

/// Why a token is refused when it is read; nil when it is not.
func refusal(_ text: String, _ settings: TokenSettings = TokenSettings()) -> TokenError? {
  refusal(Array(text.utf8), settings)
}

func refusal(_ text: [UInt8], _ settings: TokenSettings = TokenSettings()) -> TokenError? {
  var token = UnverifiedToken()
  do throws(TokenError) {
    try token.parse(text.span, settings)
    return nil
  } catch {
    return error
  }
}

/// What reading found, copied out.
struct Reading: Equatable {
  var algorithm: Algorithm
  var keyID: String?
  var issuer: String?
  var subject: String?
  var expiry: UInt64?
  var notBefore: UInt64?
  var issuedAt: UInt64?
  var payloadSegment: String

  init(_ text: String) throws {
    var token = UnverifiedToken()
    try token.parse(Array(text.utf8).span)
    algorithm = token.algorithm
    keyID = token.keyID.map { token.header.octets.span[$0].text() }
    issuer = token.issuer.map { token.payload.octets.span[$0].text() }
    subject = token.subject.map { token.payload.octets.span[$0].text() }
    expiry = token.expiry
    notBefore = token.notBefore
    issuedAt = token.issuedAt
    payloadSegment = token.text.span[token.payloadSegment].text()
  }
}

/// Whether a token of these claims passes at `now`; its error when it does not.
func timeRefusal(_ payload: String, now: UInt64, skew: UInt64 = 60) throws -> TokenError? {
  var unverified = UnverifiedToken()
  try unverified.parse(Array(token(payload: payload).utf8).span)
  do throws(TokenError) {
    try unverified.checkTimes(now: now, skewSeconds: skew)
    return nil
  } catch {
    return error
  }
}

func hasAudience(_ payload: String, _ allowed: [String]) throws -> Bool {
  var unverified = UnverifiedToken()
  try unverified.parse(Array(token(payload: payload).utf8).span)
  return unverified.hasAudience(in: allowed.map { Array($0.utf8) })
}

func keySet(
  _ text: String, source: JWKSet.Source = .inline, settings: JWKSetSettings = JWKSetSettings()
) throws(JWKSetError) -> JWKSet {
  try JWKSet.parse(Array(text.utf8).span, settings: settings, source: source)
}

/// Why a text is no key set; nil when it is one.
func setRefusal(_ text: String, settings: JWKSetSettings = JWKSetSettings()) -> JWKSetError? {
  do throws(JWKSetError) {
    _ = try keySet(text, settings: settings)
    return nil
  } catch {
    return error
  }
}

/// Why one key, alone in its set, is skipped; nil when it is used.
func keyRefusal(_ key: String, source: JWKSet.Source = .inline) -> KeyRefusal? {
  do throws(JWKSetError) {
    _ = try keySet("{\"keys\":[\(key)]}", source: source)
    return nil
  } catch {
    if case .noUsableKey(let skipped) = error { return skipped.first?.reason }
    return nil
  }
}

/// How a token fares against a ring: nil when a key of it made the signature.
func verdict(_ text: String, _ ring: inout KeyRing) -> TokenError? { verdict(Array(text.utf8), &ring) }

func verdict(_ text: [UInt8], _ ring: inout KeyRing) -> TokenError? {
  var token = UnverifiedToken()
  do throws(TokenError) {
    try token.parse(text.span)
    _ = try ring.verify(token)
    return nil
  } catch {
    return error
  }
}

func verdict(_ text: String, keys: String) throws -> TokenError? {
  var ring = KeyRing(try keySet(keys))
  return verdict(text, &ring)
}

/// The same below the claims: whether a key made the signature, whatever the payload is.
func isSigned(_ text: String, _ set: JWKSet) -> Bool {
  var ring = KeyRing(set)
  var token = UnverifiedToken()
  let octets = Array(text.utf8)
  do throws(TokenError) {
    let sections = try token.readEnvelope(octets.span, TokenSettings())
    try token.readSignature(octets.span, sections)
    var payload = ByteBuffer()
    guard Base64.decodeURL(octets.span[sections.payload], into: &payload) else { return false }
    _ = try ring.verifySignature(token)
    return true
  } catch {
    return false
  }
}
