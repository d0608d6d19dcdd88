import ArgumentParser
import Authorizer
import Configuration
import Istio
import JWT
import KeySets
import Signatures
import System
import TLS

/// Answers checks until it is told to stop.
struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Answer a proxy's checks.",
    discussion: """
      Refuses to start when a policy is wrong (with the lines that `validate`
      prints), when a policy applies to no workload, or when there is no policy at
      all. Logs one line a listener, with its real address, when it is ready; only
      then does /readyz on the admin address say 200.

      Policies, the configuration file and TLS certificates are read again when
      something changes in their folders, and at SIGHUP. What is wrong then is
      logged, and all stays as it was; /readyz?verbose and metrics tell. Listeners,
      threads and most limits take a restart (deploy/countersign.yaml says which);
      when one of them is changed, the log names the key.

      `tls` in the configuration file makes the gRPC listener speak TLS, and says
      which clients may ask. `limits` bounds everything, and says what a check
      beyond a bound is answered.

      SIGTERM: /readyz says 503 and health checks NOT_SERVING, everything goes on for
      `drainDelay`; then running calls finish, and the exit code is 0. A second one
      ends at once.
      """)

  @Option(help: "A configuration file (YAML); flags win over it. deploy/countersign.yaml shows every key.")
  var config: String?

  @Option(help: ArgumentHelp("Files and folders of Istio resources; may be repeated.", valueName: "path"))
  var policies: [String] = []

  @Option(
    help: ArgumentHelp(
      "The workload that checks are about unless they say otherwise: its namespace and labels.",
      valueName: "NAMESPACE/k=v,k=v"))
  var workload: String?

  @Option(help: ArgumentHelp("Where proxies ask by gRPC (127.0.0.1:9191).", valueName: "address"))
  var grpc: String?

  @Option(
    help: ArgumentHelp(
      "Where forward-auth proxies ask: not in this version, only `off`.", valueName: "address"))
  var http: String?

  @Option(help: ArgumentHelp("Health and metrics (127.0.0.1:9193), or `off`.", valueName: "address"))
  var admin: String?

  @Option(help: ArgumentHelp("Worker threads; 0: one for each usable core.", valueName: "n"))
  var threads: Int?

  enum LogOutput: String, ExpressibleByArgument, CaseIterable {
    case auto, text, json
  }

  @Option(help: "auto: text on a terminal, JSON lines elsewhere; text; or json. Logs go to standard error.")
  var logFormat: LogOutput?

  func run() throws {
    let read = try readFiles()
    for diagnostic in read.policies.diagnostics where diagnostic.severity == .error {
      Terminal.error(diagnostic.description)
    }
    guard read.policies.snapshot != nil else {
      throw CommandFailure.failed("error: not started: \(Policies.count(read.policies.errors, "error"))")
    }
    for text in read.loudWarnings { Terminal.error(text) }
    try Service(read, configurationFile: config) { try readFiles(running: $0) }.run()
  }

  /// Reads everything the service is told, at start and at each reload.
  /// - Parameter running: what the running service goes by, whose values stay where a change takes a restart; nil at
  ///   start. Policies are compiled with what is in force.
  /// - Throws: what is wrong with the configuration, or a path that cannot be read. What is wrong with policies is
  ///   among the diagnostics.
  private func readFiles(running: ServiceConfiguration? = nil) throws -> ServiceInput {
    // Read once: what the fingerprint stands for must be what is served.
    let text = try config.map(Policies.configurationText)
    var configuration = try Policies.configuration(config ?? "", text: text ?? [])
    try applyFlags(to: &configuration)
    if configuration.http != .off {
      throw CommandFailure.usage("the http listener is not in this version; leave it `off`")
    }
    if configuration.grpc == .off {
      throw CommandFailure.usage("the grpc listener is `off`: nobody could ask")
    }
    if configuration.workloads.isEmpty {
      throw CommandFailure.usage(
        "no workload: say --workload NAMESPACE/key=value, or list workloads in the configuration file")
    }
    let asked = configuration.tls
    let needingRestart = running.map { configuration.keepWhatNeedsRestart(of: $0) } ?? []
    if configuration.tableOctets > 0 {
      configuration.authorizer.keyRing.tables =
        running?.authorizer.keyRing.tables ?? ECDSATables(maximumOctets: configuration.tableOctets)
    }
    let policies = try Policies.collect(configuration)
    // The file's own text stands for its content; flags do not change while the service runs.
    var hasher = Hasher()
    hasher.combine(policies.fingerprint)
    hasher.combine(text)
    // Where TLS waits for a restart to be turned off, new certificates are still taken, and files that are gone are no
    // error.
    let isToggled = asked.isOn != configuration.tls.isOn
    let material = isToggled ? try? readTLS(configuration.tls) : try readTLS(configuration.tls)
    hasher.combine(material)
    var input = ServiceInput(
      configuration: configuration, policies: policies, fingerprint: hasher.finalize())
    input.needingRestart = needingRestart
    do { input.tls = try material.map { try TLSContext(configuration.tls.settings, $0) } } catch {
      throw CommandFailure.failed("error: tls: \(error)")
    }
    return input
  }

  private func readTLS(_ tls: ListenerTLS) throws -> TLSMaterial? {
    do { return try tls.read() } catch { throw CommandFailure.failed("error: tls: \(error)") }
  }

  private func applyFlags(to configuration: inout ServiceConfiguration) throws {
    if !policies.isEmpty { configuration.policies = policies }
    if let workload {
      do { try configuration.setDefaultWorkload(flag: workload) } catch {
        throw CommandFailure.usage("--workload: \(error)")
      }
    }
    if let grpc { configuration.grpc = try address(grpc, "--grpc") }
    if let http { configuration.http = try address(http, "--http") }
    if let admin { configuration.admin = try address(admin, "--admin") }
    switch logFormat {
    case .auto: configuration.logFormat = .automatic
    case .text: configuration.logFormat = .text
    case .json: configuration.logFormat = .json
    case nil: break
    }
    if let threads {
      guard (0...1024).contains(threads) else { throw CommandFailure.usage("--threads takes 0 to 1024") }
      configuration.threads = threads
    }
  }

  private func address(_ text: String, _ flag: String) throws -> ListenAddress {
    do { return try ListenAddress(text) } catch { throw CommandFailure.usage("\(flag): \(error)") }
  }
}
