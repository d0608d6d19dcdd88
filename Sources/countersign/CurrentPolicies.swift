import Authorizer
import KeySets
import Metrics
import Synchronization
import System

/// What the service evaluates checks with now, and what became of attempts to change it. The main thread writes,
/// the admin thread reads.
final class CurrentPolicies: Sendable {
  struct State: Sendable {
    var snapshot: PolicySnapshot
    var keeper: KeyKeeper?
    /// How often each rule decided, by `PolicySnapshot.allRules`.
    var hits: HitTable
    /// Sets that some worker may still evaluate, with their generation.
    var retiring: [(generation: UInt64, snapshot: PolicySnapshot, hits: HitTable)] = []
    var counts = PolicyMetrics()
    /// Counts what was published, from 1.
    var generation: UInt64 = 1
    /// Wall clock seconds.
    var loadedAt = Clock.system.wallSeconds()
    /// When the listener's certificate ends, seconds since 1970; nil: no TLS.
    var certificateEnd: Int64?
    var reloads: UInt64 = 0
    var failedReloads: UInt64 = 0
  }

  private let held: Mutex<State>
  private let showsRules: Bool

  /// - Parameter showsRules: metrics tell each rule's hits.
  @inline(never)
  init(
    _ snapshot: PolicySnapshot, _ keeper: KeyKeeper?, _ hits: HitTable, certificateEnd: Int64?,
    showsRules: Bool
  ) {
    held = Mutex(
      State(snapshot: snapshot, keeper: keeper, hits: hits, certificateEnd: certificateEnd))
    self.showsRules = showsRules
  }

  var state: State { held.withLock { $0 } }

  func published(
    _ snapshot: PolicySnapshot, _ keeper: KeyKeeper?, _ hits: HitTable, _ generation: UInt64
  ) {
    held.withLock { state in
      state.retiring.append((generation, state.snapshot, state.hits))
      state.hits = hits
      state.snapshot = snapshot
      state.keeper = keeper
      state.generation = generation
    }
  }

  /// The listener greets with a certificate that ends then.
  func greets(until end: Int64) { held.withLock { $0.certificateEnd = end } }

  /// No worker evaluates sets that were replaced by generations for which this holds.
  func retire(_ hasReached: (UInt64) -> Bool) {
    held.withLock { state in
      for index in state.retiring.indices.reversed() where hasReached(state.retiring[index].generation) {
        let old = state.retiring.remove(at: index)
        state.counts.carry(old.snapshot, old.hits)
      }
    }
  }

  /// An attempt has ended well, whether it brought something new or not.
  func countReload() {
    held.withLock { state in
      state.reloads += 1
      state.loadedAt = Clock.system.wallSeconds()
    }
  }

  func countFailure() { held.withLock { $0.failedReloads += 1 } }

  /// What is known at the moment of a scrape.
  func samples() -> [MetricSample] {
    let state = self.state
    let reloads = "countersign_reloads_total"
    let help = "Attempts to load policies and configuration anew, by result."
    return [
      MetricSample(
        "countersign_policy_generation", help: "Counts the policy sets that were published; 1 at start.",
        value: Double(state.generation)),
      MetricSample(
        reloads, help: help, kind: .counter, labels: [("result", "success")], value: Double(state.reloads)),
      MetricSample(
        reloads, help: help, kind: .counter, labels: [("result", "failure")],
        value: Double(state.failedReloads)),
      MetricSample(
        "countersign_last_reload_success_timestamp_seconds",
        help: "When policies were last loaded without an error, the start included.",
        value: Double(state.loadedAt)),
    ]
      + certificate(state)
      + state.counts.samples(
        state.snapshot, state.hits, retiring: state.retiring.map { ($0.snapshot, $0.hits) },
        showsRules: showsRules)
      + KeyMetrics(state.snapshot, state.keeper?.board, loadedAt: state.loadedAt).samples()
  }

  private func certificate(_ state: State) -> [MetricSample] {
    let name = "countersign_tls_certificate_not_after_timestamp_seconds"
    let help = "When the check listener's certificate ends, seconds since 1970."
    return [MetricSample(family: name, help: help)]
      + (state.certificateEnd.map { [MetricSample(name, help: help, value: Double($0))] } ?? [])
  }
}
