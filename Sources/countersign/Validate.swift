import ArgumentParser
import Authorizer
import Configuration
import Istio
import JSON
import KeySets
import Lint
import Policy
import System

/// Says everything that is wrong with policies before a proxy depends on them.
struct Validate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check policy files, and say what is wrong, where, and what would be right.",
    discussion: """
      Prints one line a finding: file:line:column: error|warning|note: text [code].

        error: keeps `serve` from starting, and a reload from taking effect. What
          Istio's webhook and definitions refuse, and what Istio drops without a word.
        warning: a valid policy that rarely says what was meant. Fails with --strict.
        note: worth knowing, and nothing to fix. It never changes the exit code.

      With --config or --workload it also says which policies apply to no configured
      workload.

        countersign validate policies/
        countersign validate policies/ --workload istio-system/app=istio-ingressgateway --strict
        countersign validate --config countersign.yaml --output json

      Exit code: 0 without errors, 1 with (with --strict also for warnings, never for
      notes), 2 for a bad command line.

      Mistakes that it looks for beside the errors:

      \(LintCode.allCases.map { "\($0.rawValue): \($0.summary)" }.joined(separator: "\n"))
      """)

  enum Output: String, ExpressibleByArgument, CaseIterable { case text, json }

  @Argument(help: "Files and folders of Istio resources (YAML or JSON, any number of documents).")
  var paths: [String] = []

  @Option(help: "A configuration file: checked itself, and the source of the workloads.")
  var config: String?

  @Option(help: ArgumentHelp("The default workload.", valueName: "NAMESPACE/k=v,k=v"))
  var workload: String?

  @Flag(help: "Warnings fail too, notes do not.")
  var strict = false

  @Option(help: "text, a line a finding on standard error; or json, one object on standard output.")
  var output = Output.text

  func run() throws {
    var configuration = try Policies.configuration(config)
    if let workload {
      do { try configuration.setDefaultWorkload(flag: workload) } catch {
        throw CommandFailure.usage("--workload: \(error)")
      }
    }
    if !paths.isEmpty { configuration.policies = paths }
    if configuration.policies.isEmpty {
      if config != nil { return try reportWithoutPolicies(configuration) }
      throw CommandFailure.usage("nothing to validate; name files or folders")
    }
    // Without workloads nothing can be said about which policies apply: each is then compiled as if it did.
    if configuration.workloads.isEmpty {
      configuration.authorizer.policy.allowUnused = true
      configuration.authorizer.policy.allowEmpty = true
    }
    var loaded = try Policies.collect(configuration)
    if loaded.errors == 0 {
      if configuration.workloads.isEmpty {
        loaded.diagnostics += Self.compileEach(loaded.resources, configuration)
      }
      loaded.diagnostics += Linter.findings(
        in: loaded.resources, settings: configuration.authorizer.policy,
        namespaces: Set(configuration.workloads.map(\.namespace)))
    }
    report(loaded)
    if loaded.errors > 0 || strict && loaded.warnings > 0 { throw ExitCode(1) }
  }

  /// The configuration's own warnings, when it names no policies.
  private func reportWithoutPolicies(_ configuration: ServiceConfiguration) throws {
    if configuration.warnings.isEmpty { return }
    report(Policies.Loaded(resources: Resources(), diagnostics: configuration.warnings))
    if strict { throw ExitCode(1) }
  }

  private func report(_ loaded: Policies.Loaded) {
    let sorted = loaded.diagnostics.enumerated().sorted {
      let (a, b) = ($0.element.position, $1.element.position)
      return (a.file, a.line, a.column, $0.offset) < (b.file, b.line, b.column, $1.offset)
    }.map(\.element)
    switch output {
    case .json: print(Self.json(sorted, loaded))
    case .text:
      for diagnostic in sorted { Terminal.error(diagnostic.description) }
      print(
        "\(Policies.summary(loaded.resources)); \(Policies.count(loaded.errors, "error")), "
          + "\(Policies.count(loaded.warnings, "warning")), \(Policies.count(loaded.notes, "note"))")
    }
  }

  private static func json(_ diagnostics: [Diagnostic], _ loaded: Policies.Loaded) -> String {
    let list = diagnostics.map { diagnostic in
      JSONTree.object([
        ("file", .text(diagnostic.position.file)), ("line", .number(diagnostic.position.line)),
        ("column", .number(diagnostic.position.column)), ("severity", .text(diagnostic.severity.rawValue)),
        ("code", .text(diagnostic.code)), ("message", .text(diagnostic.message)),
      ])
    }
    return JSONTree.object([
      ("diagnostics", .list(list)), ("errors", .number(loaded.errors)),
      ("warnings", .number(loaded.warnings)), ("notes", .number(loaded.notes)),
    ]).text
  }

  /// Warnings of the compiler that are true whatever the workloads are.
  private static let mattersAnywhere = MeshHosts.Warning.allCases.map(\.rawValue)

  /// Compiles each policy for a workload of its own namespace and labels, so that what only the compiler
  /// finds is found.
  private static func compileEach(
    _ resources: Resources, _ configuration: ServiceConfiguration
  ) -> [Diagnostic] {
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
    return PolicySnapshot.compile(input, settings: configuration.authorizer).diagnostics.filter {
      ($0.severity == .error || Self.mattersAnywhere.contains($0.code)) && seen.insert($0).inserted
    }
  }
}
