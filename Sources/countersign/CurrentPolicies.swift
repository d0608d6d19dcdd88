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
    /// Counts what was published, from 1.
    var generation: UInt64 = 1
    /// Wall clock seconds.
    var loadedAt = Clock.system.wallSeconds()
    var reloads: UInt64 = 0
    var failedReloads: UInt64 = 0
  }

  private let held: Mutex<State>

  @inline(never)
  init(_ snapshot: PolicySnapshot, _ keeper: KeyKeeper?) {
    held = Mutex(State(snapshot: snapshot, keeper: keeper))
  }

  var state: State { held.withLock { $0 } }

  func published(_ snapshot: PolicySnapshot, _ keeper: KeyKeeper?, _ generation: UInt64) {
    held.withLock { state in
      state.snapshot = snapshot
      state.keeper = keeper
      state.generation = generation
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
    ] + KeyMetrics(state.snapshot, state.keeper?.board, loadedAt: state.loadedAt).samples()
  }
}
