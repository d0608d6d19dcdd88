import Authorizer
import Bytes
import DecisionLog
import ExtAuthz
import HTTP
import JWT
import KeySets
import Metrics
import Policy
import System
import TLS

/// What a worker's connections share for the length of a batch: the service, scratch octets, the time, the
/// metrics.
struct WorkerContext: ~Copyable {
  /// How a call is answered.
  enum Answer {
    /// With what stands in `reply`.
    case message
    case failure(GRPCStatus, StaticString)
    /// With what stands in `reply`, and, when the service is a known one, with more when health changes.
    case watch(isKnown: Bool)
    /// Later: the check waits for keys.
    case wait([KeyWait])
  }

  /// A check that waits on its stream, with its own copy of the message.
  struct Parked {
    let call: Call
    let message: [UInt8]
    /// When it is answered, come what may.
    let deadline: UInt64
    var waits: [KeyWait]
    /// How often it was judged; one more than that when the fetch that it waits for will be conclusive.
    var attempts = 1
    /// The policies that it was judged with.
    var generation: UInt64
    /// When the check came: monotonic nanoseconds.
    let since: UInt64
  }

  /// Between the two GOAWAYs: time for calls on their way to arrive (RFC 9113 section 6.8).
  static let shutdownNotice: UInt64 = 100_000_000

  /// What checks beyond a limit are answered.
  let overload: OverloadAnswers
  var service: CheckService
  var keys: KeyWaiting
  /// Checks of this worker that wait, and the octets of their messages.
  private(set) var parkedChecks = 0
  private(set) var parkedOctets = 0
  /// No check that waits has an earlier deadline: until then, and without news of keys, nobody needs to look.
  private(set) var nextParkedDeadline = UInt64.max
  private var keySettings: KeySettings
  /// Which policies checks are evaluated with.
  private(set) var generation: UInt64
  /// How often each rule decided, and where a workload's rules begin: copies of this worker's own, so that no count
  /// of references is shared.
  private var hits: HitRow
  private var firstRules = OwnedArray<Int>()
  let denials: RecentDenials
  var shown = ByteBuffer(capacity: 512)
  /// When the next one is due, by a bucket's rate.
  private var nextDenial: UInt64 = 0
  /// Checks answered and not yet timed: they leave in one write, and the batch's time is theirs.
  private var untimed: UInt64 = 0
  private var countedParked = 0
  /// Where decisions are written; nil: nowhere.
  let decisions: WorkerDecisions?
  var line = DecisionLine()
  /// Of allowed checks one in so many is written; beside `decisions`, so that a check that is not written touches
  /// nothing that is shared.
  private let allowedOneIn: Int
  let writesDecisions: Bool
  /// When the check in `message` came, and how it spent its time since.
  private var course = CheckCourse()
  /// Allowed checks until the next one is written.
  private var unwritten: Int
  private let workers: Int
  let metrics: ServerMetrics
  let cells: WorkerCells
  let clock: Clock
  let settings: ServerSettings
  var input = ByteBuffer(capacity: 64 << 10)
  /// What TLS unsealed, or what it has to seal.
  var plain = ByteBuffer(capacity: 16)
  /// What new connections are greeted with, as of the last tick.
  private var tls: TLSContext?
  let report: (ServerEvent, String) -> Void
  var message = ByteBuffer(capacity: 16 << 10)
  var reply = ByteBuffer(capacity: 4 << 10)
  /// False from the moment the server shuts down.
  var isServing = true
  /// Monotonic nanoseconds at the beginning of the batch.
  private(set) var now: UInt64 = 0
  /// Wall clock seconds at the beginning of the batch.
  private(set) var wallSeconds: UInt64 = 0
  private var countedVerifications: VerificationCounts
  private var countedCache = TokenCacheCounts()
  /// What this thread has allocated; nil until it runs, and where jemalloc is not the allocator.
  private var meter: ThreadAllocationMeter?
  private var meteredOctets: UInt64 = 0

  init(
    service: consuming CheckService, keys: consuming KeyWaiting, policies: ServerState.Policies,
    denials: RecentDenials, decisions: WorkerDecisions? = nil, workers: Int,
    metrics: ServerMetrics, cells: consuming WorkerCells, clock: Clock, settings: ServerSettings,
    report: @escaping (ServerEvent, String) -> Void = { _, _ in }
  ) {
    self.service = service
    self.keys = keys
    keySettings = policies.keySettings
    generation = policies.generation
    hits = policies.hits.makeRow()
    self.denials = denials
    self.decisions = decisions
    allowedOneIn = decisions?.log.settings.allowedOneIn ?? 0
    writesDecisions = decisions != nil
    unwritten = allowedOneIn
    if decisions != nil { self.service.recordKeyIDs() }
    self.service.timeSignatures(by: clock)
    self.workers = workers
    self.metrics = metrics
    self.cells = cells
    self.clock = clock
    self.settings = settings
    overload = OverloadAnswers(settings.overload)
    self.report = report
    countedVerifications = VerificationCounts()
    findRules(of: policies.snapshot)
    beginBatch()
  }

