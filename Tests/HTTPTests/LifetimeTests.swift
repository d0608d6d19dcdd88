import Bytes
import HTTP
import Testing

@Suite struct LifetimeTests {
  @Test func `a thousand calls are answered in one drain`() {
    var exchange = Exchange()
    exchange.clientSpeaks()
    _ = exchange.serverSpeaks()
    for index in 0..<1_000 { exchange.call([UInt8](repeating: UInt8(index & 255), count: 2_000)) }
    exchange.clientSpeaks()
    expect(exchange.server.liveStreams, equals: 1_000)
    exchange.answerAll()
    expect(exchange.taken, equals: 1_000)
    exchange.writes = []
    // One buffer, one write per `outputBatchOctets`.
    _ = exchange.serverSpeaks()
    expect(exchange.writes.count <= 9, "\(exchange.writes)")
    let seen = exchange.results()
    expect(seen.count, equals: 1_000)
    expect(seen.allSatisfy { $0.grpc == 0 && $0.body.count == 2_005 })
    expect(exchange.server.liveStreams, equals: 0)
  }

  @Test func `small answers of a batch leave in one write`() {
    var peer = RawPeer()
    _ = peer.send((0..<500).flatMap { RawPeer.call(UInt32($0 * 2 + 1)) })
    peer.answerAll()
    var output = ByteBuffer()
    peer.server.drainOutput(into: &output)
    expect(!peer.server.hasOutput)
    expect(RawPeer.frames(output.copy()).filter { $0.type == 0 }.count, equals: 500)
  }

  @Test func `a thousand checks of 64 KiB do not stall`() {
    var exchange = Exchange()
    exchange.clientSpeaks()
    _ = exchange.serverSpeaks()
    let message = [UInt8](repeating: 5, count: 64_000)
    for _ in 0..<1_000 { exchange.call(message) }
    for _ in 0..<8 {
      exchange.clientSpeaks()
      _ = exchange.serverSpeaks()
    }
    // Every message is here before the first is answered: no window holds one back.
    expect(exchange.server.counters.calls, equals: 1_000)
    expect(exchange.server.bufferedOctets, equals: 64_000_000)
    var message2 = ByteBuffer()
    var octets = 0
    while let call = exchange.server.takeCall() {
      expect(exchange.server.takeMessage(of: call, into: &message2))
      octets += message2.count
      exchange.server.respond(to: call, [1].span)
    }
    expect(octets, equals: 64_000_000)
    exchange.settle()
    expect(exchange.results().filter { $0.grpc == 0 }.count, equals: 1_000)
    expect(exchange.server.bufferedOctets, equals: 0)
  }

  @Test func `a late answer to a reset stream is ignored, also when its slot serves another`() throws {
    var exchange = Exchange()
    let first = try require(exchange.call([1]))
    exchange.clientSpeaks()
    let old = try require(exchange.server.takeCall())
    exchange.client.cancel(first)
    exchange.clientSpeaks()
    expect(!exchange.server.isAlive(old))
    exchange.call([9])
    exchange.clientSpeaks()
    let new = try require(exchange.server.takeCall())
    expect(new.stream != old.stream)
    var message = ByteBuffer()
    expect(!exchange.server.respond(to: old, [66].span))
    expect(!exchange.server.fail(old, .internalError, "late"))
    expect(exchange.server.send(to: old, [1].span), equals: .gone)
    expect(!exchange.server.finish(old))
    expect(!exchange.server.takeMessage(of: old, into: &message))
    expect(exchange.server.messageOctets(of: old) == nil)
    expect(exchange.server.counters.lateAnswers, equals: 3)
    expect(exchange.server.takeCancelled(), equals: old)
    expect(exchange.server.takeCancelled() == nil)
    expect(exchange.server.takeMessage(of: new, into: &message))
    expect(message.copy(), equals: [9])
    expect(exchange.server.respond(to: new, [7].span))
    // A second answer is late too.
    expect(!exchange.server.respond(to: new, [8].span))
    exchange.settle()
    let seen = exchange.results()
    expect(seen.map(\.body), equals: [[], frame([7])])
    expect(exchange.server.counters.cancelled, equals: 1)
    expect(exchange.server.counters.cancelledBeforeTaken, equals: 0)
  }

