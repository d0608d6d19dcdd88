import ArgumentParser
import Authorizer
import Configuration
import Istio
import Policy
import System

/// Says everything that is wrong with policies before a proxy depends on them.
struct Validate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check policy files, and say what is wrong, where, and what would be right.",
    discussion: """
      Prints one line a finding: file:line:column: error|warning: text [code]. Exit code 0 without errors, 1 with, 2 for
      a bad command line. With --config or --workload it also says which policies apply to no configured workload.
      """)

  @Argument(help: "Files and folders of Istio resources (YAML or JSON, any number of documents).")
  var paths: [String] = []

  @Option(help: "A configuration file: checked itself, and the source of the workloads.")
  var config: String?

  @Option(help: ArgumentHelp("The default workload.", valueName: "NAMESPACE/k=v,k=v"))
  var workload: String?

  func run() throws {
    var configuration = try Policies.configuration(config)
    if let workload {
      do { try configuration.setDefaultWorkload(flag: workload) } catch {
        throw CommandFailure.usage("--workload: \(error)")
      }
    }
    if !paths.isEmpty { configuration.policies = paths }
    if configuration.policies.isEmpty {
      if config != nil { return }
      throw CommandFailure.usage("nothing to validate; name files or folders")
    }
    // Without workloads nothing can be said about which policies apply: each is then compiled as if it did.
    if configuration.workloads.isEmpty {
      configuration.authorizer.policy.allowUnused = true
      configuration.authorizer.policy.allowEmpty = true
    }
    let loaded = try Policies.load(configuration, showsWarnings: true)
    let compiled = loaded.errors == 0 && configuration.workloads.isEmpty
    let more = compiled ? Self.compileEach(loaded.resources, configuration) : 0
    let errors = loaded.errors + more
    print(
      "\(Policies.summary(loaded.resources)); \(Policies.count(errors, "error")), "
        + Policies.count(loaded.warnings, "warning"))
    if errors > 0 { throw ExitCode(1) }
  }

  /// Compiles each policy for a workload of its own namespace and labels, so that what only the compiler finds is
  /// found.
  /// - Returns: how many errors it printed.
  private static func compileEach(_ resources: Resources, _ configuration: ServiceConfiguration) -> Int {
    var input = PolicySnapshot.Input(resources: resources, workloads: [], defaultWorkload: nil)
    let metadata =
      resources.requestAuthentications.map { ($0.metadata, $0.attachment) }
      + resources.authorizationPolicies.map { ($0.metadata, $0.attachment) }
    for (index, (metadata, attachment)) in metadata.enumerated() {
      var labels: [String: String] = [:]
      if case .selector(let wanted, _) = attachment { labels = wanted }
      input.workloads.append(Workload(name: "\(index)", namespace: metadata.namespace, labels: labels))
    }
    var seen: Set<Diagnostic> = []
    for diagnostic in PolicySnapshot.compile(input, settings: configuration.authorizer).diagnostics
    where diagnostic.severity == .error && seen.insert(diagnostic).inserted {
      Terminal.error(diagnostic.description)
    }
    return seen.count
  }
}
