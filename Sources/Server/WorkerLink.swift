import EventLoop
import Synchronization
import System

/// What other threads may touch of a worker: a mailbox of sockets and a few numbers. The worker itself is on nobody
/// else's path.
final class WorkerLink: Sendable {
  let wakeup: Wakeup
  private let arrivals = Mutex<[Int32]>([])
  /// Connections that this worker has or is about to get.
  private let connections = Atomic<Int>(0)
  /// Its sign of life.
  let heartbeat: Heartbeat
  private let drained = Atomic<Bool>(false)

  // Out of line: the release compiler crashes on an inlined initializer of an object with atomics in a throwing caller.
  @inline(never)
  init(now: UInt64) throws(SystemError) {
    wakeup = try Wakeup()
    heartbeat = Heartbeat(now: now)
  }

  // MARK: The acceptor's side

  var connectionCount: Int { connections.load(ordering: .relaxed) }

  /// Hands over a socket, which the worker owns from then on.
  func give(_ socket: consuming Socket) {
    connections.wrappingAdd(1, ordering: .relaxed)
    let descriptor = socket.release()
    arrivals.withLock { $0.append(descriptor) }
    wakeup.ring()
  }

  // MARK: The worker's side

  /// Takes all sockets that wait.
  func takeArrivals(into sockets: inout [Int32]) {
    arrivals.withLock { waiting in
      sockets.append(contentsOf: waiting)
      waiting.removeAll(keepingCapacity: true)
    }
  }

  func connectionClosed() { connections.wrappingSubtract(1, ordering: .relaxed) }

  func setDrained() { drained.store(true, ordering: .releasing) }

  // MARK: Anybody's

  /// No call runs and no connection is left.
  var isDrained: Bool { drained.load(ordering: .acquiring) }
}
