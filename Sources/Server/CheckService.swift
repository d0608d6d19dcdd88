public import Authorizer
public import Bytes
import Check
public import ExtAuthz
import JWT
public import KeySets

/// From the octets of a CheckRequest to the octets of its CheckResponse: one worker's service, without a
/// connection. Its storage is reused; nothing is allocated for a check of usual size.
public struct CheckService: ~Copyable {
  /// What came of a message.
  public enum Outcome: Sendable {
    /// The answer was appended.
    case answered(Verdict)
    /// A token was refused for want of a key that a fetch might bring (`wantedKeys`); nothing was appended.
    case wanting(Verdict)
    /// The message could not be read: the call fails, nothing was appended.
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
    } else {
      writeDenial(verdict, message: message, into: &output)
    }
    return .answered(verdict)
  }

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
