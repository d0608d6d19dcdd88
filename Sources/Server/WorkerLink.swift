import EventLoop
import Synchronization
import System

/// What other threads may touch of a worker: a mailbox of sockets and a few numbers. The worker itself is on
/// nobody else's path.
final class WorkerLink: Sendable {
  let wakeup: Wakeup
  private let mailbox = Mutex(Mailbox())
  /// Connections that this worker has or is about to get.
  private let connections = Atomic<Int>(0)
  let recentDenials = RecentDenials()
  /// Its sign of life.
  let heartbeat: Heartbeat
  private let drained = Atomic<Bool>(false)
  /// The generation of the policies that it evaluates.
  private let generation = Atomic<UInt64>(0)

  private struct Mailbox {
    var sockets: [Int32] = []
    /// The worker takes nothing any more.
    var isClosed = false
  }

  // Out of line: the release compiler crashes on an inlined initializer of an object with atomics in a
  // throwing caller.
  @inline(never)
  init(now: UInt64) throws(SystemError) {
    wakeup = try Wakeup()
    heartbeat = Heartbeat(now: now)
  }

  // MARK: The acceptor's side

  var connectionCount: Int { connections.load(ordering: .relaxed) }

  /// Hands over a socket, which the worker owns from then on. One for a worker that has finished is closed.
  func give(_ socket: consuming Socket) {
    connections.wrappingAdd(1, ordering: .relaxed)
    let descriptor = socket.release()
    let isTaken = mailbox.withLock { mailbox in
      if mailbox.isClosed { return false }
      mailbox.sockets.append(descriptor)
      return true
    }
    if isTaken {
      wakeup.ring()
    } else {
      drop(descriptor)
    }
  }

  // MARK: The worker's side

  /// Takes all sockets that wait.
  func takeArrivals(into sockets: inout [Int32]) {
    mailbox.withLock { mailbox in
      sockets.append(contentsOf: mailbox.sockets)
      mailbox.sockets.removeAll(keepingCapacity: true)
    }
  }

  /// From now on no check is evaluated with earlier policies.
  func runs(_ generation: UInt64) { self.generation.store(generation, ordering: .releasing) }

  func connectionClosed() { connections.wrappingSubtract(1, ordering: .relaxed) }

  /// The worker has finished, has ended or never began: closes what waits in the mailbox and what still
  /// comes.
  func close() {
    let left = mailbox.withLock { mailbox in
      mailbox.isClosed = true
      let left = mailbox.sockets
      mailbox.sockets = []
      return left
    }
    for descriptor in left { drop(descriptor) }
    drained.store(true, ordering: .releasing)
  }

  private func drop(_ descriptor: Int32) {
    _ = Socket(owning: descriptor)
    connectionClosed()
  }

  // MARK: Anybody's

  /// Which policies the worker evaluates; 0 before it runs.
  var policyGeneration: UInt64 { generation.load(ordering: .acquiring) }

  /// The worker has finished: no call runs and no connection is left.
  var isDrained: Bool { drained.load(ordering: .acquiring) }
}