  @Test func `no work is done for a call that was reset before it was taken`() {
    var peer = RawPeer()
    let reset = bigEndian(8)
    _ = peer.send(
      RawPeer.call(1) + RawPeer.call(3) + RawPeer.call(5) + RawPeer.frame(3, stream: 3, reset)
        + RawPeer.headers(7) + RawPeer.frame(3, stream: 7, reset))
    var streams: [Int32] = []
    while let call = peer.server.takeCall() { streams.append(call.stream) }
    expect(streams, equals: [1, 5])
    expect(peer.server.counters.cancelled, equals: 2)
    expect(peer.server.counters.cancelledBeforeTaken, equals: 1)
    expect(peer.server.liveStreams, equals: 2)
  }

  @Test func `waiting calls stay in order whichever of them is reset`() {
    for removed in 0..<5 {
      var peer = RawPeer()
      _ = peer.send((0..<5).flatMap { RawPeer.call(UInt32($0 * 2 + 1)) })
      _ = peer.send(RawPeer.frame(3, stream: UInt32(removed * 2 + 1), bigEndian(8)))
      _ = peer.send(RawPeer.call(11))
      var streams: [Int32] = []
      while let call = peer.server.takeCall() { streams.append(call.stream) }
      expect(streams, equals: [1, 3, 5, 7, 9, 11].filter { $0 != removed * 2 + 1 })
    }
  }

  @Test func `an answer whose stream is reset before it is sent leaves nothing behind`() {
    var peer = RawPeer()
    _ = peer.drain()
    _ = peer.send(RawPeer.call(1))
    peer.answerAll()
    expect(peer.server.pendingOutputOctets, equals: 6)
    _ = peer.send(RawPeer.frame(3, stream: 1, bigEndian(8)))
    expect(peer.server.pendingOutputOctets, equals: 0)
    expect(peer.drain().filter { $0.stream == 1 && $0.type != 3 }, equals: [])
    _ = peer.send(RawPeer.call(3))
    peer.answerAll()
    expect(peer.drain().filter { $0.stream == 3 }.count, equals: 3)
  }

  @Test func `a watcher gets messages as they come until it is finished`() throws {
    var exchange = Exchange()
    let watch = try require(exchange.call([], path: watchPath))
    exchange.clientSpeaks()
    let call = try require(exchange.server.takeCall())
    expect(call.isStreaming && call.method == 2)
    for round in 1...3 as ClosedRange<UInt8> {
      expect(exchange.server.send(to: call, [round].span), equals: .sent)
      _ = exchange.serverSpeaks()
      exchange.clientSpeaks()
      expect(exchange.client.receivedBody(watch).count, equals: Int(round) * 6)
      exchange.now += 100 * second
      expect(exchange.server.tick(now: exchange.now), equals: .open)
    }
    exchange.server.fail(call, .unavailable, "draining")
    exchange.settle()
    let seen = exchange.results()
    expect(
      seen,
      equals: [
        Seen(http: 200, grpc: 14, text: "draining", body: frame([1]) + frame([2]) + frame([3]), stream: 1)
      ])
    expect(exchange.server.liveStreams, equals: 0)
    expect(exchange.server.send(to: call, [4].span), equals: .gone)
  }

  @Test func `several messages and the end may be given before one drain`() throws {
    var exchange = Exchange()
    exchange.call([], path: watchPath)
    exchange.clientSpeaks()
    let call = try require(exchange.server.takeCall())
    for round in 1...3 as ClosedRange<UInt8> { _ = exchange.server.send(to: call, [round].span) }
    expect(exchange.server.finish(call))
    exchange.settle()
    expect(exchange.results().map(\.body), equals: [frame([1]) + frame([2]) + frame([3])])
  }

