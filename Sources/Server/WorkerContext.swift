import Authorizer
import Bytes
import ExtAuthz
import HTTP
import Metrics
import Policy
import System

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
  }

  /// The methods served; `Call.method` is an index into it.
  static let routes = [
    GRPCRoute(path: GRPCMethod.check),
    GRPCRoute(path: GRPCMethod.healthCheck),
    GRPCRoute(path: GRPCMethod.healthWatch, kind: .serverStreaming),
  ]

  var service: CheckService
  let metrics: ServerMetrics
  let cells: WorkerCells
  let clock: Clock
  let settings: ServerSettings
  var input = ByteBuffer(capacity: 64 << 10)
  var message = ByteBuffer(capacity: 16 << 10)
  var reply = ByteBuffer(capacity: 4 << 10)
  /// False from the moment the server shuts down.
  var isServing = true
  /// Monotonic nanoseconds at the beginning of the batch.
  private(set) var now: UInt64 = 0
  /// Wall clock seconds at the beginning of the batch.
  private var wallSeconds: UInt64 = 0
  private var countedVerifications: VerificationCounts

  init(
    service: consuming CheckService, metrics: ServerMetrics, cells: consuming WorkerCells, clock: Clock,
    settings: ServerSettings
  ) {
    self.service = service
    self.metrics = metrics
    self.cells = cells
    self.clock = clock
    self.settings = settings
    countedVerifications = VerificationCounts()
    beginBatch()
  }

  mutating func beginBatch() {
    now = clock.monotonicNanoseconds()
    wallSeconds = UInt64(max(0, clock.wallSeconds()))
  }

  /// Publishes what was counted elsewhere.
  mutating func endBatch() {
    let verifications = service.verifications
    metrics.add(verifications, since: countedVerifications, to: cells)
    countedVerifications = verifications
  }

  /// The time to hold a call's deadline against. A batch of expensive checks takes longer than a deadline may
  /// be away.
  func currentTime(for call: Call) -> UInt64 {
    call.deadline == .max ? now : clock.monotonicNanoseconds()
  }

  /// Answers the call whose message stands in `message`, into the empty `reply`.
  mutating func answer(_ call: Call) -> Answer {
    switch call.method {
    case 0: answerCheck()
    case 1: answerHealthCheck()
    default: answerHealthWatch()
    }
  }

  private mutating func answerCheck() -> Answer {
    switch service.answer(message, now: wallSeconds, into: &reply) {
    case .answered(let verdict):
      cells.add(metrics.checks(verdict.reason), 1)
      if let decision = verdict.decision { metrics.add(decision, to: cells) }
      return .message
    case .unreadable(let error):
      cells.add(metrics.unreadable, 1)
      return .failure(
        error.statusCode == .resourceExhausted ? .resourceExhausted : .internalError, error.text)
    }
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

  func account(_ counters: HTTP2Counters, since before: HTTP2Counters) {
    metrics.add(counters, since: before, to: cells)
  }
}