  /// From now on, on the thread that answers, allocations are counted.
  mutating func beginMetering() {
    meter = ThreadAllocationMeter()
    meteredOctets = meter?.allocatedBytes ?? 0
  }

  /// Goes over to other policies, before a check of this batch. The keys that are here belong to them from the
  /// next `adoptKeys` on, which finds news.
  mutating func adopt(_ policies: ServerState.Policies) {
    let board = policies.keyBoard
    service.adopt(policies.snapshot)
    hits = policies.hits.makeRow()
    findRules(of: policies.snapshot)
    if keys.watches(board), policies.keySettings == keySettings {
      keys.lookAgain()
    } else {
      keySettings = policies.keySettings
      keys = KeyWaiting(board: board, settings: keySettings)
    }
    generation = policies.generation
  }

  private mutating func findRules(of snapshot: PolicySnapshot) {
    firstRules.removeAll()
    var first = 0
    for workload in 0..<snapshot.workloadCount {
      firstRules.append(first)
      first += snapshot.ruleCount(ofWorkload: workload)
    }
  }

  mutating func beginBatch() {
    now = clock.monotonicNanoseconds()
    wallSeconds = UInt64(max(0, clock.wallSeconds()))
  }

  /// Publishes what was counted elsewhere.
  mutating func endBatch() {
    if parkedChecks != countedParked {
      cells.add(metrics.inFlight, Int64(parkedChecks - countedParked))
      countedParked = parkedChecks
    }
    let verifications = service.verifications
    metrics.add(verifications, since: countedVerifications, to: cells)
    countedVerifications = verifications
    observeSignatures()
    if let octets = meter?.allocatedBytes, octets != meteredOctets {
      cells.add(metrics.allocated, octets &- meteredOctets)
      meteredOctets = octets
    }
    let cache = service.cacheStatistics
    if cache != countedCache {
      metrics.add(cache, since: countedCache, to: cells)
      countedCache = cache
    }
  }

  private mutating func observeSignatures() {
    if service.signatureTimeCount == 0 { return }
    for index in 0..<service.signatureTimeCount {
      let time = service.signatureTime(index)
      cells.observe(metrics.signatureDuration(time.algorithm), time.nanoseconds)
    }
    service.forgetSignatureTimes()
  }

  /// The time to hold a call's deadline against. A batch of expensive checks takes longer than a deadline may
  /// be away.
  func currentTime(for call: Call) -> UInt64 {
    call.deadline == .max ? now : clock.monotonicNanoseconds()
  }

  /// Answers the call whose message stands in `message`, into the empty `reply`.
  mutating func answer(_ call: Call) -> Answer {
    switch call.method {
    case 0: answerNewCheck(call)
    case 1: answerHealthCheck()
    default: answerHealthWatch()
    }
  }

  private mutating func answerNewCheck(_ call: Call) -> Answer {
    course = CheckCourse(since: now)
    return answerCheck(attempt: 0, deadline: call.deadline)
  }

  /// - Parameters:
  ///   - attempt: how often the check was judged before; from the third time on it is answered.
  ///   - deadline: when its caller stops waiting; 0: it is answered now, whatever the fetch will bring.
  private mutating func answerCheck(attempt: Int, deadline: UInt64) -> Answer {
    if writesDecisions { course.beginJudging(clock.monotonicNanoseconds(), service.signatureTimeCount) }
    let mayWait = attempt <= 1 && deadline > now &+ settings.keyWaitMargin &+ 1_000_000
    switch service.answer(message, now: wallSeconds, mayWait: mayWait, into: &reply) {
    case .answered(let verdict):
      count(verdict)
      // The second judgement after a fetch: what is still not there is not known to the provider. A fetch that
      // has not landed in time says nothing of it.
      if attempt >= 2, deadline > 0 { for key in service.wantedKeys { keys.remember(key, now: now) } }
      return .message
    case .wanting(let verdict):
      // A denial says what it would say had the fetch failed; the others say that it was not tried.
      let isFull = self.isFull
      if isFull {
        cells.add(metrics.parkingFull, 1)
        cells.add(metrics.limited.parked, 1)
        if settings.overload != .denial { return overload.write(.room, into: &reply) }
      }
      let waits = isFull ? [] : self.waits()
      if !waits.isEmpty { return .wait(waits) }
      count(verdict)
      service.deny(verdict, message, into: &reply)
      return .message
    case .beyondLimit(let verdict):
      let isOfOne = verdict.reason == .tokenTooLarge
      cells.add(isOfOne ? metrics.limited.token : metrics.limited.tokens, 1)
      if overload.isDenial { count(verdict) } else if writesDecisions { write(verdict, overload.label) }
      return overload.write(isOfOne ? .token : .tokens, into: &reply)
    case .unreadable(let error):
      return answerUnread(error)
    }
  }

