import Bytes
import EventLoop
import ExtAuthz
import HTTP
import Metrics
import System
import TLS

/// A connection with a place in a worker's table. The class gives it an address; the state does the work, so
/// that one exclusivity check covers a whole turn.
final class Connection {
  var state: ConnectionState

  init(
    _ socket: consuming Socket, _ tls: TLSSession?, _ http: consuming HTTP2ServerConnection, now: UInt64,
    maximumAge: UInt64
  ) {
    state = ConnectionState(socket: socket, tls: tls, http: http, now: now, maximumAge: maximumAge)
  }
}

/// A socket, its TLS if it has one, its HTTP/2 session and what waits to be written.
struct ConnectionState: ~Copyable {
  /// What may wait beside the answers of HTTP/2: alerts that a peer provokes and does not read.
  private static let maximumWaitingOctets = 1 << 20
  /// Without a call for so long it is taken for idle.
  private static let quietTime: UInt64 = 1_000_000_000

  private let socket: Socket
  private let tls: TLSSession?
  private var http: HTTP2ServerConnection
  private var output = ByteBuffer(capacity: 4 << 10)
  /// How many octets of `output` the kernel has.
  private var written = 0
  /// Since when the kernel has taken nothing of what waits.
  private var stalledSince: UInt64?
  private var readsNoMore = false
  private var isBroken = false
  /// The peer sends nothing more. It may still read.
  private var peerHasEnded = false
  private var watchers: [Watcher] = []
  private var parked: [WorkerContext.Parked] = []
  private var accounted = HTTP2Counters()
  private var accountedStreams = 0
  /// When it is old enough to be told to go elsewhere.
  private let leavesAt: UInt64
  /// When it last had a call, or began.
  private var lastCall: UInt64
  /// Since when it has been told.
  private var leavingSince: UInt64?
  /// What the poller watches it for.
  var registered: Interest = .read

  /// A health watch: a stream that stays open until the server ends it.
  private struct Watcher {
    let call: Call
    /// It is told of changes; one of an unknown service is not.
    let isKnown: Bool
  }

  init(
    socket: consuming Socket, tls: TLSSession?, http: consuming HTTP2ServerConnection, now: UInt64,
    maximumAge: UInt64
  ) {
    self.socket = socket
    self.tls = tls
    self.http = http
    lastCall = now
    // A tenth earlier or later: a fleet of proxies must not come back in one moment.
    leavesAt =
      maximumAge == 0 ? .max : now &+ maximumAge / 10 &* 9 &+ UInt64.random(in: 0...(maximumAge / 5))
  }

  var descriptor: Int32 { socket.descriptor }

  /// What it waits for next. A peer that takes no octets is not read from: that is what bounds its queue. One
  /// that takes octets but has closed its HTTP/2 window is read from, or its WINDOW_UPDATE would never be
  /// seen; the limit of streams bounds what it can pile up.
  var interest: Interest {
    var interest: Interest = []
    let isBlocked = written < output.count
    let isFull = http.isOutputStalled || output.count - written > Self.maximumWaitingOctets
    if !readsNoMore && !(isBlocked && isFull) { interest.insert(.read) }
    if isBlocked { interest.insert(.write) }
    return interest
  }

  /// Nothing is left to say or to hear: close the socket.
  var isOver: Bool {
    if isBroken { return true }
    if written < output.count { return false }
    // Its alert is written.
    if let tls, tls.state == .refused { return true }
    return http.isFinished || peerHasEnded || (readsNoMore && http.liveStreams == 0)
  }

  // MARK: One turn

  /// Reads once, answers every call that is complete, writes all answers together.
  mutating func turn(_ event: Event, _ context: inout WorkerContext) {
    // Dead in both directions: nobody would hear an answer, and the poller would report it for ever.
    if event.isLost {
      isBroken = true
      return
    }
    if event.isReadable && !readsNoMore { read(&context) }
    serve(&context)
    flush(&context)
    account(&context)
    context.timeAnswers()
  }

