import Admin
import Authorizer
import Configuration
import DecisionLog
import KeySets
import Logging
import Metrics
import Server
import System
import TLS

/// A running service: listeners, workers, the admin endpoint, the files that are watched, and the signals that end
/// it.
struct Service {
  private let input: ServiceInput
  private let configuration: ServiceConfiguration
  private let configurationFile: String?
  private let source: Reloader.Source
  private let log: Logger
  private let manager = ServiceManager()

  /// - Parameters:
  ///   - input: with a snapshot.
  ///   - source: reads it anew.
  init(_ input: ServiceInput, configurationFile: String?, source: @escaping Reloader.Source) {
    self.input = input
    configuration = input.configuration
    self.configurationFile = configurationFile
    self.source = source
    let format = configuration.logFormat
    let level = configuration.logLevel
    log = Logger(label: "countersign") { _ in LineLogHandler(format, level) }
  }

  /// Serves until SIGTERM or SIGINT, then lets running calls finish.
  func run() throws {
    guard let snapshot = input.policies.snapshot else { return }
    do {
      // Before any thread starts: all of them inherit the mask.
      let signals = try SignalSource([.terminate, .interrupt, .hangUp, .user1])
      SignalSource.ignoreBrokenPipes()
      ProcessFacts.raiseDescriptorLimit()
      var layout = MetricsLayout()
      let metrics = ServerMetrics(&layout)
      let registry = MetricsRegistry(layout)
      let listener = try naming("grpc") { () throws(SystemError) in
        try Listener(configuration.grpc, settings: configuration.listener)
      }
      let workers = configuration.threads == 0 ? Cores.usable() : configuration.threads
      let keeper = try startKeeper(input, snapshot, after: nil)
      let decisions = try startDecisions(workers: workers)
      let builder = try snapshot.tables.map { tables throws(SystemError) in try TableBuilder(tables) }
      let server = try startServer(
        listener, snapshot, workers: workers, board: keeper?.board, decisions: decisions, metrics: metrics,
        registry: registry)
      let status = ServiceStatus(
        parts: keeper == nil ? ["listeners"] : ["listeners", "keys"], heartbeats: server.heartbeats)
      let current = CurrentPolicies(
        snapshot, keeper, server.ruleHits, certificateEnd: input.tls?.certificateEnd,
        showsRules: configuration.showsRuleHits)
      let reloader = try Reloader(
        input, configurationFile: configurationFile, source: source, log: log, server: server, status: status,
        current: current
      ) { try startKeeper($0, $1, after: $2) }
      let overview = ServiceOverview(
        current: current, server: server, metrics: metrics, registry: registry)
      let admin = try startAdmin(status, registry, current, overview, decisions)
      log.info(
        "serving",
        metadata: ["version": "\(Version.text)", "workers": "\(workers)", "policies": "\(input.summary)"])
      var listening: Logger.Metadata = ["listener": "grpc", "address": "\(server.address)"]
      if input.tls != nil {
        listening["tls"] = "client certificates \(configuration.tls.settings.clientCertificates.rawValue)"
      }
      log.info("listening", metadata: listening)
      if let admin {
        log.info("listening", metadata: ["listener": "admin", "address": "\(admin.address)"])
      }
      status.setReady("listeners")
      let signal = try serve(signals, server, status, reloader, current, decisions)
      try leave(signal, signals, server, status, reloader.configuration)
      decisions?.stop()
      admin?.stop()
      reloader.stop()
      builder?.stop()
    } catch let error as SystemError {
      throw CommandFailure.failed("error: \(error)")
    }
  }

  /// The keeper of the keys that come from the network; nil when there are none, and then libcurl is not even
  /// loaded.
  /// - Parameter old: whose place it takes. The same goes on when it would do the same.
  private func startKeeper(
    _ input: ServiceInput, _ snapshot: PolicySnapshot, after old: KeyKeeper?
  ) throws -> KeyKeeper? {
    if snapshot.keySources.isEmpty { return nil }
    var keeping = input.configuration.keys
    keeping.sources = snapshot.keySources
    keeping.routes.mesh = snapshot.keyHosts
    if let old, old.keeps(keeping) { return old }
    keeping.predecessor = old
    let log = self.log
    return try KeyKeeper(keeping) { event in
      var metadata: Logger.Metadata = ["provider": "\(event.provider)", "event": "\(event.kind.rawValue)"]
      if !event.issuer.isEmpty { metadata["issuer"] = "\(event.issuer)" }
      if !event.address.isEmpty { metadata["address"] = "\(event.address)" }
      log.log(level: event.kind.isTrouble ? .warning : .info, "keys: \(event.text)", metadata: metadata)
    }
  }

  private func startServer(
    _ listener: consuming Listener, _ snapshot: PolicySnapshot, workers: Int, board: KeyBoard?,
    decisions: DecisionLog?, metrics: ServerMetrics, registry: MetricsRegistry
  ) throws(SystemError) -> CheckServer {
    let log = self.log
    var serving = CheckServer.Configuration(
      snapshot: snapshot, settings: configuration.server, http2: configuration.http2,
      checkRequest: configuration.checkRequest, workers: workers)
    serving.keyBoard = board
    serving.tls = input.tls
    serving.decisions = decisions
    serving.keySettings = configuration.keys.settings
    return try CheckServer.start(
      serving, listener: listener, metrics: metrics, registry: registry
    ) { event, text in
      log.log(level: event == .failed ? .critical : .warning, "\(text)")
    }
  }