  @Test func `a watcher that goes away is reported, and a unary call takes no stream`() throws {
    var exchange = Exchange()
    let watch = try require(exchange.call([], path: watchPath))
    exchange.clientSpeaks()
    let call = try require(exchange.server.takeCall())
    _ = exchange.server.send(to: call, [1].span)
    _ = exchange.serverSpeaks()
    exchange.client.cancel(watch)
    exchange.clientSpeaks()
    expect(exchange.server.takeCancelled(), equals: call)
    expect(exchange.server.liveStreams, equals: 0)
    expect(exchange.server.send(to: call, [2].span), equals: .gone)
    exchange.call([1])
    exchange.clientSpeaks()
    let unary = try require(exchange.server.takeCall())
    expect(exchange.server.send(to: unary, [1].span), equals: .gone)
    expect(exchange.server.respond(to: unary, [1].span))
  }

  @Test func `slots are used again and their storage stays bounded`() {
    var exchange = Exchange()
    for round in 0..<200 {
      for _ in 0..<20 { exchange.call([UInt8](repeating: 1, count: round * 10)) }
      exchange.settle()
      exchange.now += second
      _ = exchange.server.tick(now: exchange.now)
    }
    let seen = exchange.results()
    expect(seen.count, equals: 4_000)
    expect(seen.allSatisfy { $0.grpc == 0 })
    expect(exchange.server.liveStreams, equals: 0)
  }

  // MARK: Shutting down

  @Test func `a shutdown lets running calls finish`() throws {
    var exchange = Exchange()
    exchange.call([1])
    exchange.clientSpeaks()
    let call = try require(exchange.server.takeCall())
    exchange.server.beginShutdown()
    _ = exchange.serverSpeaks()
    expect(exchange.client.goawayCode, equals: 0)
    expect(!exchange.server.isDrained && !exchange.server.isFinished)
    exchange.server.finishShutdown()
    exchange.server.finishShutdown()
    _ = exchange.serverSpeaks()
    expect(exchange.client.goawayCount, equals: 2)
    expect(!exchange.server.isDrained)
    expect(exchange.server.respond(to: call, [5].span))
    expect(!exchange.server.isDrained)
    exchange.settle()
    expect(exchange.results().map(\.grpc), equals: [0])
    expect(exchange.server.isDrained && exchange.server.isFinished)
    expect(exchange.server.closeReason == nil)
  }

  @Test func `calls on their way at a shutdown's notice are served and later ones are not`() {
    var peer = RawPeer()
    _ = peer.drain()
    peer.server.beginShutdown()
    let notice = peer.drain()
    expect(notice.map(\.type), equals: [7])
    expect(notice.first?.payload.prefix(4) == [0x7F, 0xFF, 0xFF, 0xFF])
    _ = peer.send(RawPeer.call(1))
    peer.answerAll()
    expect(peer.drain().filter { $0.stream == 1 }.count, equals: 3)
    _ = peer.send(RawPeer.call(3))
    peer.server.finishShutdown()
    expect(peer.drain().goaway?.code, equals: 0)
    _ = peer.send(RawPeer.call(5))
    var streams: [Int32] = []
    while let call = peer.server.takeCall() {
      streams.append(call.stream)
      peer.server.respond(to: call, [1].span)
    }
    expect(streams, equals: [3])
    _ = peer.drain()
    expect(peer.server.isDrained)
  }

  @Test func `an idle connection is drained at once`() {
    var exchange = Exchange()
    exchange.settle()
    exchange.server.beginShutdown()
    exchange.server.finishShutdown()
    expect(!exchange.server.isDrained)
    _ = exchange.serverSpeaks()
    expect(exchange.server.isDrained)
  }

  @Test func `a shutdown does not wait for a peer that holds its side of answered calls open`() {
    var peer = RawPeer()
    _ = peer.send(RawPeer.headers(1, more: [("grpc-timeout", "x")]))
    _ = peer.drain()
    expect(peer.server.liveStreams, equals: 1)
    peer.server.beginShutdown()
    peer.server.finishShutdown()
    expect(peer.drain().resets, equals: [0])
    expect(peer.server.isDrained)
  }
}
