public import EventLoop
import Synchronization
public import System

/// Whether the service is alive and ready: written by those who know, read by probes. Workers touch nothing
/// of it but their own heartbeat.
public final class ServiceStatus: Sendable {
  /// How long a loop may be silent and still count as alive. Loops wake each second; five lost seconds are no
  /// hiccup, and a probe that asks every ten sees them.
  public static let defaultMaximumSilenceNanoseconds: UInt64 = 5_000_000_000

  private let clock: Clock
  private let heartbeats: [Heartbeat]
  private let maximumSilenceNanoseconds: UInt64
  /// Each part in the order given, with the reason why it is not ready; nil when it is.
  private let parts: Mutex<[(name: String, reason: String?)]>
  /// What an operator should know though the service is ready, by subject.
  private let notes = Mutex<[(subject: String, text: String)]>([])
  private let isStopping = Atomic<Bool>(false)

  /// - Parameters:
  ///   - parts: what must be ready before the service is, each named as an operator knows it (`policies`,
  ///     `listeners`); all start as not ready. Without parts the service is never ready.
  ///   - heartbeats: one for each worker.
  @inline(never)
  public init(
    parts: [String], heartbeats: [Heartbeat], clock: Clock = .system,
    maximumSilenceNanoseconds: UInt64 = defaultMaximumSilenceNanoseconds
  ) {
    // Never inlined: when the optimizer sees both the making and the end of an object that holds an `Atomic`
    // or a `Mutex`, the release compiler of Swift 6.3.1 stops with an ownership error (CopyPropagation).
    self.parts = Mutex(parts.map { (name: $0, reason: "starting") })
    self.heartbeats = heartbeats
    self.clock = clock
    self.maximumSilenceNanoseconds = maximumSilenceNanoseconds
  }

  /// A part is ready. A name that was not given at the start is added.
  public func setReady(_ part: String) { set(part, nil) }

  /// A part is not, or no longer, ready.
  public func setNotReady(_ part: String, because reason: String) { set(part, reason) }

  /// Something an operator should know and that does not make the service less ready, in place of what was said of
  /// the subject before; nil takes it back.
  public func note(_ subject: String, _ text: String?) {
    notes.withLock { notes in
      notes.removeAll { $0.subject == subject }
      if let text { notes.append((subject, text)) }
    }
  }

  /// The service goes: not ready from now on, whatever its parts say, so that no new traffic comes.
  public func beginStopping() { isStopping.store(true, ordering: .releasing) }

  /// Why the service is not ready, a line each; empty when it is.
  public func reasonsNotReady() -> [String] {
    if isStopping.load(ordering: .acquiring) { return ["stopping"] }
    return parts.withLock { parts in
      if parts.isEmpty { return ["starting"] }
      return parts.compactMap { part in part.reason.map { "\(part.name): \($0)" } }
    }
  }

  /// Which workers are silent for too long, a line each; empty when all are alive.
  public func reasonsNotAlive() -> [String] {
    let now = clock.monotonicNanoseconds()
    return heartbeats.enumerated().compactMap { index, heartbeat in
      let silence = heartbeat.silence(now: now)
      if silence < maximumSilenceNanoseconds { return nil }
      return "worker \(index): silent for \(silence / 1_000_000) ms"
    }
  }

  func liveness() -> AdminResponse { Self.answer("alive", reasonsNotAlive()) }

  func readiness() -> AdminResponse { Self.answer("ready", reasonsNotReady()) }

  /// The same with a line for every part, and what an operator should know besides.
  func verboseReadiness() -> AdminResponse {
    let reasons = reasonsNotReady()
    var lines = parts.withLock { parts in
      parts.map { part in part.reason.map { "[-] \(part.name): \($0)" } ?? "[+] \(part.name)" }
    }
    if isStopping.load(ordering: .acquiring) { lines.append("[-] stopping") }
    lines += notes.withLock { $0.map { "[!] \($0.subject): \($0.text)" } }
    lines.append(reasons.isEmpty ? "ready" : "not ready")
    return AdminResponse(
      status: reasons.isEmpty ? 200 : 503, text: lines.map { $0 + "\n" }.joined())
  }

  private static func answer(_ word: String, _ reasons: [String]) -> AdminResponse {
    if reasons.isEmpty { return AdminResponse(text: word + "\n") }
    return AdminResponse(status: 503, text: "not \(word)\n" + reasons.map { $0 + "\n" }.joined())
  }

  private func set(_ part: String, _ reason: String?) {
    parts.withLock { parts in
      if let index = parts.firstIndex(where: { $0.name == part }) {
        parts[index].reason = reason
      } else {
        parts.append((name: part, reason: reason))
      }
    }
  }
}