  private mutating func read(_ context: inout WorkerContext) {
    context.input.removeAll()
    switch socket.receive(into: &context.input, atMost: context.settings.readOctetsPerTurn) {
    case .moved:
      if let tls {
        open(tls, &context)
      } else if http.receive(context.input.span, now: context.now) == .closing {
        readsNoMore = true
      }
    case .wouldBlock: break
    // A client that has half-closed sends no acknowledgements and opens no windows: it gets what it can get
    // now.
    case .ended:
      readsNoMore = true
      peerHasEnded = true
    case .failed: isBroken = true
    }
  }

  /// What was read is sealed: HTTP/2 takes what it holds.
  private mutating func open(_ tls: TLSSession, _ context: inout WorkerContext) {
    let wasGreeting = tls.state == .greeting
    let state = context.unseal(tls, answers: &output)
    if wasGreeting && state != .greeting {
      context.countHandshake(tls)
    } else if state == .refused {
      context.countBroken(tls)
    }
    if !context.plain.isEmpty, http.receive(context.plain.span, now: context.now) == .closing {
      readsNoMore = true
    }
    switch state {
    case .greeting, .open: break
    case .ended:
      readsNoMore = true
      peerHasEnded = true
    case .refused: readsNoMore = true
    }
  }

  /// Nothing may be sealed yet, or any more.
  private var isMute: Bool {
    guard let tls else { return false }
    return tls.state == .greeting || tls.state == .refused
  }

  private mutating func serve(_ context: inout WorkerContext) {
    while let call = http.takeCall() {
      lastCall = context.now
      if call.deadline <= context.currentTime(for: call) {
        context.cells.add(context.metrics.deadlineExceeded, 1)
        http.fail(call, .deadlineExceeded, "the deadline had passed before the check was evaluated")
        continue
      }
      http.takeMessage(of: call, into: &context.message)
      context.reply.removeAll()
      switch context.answer(call) {
      case .message: http.respond(to: call, context.reply.span)
      case .wait(let waits): parked.append(context.park(call, waits))
      case .failure(let status, let text): http.fail(call, status, text)
      case .watch(let isKnown):
        if http.send(to: call, context.reply.span) == .sent {
          watchers.append(Watcher(call: call, isKnown: isKnown))
        } else {
          http.fail(call, .resourceExhausted, "too much waits on this connection")
        }
      }
    }
    forgetCancelled(&context)
  }

  private mutating func forgetCancelled(_ context: inout WorkerContext) {
    while let gone = http.takeCancelled() {
      watchers.removeAll { $0.call == gone }
      if let index = parked.firstIndex(where: { $0.call == gone }) {
        context.forget(parked[index])
        parked.swapAt(index, parked.count - 1)
        parked.removeLast()
      }
    }
  }

  // MARK: Waiting for keys

  var hasParked: Bool { !parked.isEmpty }

  /// Judges again the checks whose keys may have come or whose time is over, at most so many.
  /// - Returns: how many it judged.
  mutating func resumeParked(atMost limit: Int, _ context: inout WorkerContext) -> Int {
    forgetCancelled(&context)
    var judged = 0
    var index = parked.count - 1
    while index >= 0, judged < limit {
      defer { index -= 1 }
      guard context.isDue(parked[index]) else {
        context.keepsWaiting(parked[index])
        continue
      }
      judged += 1
      let one = parked[index]
      parked.swapAt(index, parked.count - 1)
      parked.removeLast()
      context.reply.removeAll()
      switch context.answerAgain(one) {
      case .message, .watch:
        http.respond(to: one.call, context.reply.span)
        context.timeAnswer(since: one.since)
      case .failure(let status, let text): http.fail(one.call, status, text)
      case .wait(let waits): parked.append(context.parkAgain(one, waits))
      }
    }
    if judged > 0 { flush(&context) }
    return judged
  }

  /// The connection goes: nobody hears the answers.
  mutating func dropParked(_ context: inout WorkerContext) {
    for one in parked { context.forget(one) }
    parked.removeAll()
  }

  // MARK: Writing

