public import Authorizer
public import Bytes
import Check
import DecisionLog
public import ExtAuthz
import JSON
import JWT
public import KeySets
import Signatures
import System

/// From the octets of a CheckRequest to the octets of its CheckResponse: one worker's service, without a
/// connection. Its storage is reused; nothing is allocated for a check of usual size.
public struct CheckService: ~Copyable {
  /// What came of a message.
  public enum Outcome: Sendable {
    /// The answer was appended.
    case answered(Verdict)
    /// A token was refused for want of a key that a fetch might bring (`wantedKeys`); nothing was appended.
    case wanting(Verdict)
    /// A token is larger than the limit, or there are too many: the answer is the one that is configured for limits.
    /// Nothing was appended.
    case beyondLimit(Verdict)
    /// The message could not be read: the answer is the one that is configured for limits. Nothing was appended.
    case unreadable(WireError)
  }

  private var snapshot: PolicySnapshot
  private let settings: CheckRequestSettings
  private var authorizer: Authorizer
  private var check = Check()
  private var denied = DeniedResponse()

  public init(snapshot: PolicySnapshot, settings: CheckRequestSettings) {
    self.snapshot = snapshot
    self.settings = settings
    authorizer = Authorizer(snapshot: snapshot)
  }

  /// Goes over to another snapshot, between two checks; remote keys must be adopted anew.
  public mutating func adopt(_ snapshot: PolicySnapshot) {
    authorizer.adopt(snapshot)
    self.snapshot = snapshot
  }

  /// Signature verifications since this value was made.
  public var verifications: VerificationCounts { authorizer.verifications }

  /// What the token cache did so far.
  var cacheStatistics: TokenCacheCounts { authorizer.cacheStatistics }

  /// Takes over keys that providers have published.
  public mutating func adoptKeys(_ entries: [KeyBoard.Entry]) { authorizer.adoptKeys(entries) }

  /// What the last check wanted and was not there.
  public var wantedKeys: [WantedKey] { authorizer.wantedKeys }

  /// How a token of `provider` with this key ID would be wanted.
  func wantedKey(_ keyID: [UInt8], of provider: Int) -> WantedKey {
    authorizer.wantedKey(keyID, of: provider)
  }

  /// Answers one check, whose message fills a buffer.
  public mutating func answer(
    _ message: borrowing ByteBuffer, now: UInt64, mayWait: Bool = false, into output: inout ByteBuffer
  ) -> Outcome {
    answer(message.span, now: now, mayWait: mayWait, into: &output)
  }

  /// Answers one check.
  /// - Parameters:
  ///   - now: wall clock, seconds since 1970.
  ///   - mayWait: a denial that a fetch of keys might lift is not written, but told as `.wanting`.
  public mutating func answer(
    _ message: Span<UInt8>, now: UInt64, mayWait: Bool = false, into output: inout ByteBuffer
  ) -> Outcome {
    do throws(WireError) {
      try CheckRequestReader.read(message, into: &check, settings: settings)
    } catch {
      return .unreadable(error)
    }
    let verdict = authorizer.authorize(check, in: message, now: now)
    if verdict.isAllowed {
      CheckResponseWriter.writeAllowed(changes: authorizer.changes, into: &output)
    } else if mayWait, verdict.reason == .token, !authorizer.wantedKeys.isEmpty {
      return .wanting(verdict)
    } else if verdict.reason == .tokenTooLarge || verdict.reason == .tooManyTokens {
      return .beyondLimit(verdict)
    } else {
      writeDenial(verdict, message: message, into: &output)
    }
    return .answered(verdict)
  }

  /// Keeps the denial that was just made for an operator's page: without the query, which may hold a token.
  /// - Parameters:
  ///   - time: wall clock seconds.
  ///   - generation: of the policies that `verdict` comes from.
  ///   - scratch: any octets; they are lost.
  /// - Precondition: `verdict` is the last one, for the check in `message`.
  func show(
    _ verdict: Verdict, _ message: borrowing ByteBuffer, time: Int64, generation: UInt64,
    on denials: RecentDenials, scratch: inout ByteBuffer
  ) {
    scratch.removeAll()
    scratch.append(verdict.reason.label)
    let reasonCount = scratch.count
    if let error = verdict.tokenError { scratch.append(error.text) }
    if let rule = verdict.rule, let workload = verdict.workload {
      snapshot.withRuleName(rule, workload: workload) { scratch.append($0) }
    }
    let octets = message.span
    let path = octets[check.path]
    let texts = scratch.span
    authorizer.withUnverifiedIssuer { issuer in
      // An issuer is often a URL: its query is left out as the request's is.
      let end = issuer.firstIndex(of: 0x3F) ?? issuer.count
      denials.add(
        time: time, status: Int(verdict.httpStatus), reason: texts[0..<reasonCount],
        detail: texts[reasonCount..<texts.count], method: octets[check.method],
        host: octets[check.host], path: path[0..<(path.firstIndex(of: 0x3F) ?? path.count)],
        facts: DenialFacts(verdict), generation: generation,
        issuer: verdict.tokenError == nil ? issuer[0..<0] : issuer[0..<end])
    }
  }

