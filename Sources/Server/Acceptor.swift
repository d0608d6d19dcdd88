import EventLoop
import Metrics
import Synchronization
import System

/// Takes connections and gives each to the worker that has fewest. Envoy opens about one long-lived
/// connection for each of its own threads: accept luck would leave cores idle for hours (protocol, section
/// 0.8).
struct Acceptor: ~Copyable, Sendable {
  private static let listenerToken: UInt64 = 0
  private static let stopToken: UInt64 = 1

  private let listener: Listener
  private let shared: ServerState
  private let metrics: ServerMetrics.RefusedConnections
  private let cells: WorkerCells

  init(
    listener: consuming Listener, shared: ServerState, metrics: ServerMetrics.RefusedConnections,
    cells: consuming WorkerCells
  ) {
    self.listener = listener
    self.shared = shared
    self.metrics = metrics
    self.cells = cells
  }

  /// Runs until the server shuts down; the listener closes then.
  consuming func run() {
    do throws(SystemError) {
      var poller = try Poller(capacity: 4)
      try poller.add(shared.acceptorWakeup.descriptor, token: Self.stopToken, for: .read)
      try poller.add(listener.descriptor, token: Self.listenerToken, for: .read)
      var pausedUntil: UInt64?
      while shared.phase.rawValue < ServerState.Phase.draining.rawValue {
        let count = try poller.wait(timeoutMilliseconds: pausedUntil == nil ? 1_000 : 20)
        let now = shared.clock.monotonicNanoseconds()
        if let moment = pausedUntil {
          if now < moment { continue }
          pausedUntil = nil
          try poller.change(listener.descriptor, token: Self.listenerToken, to: .read)
        }
        for index in 0..<count where poller.event(index).token == Self.listenerToken {
          if acceptWaiting() { continue }
          // The listener would be reported at once again: leave it alone for a while. It stays registered,
          // since registering again could fail for want of the very memory that has run out.
          try poller.change(listener.descriptor, token: Self.listenerToken, to: [])
          pausedUntil = now &+ shared.settings.acceptPause
        }
      }
    } catch {
      shared.fail("the acceptor stopped: \(error)")
    }
  }

  /// Takes what waits, a bounded number so that the stop is heard.
  /// - Returns: false when descriptors or memory have run out.
  private func acceptWaiting() -> Bool {
    for _ in 0..<64 {
      switch listener.accept() {
      case .connection(let socket): assign(socket)
      case .none: return true
      case .gone: continue
      case .exhausted(let errno):
        cells.add(metrics.descriptors, 1)
        shared.report(.descriptorsExhausted, "no new connections for a moment: \(errno)")
        return false
      case .failed(let errno):
        shared.fail("the listener failed: \(errno)")
        return true
      }
    }
    return true
  }

  private func assign(_ socket: consuming Socket) {
    var fewest = 0
    var total = 0
    for index in shared.workers.indices {
      let count = shared.workers[index].connectionCount
      total += count
      if count < shared.workers[fewest].connectionCount { fewest = index }
    }
    if total >= shared.settings.maximumConnections {
      cells.add(metrics.limit, 1)
      shared.report(.connectionLimit, "refused a connection: \(total) are open, the limit")
      return
    }
    shared.workers[fewest].give(socket)
  }
}
