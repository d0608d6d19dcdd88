import Authorizer
import JWT
import KeySets
import Metrics
import System

/// What is known of each provider's keys at the moment of a scrape; inline sets are providers too.
struct KeyMetrics: Sendable {
  private let inline: [(name: String, keys: Int)]
  private let names: [String]
  private let board: KeyBoard?
  private let loadedAt: Int64

  /// - Parameter loadedAt: when inline sets were read, wall clock seconds.
  init(_ snapshot: PolicySnapshot, _ board: KeyBoard?, loadedAt: Int64) {
    self.loadedAt = loadedAt
    inline = snapshot.inlineKeySets.map { ($0.name, $0.set.keys.count) }
    names = snapshot.keySources.map(\.name)
    self.board = board
  }

  func samples() -> [MetricSample] {
    let wall = Clock.system.wallSeconds()
    let remote = zip(names, board?.snapshot ?? []).map { (name: $0, entry: $1) }
    var fetches: [(labels: [(String, String)], value: Double)] = []
    var ages = inline.map { (labels: [("provider", $0.name)], value: Double(max(0, wall - loadedAt))) }
    var counts = inline.map { (labels: [("provider", $0.name)], value: Double($0.keys)) }
    var stale = inline.map { (labels: [("provider", $0.name)], value: 0.0) }
    var unknown: [(labels: [(String, String)], value: Double)] = []
    for (index, (name, entry)) in remote.enumerated() {
      let labels = [("provider", name)]
      for action in KeyBoard.MissingKeyAction.allCases {
        let count = board?.counted(action, index) ?? 0
        unknown.append((labels + [("action", action.label)], Double(count)))
      }
      for (result, count) in entry.fetches.sorted(by: { $0.key < $1.key }) {
        fetches.append((labels + [("result", result)], Double(count)))
      }
      if let confirmed = entry.confirmedAt { ages.append((labels, max(0, Double(wall) - Double(confirmed)))) }
      counts.append((labels, Double(entry.keys?.keys.count ?? 0)))
      stale.append((labels, entry.state == .stale ? 1 : 0))
    }
    return Self.family(
      "countersign_jwks_fetches_total", "Fetches of key sets that have ended, by result.", .counter, fetches)
      + Self.family(
        "countersign_jwks_age_seconds",
        "Time since a provider last confirmed its keys; of an inline set, since it was loaded.", .gauge, ages)
      + Self.family("countersign_jwks_keys", "Keys of a provider that may be used.", .gauge, counts)
      + Self.family(
        "countersign_jwks_stale", "1 when a provider's last fetch failed and its old keys serve.", .gauge,
        stale)
      + Self.family(
        "countersign_jwks_unknown_kid_total",
        "Tokens whose key ID is in no key set of their issuer, by what was done about it.", .counter, unknown)
  }

  /// HELP and TYPE are there from the start, with or without a provider.
  private static func family(
    _ name: String, _ help: String, _ kind: MetricKind, _ list: [(labels: [(String, String)], value: Double)]
  ) -> [MetricSample] {
    [MetricSample(family: name, help: help, kind: kind)]
      + list.map { MetricSample(name, help: help, kind: kind, labels: $0.labels, value: $0.value) }
  }
}

extension KeyEvent.Kind {
  /// Whether an operator should look.
  var isTrouble: Bool {
    switch self {
    case .failed, .withdrawn, .skipped, .notSaved, .stateFolder, .otherIssuer: true
    case .fetched, .unchanged, .restored, .note: false
    }
  }
}
