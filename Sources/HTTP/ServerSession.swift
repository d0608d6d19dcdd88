import Bytes
import CNghttp2

/// The state of one server connection. nghttp2's callbacks reach it by pointer while
/// `nghttp2_session_mem_recv` or `nghttp2_session_mem_send` runs, so nothing may hold it exclusively across
/// those two calls; the `nghttp2_submit_…` calls never call back.
@safe
struct ServerSession: ~Copyable {
  let settings: HTTP2Settings
  let routes: RouteTable
  var counters = HTTP2Counters()
  /// Owned by `HTTP2ServerConnection`, which frees it.
  var handle: OpaquePointer?
  /// The time of the call in progress.
  var now: UInt64

  var slots = OwnedArray<StreamSlot>(capacity: 1)
  private var idleHead: Int32 = -1
  private var readyHead: Int32 = -1
  private var readyTail: Int32 = -1
  /// The slot that frames of late belonged to: most of the time also that of the next.
  private var recentSlot = 0
  private(set) var liveStreams = 0
  private var peakStreams = 0
  /// Calls that died while the worker had them, for `takeCancelled`.
  var cancelledCalls = OwnedArray<Call>(capacity: 1)
  /// Text being percent-encoded.
  var scratch = ByteBuffer(capacity: 16)
  /// Our preface, made at the beginning.
  var greeting = ByteBuffer(capacity: 64)

  /// Of the thread, shared with its other connections.
  let budget: UnsafeMutablePointer<MessageBudget.State>?
  var bufferedOctets = 0
  var pendingOutput = 0
  var controlBudget: TokenBucket
  var peerResetBudget: TokenBucket
  var serverResetBudget: TokenBucket
  var headerBudget: TokenBucket

  let openedAt: UInt64
  private var trimmedAt: UInt64
  var sawSettings = false
  var scanner = FrameScanner()
  /// HEADERS frames seen minus header blocks that nghttp2 began to read.
  var headersNotBegun = 0
  /// When the header block being read began; 0 outside one.
  var headerBlockSince: UInt64 = 0

  /// Set once this side has decided to hang up.
  var closeReason: CloseReason?
  var isGoawaySubmitted = false
  var isGoawaySent = false
  /// Nothing more is to be written: the peer does not speak HTTP/2, or nghttp2 failed.
  var isMute = false
  var isShutdownNoticed = false
  var isShutdownFinal = false

  init(settings: HTTP2Settings, routes: [GRPCRoute], now: UInt64, budget: MessageBudget?) {
    self.settings = settings
    unsafe self.budget = unsafe budget?.state
    self.routes = RouteTable(routes)
    self.now = now
    openedAt = now
    trimmedAt = now
    controlBudget = TokenBucket(
      capacity: settings.controlFrameBurst, perSecond: settings.controlFramesPerSecond, now: now)
    peerResetBudget = TokenBucket(
      capacity: settings.peerResetBurst, perSecond: settings.peerResetsPerSecond, now: now)
    serverResetBudget = TokenBucket(
      capacity: settings.serverResetBurst, perSecond: settings.serverResetsPerSecond, now: now)
    headerBudget = TokenBucket(
      capacity: settings.headerOctetsBurst, perSecond: settings.headerOctetsPerSecond, now: now)
  }

  // MARK: Slots

  /// A slot for a new stream, or nil when all allowed ones are in use.
  mutating func acquireSlot(stream: Int32) -> Int? {
    if liveStreams >= Int(settings.maximumConcurrentStreams) { return nil }
    let index: Int
    if idleHead >= 0 {
      index = Int(idleHead)
      idleHead = slots[index].next
    } else {
      index = slots.count
      slots.append(StreamSlot())
    }
    slots[index].open(stream: stream, now: now)
    liveStreams += 1
    peakStreams = max(peakStreams, liveStreams)
    recentSlot = index
    return index
  }