  /// Signatures are timed by a clock from now on.
  mutating func timeSignatures(by clock: Clock) {
    authorizer.timeSignatures { clock.monotonicNanoseconds() }
  }

  var signatureTimeCount: Int { authorizer.signatureTimeCount }
  func signatureTime(_ index: Int) -> SignatureTime { authorizer.signatureTime(index) }
  /// The time of the signatures that were checked since there were so many times.
  func signatureNanoseconds(from first: Int) -> UInt64 {
    var sum: UInt64 = 0
    for index in min(first, signatureTimeCount)..<signatureTimeCount {
      sum += signatureTime(index).nanoseconds
    }
    return sum
  }
  mutating func forgetSignatureTimes() { authorizer.forgetSignatureTimes() }

  /// From now on `write(_:_:into:subject:)` knows key IDs.
  mutating func recordKeyIDs() { authorizer.recordKeyIDs() }

  /// Adds what is known of the check that was just answered to a line of the decision log. Never a token, never a
  /// query.
  /// - Parameter answer: `allow`, `deny`, or `error` where the answer leaves the request to the proxy.
  /// - Precondition: `verdict` is the last one, for the check in `message`.
  func write(
    _ verdict: Verdict, _ message: borrowing ByteBuffer, into line: inout DecisionLine,
    answer: StaticString, subject: DecisionLogSettings.Subject
  ) {
    let octets = message.span
    line.add("verdict", answer)
    line.add("status", UInt64(verdict.isAllowed ? 200 : verdict.httpStatus))
    line.add("reason", verdict.reason.label)
    if let error = verdict.tokenError { line.add("token", error.text) }
    if let workload = verdict.workload {
      snapshot.withWorkloadName(workload) { line.add("workload", $0) }
      if let rule = verdict.rule { snapshot.withRuleName(rule, workload: workload) { line.add("rule", $0) } }
    }
    line.add("method", octets[check.method], most: 32)
    line.add("host", octets[check.host])
    let path = octets[check.path]
    line.add("path", path[0..<(path.firstIndex(of: 0x3F) ?? path.count)], most: 1_024)
    if let id = check.headerIndex(of: Self.requestID.span, in: octets) {
      line.add("request_id", octets[check.headers[id].value], most: 128)
    }
    // version-traceid-parent-flags (W3C Trace Context): the second part.
    if let trace = check.headerIndex(of: Self.traceParent.span, in: octets) {
      let value = octets[check.headers[trace].value]
      if value.count >= 55, value[2] == 0x2D, value[35] == 0x2D { line.add("trace_id", value[3..<35]) }
    }
    writeToken(into: &line, subject: subject)
  }

  private func writeToken(into line: inout DecisionLine, subject: DecisionLogSettings.Subject) {
    if let algorithm = authorizer.checkedAlgorithm {
      line.add("algorithm", algorithm.name)
      line.add("kid", authorizer.checkedKeyID.span, most: 128)
      line.add("cached", authorizer.checkedSignatureWasKnown)
    }
    guard authorizer.claims.isPresent else { return }
    let claims = authorizer.claims.document.octets.span
    if let issuer = authorizer.claims.issuer { line.add("issuer", claims[issuer]) }
    guard let name = authorizer.claims.subject else { return }
    switch subject {
    case .off: break
    case .clear: line.add("subject", claims[name])
    case .hash:
      let digest = HashFunction.sha256.digestPrefix(of: claims[name])
      line.add("subject_hash", hexadecimal: digest.span)
    }
  }

  private static let requestID = Array("x-request-id".utf8)
  private static let traceParent = Array("traceparent".utf8)

  /// Writes the denial that was told as `.wanting`, nobody having waited.
  /// - Precondition: `verdict` is the last one, for the check in `message`.
  public mutating func deny(
    _ verdict: Verdict, _ message: borrowing ByteBuffer, into output: inout ByteBuffer
  ) {
    writeDenial(verdict, message: message.span, into: &output)
  }

  /// A denial as Envoy's own filters word it, and its reason for the proxy's logs.
  private mutating func writeDenial(
    _ verdict: Verdict, message: Span<UInt8>, into output: inout ByteBuffer
  ) {
    denied.reset(verdict.httpStatus == 401 ? .unauthorized : .forbidden)
    denied.setBody(verdict.body)
    denied.addMetadata("reason") { $0.append(verdict.reason.label) }
    if let error = verdict.tokenError {
      denied.addHeader("www-authenticate") {
        Authorizer.appendChallenge(for: error, check, in: message, to: &$0)
      }
      denied.addMetadata("token") { $0.append(error.text) }
    }
    if let rule = verdict.rule, let workload = verdict.workload {
      snapshot.withRuleName(rule, workload: workload) { name in
        denied.addMetadata("rule") { $0.append(name) }
      }
    }
    CheckResponseWriter.writeDenied(denied, into: &output)
  }
}
