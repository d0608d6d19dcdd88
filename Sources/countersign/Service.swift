import Admin
import Authorizer
import Configuration
import KeySets
import Logging
import Metrics
import Server
import System

/// A running service: listeners, workers, the admin endpoint, and the signals that end it.
struct Service {
  private let configuration: ServiceConfiguration
  private let snapshot: PolicySnapshot
  private let summary: String
  private let log: Logger

  init(_ configuration: ServiceConfiguration, _ snapshot: PolicySnapshot, summary: String) {
    self.configuration = configuration
    self.snapshot = snapshot
    self.summary = summary
    log = Logger(label: "countersign") { StreamLogHandler.standardError(label: $0) }
  }

  /// Serves until SIGTERM or SIGINT, then lets running calls finish.
  func run() throws {
    do {
      // Before any thread starts: all of them inherit the mask.
      let signals = try SignalSource([.terminate, .interrupt, .hangUp])
      SignalSource.ignoreBrokenPipes()
      ProcessFacts.raiseDescriptorLimit()
      var layout = MetricsLayout()
      let metrics = ServerMetrics(&layout, providers: snapshot.keySources.map(\.name))
      let registry = MetricsRegistry(layout)
      let listener = try Listener(configuration.grpc)
      let workers = configuration.threads == 0 ? Cores.usable() : configuration.threads
      let keeper = try startKeeper()
      let builder = try snapshot.tables.map { tables throws(SystemError) in try TableBuilder(tables) }
      let server = try startServer(
        listener, workers: workers, board: keeper?.board, metrics: metrics, registry: registry)
      let status = ServiceStatus(
        parts: keeper == nil ? ["listeners"] : ["listeners", "keys"], heartbeats: server.heartbeats)
      let admin = try startAdmin(status, registry, keeper)
      log.info(
        "serving",
        metadata: ["version": "\(Version.text)", "workers": "\(workers)", "policies": "\(summary)"])
      log.info("listening", metadata: ["listener": "grpc", "address": "\(server.address)"])
      if let admin {
        log.info("listening", metadata: ["listener": "admin", "address": "\(admin.address)"])
      }
      status.setReady("listeners")
      try wait(signals, server, status, keeper)
      admin?.stop()
      keeper?.stop()
      builder?.stop()
    } catch let error as SystemError {
      throw CommandFailure.failed("error: \(error)")
    }
  }

  /// The keeper of the keys that come from the network; nil when there are none, and then libcurl is not even
  /// initialised.
  private func startKeeper() throws(SystemError) -> KeyKeeper? {
    if snapshot.keySources.isEmpty { return nil }
    var keeping = configuration.keys
    keeping.sources = snapshot.keySources
    keeping.routes.mesh = snapshot.keyHosts
    if let folder = keeping.stateFolder { try Files.makeFolder(folder, mode: 0o700) }
    let log = self.log
    return try KeyKeeper(keeping) { event in
      let metadata: Logger.Metadata = ["provider": "\(event.provider)", "event": "\(event.kind.rawValue)"]
      log.log(level: event.kind.isTrouble ? .warning : .info, "keys: \(event.text)", metadata: metadata)
    }
  }

  private func startServer(
    _ listener: consuming Listener, workers: Int, board: KeyBoard?, metrics: ServerMetrics,
    registry: MetricsRegistry
  ) throws(SystemError) -> CheckServer {
    let log = self.log
    var serving = CheckServer.Configuration(
      snapshot: snapshot, settings: configuration.server, http2: configuration.http2,
      checkRequest: configuration.checkRequest, workers: workers)
    serving.keyBoard = board
    serving.keySettings = configuration.keys.settings
    return try CheckServer.start(
      serving, listener: listener, metrics: metrics, registry: registry
    ) { event, text in
      log.log(level: event == .failed ? .critical : .warning, "\(text)")
    }
  }

  private func startAdmin(
    _ status: ServiceStatus, _ registry: MetricsRegistry, _ keeper: KeyKeeper?
  ) throws(SystemError) -> AdminServer? {
    if configuration.admin == .off { return nil }
    let build = MetricSample(
      "countersign_build_info", help: "The version that runs; always 1.", kind: .gauge,
      labels: [("version", Version.text)], value: 1)
    let keys = KeyMetrics(snapshot, keeper?.board)
    let router = AdminRouter.standard(status: status) {
      metricsPage(registry, and: [build] + keys.samples())
    }
    return try AdminServer(configuration.admin) { router.respond(to: $0) }
  }

  /// Waits for a signal to end, then until all calls have finished, the time for that is over, or a second
  /// signal.
  private func wait(
    _ signals: borrowing SignalSource, _ server: CheckServer, _ status: ServiceStatus, _ keeper: KeyKeeper?
  ) throws {
    var waitsForKeys = keeper != nil
    while true {
      if server.hasFailed { throw CommandFailure.failed("error: a thread failed; ending") }
      if waitsForKeys, let keeper, keeper.hasHeardFromAll || !configuration.waitForKeys {
        waitsForKeys = false
        status.setReady("keys")
      }
      guard let signal = signals.wait(timeoutMilliseconds: waitsForKeys ? 20 : 250) else { continue }
      if signal == .hangUp {
        log.warning("SIGHUP: reloading is not in this version; restart to load new policies")
        continue
      }
      break
    }
    log.info(
      "shutting down", metadata: ["timeout": "\(configuration.server.shutdownTimeout / 1_000_000_000)s"])
    status.beginStopping()
    server.beginShutdown()
    let limit = Clock.system.monotonicNanoseconds() &+ configuration.server.shutdownTimeout
    while !server.isDrained {
      if server.hasFailed { throw CommandFailure.failed("error: a thread failed; ending") }
      let again = signals.wait(timeoutMilliseconds: 20)
      if again == .terminate || again == .interrupt {
        log.warning("a second signal: ending at once")
        break
      }
      if Clock.system.monotonicNanoseconds() >= limit {
        log.warning("some calls did not finish in time")
        break
      }
    }
    server.stop()
    log.info("stopped")
  }
}
