public import Authorizer
public import DecisionLog
public import EventLoop
public import ExtAuthz
public import HTTP
public import KeySets
public import Metrics
public import System
public import TLS

/// A running server: an acceptor and its workers. Any thread may ask and stop it.
public final class CheckServer: Sendable {
  /// What a server is made from.
  public struct Configuration: Sendable {
    public var snapshot: PolicySnapshot
    /// Where the snapshot's remote keys are published; nil when it has none.
    public var keyBoard: KeyBoard?
    public var keySettings = KeySettings()
    /// Where decisions are written; nil: nowhere.
    public var decisions: DecisionLog?
    public var settings: ServerSettings
    public var http2: HTTP2Settings
    public var checkRequest: CheckRequestSettings
    /// What connections are greeted with; nil: no TLS.
    public var tls: TLSContext?
    /// Worker threads, at least one.
    public var workers: Int
    public var clock: Clock

    public init(
      snapshot: PolicySnapshot, settings: ServerSettings = ServerSettings(),
      http2: HTTP2Settings = HTTP2Settings(),
      checkRequest: CheckRequestSettings = CheckRequestSettings(), workers: Int = 1, clock: Clock = .system
    ) {
      self.snapshot = snapshot
      self.settings = settings
      self.http2 = http2
      self.checkRequest = checkRequest
      self.workers = workers
      self.clock = clock
    }
  }

  /// The listener's real address.
  public let address: ListenAddress
  private let state: ServerState

  private init(address: ListenAddress, state: ServerState) {
    self.address = address
    self.state = state
  }

  /// Starts all threads. Connections are accepted from then on.
  ///
  /// - Parameters:
  ///   - metrics: the handles of `registry`'s families.
  ///   - registry: where each worker gets its cells from.
  ///   - reports: told what an operator must know, from any thread, at most once a second a kind.
  public static func start(
    _ configuration: Configuration, listener: consuming Listener, metrics: ServerMetrics,
    registry: MetricsRegistry,
    reports: @escaping @Sendable (ServerEvent, String) -> Void
  ) throws(SystemError) -> CheckServer {
    precondition(configuration.workers >= 1)
    let state = try ServerState(
      workers: configuration.workers, snapshot: configuration.snapshot, keyBoard: configuration.keyBoard,
      keySettings: configuration.keySettings, tls: configuration.tls, settings: configuration.settings,
      clock: configuration.clock, reports: reports)
    let server = CheckServer(address: listener.address, state: state)
    configuration.keyBoard?.addWaker { state.wakeWorkers() }
    do throws(SystemError) {
      for index in 0..<configuration.workers {
        try startWorker(index, configuration, metrics: metrics, cells: registry.makeCells(), state: state)
      }
      let acceptor = Acceptor(
        listener: listener, shared: state, metrics: metrics.refusedConnections, cells: registry.makeCells())
      _ = try Thread.start(name: "acceptor", moving: acceptor) { $0.run() }
    } catch {
      state.enter(.stopping)
      throw error
    }
    return server
  }

  private static func startWorker(
    _ index: Int, _ configuration: Configuration, metrics: ServerMetrics, cells: consuming WorkerCells,
    state: ServerState
  ) throws(SystemError) {
    let start = WorkerStart(
      index: index, shared: state, checkRequest: configuration.checkRequest,
      http2: configuration.http2,
      decisions: configuration.decisions.map { WorkerDecisions(log: $0, ring: $0.ring(index)) },
      metrics: metrics, cells: cells)
    _ = try Thread.start(name: "worker-\(index)", moving: start) { start in
      do throws(SystemError) {
        var worker = try Worker.make(start)
        try worker.run()
      } catch {
        state.fail("worker \(index) stopped: \(error)")
      }
      state.workers[index].close()
    }
  }

  /// Evaluates checks with other policies from now on: each worker goes over between two batches, and no check
  /// is evaluated half with each. A check that waits for keys is judged again from the start.
  /// - Parameters:
  ///   - keyBoard: of the snapshot's key sources; the running one when they are the same.
  ///   - keySettings: how checks wait for its keys; nil: as before.
  /// - Returns: the generation, for `hasReached`.
  public func publish(
    _ snapshot: PolicySnapshot, keyBoard: KeyBoard?, keySettings: KeySettings? = nil
  ) -> UInt64 {
    if let keyBoard, keyBoard !== state.policies.keyBoard {
      keyBoard.addWaker { [state] in state.wakeWorkers() }
    }
    return state.publish(snapshot, keyBoard: keyBoard, keySettings: keySettings)
  }

  /// Greets new connections with another certificate, or other authorities and names of clients. Those that are open
  /// go on; when others are trusted than before, they are told to come again.
  /// - Precondition: the server was started with TLS.
  public func publish(_ tls: TLSContext) {
    precondition(state.tls != nil)
    state.publish(tls)
  }

  /// How often each rule of the published policies decided, by `PolicySnapshot.allRules`. Its sums go on growing
  /// until no worker evaluates these policies any more.
  public var ruleHits: HitTable { state.policies.hits }

  /// Denials of late, the oldest first: examples, not each.
  public var recentDenials: [RecentDenial] {
    state.workers.flatMap { $0.recentDenials.all }.sorted { $0.time < $1.time }
  }

  /// Whether no worker evaluates earlier policies any more.
  public func hasReached(_ generation: UInt64) -> Bool {
    state.workers.allSatisfy { $0.policyGeneration >= generation || $0.isDrained }
  }

  /// Goes on with everything, but health checks answer NOT_SERVING.
  public func beginLeaving() { state.enter(.leaving) }

  /// Accepts no more, tells clients to go elsewhere, and lets running calls finish.
  public func beginShutdown() { state.enter(.draining) }

  /// Ends all threads now, whatever runs.
  public func stop() { state.enter(.stopping) }

  /// All workers have finished after `beginShutdown`.
  public var isDrained: Bool { state.workers.allSatisfy(\.isDrained) }

  /// A thread failed: the process must end.
  public var hasFailed: Bool { state.phase == .stopping }

  /// The workers' signs of life: each beats at every round of its loop, at least four times a second.
  public var heartbeats: [Heartbeat] { state.workers.map(\.heartbeat) }

  /// How many connections each worker has.
  public var connectionsPerWorker: [Int] { state.workers.map(\.connectionCount) }
}
