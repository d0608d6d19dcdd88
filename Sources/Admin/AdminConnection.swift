import Bytes
import EventLoop
import System

/// One client of the admin listener: its socket, what it has sent, what it is owed.
struct AdminConnection: ~Copyable {
  /// What it is waiting for.
  enum Phase: Equatable {
    /// The first octet of a request.
    case idle
    /// The rest of a head.
    case reading
    /// The client to take the answer.
    case writing
    /// The client to close after the last answer.
    case lingering
  }

  /// What to do with it after an event.
  enum Verdict { case keep, close }

  /// Octets thrown away while lingering, before the connection is simply closed.
  private static let maximumLingeringBytes = 262_144

  let socket: Socket
  /// Tells this tenant of a slot from the one before.
  let generation: UInt32
  private(set) var phase = Phase.reading
  /// When the phase has lasted too long, on the steady clock.
  private(set) var deadline: UInt64
  /// When it began to wait for a request, to find the one that has waited longest.
  private(set) var waitingSince: UInt64
  private var reader: AdminRequestReader
  private var input = ByteBuffer(capacity: 512)
  private var output = ByteBuffer(capacity: 512)
  private var sent = 0
  private var closesAfterAnswer = false
  private var thrownAway = 0

  /// A new connection owes its first head within the head's time.
  init(_ socket: consuming Socket, generation: UInt32, settings: AdminSettings, now: UInt64) {
    self.socket = socket
    self.generation = generation
    reader = AdminRequestReader(settings: settings)
    deadline = now &+ nanoseconds(settings.headTimeoutMilliseconds)
    waitingSince = now
  }

  /// What its registration should wait for.
  var interest: Interest { phase == .writing ? .write : .read }

  /// Whether it may be closed in favour of a newcomer.
  var isWaitingForRequest: Bool { phase == .idle || phase == .reading }

  /// Goes as far as it can without waiting.
  mutating func advance(_ context: borrowing AdminContext, now: UInt64) -> Verdict {
    if phase == .writing { return write(context, now: now) }
    if phase == .lingering { return throwAway() }
    // One more octet than a head may have: the reader refuses it.
    let room = context.settings.maximumHeadBytes + 1 - input.count
    switch socket.receive(into: &input, atMost: max(1, room)) {
    case .moved: return serve(context, now: now)
    case .wouldBlock: return .keep
    case .ended, .failed: return .close
    }
  }

  /// Its time is over: a client that has begun a head is told so, any other is closed.
  mutating func expire(_ context: borrowing AdminContext, now: UInt64) -> Verdict {
    guard phase == .reading, input.count > 0 else { return .close }
    refuse(.timedOut, context)
    return write(context, now: now)
  }

  /// Answers the requests that have come whole, one after the other: the next only when the last answer has
  /// left.
  private mutating func serve(_ context: borrowing AdminContext, now: UInt64) -> Verdict {
    while true {
      // A copy: the reader and the octets are parts of one value, and only one may be borrowed to be changed.
      var reader = reader
      let outcome = reader.read(input.span)
      self.reader = reader
      switch outcome {
      case .incomplete:
        wait(context, now: now)
        return .keep
      case .refused(let refusal):
        refuse(refusal, context)
      case .request(let request, let octets):
        input.removeFirst(octets)
        answer(request, context)
      }
      let verdict = write(context, now: now)
      if verdict == .close || phase == .writing || phase == .lingering { return verdict }
    }
  }

  private mutating func answer(_ request: AdminRequest, _ context: borrowing AdminContext) {
    closesAfterAnswer = !request.keepsAlive
    AdminResponseWriter.write(
      context.handler(request), isHead: request.method == .head, keepsAlive: request.keepsAlive,
      now: context.clock.wallSeconds(), into: &output)
  }

  private mutating func refuse(_ refusal: AdminRefusal, _ context: borrowing AdminContext) {
    closesAfterAnswer = true
    input.removeAll()
    AdminResponseWriter.write(
      AdminResponse(status: refusal.status, text: "request refused\n"), isHead: false, keepsAlive: false,
      now: context.clock.wallSeconds(), into: &output)
  }

  /// Waits for a request, or for the rest of one; a head's time runs from its first octet and is not renewed.
  private mutating func wait(_ context: borrowing AdminContext, now: UInt64) {
    if input.isEmpty {
      if phase != .idle { waitingSince = now }
      phase = .idle
      deadline = now &+ nanoseconds(context.settings.idleTimeoutMilliseconds)
    } else if phase != .reading {
      phase = .reading
      deadline = now &+ nanoseconds(context.settings.headTimeoutMilliseconds)
    }
  }

  private mutating func write(_ context: borrowing AdminContext, now: UInt64) -> Verdict {
    if phase != .writing {
      phase = .writing
      deadline = now &+ nanoseconds(context.settings.responseTimeoutMilliseconds)
    }
    while sent < output.count {
      switch socket.send(output.span, from: sent) {
      case .moved(let count): sent += count
      case .wouldBlock: return .keep
      case .ended, .failed: return .close
      }
    }
    output.removeAll()
    output.shrink(ifAbove: 4_096)
    sent = 0
    if closesAfterAnswer {
      // A close with unread octets would be a reset, and a reset destroys the answer on its way (RFC 9112
      // section 9.6).
      socket.finishSending()
      phase = .lingering
      deadline = now &+ nanoseconds(context.settings.lingerTimeoutMilliseconds)
      input.removeAll()
      return throwAway()
    }
    phase = .idle
    waitingSince = now
    deadline = now &+ nanoseconds(context.settings.idleTimeoutMilliseconds)
    return .keep
  }

  private mutating func throwAway() -> Verdict {
    while thrownAway < Self.maximumLingeringBytes {
      input.removeAll()
      switch socket.receive(into: &input, atMost: 8_192) {
      case .moved(let count): thrownAway += count
      case .wouldBlock: return .keep
      case .ended, .failed: return .close
      }
    }
    return .close
  }

  /// After an answer that had to wait: requests may have come meanwhile and lie in the buffer, where no event
  /// tells.
  mutating func resume(_ context: borrowing AdminContext, now: UInt64) -> Verdict {
    phase == .idle && !input.isEmpty ? serve(context, now: now) : .keep
  }
}

/// What all connections share.
struct AdminContext: ~Copyable, Sendable {
  let settings: AdminSettings
  let clock: Clock
  let sampler: RateSampler?
  let handler: @Sendable (AdminRequest) -> AdminResponse
}

/// Milliseconds of a setting in nanoseconds.
func nanoseconds(_ milliseconds: UInt32) -> UInt64 { UInt64(milliseconds) * 1_000_000 }
