public import Bytes
import CNghttp2

/// The server's side of one HTTP/2 connection that carries gRPC, without I/O. One thread drives it, in this
/// order:
///
/// 1. `receive` with the octets of one read;
/// 2. `takeCall` until nil, and for each call `takeMessage`, then `respond`, `fail`, or nothing yet (the call
///    is parked: its handle stays good until its stream ends);
/// 3. `drainOutput` and one write; again while `hasOutput`;
/// 4. when `isFinished` after that, close the socket.
///
/// `tick` from a timer (a second or less apart), followed by 3 and 4. When the socket does not take octets,
/// stop draining; when `isOutputStalled`, stop reading. A call costs no allocation of this layer once its
/// slot's buffers have grown to the usual message; nghttp2 makes a few of its own.
@safe
public struct HTTP2ServerConnection: ~Copyable {
  /// Whether to go on reading.
  public enum Intake: Sendable, Equatable {
    case open
    /// Read no more: drain, write, and close the socket when `isFinished`.
    case closing
  }

  /// How `send` fared.
  public enum Sending: Sendable, Equatable {
    case sent
    /// The stream is gone or finished.
    case gone
    /// Too much waits on this connection already; nothing was taken.
    case full
  }

  let state: UnsafeMutablePointer<ServerSession>
  /// Lives as long as the session that takes from it.
  private let memory: SessionMemory?
  private let budget: MessageBudget?

  /// - Parameters:
  ///   - routes: the methods served, at most 256; their order gives `Call.method`.
  ///   - now: monotonic nanoseconds.
  ///   - memory: of the thread that drives the connection; nil: the allocator's.
  ///   - budget: of that thread; nil: there is none beyond the connection's own.
  public init(
    settings: HTTP2Settings = HTTP2Settings(), routes: [GRPCRoute], now: UInt64, memory: SessionMemory? = nil,
    budget: MessageBudget? = nil
  ) {
    self.memory = memory
    self.budget = budget
    precondition(routes.count <= 256)
    unsafe state = UnsafeMutablePointer<ServerSession>.allocate(capacity: 1)
    unsafe state.initialize(to: ServerSession(settings: settings, routes: routes, now: now, budget: budget))
    unsafe state.pointee.handle = makeServerSession(settings, user: state, memory: memory)
    if unsafe state.pointee.handle == nil || !greet() {
      unsafe state.pointee.closeReason = .failure
      unsafe state.pointee.isGoawaySubmitted = true
      unsafe state.pointee.isMute = true
    }
  }

  deinit {
    unsafe nghttp2_session_del(state.pointee.handle)
    unsafe state.pointee.giveBackAll()
    unsafe state.deinitialize(count: 1)
    unsafe state.deallocate()
  }

  // MARK: Reading

  /// Takes octets from the peer. Never fails: what the peer does wrong becomes an answer, a reset or a
  /// GOAWAY.
  public mutating func receive(_ octets: Span<UInt8>, now: UInt64) -> Intake {
    unsafe state.pointee.now = now
    if unsafe state.pointee.closeReason != nil { return .closing }
    unsafe state.pointee.counters.octetsReceived += UInt64(octets.count)
    let handle = unsafe state.pointee.handle
    let result = unsafe octets.withUnsafeBufferPointer { octets in
      unsafe nghttp2_session_mem_recv(handle, octets.baseAddress, octets.count)
    }
    if result < 0 {
      refuseConnection(Int32(truncatingIfNeeded: result))
    } else {
      unsafe state.pointee.charge(octets)
    }
    if unsafe nghttp2_session_get_outbound_queue_size(handle) > state.pointee.settings.maximumQueuedFrames {
      _ = unsafe state.pointee.hangUp(.queueFull)
    }
    return settle()
  }

  private mutating func refuseConnection(_ error: Int32) {
    switch error {
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC.rawValue: _ = unsafe state.pointee.hangUp(.badPreface)
    case NGHTTP2_ERR_FLOODED.rawValue: _ = unsafe state.pointee.hangUp(.controlFlood)
    default: _ = unsafe state.pointee.hangUp(.failure)
    }
  }

