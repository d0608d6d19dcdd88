import Authorizer
import Bytes
import EventLoop
import ExtAuthz
import HTTP
import KeySets
import Metrics
import System
import TLS

/// What a worker is started with.
struct WorkerStart: ~Copyable, Sendable {
  let index: Int
  let shared: ServerState
  let checkRequest: CheckRequestSettings
  let http2: HTTP2Settings
  let decisions: WorkerDecisions?
  let metrics: ServerMetrics
  let cells: WorkerCells

  consuming func takeCells() -> WorkerCells { cells }
}

/// One thread's server: its poller, its connections, its authorizer. Nothing in it is shared; what others
/// need of it they get through its `WorkerLink`.
struct Worker: ~Copyable {
  private static let wakeupToken = UInt64.max
  /// How often times are looked at, and the longest sleep: health checks want to see that the loop turns.
  private static let tickInterval: UInt64 = 250_000_000
  /// Checks that are judged again in one round of the loop: a few milliseconds of signatures.
  private static let resumedAtOnce = 256
  private let shared: ServerState
  private let link: WorkerLink
  private let http2: HTTP2Settings
  private let sessionMemory = SessionMemory()
  private let tlsChannel = TLSChannel()
  private let messageBudget: MessageBudget
  private let routes: [GRPCRoute]
  private var poller: Poller
  private var context: WorkerContext
  private var connections: [ConnectionSlot] = []
  private var freeSlots: [Int] = []
  private var arrivals: [Int32] = []
  private var nextTick: UInt64 = 0
  private var drainingSince: UInt64?
  private var hasMoreToResume = false

  /// The connection in a slot, if any, and how often the slot was used: a late event of one that has gone is
  /// known.
  private struct ConnectionSlot {
    var connection: Connection?
    var generation: UInt32 = 0
  }

  /// Made on the thread that will run it: OpenSSL's handles stay with the thread that uses them.
  static func make(_ start: consuming WorkerStart) throws(SystemError) -> Worker {
    let poller = try Poller(capacity: 512)
    try poller.add(
      start.shared.workers[start.index].wakeup.descriptor, token: Self.wakeupToken, for: .read)
    return Worker(start, poller: poller)
  }

  private init(_ start: consuming WorkerStart, poller: consuming Poller) {
    shared = start.shared
    link = start.shared.workers[start.index]
    http2 = start.http2
    self.poller = poller
    let policies = start.shared.policies
    let service = CheckService(snapshot: policies.snapshot, settings: start.checkRequest)
    let metrics = start.metrics
    let clock = start.shared.clock
    let settings = start.shared.settings
    messageBudget = MessageBudget(octets: settings.maximumInFlightOctets / start.shared.workers.count)
    let keys = KeyWaiting(board: policies.keyBoard, settings: policies.keySettings)
    let workers = start.shared.workers.count
    context = WorkerContext(
      service: service, keys: keys, policies: policies,
      denials: link.recentDenials, decisions: start.decisions, workers: workers, metrics: metrics,
      cells: start.takeCells(), clock: clock, settings: settings,
      report: { [shared] event, text in shared.report(event, text) })
    routes = context.overload.routes
    link.runs(policies.generation)
  }

  /// Runs until the server stops.
  mutating func run() throws(SystemError) {
    context.beginMetering()
    while true {
      let count = try poller.wait(timeoutMilliseconds: patience)
      context.beginBatch()
      // Before any check of this batch: a policy that was replaced must not decide one more, nor a key that was
      // withdrawn verify one.
      let hasOthers = adoptPolicies()
      let hasNews = context.adoptKeys() || hasOthers
      link.heartbeat.beat(context.now)
      for index in 0..<count {
        let event = poller.event(index)
        if event.token == Self.wakeupToken {
          link.wakeup.hear()
          adoptArrivals()
        } else {
          handle(event)
        }
      }
      if hasMoreToResume || context.mayHaveDue(hasNews) { resumeParked() }
      switch shared.phase {
      case .serving: break
      case .leaving: beginLeaving()
      case .draining: continueDraining()
      case .stopping:
        closeAll()
        return
      }
      if context.now >= nextTick { tickConnections() }
      context.endBatch()
      // It lives on until all is stopped, so that probes do not take the first that has finished for dead.
      if drainingSince != nil && !link.isDrained && freeSlots.count == connections.count { link.close() }
    }
  }

  /// How long to sleep at most, in milliseconds.
  private var patience: Int32 {
    if hasMoreToResume { return 0 }
    if context.parkedChecks > 0 {
      let deadline = context.nextParkedDeadline
      return deadline <= context.now ? 0 : Int32(min(20, (deadline - context.now) / 1_000_000 + 1))
    }
    return drainingSince == nil || link.isDrained ? 250 : 20
  }

