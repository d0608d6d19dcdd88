import Authorizer
import Configuration
import Istio
import KeySets
import TLS

/// Everything a service is told, as it stands in files and flags at one moment.
struct ServiceInput {
  /// At a reload: with the running service's values of all keys that take a restart.
  let configuration: ServiceConfiguration
  let policies: Policies.Loaded
  /// What the check listener greets with; nil: no TLS.
  var tls: TLSContext?
  /// Stands for all texts that it was read from.
  let fingerprint: Int
  /// The names of keys that were changed and take a restart.
  var needingRestart: [String] = []

  /// What was loaded, in a line.
  var summary: String {
    let summary = Policies.summary(policies.resources)
    var findings: [String] = []
    if policies.warnings > 0 { findings.append(Policies.count(policies.warnings, "warning")) }
    if policies.notes > 0 { findings.append(Policies.count(policies.notes, "note")) }
    if findings.isEmpty { return summary }
    return "\(summary); \(findings.joined(separator: ", ")): countersign validate shows them"
  }

  /// What weakens the trust in keys, or lets clients choose the policies, must not wait until somebody validates.
  var loudWarnings: [String] {
    policies.diagnostics.filter {
      $0.severity == .warning
        && (MeshHosts.Warning(rawValue: $0.code) != nil || $0.code == ServiceConfiguration.hostsWarning)
    }.map(\.description)
  }
}