  /// Looks at what took too long. Cost: the streams that were ever open at once, when one is open.
  public mutating func tick(now: UInt64) -> Intake {
    unsafe state.pointee.now = now
    unsafe state.pointee.checkTimes()
    unsafe state.pointee.trimIdleSlots()
    return settle()
  }

  private mutating func settle() -> Intake {
    if unsafe state.pointee.closeReason == nil { return isFinished ? .closing : .open }
    unsafe state.pointee.submitGoaway()
    return .closing
  }

  /// The next complete call, in the order of completion; nil when there is none. Calls whose stream was reset
  /// before are not given out.
  public mutating func takeCall() -> Call? { unsafe state.pointee.takeCall() }

  /// Exchanges the call's message with `buffer`, whose octets are forgotten and whose storage serves later
  /// streams: no octet is copied. False when the call's stream is gone; `buffer` is emptied then too. A
  /// second time the message is empty.
  @discardableResult
  public mutating func takeMessage(of call: Call, into buffer: inout ByteBuffer) -> Bool {
    buffer.removeAll()
    guard let index = unsafe state.pointee.find(call) else { return false }
    unsafe swap(&state.pointee.slots[index].message, &buffer)
    unsafe state.pointee.releaseReservation(index)
    return true
  }

  /// The octets of the call's message, or nil when its stream is gone.
  public func messageOctets(of call: Call) -> Int? {
    guard let index = unsafe state.pointee.find(call) else { return nil }
    return unsafe state.pointee.slots[index].message.count
  }

  /// Whether an answer to the call would still be sent.
  public func isAlive(_ call: Call) -> Bool { unsafe state.pointee.find(call) != nil }

  /// A call that the worker took and that died unanswered since, its stream being gone; nil when there is
  /// none. For lists of parked calls and watchers. Whoever drops the whole connection must forget its calls
  /// by itself. At most `maximumConcurrentStreams` are kept when nobody asks.
  public mutating func takeCancelled() -> Call? { unsafe state.pointee.cancelledCalls.popLast() }

  // MARK: Answering

  /// Answers a call with one message and status 0. False, and nothing happens, when its stream is gone.
  @discardableResult
  public mutating func respond(to call: Call, _ message: Span<UInt8>) -> Bool {
    guard let index = find(call) else { return false }
    unsafe state.pointee.respond(index, message)
    return true
  }

  /// Ends a call with a status other than 0, or a stream with any; `text` becomes `grpc-message`,
  /// percent-encoded. False, and nothing happens, when its stream is gone.
  @discardableResult
  public mutating func fail(_ call: Call, _ status: GRPCStatus, _ text: StaticString = "") -> Bool {
    guard let index = find(call) else { return false }
    unsafe state.pointee.finish(index, status, text)
    return true
  }

  /// The same with a text made for the occasion. On a stream that has sent messages the text is left out: it
  /// would have to be kept until they are gone.
  @discardableResult
  public mutating func fail(_ call: Call, _ status: GRPCStatus, text: Span<UInt8>) -> Bool {
    guard let index = find(call) else { return false }
    if unsafe state.pointee.slots[index].isOpen {
      unsafe state.pointee.finish(index, status, "")
    } else {
      unsafe state.pointee.fail(index, status, text)
    }
    return true
  }

  /// Sends one message of a server-streaming call; the first opens the response.
  public mutating func send(to call: Call, _ message: Span<UInt8>) -> Sending {
    guard call.isStreaming, let index = find(call) else { return .gone }
    if isOutputStalled { return .full }
    unsafe state.pointee.send(index, message)
    return .sent
  }

  /// Ends a server-streaming call with status 0 after the messages sent so far.
  @discardableResult
  public mutating func finish(_ call: Call) -> Bool { fail(call, .ok) }

  private mutating func find(_ call: Call) -> Int? {
    guard let index = unsafe state.pointee.find(call) else {
      unsafe state.pointee.counters.lateAnswers += 1
      return nil
    }
    return index
  }

  // MARK: Writing

  /// Appends what is to be written, up to about `outputBatchOctets` in `buffer`. All answers given since the
  /// last time come out together.
  public mutating func drainOutput(into buffer: inout ByteBuffer) {
    if isOver { return }
    let before = buffer.count
    unsafe buffer.append(state.pointee.greeting.span)
    unsafe state.pointee.greeting.removeAll()
    let limit = unsafe state.pointee.settings.outputBatchOctets
    while buffer.count < limit {
      unsafe state.pointee.submitGoaway()
      if isOver || !sendFrame(into: &buffer) { break }
    }
    unsafe state.pointee.counters.octetsSent += UInt64(buffer.count - before)
  }