  /// Gives the slot back when its stream is gone, whatever the reason.
  mutating func releaseSlot(_ index: Int) {
    switch slots[index].phase {
    case .idle: return
    case .headers, .message: counters.cancelled += 1
    case .queued:
      counters.cancelled += 1
      counters.cancelledBeforeTaken += 1
      unlinkReady(index)
    case .taken:
      counters.cancelled += 1
      // A worker that never asks for them must not make this grow without end; it still has `isAlive`.
      if cancelledCalls.count < Int(settings.maximumConcurrentStreams) { cancelledCalls.append(call(index)) }
    case .answered: break
    }
    releaseReservation(index)
    pendingOutput -= slots[index].pendingResponse
    slots[index].close(retained: settings.retainedMessageOctets)
    slots[index].next = idleHead
    idleHead = Int32(truncatingIfNeeded: index)
    liveStreams -= 1
  }

  mutating func releaseReservation(_ index: Int) {
    giveBack(slots[index].reserved)
    slots[index].reserved = 0
  }

  private mutating func giveBack(_ octets: Int) {
    bufferedOctets -= octets
    unsafe budget?.pointee.give(octets)
  }

  /// The connection goes, with all messages that it holds.
  mutating func giveBackAll() { giveBack(bufferedOctets) }

  /// The slot of a stream that nghttp2 still knows.
  mutating func slot(of stream: Int32) -> Int? {
    if recentSlot < slots.count, slots[recentSlot].stream == stream { return recentSlot }
    guard let mark = unsafe nghttp2_session_get_stream_user_data(handle, stream) else { return nil }
    let index = Int(bitPattern: mark) - 1
    guard index >= 0, index < slots.count, slots[index].stream == stream else { return nil }
    recentSlot = index
    return index
  }

  /// The slot of a call that the worker has, or nil when its stream is gone or already answered.
  func find(_ call: Call) -> Int? {
    let index = Int(call.slot)
    guard index < slots.count, slots[index].stream == call.stream, slots[index].phase == .taken,
      !isGoawaySubmitted
    else { return nil }
    return index
  }

  // MARK: Calls waiting to be taken

  mutating func enqueue(_ index: Int) {
    counters.calls += 1
    controlBudget.credit(settings.controlFramesPerCall)
    headerBudget.credit(min(UInt64(slots[index].fields.octets), settings.headerOctetsPerCall))
    slots[index].phase = .queued
    slots[index].since = 0
    slots[index].next = -1
    slots[index].previous = readyTail
    let link = Int32(truncatingIfNeeded: index)
    if readyTail >= 0 { slots[Int(readyTail)].next = link } else { readyHead = link }
    readyTail = link
  }

  private mutating func unlinkReady(_ index: Int) {
    let previous = slots[index].previous
    let next = slots[index].next
    if previous >= 0 { slots[Int(previous)].next = next } else { readyHead = next }
    if next >= 0 { slots[Int(next)].previous = previous } else { readyTail = previous }
  }

  mutating func takeCall() -> Call? {
    if readyHead < 0 || isGoawaySubmitted { return nil }
    let index = Int(readyHead)
    unlinkReady(index)
    slots[index].phase = .taken
    return call(index)
  }

  private func call(_ index: Int) -> Call {
    let method = slots[index].fields.method ?? 0
    return Call(
      slot: UInt32(truncatingIfNeeded: index), stream: slots[index].stream, method: method,
      isStreaming: routes.isStreaming(method), deadline: slots[index].deadline)
  }

  // MARK: Idle storage

  /// Gives back the buffers of idle slots beyond those that were in use since the last time.
  mutating func trimIdleSlots() {
    if now &- trimmedAt < settings.idleTrimInterval || now < trimmedAt { return }
    trimmedAt = now
    var keep = max(settings.idleStreamSlots, peakStreams) - liveStreams
    peakStreams = liveStreams
    var index = idleHead
    while index >= 0 {
      let slot = Int(index)
      index = slots[slot].next
      keep -= 1
      if keep >= 0 { continue }
      slots[slot].message.shrink(ifAbove: 16)
      slots[slot].response.shrink(ifAbove: 16)
    }
  }
}
