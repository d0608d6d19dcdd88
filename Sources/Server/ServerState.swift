import Authorizer
import EventLoop
import KeySets
import Metrics
import Synchronization
import System
import TLS

/// What all threads of a server share: the phase, the links to the workers, and the way to say that something
/// is wrong. The request path reads the phase once a batch and touches nothing else of it.
final class ServerState: Sendable {
  enum Phase: UInt8, Sendable, AtomicRepresentable {
    case serving
    /// Everything goes on, and health checks say that the server goes: proxies turn elsewhere.
    case leaving
    /// No new calls: GOAWAY, finish what runs.
    case draining
    /// Close everything now.
    case stopping
  }

  /// What checks are evaluated with.
  struct Policies: Sendable {
    var snapshot: PolicySnapshot
    /// Where the snapshot's remote keys are published; nil when it has none.
    var keyBoard: KeyBoard?
    /// How often each rule decided, by `PolicySnapshot.allRules`.
    var hits: HitTable
    /// How workers wait for its keys.
    var keySettings: KeySettings
    /// Counts what was published, from 1.
    var generation: UInt64

    init(
      _ snapshot: PolicySnapshot, _ keyBoard: KeyBoard?, _ keySettings: KeySettings = KeySettings(),
      generation: UInt64
    ) {
      self.snapshot = snapshot
      self.keyBoard = keyBoard
      self.keySettings = keySettings
      self.generation = generation
      let rules = (0..<snapshot.workloadCount).reduce(0) { $0 + snapshot.ruleCount(ofWorkload: $1) }
      hits = HitTable(count: rules)
    }
  }

  let settings: ServerSettings
  let clock: Clock
  let workers: [WorkerLink]
  let acceptorWakeup: Wakeup
  private let currentPhase = Atomic<Phase>(.serving)
  private let published: Mutex<Policies>
  private let currentTLS: Mutex<TLSContext?>
  private let generation = Atomic<UInt64>(1)
  private let lastReport = Mutex<[ServerEvent: UInt64]>([:])
  private let reports: @Sendable (ServerEvent, String) -> Void

  // Out of line: the release compiler crashes on an inlined initializer of an object with atomics in a
  // throwing caller.
  @inline(never)
  init(
    workers: Int, snapshot: PolicySnapshot, keyBoard: KeyBoard?, keySettings: KeySettings = KeySettings(),
    tls: TLSContext?, settings: ServerSettings, clock: Clock,
    reports: @escaping @Sendable (ServerEvent, String) -> Void
  ) throws(SystemError) {
    published = Mutex(Policies(snapshot, keyBoard, keySettings, generation: 1))
    currentTLS = Mutex(tls)
    self.settings = settings
    self.clock = clock
    self.reports = reports
    acceptorWakeup = try Wakeup()
    var links: [WorkerLink] = []
    for _ in 0..<workers { links.append(try WorkerLink(now: clock.monotonicNanoseconds())) }
    self.workers = links
  }

  // MARK: Policies

  /// Which policies are the current ones: one load, once a batch.
  var policyGeneration: UInt64 { generation.load(ordering: .acquiring) }

  /// The current policies: a worker takes them when the generation is not its own, between two batches.
  var policies: Policies { published.withLock { $0 } }

  /// Makes others the current ones and wakes the workers, each of which goes over before its next check.
  /// - Returns: their generation.
  /// - Parameter keySettings: nil: those of before.
  func publish(_ snapshot: PolicySnapshot, keyBoard: KeyBoard?, keySettings: KeySettings? = nil) -> UInt64 {
    let next = published.withLock { policies in
      policies = Policies(
        snapshot, keyBoard, keySettings ?? policies.keySettings, generation: policies.generation + 1)
      // Under the lock: of two that publish, the later one's number is the one that stays.
      generation.store(policies.generation, ordering: .releasing)
      return policies.generation
    }
    wakeWorkers()
    return next
  }

  func wakeWorkers() { for worker in workers { worker.wakeup.ring() } }

  // MARK: TLS

  /// What new connections are greeted with; nil: no TLS.
  var tls: TLSContext? { currentTLS.withLock { $0 } }

  /// From now on new connections are greeted with another context.
  func publish(_ context: TLSContext) { currentTLS.withLock { $0 = context } }

  // MARK: Phases

  var phase: Phase { currentPhase.load(ordering: .acquiring) }

  /// Moves on and wakes everybody. Phases only go forward.
  func enter(_ phase: Phase) {
    var held = self.phase
    while true {
      if held.rawValue >= phase.rawValue { return }
      // A thread may fail while another begins to drain: looking and then storing would lose the failure.
      let (exchanged, original) = currentPhase.weakCompareExchange(
        expected: held, desired: phase, ordering: .acquiringAndReleasing)
      if exchanged { break }
      held = original
    }
    acceptorWakeup.ring()
    wakeWorkers()
  }

  /// Tells the operator, at most once a second for each kind of event: a flood must not become a flood of
  /// lines.
  func report(_ event: ServerEvent, _ text: @autoclosure () -> String) {
    let now = clock.monotonicNanoseconds()
    let isDue = lastReport.withLock { last in
      if let before = last[event], now &- before < 1_000_000_000 { return false }
      last[event] = now
      return true
    }
    if isDue { reports(event, text()) }
  }

  /// A thread cannot go on: the process must end rather than answer half (security checklist, 2.5).
  func fail(_ text: String) {
    reports(.failed, text)
    enter(.stopping)
  }
}

/// What a server tells its operator, by kind.
public enum ServerEvent: UInt8, Sendable {
  case descriptorsExhausted
  case connectionLimit
  /// A connection was refused by TLS.
  case tlsRefused
  /// The message of a check is no CheckRequest.
  case unreadableCheck
  /// A thread ended: the process must end too.
  case failed
}
