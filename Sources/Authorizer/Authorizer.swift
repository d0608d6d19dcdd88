public import Bytes
public import Check
public import JWT
public import KeySets
import Policy
public import Signatures

/// One worker's authorizer: the pipeline of a check with everything that it reuses from one check to the
/// next. It belongs to one thread. Nothing is allocated for a request of usual size once the storage has
/// grown to it.
public struct Authorizer: ~Copyable {
  private(set) var snapshot: PolicySnapshot
  var authentication: Authentication
  var scratch = PolicyScratch()

  public init(snapshot: PolicySnapshot) {
    self.snapshot = snapshot
    authentication = Authentication(snapshot)
  }

  /// Goes over to another snapshot, between two checks. Verifiers of keys that stay and the token cache are kept;
  /// remote keys must be adopted anew before the next check. Cost: linear in the key sets, no signature work.
  public mutating func adopt(_ snapshot: PolicySnapshot) {
    authentication.adopt(snapshot, after: self.snapshot)
    self.snapshot = snapshot
  }

  /// May this request pass?
  ///
  /// - Parameters:
  ///   - check: the question, read from `message`.
  ///   - now: wall clock, seconds since 1970.
  /// - Returns: the verdict. When it allows, `changes` holds what the proxy must change in the request.
  public mutating func authorize(
    _ check: borrowing Check, in message: Span<UInt8>, now: UInt64
  ) -> Verdict {
    authentication.reset()
    guard check.hasHTTP else { return Verdict(denying: .notHTTP) }
    guard let workload = snapshot.finder.workload(of: check, in: message) else {
      return Verdict(denying: .unknownWorkload)
    }
    let requirement = authentication.authenticate(
      snapshot.workloads[workload], check, in: message, now: now)
    guard let passed = AuthenticationPassed.proof(of: requirement) else {
      return Verdict(denying: requirement.error, workload: workload)
    }
    let decision = snapshot.workloads[workload].table.evaluate(
      check, in: message, changes: authentication.changes, claims: authentication.claims, scratch: &scratch)
    return Verdict(decision, after: passed, workload: workload)
  }

  /// What the last verdict's answer changes in the request. Meaningful only when that verdict allows.
  public var changes: RequestChanges {
    _read { yield authentication.changes }
  }

  /// What the token of the last check said, where one was believed.
  public var claims: VerifiedClaims {
    _read { yield authentication.claims }
  }

  /// The algorithm of the signature that was checked last for this check; nil when none was.
  public var checkedAlgorithm: Algorithm? { authentication.lastAlgorithm }

  /// Whether the token cache knew that signature.
  public var checkedSignatureWasKnown: Bool { authentication.lastWasKnown }

  /// Signatures that are not known are timed from now on.
  /// - Parameter stopwatch: nanoseconds of a clock that never goes back.
  public mutating func timeSignatures(by stopwatch: @escaping @Sendable () -> UInt64) {
    authentication.stopwatch = stopwatch
  }

  /// The times that have come together, and forgetting them.
  public var signatureTimeCount: Int { authentication.times.count }
  public func signatureTime(_ index: Int) -> SignatureTime { authentication.times[index] }
  public mutating func forgetSignatureTimes() { authentication.clearTimes() }

  /// Records the key IDs of checked signatures, for `checkedKeyID`.
  public mutating func recordKeyIDs() { authentication.recordsKeyID = true }

  /// The key ID that the token of that signature named; empty when it names none. Not to be believed unless the
  /// verdict allows.
  public var checkedKeyID: ByteBuffer {
    _read { yield authentication.lastKeyID }
  }

  /// Lets `body` read the issuer that the last check's token names, where exactly one token was read and none was
  /// verified; otherwise an empty text. Nobody has proved it: for people who look for the reason of a refusal.
  public func withUnverifiedIssuer<R>(_ body: (Span<UInt8>) -> R) -> R {
    authentication.withUnverifiedIssuer(body)
  }

  /// Takes over keys that providers have published.
  /// - Parameter entries: the board's, of the snapshot's `keySources`.
  public mutating func adoptKeys(_ entries: [KeyBoard.Entry]) { authentication.adoptKeys(entries) }

  /// Keys that the last check would have needed and that are not here, when a token was refused. Should one of
  /// them come, the same check may get another verdict.
  public var wantedKeys: [WantedKey] { authentication.wantedKeys }

  /// What the token cache did so far.
  public var cacheStatistics: TokenCacheCounts { authentication.cache.statistics }

  /// How a token of `provider` with this key ID would be wanted. It allocates.
  public func wantedKey(_ keyID: [UInt8], of provider: Int) -> WantedKey {
    authentication.wantedKey(keyID, of: provider)
  }

  /// Signature verifications since this value was made.
  public var verifications: VerificationCounts { authentication.verifications }

  /// Appends the value of `WWW-Authenticate` for a refused token, as Envoy words it (semantics, section
  /// 1.10): the URI as the client sent it, its path and query cut at 256 octets. Control characters, which no
  /// honest proxy passes on, are left out, so nobody can end the header with them.
  public static func appendChallenge(
    for error: TokenError, _ check: borrowing Check, in message: Span<UInt8>, to output: inout ByteBuffer
  ) {
    output.append("Bearer realm=\"")
    if let scheme = value(of: forwardedProtocol, check, in: message) {
      appendPrintable(message[scheme], to: &output)
    } else {
      appendPrintable(message[check.scheme], to: &output)
    }
    output.append("://")
    appendPrintable(message[check.host], to: &output)
    let path = value(of: originalPath, check, in: message) ?? check.path
    var end = min(path.end, Int(path.start) + 256)
    // Answers carry text: the cut must not go through a character.
    while end < path.end, end > Int(path.start), message[end] & 0xC0 == 0x80 { end -= 1 }
    appendPrintable(message[Int(path.start)..<end], to: &output)
    output.append("\"")
    if error != .missing { output.append(", error=\"invalid_token\"") }
  }

  private static let forwardedProtocol = Array("x-forwarded-proto".utf8)
  private static let originalPath = Array("x-envoy-original-path".utf8)

  private static func value(
    of name: [UInt8], _ check: borrowing Check, in message: Span<UInt8>
  ) -> ByteRange? {
    check.headerIndex(of: name.span, in: message).map { check.headers[$0].value }
  }

  private static func appendPrintable(_ text: Span<UInt8>, to output: inout ByteBuffer) {
    let isText = text.isValidUTF8
    for index in text.indices where text[index] >= 0x20 && text[index] != 0x7F {
      // As Envoy spells an octet that is no text.
      output.append(text[index] < 0x80 || isText ? text[index] : 0x21)
    }
  }
}