  /// Appends what nghttp2 would write next, usually one frame.
  private mutating func sendFrame(into buffer: inout ByteBuffer) -> Bool {
    let handle = unsafe state.pointee.handle
    var start: UnsafePointer<UInt8>?
    let count = unsafe nghttp2_session_mem_send(handle, &start)
    if count < 0 {
      _ = unsafe state.pointee.hangUp(.failure)
      unsafe state.pointee.isMute = true
      return false
    }
    let octets = unsafe UnsafeBufferPointer(start: start, count: count)
    unsafe buffer.append(octets.span)
    // A budget may have been passed by this very frame.
    return unsafe count > 0 || state.pointee.closeReason != nil && !state.pointee.isGoawaySubmitted
  }

  /// Whether `drainOutput` would give octets.
  public var hasOutput: Bool {
    if isOver { return false }
    if unsafe !state.pointee.greeting.isEmpty { return true }
    return unsafe nghttp2_session_want_write(state.pointee.handle) != 0
  }

  /// More than `maximumPendingOutputOctets` of answers wait: read nothing more from this peer until they are
  /// gone.
  public var isOutputStalled: Bool {
    unsafe state.pointee.pendingOutput > state.pointee.settings.maximumPendingOutputOctets
  }

  /// This side has said its last word.
  private var isOver: Bool { unsafe state.pointee.isMute || state.pointee.isGoawaySent }

  /// Nothing more is to be read or written: when the octets drained so far are written, close the socket.
  public var isFinished: Bool {
    if isOver { return true }
    if unsafe state.pointee.closeReason != nil || !state.pointee.greeting.isEmpty { return false }
    let handle = unsafe state.pointee.handle
    return unsafe nghttp2_session_want_read(handle) == 0 && nghttp2_session_want_write(handle) == 0
  }

  // MARK: Shutting down

  /// Tells the peer to open no more streams, while those on their way are still served (GOAWAY with the
  /// highest stream number, RFC 9113 section 6.8). Some round trips later call `finishShutdown`.
  public mutating func beginShutdown() {
    if unsafe state.pointee.isShutdownNoticed || state.pointee.closeReason != nil { return }
    unsafe state.pointee.isShutdownNoticed = true
    _ = unsafe nghttp2_submit_shutdown_notice(state.pointee.handle)
  }

  /// Tells the peer the last stream that is served. Calls that run finish; later streams are ignored.
  public mutating func finishShutdown() {
    if unsafe state.pointee.isShutdownFinal || state.pointee.closeReason != nil { return }
    unsafe state.pointee.isShutdownNoticed = true
    unsafe state.pointee.isShutdownFinal = true
    let handle = unsafe state.pointee.handle
    let last = unsafe nghttp2_session_get_last_proc_stream_id(handle)
    _ = unsafe nghttp2_submit_goaway(
      handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), last, NGHTTP2_NO_ERROR.rawValue, nil, 0)
    unsafe state.pointee.resetAllLingering()
  }

  /// After `finishShutdown`: no stream is left and nothing waits to be drained.
  public var isDrained: Bool {
    if isFinished { return true }
    return unsafe state.pointee.isShutdownFinal && state.pointee.liveStreams == 0 && !hasOutput
  }

  // MARK: Looking

  /// Streams open now, those being answered included.
  public var liveStreams: Int { unsafe state.pointee.liveStreams }

  /// Octets of messages announced and not yet taken.
  public var bufferedOctets: Int { unsafe state.pointee.bufferedOctets }

  /// Octets of answers not yet drained.
  public var pendingOutputOctets: Int { unsafe state.pointee.pendingOutput }

  /// Why this side hung up, if it did.
  public var closeReason: CloseReason? { unsafe state.pointee.closeReason }

  /// What happened so far.
  public var counters: HTTP2Counters { unsafe state.pointee.counters }
}

// The value owns all it points to, and nothing in it is bound to a thread: it may be given to another as a
// whole.
extension HTTP2ServerConnection: @unchecked Sendable {}