  /// Takes over policies that were published. One load when there are none.
  /// - Returns: whether there are others than before.
  private mutating func adoptPolicies() -> Bool {
    if shared.policyGeneration == context.generation { return false }
    let policies = shared.policies
    context.adopt(policies)
    link.runs(policies.generation)
    return true
  }

  // MARK: Waiting for keys

  /// Judges checks again whose keys may have come: a slice of them, so that other events are not kept waiting.
  private mutating func resumeParked() {
    var left = Self.resumedAtOnce
    context.beginResuming()
    for slot in connections.indices {
      guard let connection = connections[slot].connection, connection.state.hasParked else { continue }
      left -= connection.state.resumeParked(atMost: left, &context)
      settle(slot, connection)
      if left <= 0 { break }
    }
    hasMoreToResume = left <= 0
  }

  // MARK: Connections

  private mutating func adoptArrivals() {
    link.takeArrivals(into: &arrivals)
    for descriptor in arrivals { adopt(Socket(owning: descriptor)) }
    arrivals.removeAll(keepingCapacity: true)
  }

  private mutating func adopt(_ socket: consuming Socket) {
    let slot: Int
    if let free = freeSlots.popLast() {
      slot = free
    } else {
      slot = connections.count
      connections.append(ConnectionSlot())
    }
    let descriptor = socket.descriptor
    var tls: TLSSession?
    if let context = shared.tls {
      tls = TLSSession(context, tlsChannel)
      // No memory: nobody is served without the TLS that was asked for.
      if tls == nil {
        freeSlots.append(slot)
        link.connectionClosed()
        return
      }
    }
    let connection = Connection(
      socket, tls,
      HTTP2ServerConnection(
        settings: http2, routes: routes, now: context.now, memory: sessionMemory, budget: messageBudget),
      now: context.now, maximumAge: context.settings.maximumConnectionAge)
    connections[slot].connection = connection
    connections[slot].generation &+= 1
    context.cells.add(context.metrics.connectionsOpened, 1)
    context.cells.add(context.metrics.connections, 1)
    do throws(SystemError) {
      try poller.add(descriptor, token: token(slot), for: .read)
    } catch {
      close(slot)
      return
    }
    // The server's own SETTINGS go first.
    connection.state.flush(&context)
    settle(slot, connection)
  }

  private func token(_ slot: Int) -> UInt64 {
    UInt64(connections[slot].generation) << 32 | UInt64(slot)
  }

  private mutating func handle(_ event: Event) {
    let slot = Int(event.token & 0xFFFF_FFFF)
    guard slot < connections.count, connections[slot].generation == UInt32(event.token >> 32),
      let connection = connections[slot].connection
    else { return }
    connection.state.turn(event, &context)
    settle(slot, connection)
  }

  /// Closes a connection that is over, or waits for what it needs next.
  private mutating func settle(_ slot: Int, _ connection: Connection) {
    if connection.state.isOver {
      close(slot)
      return
    }
    let wanted = connection.state.interest
    if wanted == connection.state.registered { return }
    do throws(SystemError) {
      try poller.change(connection.state.descriptor, token: token(slot), to: wanted)
      connection.state.registered = wanted
    } catch {
      close(slot)
    }
  }

  private mutating func close(_ slot: Int) {
    guard let connection = connections[slot].connection else { return }
    poller.remove(connection.state.descriptor)
    connection.state.account(&context, isLast: true)
    connection.state.dropParked(&context)
    connections[slot].connection = nil
    freeSlots.append(slot)
    link.connectionClosed()
    context.cells.add(context.metrics.connectionsClosed, 1)
    context.cells.add(context.metrics.connections, -1)
  }

  private mutating func closeAll() {
    for slot in connections.indices { close(slot) }
    context.endBatch()
  }

  private mutating func tickConnections() {
    nextTick = context.now &+ Self.tickInterval
    context.adoptTLS(shared.tls)
    for slot in connections.indices {
      guard let connection = connections[slot].connection else { continue }
      connection.state.tick(&context)
      settle(slot, connection)
    }
  }

  // MARK: Shutting down

  private mutating func beginLeaving() {
    if !context.isServing { return }
    context.isServing = false
    for slot in connections.indices {
      guard let connection = connections[slot].connection else { continue }
      connection.state.tellHealth(&context)
      settle(slot, connection)
    }
  }

  private mutating func continueDraining() {
    if drainingSince == nil {
      drainingSince = context.now
      let tellsHealth = context.isServing
      context.isServing = false
      adoptArrivals()
      for slot in connections.indices {
        connections[slot].connection?.state.beginShutdown(&context, tellsHealth: tellsHealth)
      }
    }
    guard let since = drainingSince else { return }
    let isFinal = context.now &- since >= WorkerContext.shutdownNotice
    for slot in connections.indices {
      guard let connection = connections[slot].connection else { continue }
      if isFinal { connection.state.finishShutdown(&context) }
      settle(slot, connection)
    }
  }
}
