import Authorizer
import Configuration
import DecisionLog
import Istio
import KeySets
import TLS

/// Everything a service is told, as it stands in files and flags at one moment.
struct ServiceInput {
  let configuration: ServiceConfiguration
  let policies: Policies.Loaded
  /// What the check listener greets with; nil: no TLS.
  var tls: TLSContext?
  /// Stands for all texts that it was read from.
  let fingerprint: Int

  /// What was loaded, in a line.
  var summary: String {
    let summary = Policies.summary(policies.resources)
    var findings: [String] = []
    if policies.warnings > 0 { findings.append(Policies.count(policies.warnings, "warning")) }
    if policies.notes > 0 { findings.append(Policies.count(policies.notes, "note")) }
    if findings.isEmpty { return summary }
    return "\(summary); \(findings.joined(separator: ", ")): countersign validate shows them"
  }

  /// What weakens the trust in keys must not wait until somebody validates.
  var loudWarnings: [String] {
    policies.diagnostics.filter { $0.severity == .warning && MeshHosts.Warning(rawValue: $0.code) != nil }
      .map(\.description)
  }

  /// What has another value here than in `running` and takes a restart to take effect.
  func needingRestart(against running: ServiceConfiguration) -> [String] {
    var names: [String] = []
    func compare(_ name: String, _ isSame: Bool) { if !isSame { names.append(name) } }
    let new = configuration
    compare(
      "listeners",
      new.grpc == running.grpc && new.http == running.http && new.admin == running.admin
        && new.listener == running.listener)
    compare("tls", new.tls.isOn == running.tls.isOn)
    compare("threads", new.threads == running.threads)
    compare(
      "limits or times of connections",
      new.http2 == running.http2 && new.server == running.server && new.checkRequest == running.checkRequest)
    compare(
      "limits of tokens and their cache",
      new.authorizer.token == running.authorizer.token
        && new.authorizer.tokenCacheOctets == running.authorizer.tokenCacheOctets
        && new.tableOctets == running.tableOctets)
    compare("decisionLog", new.decisionLog == running.decisionLog)
    compare("log", new.logFormat == running.logFormat && new.logLevel == running.logLevel)
    compare("metrics", new.showsRuleHits == running.showsRuleHits)
    compare("jwks.stateFolder", new.keys.stateFolder == running.keys.stateFolder)
    return names
  }
}