  private func startDecisions(workers: Int) throws(SystemError) -> DecisionLog? {
    if configuration.decisionLog.sink == .off { return nil }
    let log = self.log
    return try DecisionLog(configuration.decisionLog, workers: workers) { log.warning("\($0)") }
  }

  private func startAdmin(
    _ status: ServiceStatus, _ registry: MetricsRegistry, _ current: CurrentPolicies,
    _ overview: ServiceOverview, _ decisions: DecisionLog?
  ) throws(SystemError) -> AdminServer? {
    if configuration.admin == .off { return nil }
    let build = MetricSample(
      "countersign_build_info", help: "The version that runs; always 1.", kind: .gauge,
      labels: [("version", Version.text)], value: 1)
    var router = AdminRouter.standard(status: status) { format in
      let dropped = MetricSample(
        "countersign_decision_log_dropped_total",
        help: "Lines of the decision log that were lost: no room to wait in, or a sink that failed.",
        kind: .counter, value: Double(decisions?.dropped ?? 0))
      return metricsPage(registry, and: [build, dropped] + current.samples(), format: format)
    }
    router.show({ overview.make() }, now: { Clock.system.wallSeconds() })
    let made = router
    return try naming("admin") { () throws(SystemError) in
      try AdminServer(configuration.admin, listener: configuration.listener, sampler: overview.sampler) {
        made.respond(to: $0)
      }
    }
  }

  /// Opens a listener. An error for an address that another process has names the flag and the key that choose another.
  private func naming<Result: ~Copyable>(
    _ listener: String, _ open: () throws(SystemError) -> Result
  ) throws(SystemError) -> Result {
    do { return try open() } catch {
      guard error.errno == .addressInUse else { throw error }
      let choice = "--\(listener), or listeners.\(listener) in the configuration file"
      throw SystemError(error.operation, error.errno, error.subject, hint: "\(error.hint): \(choice)")
    }
  }

  /// Serves until a signal to end.
  private func serve(
    _ signals: borrowing SignalSource, _ server: CheckServer, _ status: ServiceStatus, _ reloader: Reloader,
    _ current: CurrentPolicies, _ decisions: DecisionLog?
  ) throws -> Signal {
    var waitsForKeys = current.state.keeper != nil
    if !waitsForKeys { manager.tellReady(input.summary) }
    reloader.checkStart()
    while true {
      if server.hasFailed { throw CommandFailure.failed("error: a thread failed; ending") }
      // A reload may have put another keeper in its place, or none.
      if waitsForKeys, current.state.keeper?.hasHeardFromAll ?? true || !reloader.configuration.waitForKeys {
        waitsForKeys = false
        status.setReady("keys")
        manager.tellReady(input.summary)
      }
      reloader.retireOld()
      let signal = reloader.wait(signals, timeoutMilliseconds: waitsForKeys ? 20 : 250)
      if signal == .hangUp {
        reloader.load(isAsked: true)
      } else if signal == .user1 {
        decisions?.reopen()
      } else if let signal {
        return signal
      }
      reloader.loadChanges()
    }
  }

  /// - Parameter configuration: with the times that the last reload brought.
  /// Tells everybody to go elsewhere, then waits until all calls have finished, the time for that is over, or
  /// another signal comes.
  private func leave(
    _ signal: Signal, _ signals: borrowing SignalSource, _ server: CheckServer, _ status: ServiceStatus,
    _ configuration: ServiceConfiguration
  ) throws {
    // A person who presses Ctrl-C has no load balancer to wait for.
    let delay = signal == .interrupt ? 0 : configuration.drainDelay
    log.info(
      "shutting down",
      metadata: [
        "delay": "\(delay / 1_000_000) ms",
        "timeout": "\(configuration.server.shutdownTimeout / 1_000_000_000) s",
      ])
    manager.tellStopping()
    status.beginStopping()
    server.beginLeaving()
    var isAtOnce = try !wait(signals, server, atMost: delay) { false }
    if !isAtOnce {
      server.beginShutdown()
      var isDone = false
      isAtOnce = try !wait(signals, server, atMost: configuration.server.shutdownTimeout) {
        isDone = server.isDrained
        return isDone
      }
      if !isAtOnce, !isDone { log.warning("some calls did not finish in time") }
    }
    if isAtOnce { log.warning("a second signal: ending at once") }
    server.stop()
    log.info("stopped")
  }

  /// - Returns: false when a second signal came.
  private func wait(
    _ signals: borrowing SignalSource, _ server: CheckServer, atMost nanoseconds: UInt64,
    until isOver: () -> Bool
  ) throws -> Bool {
    let limit = Clock.system.monotonicNanoseconds() &+ nanoseconds
    while !isOver(), Clock.system.monotonicNanoseconds() < limit {
      if server.hasFailed { throw CommandFailure.failed("error: a thread failed; ending") }
      let again = signals.wait(timeoutMilliseconds: 20)
      if again == .terminate || again == .interrupt { return false }
    }
    return true
  }
}