  /// Writes what waits: the answers of a batch leave in one write.
  mutating func flush(_ context: inout WorkerContext) {
    while !isBroken {
      if written == output.count {
        output.removeAll()
        written = 0
        drain(&context)
        if output.isEmpty { break }
      }
      switch socket.send(output.span, from: written) {
      case .moved(let count):
        written += count
        stalledSince = nil
      case .wouldBlock:
        if stalledSince == nil { stalledSince = context.now }
        return
      case .ended, .failed: isBroken = true
      }
    }
    output.shrink(ifAbove: 64 << 10)
  }

  /// Fills `output` with what HTTP/2 has to say, sealed where there is TLS.
  private mutating func drain(_ context: inout WorkerContext) {
    guard let tls else { return http.drainOutput(into: &output) }
    if isMute { return }
    context.plain.removeAll()
    http.drainOutput(into: &context.plain)
    if !context.plain.isEmpty {
      tls.send(context.plain.span, into: &output)
    } else if http.isFinished {
      // The peer can tell the end from a cut.
      tls.end(into: &output)
    }
  }

  /// Looks at what took too long.
  mutating func tick(_ context: inout WorkerContext) {
    if let since = stalledSince, context.now &- since > context.settings.writeStallTimeout {
      // What it never took is thrown away with the connection, in the kernel too.
      socket.resetOnClose()
      isBroken = true
      return
    }
    if http.tick(now: context.now) == .closing {
      readsNoMore = true
      // Its GOAWAY cannot be sealed.
      if isMute { isBroken = true }
    }
    leaveInTime(&context)
    flush(&context)
    if let tls, http.liveStreams == 0, context.now &- lastCall > Self.quietTime { tls.releaseBuffers() }
    account(&context)
  }

  /// A connection that is too old, or that nobody uses, is told to go elsewhere, and ends when its calls have.
  private mutating func leaveInTime(_ context: inout WorkerContext) {
    if let since = leavingSince {
      if context.now &- since >= WorkerContext.shutdownNotice { finishShutdown(&context) }
      return
    }
    let idle = context.settings.idleTimeout
    let isIdle = idle > 0 && http.liveStreams == 0 && context.now &- lastCall >= idle
    let isDistrusted = tls.map { !context.stillTrusts($0.context) } ?? false
    guard isIdle || isDistrusted || context.now >= leavesAt, !readsNoMore else { return }
    let metrics = context.metrics
    let reason = isDistrusted ? metrics.leftDistrusted : isIdle ? metrics.leftIdle : metrics.leftOld
    context.cells.add(reason, 1)
    leavingSince = context.now
    http.beginShutdown()
  }

  // MARK: Shutting down

  /// Tells those who watch that the server takes no more.
  mutating func tellHealth(_ context: inout WorkerContext) {
    context.writeHealth(.notServing)
    for watcher in watchers where watcher.isKnown { _ = http.send(to: watcher.call, context.reply.span) }
    flush(&context)
  }

  mutating func beginShutdown(_ context: inout WorkerContext, tellsHealth: Bool) {
    if leavingSince == nil {
      leavingSince = context.now
      context.cells.add(context.metrics.leftShutdown, 1)
      http.beginShutdown()
    }
    if tellsHealth { tellHealth(&context) } else { flush(&context) }
  }

  mutating func finishShutdown(_ context: inout WorkerContext) {
    http.finishShutdown()
    for watcher in watchers { http.fail(watcher.call, .unavailable, "the server shuts down") }
    watchers.removeAll()
    flush(&context)
    if (http.isDrained || isMute) && written == output.count { isBroken = true }
  }

  /// Adds what happened since the last time to the worker's metrics.
  /// - Parameter isLast: the connection goes, and its streams with it.
  mutating func account(_ context: inout WorkerContext, isLast: Bool = false) {
    let streams = isLast ? 0 : http.liveStreams
    if streams != accountedStreams {
      context.cells.add(context.metrics.streamsNow, Int64(streams - accountedStreams))
      accountedStreams = streams
    }
    let counters = http.counters
    context.account(counters, since: accounted)
    accounted = counters
  }
}
