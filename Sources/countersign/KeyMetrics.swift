import JWT
import KeySets
import Metrics
import System

/// What is known of each provider's keys at the moment of a scrape.
func keySamples(_ board: KeyBoard, _ names: [String]) -> [MetricSample] {
  let wall = UInt64(max(0, Clock.system.wallSeconds()))
  let entries = zip(names, board.snapshot).map { (labels: [("provider", $0)], entry: $1) }
  var samples: [MetricSample] = []
  for (labels, entry) in entries {
    for (result, count) in entry.fetches.sorted(by: { $0.key < $1.key }) {
      samples.append(
        MetricSample(
          "countersign_jwks_fetches_total", help: "Fetches of key sets that have ended, by result.",
          kind: .counter, labels: labels + [("result", result)], value: Double(count)))
    }
  }
  for (labels, entry) in entries {
    guard let confirmed = entry.confirmedAt else { continue }
    samples.append(
      MetricSample(
        "countersign_jwks_age_seconds", help: "Time since a provider last confirmed its keys.",
        labels: labels,
        value: wall > confirmed ? Double(wall - confirmed) : 0))
  }
  for (labels, entry) in entries {
    samples.append(
      MetricSample(
        "countersign_jwks_keys", help: "Keys of a provider that may be used.", labels: labels,
        value: Double(entry.keys?.keys.count ?? 0)))
  }
  for (labels, entry) in entries {
    samples.append(
      MetricSample(
        "countersign_jwks_stale", help: "1 when a provider's last fetch failed and its old keys serve.",
        labels: labels, value: entry.state == .stale ? 1 : 0))
  }
  return samples
}

extension KeyEvent.Kind {
  /// Whether an operator should look.
  var isTrouble: Bool {
    switch self {
    case .failed, .withdrawn, .skipped, .notSaved: true
    case .fetched, .unchanged, .restored: false
    }
  }
}