  private mutating func count(_ verdict: Verdict) {
    cells.add(metrics.checks(verdict.reason), 1)
    untimed += 1
    if let workload = verdict.workload {
      let first = firstRules[workload]
      if let rule = verdict.rule { hits.add(first + Int(rule.value)) }
      if let decision = verdict.decision {
        metrics.add(decision, to: cells)
        decision.forEachSilentRule { hits.add(first + Int($0.value)) }
      }
    }
    if !verdict.isAllowed { show(verdict) }
    if writesDecisions, isWritten(verdict) { write(verdict, verdict.isAllowed ? "allow" : "deny") }
  }

  /// Denials all, of allowed checks one in so many.
  private mutating func isWritten(_ verdict: Verdict) -> Bool {
    if !verdict.isAllowed { return true }
    if allowedOneIn == 0 { return false }
    unwritten -= 1
    if unwritten > 0 { return false }
    unwritten = allowedOneIn
    return true
  }

  /// Writes a line of the decision log.
  private mutating func write(_ verdict: Verdict, _ answer: StaticString) {
    guard let decisions else { return }
    line.begin()
    line.addTime("time", nanoseconds: clock.wallNanoseconds())
    service.write(verdict, message, into: &line, answer: answer, subject: decisions.log.settings.subject)
    endLine(decisions)
  }

  /// Adds how the check spent its time, and hands the line over.
  mutating func endLine(_ decisions: WorkerDecisions) {
    let stages = course.stages(
      now: clock.monotonicNanoseconds(), signatures: service.signatureNanoseconds(from: course.firstSignature)
    )
    line.add("microseconds", stages.total)
    line.add("queued_us", stages.queued)
    line.add("keys_us", stages.keys)
    line.add("judged_us", stages.judged)
    line.add("signature_us", stages.signatures)
    line.end()
    if !line.append(to: decisions.ring) { decisions.log.countDropped() }
  }

  /// Keeps a denial for the operator's page, now and then.
  private mutating func show(_ verdict: Verdict) {
    guard mayShow() else { return }
    service.show(
      verdict, message, time: Int64(wallSeconds), generation: generation, on: denials, scratch: &shown)
  }

  /// Whether the operator's page takes a denial now; it counts as one.
  mutating func mayShow() -> Bool {
    let earliest =
      now < RecentDenials.burst * RecentDenials.interval
      ? 0 : now - RecentDenials.burst * RecentDenials.interval
    let next = max(nextDenial, earliest) + RecentDenials.interval
    if next > now { return false }
    nextDenial = next
    return true
  }

  /// Checks that were answered leave now: the batch's time so far is theirs. One look at the clock for all of them.
  mutating func timeAnswers() {
    if untimed == 0 { return }
    cells.observe(metrics.duration, clock.monotonicNanoseconds() &- now, times: untimed)
    untimed = 0
  }

  /// A check that waited for keys is answered.
  mutating func timeAnswer(since: UInt64) {
    cells.observe(metrics.duration, clock.monotonicNanoseconds() &- since)
    untimed = 0
  }

  /// There is no room for the check in `message` to wait.
  private var isFull: Bool {
    parkedChecks >= settings.maximumParkedChecks / workers
      || parkedOctets + message.count > settings.maximumParkedOctets / workers
  }

  /// What the check that was just judged may wait for.
  private mutating func waits() -> [KeyWait] {
    var waits: [KeyWait] = []
    for key in service.wantedKeys {
      let (wait, action) = keys.wait(for: key, now: clock.monotonicNanoseconds())
      if key.keyIDHash != nil { keys.count(action, key.provider) }
      if let wait { waits.append(wait) }
    }
    return waits
  }

  // MARK: Parking

  /// Keeps the check in `message` for later.
  mutating func park(_ call: Call, _ waits: [KeyWait]) -> Parked {
    var octets: [UInt8] = []
    octets.reserveCapacity(message.count)
    for index in message.span.indices { octets.append(message.span[index]) }
    parkedChecks += 1
    parkedOctets += octets.count
    let bound = now &+ keySettings.waitNanoseconds
    let deadline = min(bound, call.deadline == .max ? bound : call.deadline &- settings.keyWaitMargin)
    nextParkedDeadline = min(nextParkedDeadline, deadline)
    return Parked(
      call: call, message: octets, deadline: deadline, waits: waits, attempts: Self.attempts(1, waits),
      generation: generation, since: now)
  }

