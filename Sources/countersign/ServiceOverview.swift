import Admin
import Authorizer
import Istio
import JWT
import KeySets
import Metrics
import Policy
import Server
import Signatures
import System

/// Gathers what the admin pages show.
struct ServiceOverview: Sendable {
  let current: CurrentPolicies
  let server: CheckServer
  let metrics: ServerMetrics
  let registry: MetricsRegistry
  /// Of `ServerMetrics.checkCounts`.
  let sampler: RateSampler

  init(
    current: CurrentPolicies, server: CheckServer, metrics: ServerMetrics, registry: MetricsRegistry
  ) {
    self.current = current
    self.server = server
    self.metrics = metrics
    self.registry = registry
    sampler = RateSampler { metrics.checkCounts(in: registry) }
  }

  func make() -> Overview {
    let state = current.state
    var overview = Overview(
      version: Version.text, generation: state.generation, loadedAt: state.loadedAt, reloads: state.reloads,
      failedReloads: state.failedReloads, checks: metrics.checks(in: registry), workloads: workloads(state),
      providers: providers(state),
      denials: server.recentDenials.reversed().prefix(50).map { Self.denial($0, state) })
    overview.history = sampler.history
    return overview
  }

  /// A denial with the reason for it, from the policies that it was made by.
  private static func denial(_ denial: RecentDenial, _ state: CurrentPolicies.State) -> Overview.Denial {
    var shown = Overview.Denial(
      time: denial.time, status: denial.status, reason: denial.reason, detail: denial.detail,
      request: "\(denial.method) \(denial.host)\(denial.path)")
    guard let facts = denial.facts else { return shown }
    if denial.generation != state.generation {
      shown.why = "decided by policy generation \(denial.generation); now \(state.generation) is loaded"
      return shown
    }
    let account = state.snapshot.account(of: facts, issuer: denial.issuer)
    shown.why = account.why
    shown.position = account.position.map { "\($0)" } ?? ""
    return shown
  }

  private func workloads(_ state: CurrentPolicies.State) -> [Overview.Workload] {
    let snapshot = state.snapshot
    let hits = state.hits.totals
    var workloads = (0..<snapshot.workloadCount).map {
      Overview.Workload(
        name: snapshot.workloadName($0), issuers: snapshot.issuers(ofWorkload: $0), policies: [])
    }
    for (index, rule) in snapshot.allRules.enumerated() {
      let position = rule.description.position
      let one = Overview.Rule(
        index: rule.description.index, position: "\(position.file):\(position.line):\(position.column)",
        hits: index < hits.count ? hits[index] : 0)
      let action = PolicyMetrics.action(rule)
      let last = workloads[rule.workload].policies.indices.last
      if let last, workloads[rule.workload].policies[last].name == rule.description.name,
        workloads[rule.workload].policies[last].namespace == rule.description.namespace,
        workloads[rule.workload].policies[last].action == action
      {
        workloads[rule.workload].policies[last].rules.append(one)
      } else {
        workloads[rule.workload].policies.append(
          Overview.Policy(
            namespace: rule.description.namespace, name: rule.description.name, action: action, rules: [one]))
      }
    }
    return workloads
  }

  private func providers(_ state: CurrentPolicies.State) -> [Overview.Provider] {
    let wall = Clock.system.wallSeconds()
    let now = Clock.system.monotonicNanoseconds()
    let inline = state.snapshot.inlineKeySets.map { name, set in
      Overview.Provider(
        name: name, source: "inline", state: "ready", age: max(0, wall - state.loadedAt), nextFetch: nil,
        keys: Self.keys(set), skipped: Self.skipped(set), lastError: nil)
    }
    let remote = zip(state.snapshot.keySources, state.keeper?.board.snapshot ?? []).map { source, entry in
      Overview.Provider(
        name: source.name, source: Self.text(source.place), state: "\(entry.state)",
        age: entry.confirmedAt.map { max(0, wall - Int64($0)) },
        nextFetch: entry.nextFetch > now ? Int64((entry.nextFetch - now) / 1_000_000_000) : 0,
        keys: entry.keys.map(Self.keys) ?? [], skipped: entry.keys.map(Self.skipped) ?? [],
        lastError: entry.lastError)
    }
    return inline + remote
  }

  private static func text(_ place: KeySource.Place) -> String {
    switch place {
    case .address(let url): url
    case .issuer(let issuer): "discovery from \(issuer)"
    }
  }

  private static func skipped(_ set: JWKSet) -> [Overview.SkippedKey] {
    set.skipped.map { key in
      Overview.SkippedKey(
        index: key.index, keyID: key.keyID.map { String(decoding: $0, as: UTF8.self) } ?? "",
        reason: key.reason.description)
    }
  }

  private static func keys(_ set: JWKSet) -> [Overview.Key] {
    set.keys.map { key in
      Overview.Key(
        keyID: key.keyID.map { String(decoding: $0, as: UTF8.self) } ?? "",
        algorithms: Algorithm.allCases.filter { key.fits($0) }.map { "\($0.name)" })
    }
  }
}