  /// Whether some check that waits may be due.
  func mayHaveDue(_ hasNews: Bool) -> Bool { parkedChecks > 0 && (hasNews || now >= nextParkedDeadline) }

  /// A look at all checks that wait begins; `keepsWaiting` tells it those that stay.
  mutating func beginResuming() { nextParkedDeadline = .max }

  mutating func keepsWaiting(_ parked: Parked) {
    nextParkedDeadline = min(nextParkedDeadline, parked.deadline)
  }

  /// Whether it is time to judge it again.
  func isDue(_ parked: Parked) -> Bool {
    now >= parked.deadline || parked.generation != generation || parked.waits.contains { keys.isOver($0) }
  }

  /// Judges it again, from the start, with what is known now, into the empty `reply`.
  mutating func answerAgain(_ parked: Parked) -> Answer {
    message.removeAll()
    message.append(parked.message)
    // It leaves the room before it asks for it again.
    forget(parked)
    course = CheckCourse(since: parked.since, waitedUntil: now)
    let isLate = now >= parked.deadline
    // Under other policies it is a new question.
    let attempt = parked.generation == generation ? parked.attempts : 0
    return answerCheck(attempt: attempt, deadline: isLate ? 0 : parked.call.deadline)
  }

  /// What a conclusive fetch does not bring is not asked for again.
  private static func attempts(_ count: Int, _ waits: [KeyWait]) -> Int {
    waits.allSatisfy(\.isConclusive) ? max(2, count) : count
  }

  /// Keeps it for one more fetch.
  mutating func parkAgain(_ parked: Parked, _ waits: [KeyWait]) -> Parked {
    parkedChecks += 1
    parkedOctets += parked.message.count
    var again = parked
    again.waits = waits
    let isNew = parked.generation != generation
    again.attempts = Self.attempts(isNew ? 1 : parked.attempts + 1, waits)
    again.generation = generation
    keepsWaiting(again)
    return again
  }

  /// It is gone.
  mutating func forget(_ parked: Parked) {
    parkedChecks -= 1
    parkedOctets -= parked.message.count
  }

  /// Takes over keys that were published since the last time.
  mutating func adoptKeys() -> Bool {
    guard keys.hasNews() else { return false }
    service.adoptKeys(keys.entries)
    for (provider, keyID) in keys.takeRemoved() {
      keys.remember(service.wantedKey(keyID, of: provider), now: now)
    }
    return true
  }

  private mutating func answerHealthCheck() -> Answer {
    guard let isKnown = isKnownService() else { return .failure(.internalError, "the message is malformed") }
    if !isKnown { return .failure(.notFound, "unknown service") }
    writeHealth(isServing ? .serving : .notServing)
    return .message
  }

  private mutating func answerHealthWatch() -> Answer {
    guard let isKnown = isKnownService() else { return .failure(.internalError, "the message is malformed") }
    writeHealth(!isKnown ? .serviceUnknown : isServing ? .serving : .notServing)
    return .watch(isKnown: isKnown)
  }

  /// Whether the request names the whole server or a service of ours; nil when it is malformed.
  private func isKnownService() -> Bool? {
    guard let name = try? Health.readRequest(message.span) else { return nil }
    return name.isEmpty || message.span[name].equals(GRPCMethod.authorizationService)
  }

  /// Makes `reply` a health message.
  mutating func writeHealth(_ status: Health.ServingStatus) {
    reply.removeAll()
    Health.writeResponse(status, into: &reply)
  }

  // MARK: TLS

  /// Makes `plain` what the octets in `input` hold.
  mutating func unseal(_ session: TLSSession, answers output: inout ByteBuffer) -> TLSSession.State {
    plain.removeAll()
    return session.receive(input, into: &plain, answers: &output)
  }

  mutating func adoptTLS(_ context: TLSContext?) { tls = context }

  /// Whether a client that `context` let in would be let in now.
  func stillTrusts(_ context: TLSContext) -> Bool {
    tls.map { $0 === context || context.trusts(as: $0) } ?? true
  }

  /// A handshake ended, well or not.
  func countHandshake(_ session: TLSSession) {
    guard let refusal = session.refusal else { return cells.add(metrics.handshakes.completed, 1) }
    cells.add(metrics.handshakes.counter(of: refusal), 1)
    report(.tlsRefused, "refused a connection: \(refusal)")
  }

  /// TLS ended before its time, behind the handshake.
  func countBroken(_ session: TLSSession) {
    cells.add(metrics.handshakes.broken, 1)
    if let refusal = session.refusal { report(.tlsRefused, "cut off a connection: \(refusal)") }
  }

  func account(_ counters: HTTP2Counters, since before: HTTP2Counters) {
    metrics.add(counters, since: before, to: cells)
  }
}

/// Where one worker writes decisions.
struct WorkerDecisions: Sendable {
  let log: DecisionLog
  let ring: ByteRing
}
