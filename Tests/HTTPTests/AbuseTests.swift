import Bytes
import HTTP
import Testing

@Suite struct AbuseTests {
  // MARK: What is no HTTP/2

  @Test(arguments: [
    "GET / HTTP/1.1\r\nhost: a\r\n\r\n", "POST", "\u{16}\u{3}\u{1}\u{2}\u{0}", "\u{0}",
    "PRI * HTTP/1.1\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nXX",
  ]) func `another protocol is hung up on at once`(text: String) {
    var peer = RawPeer(greets: false)
    expect(peer.send(Array(text.utf8)), equals: .closing)
    expect(peer.server.closeReason, equals: .badPreface)
    expect(peer.server.isFinished)
    // Not an octet is said to it.
    expect(peer.drain(), equals: [])
    expect(peer.send(Array(text.utf8)), equals: .closing)
  }

  @Test func `a preface in pieces is taken and one that is not followed by SETTINGS is refused`() {
    var peer = RawPeer(greets: false)
    for octet in RawPeer.preface { expect(peer.send([octet]), equals: .open) }
    _ = peer.send(RawPeer.frame(6, [0, 0, 0, 0, 0, 0, 0, 0]))
    _ = peer.drain()
    expect(peer.server.isFinished)
  }

  // MARK: Time

  @Test(arguments: [0, 3, 24]) func `a preface that does not come ends the connection`(octets: Int) {
    var peer = RawPeer(greets: false)
    _ = peer.send(Array(RawPeer.preface.prefix(octets)))
    peer.now += 10 * second - 1
    expect(peer.server.tick(now: peer.now), equals: .open)
    peer.now += 1
    expect(peer.server.tick(now: peer.now), equals: .closing)
    expect(peer.server.closeReason, equals: .prefaceTimeout)
    expect(peer.drain().goaway?.text, equals: "preface_timeout")
    expect(peer.server.isFinished)
  }

  @Test func `an idle connection stays`() {
    var peer = RawPeer()
    peer.now += 3_600 * second
    expect(peer.server.tick(now: peer.now), equals: .open)
    _ = peer.send(RawPeer.call(1))
    peer.answerAll()
    expect(peer.drain().filter { $0.stream == 1 }.count, equals: 3)
  }

  @Test func `a header block that does not end closes the connection`() {
    var peer = RawPeer()
    let block = RawPeer.block(RawPeer.request)
    _ = peer.send(RawPeer.frame(1, stream: 1, Array(block.prefix(20))))
    peer.now += 11 * second
    expect(peer.server.tick(now: peer.now), equals: .closing)
    expect(peer.server.closeReason, equals: .headerTimeout)
    var whole = RawPeer()
    _ = whole.send(RawPeer.frame(1, stream: 1, Array(block.prefix(20))))
    whole.now += 9 * second
    _ = whole.send(RawPeer.frame(9, flags: 4, stream: 1, Array(block.dropFirst(20))))
    whole.now += 9 * second
    expect(whole.server.tick(now: whole.now), equals: .open)
  }

  @Test func `a stream error in a header block does not start that clock`() {
    var peer = RawPeer()
    _ = peer.send(RawPeer.headers(1, more: [("Upper", "x")]))
    expect(peer.drain().resets, equals: [1])
    peer.now += 60 * second
    expect(peer.server.tick(now: peer.now), equals: .open)
  }

  @Test func `a slow call gets DEADLINE_EXCEEDED and then is reset`() throws {
    var exchange = Exchange()
    let slow = try require(
      exchange.client.open(HTTP2RequestFields(path: checkPath), body: prefix(100).span, ends: false))
    exchange.clientSpeaks()
    _ = exchange.serverSpeaks()
    for _ in 0..<40 {
      exchange.now += second
      exchange.client.send(slow, body: [1].span, ends: false)
      exchange.clientSpeaks()
      _ = exchange.server.tick(now: exchange.now)
      _ = exchange.serverSpeaks()
    }
    expect(exchange.server.counters.slowCalls, equals: 1)
    expect(exchange.server.liveStreams, equals: 1)
    for _ in 0..<40 {
      exchange.now += second
      _ = exchange.server.tick(now: exchange.now)
      _ = exchange.serverSpeaks()
    }
    expect(exchange.server.liveStreams, equals: 0)
    expect(exchange.results().map(\.grpc), equals: [4])
    expect(exchange.server.counters.resetsSent, equals: 1)
  }

  @Test func `a call that the worker holds is not timed here`() throws {
    var exchange = Exchange()
    exchange.call([1])
    exchange.clientSpeaks()
    let call = try require(exchange.server.takeCall())
    exchange.now += 600 * second
    expect(exchange.server.tick(now: exchange.now), equals: .open)
    expect(exchange.server.respond(to: call, [1].span))
    exchange.settle()
    expect(exchange.results().map(\.grpc), equals: [0])
  }

  // MARK: Windows

  @Test func `a peer that opens no window gets a bounded output and then GOAWAY`() {
    var peer = RawPeer(greets: false)
    _ = peer.send(RawPeer.preface + RawPeer.frame(4, [0, 4, 0, 0, 0, 0]))
    _ = peer.drain()
    _ = peer.send(RawPeer.frame(4, flags: 1))
    let answer = [UInt8](repeating: 1, count: 10_000)
    for stream in 0..<1_000 {
      if peer.server.isOutputStalled { break }
      _ = peer.send(RawPeer.call(UInt32(stream * 2 + 1)))
      while let call = peer.server.takeCall() { peer.server.respond(to: call, answer.span) }
    }
    expect(peer.server.isOutputStalled)
    expect(peer.server.pendingOutputOctets < (4 << 20) + 20_000)
    let frames = peer.drain()
    expect(frames.filter { $0.type == 0 }.count, equals: 0)
    expect(!peer.server.hasOutput)
    peer.now += 29 * second
    expect(peer.server.tick(now: peer.now), equals: .open)
    peer.now += 2 * second
    expect(peer.server.tick(now: peer.now), equals: .closing)
    expect(peer.drain().goaway?.text, equals: "output_stalled")
    expect(peer.server.isFinished)
  }

  @Test func `one-octet windows do not hold a stream for ever`() {
    var peer = RawPeer(greets: false)
    _ = peer.send(RawPeer.preface + RawPeer.frame(4, [0, 4, 0, 0, 0, 1]))
    _ = peer.send(RawPeer.frame(4, flags: 1) + RawPeer.call(1))
    let call = peer.server.takeCall()
    if let call { peer.server.respond(to: call, [UInt8](repeating: 1, count: 100).span) }
    var octets = 0
    for _ in 0..<29 {
      octets += peer.drain().filter { $0.type == 0 }.reduce(0) { $0 + $1.payload.count }
      peer.now += second
      _ = peer.send(RawPeer.frame(8, stream: 1, bigEndian(1)))
      expect(peer.server.tick(now: peer.now), equals: .open)
    }
    expect(octets, equals: 29)
    peer.now += 2 * second
    expect(peer.server.tick(now: peer.now), equals: .closing)
  }

  @Test func `a window that opens late lets the answer through`() {
    var peer = RawPeer(greets: false)
    _ = peer.send(RawPeer.preface + RawPeer.frame(4, [0, 4, 0, 0, 0, 0]))
    _ = peer.send(RawPeer.frame(4, flags: 1) + RawPeer.call(1))
    peer.answerAll()
    expect(peer.drain().filter { $0.type == 0 }, equals: [])
    _ = peer.send(RawPeer.frame(8, stream: 1, bigEndian(100)))
    expect(peer.drain().filter { $0.stream == 1 }.map(\.type), equals: [0, 1])
    expect(peer.server.liveStreams, equals: 0)
  }

  @Test func `a client that does not read leaves the server's output bounded`() {
    var settings = HTTP2ClientSettings()
    settings.replenishesWindows = false
    settings.streamWindowOctets = 0
    var exchange = Exchange(client: settings)
    exchange.clientSpeaks()
    _ = exchange.serverSpeaks()
    for _ in 0..<1_000 { exchange.call([UInt8](repeating: 1, count: 100)) }
    exchange.clientSpeaks()
    exchange.answerAll()
    exchange.writes = []
    _ = exchange.serverSpeaks()
    expect(exchange.writes.reduce(0, +) < 100_000)
    expect(exchange.server.pendingOutputOctets, equals: 105_000)
    expect(!exchange.server.hasOutput)
  }

  // MARK: Streams

  @Test func `streams beyond the limit are refused and the others go on`() {
    var settings = HTTP2Settings()
    settings.maximumConcurrentStreams = 10
    var peer = RawPeer(settings)
    _ = peer.send((0..<15).flatMap { RawPeer.call(UInt32($0 * 2 + 1)) })
    let refused = peer.drain().filter { $0.type == 3 }
    expect(refused.map(\.stream), equals: [21, 23, 25, 27, 29])
    expect(refused.map(\.code), equals: [7, 7, 7, 7, 7])
    expect(peer.server.counters.refusedStreams, equals: 5)
    peer.answerAll()
    expect(peer.drain().filter { $0.type == 0 }.count, equals: 10)
    _ = peer.send(RawPeer.call(31))
    peer.answerAll()
    expect(peer.drain().filter { $0.type == 0 }.count, equals: 1)
  }

  @Test func `the announced limit is the setting`() {
    var exchange = Exchange()
    exchange.settle()
    expect(exchange.client.announcedStreams, equals: 1_024)
    var settings = HTTP2Settings()
    settings.maximumConcurrentStreams = 70_000
    var other = Exchange(settings)
    other.settle()
    expect(other.client.announcedStreams, equals: 70_000)
  }

  // MARK: Headers

  @Test func `a header list beyond the limit is 431`() {
    for (count, isTaken) in [(100, true), (20_000, false), (60_000, false)] {
      var exchange = Exchange()
      var fields = HTTP2RequestFields(path: checkPath)
      fields.append(Array("x".utf8).span, [UInt8](repeating: 97, count: count).span)
      let seen = exchange.answer(body: frame([1]), fields: fields)
      expect(seen?.http, equals: isTaken ? 200 : 431, "\(count)")
      expect(seen?.grpc, equals: isTaken ? 0 : 8, "\(count)")
      expect(exchange.taken, equals: isTaken ? 1 : 0)
    }
  }

  @Test func `each field counts 32 octets more`() {
    // 17 fields of 2 octets are 578 with the additions.
    for (limit, status) in [(64 << 10, 200), (700, 431)] {
      var settings = HTTP2Settings()
      settings.maximumHeaderListOctets = limit
      var exchange = Exchange(settings)
      var fields = HTTP2RequestFields(path: checkPath)
      for _ in 0..<17 { fields.append("y", "z") }
      expect(exchange.answer(body: frame([1]), fields: fields)?.http, equals: status)
    }
  }

  @Test func `headers of 1 MiB close the connection`() {
    var peer = RawPeer()
    let block = RawPeer.block(RawPeer.request + [("x", String(repeating: "a", count: 1 << 20))])
    var octets = RawPeer.frame(1, stream: 1, Array(block.prefix(16_000)))
    for start in stride(from: 16_000, to: block.count, by: 16_000) {
      let end = min(block.count, start + 16_000)
      octets += RawPeer.frame(9, flags: end == block.count ? 4 : 0, stream: 1, Array(block[start..<end]))
    }
    _ = peer.send(octets)
    _ = peer.drain()
    expect(peer.server.isFinished)
    expect(peer.server.takeCall() == nil)
  }

  @Test(arguments: [0, 100]) func `a CONTINUATION flood closes the connection`(size: Int) {
    var peer = RawPeer()
    var octets = RawPeer.frame(1, stream: 1, RawPeer.block(RawPeer.request))
    let field = size == 0 ? [] : RawPeer.block([("x", String(repeating: "a", count: size))])
    for _ in 0..<9 { octets += RawPeer.frame(9, stream: 1, field) }
    _ = peer.send(octets)
    _ = peer.drain()
    expect(peer.server.isFinished)
    var few = RawPeer()
    var fine = RawPeer.frame(1, stream: 1, RawPeer.block(RawPeer.request))
    for index in 0..<8 { fine += RawPeer.frame(9, flags: index == 7 ? 4 : 0, stream: 1, field) }
    expect(few.send(fine + RawPeer.frame(0, flags: 1, stream: 1, frame([1]))), equals: .open)
    expect(few.server.takeCall() != nil)
  }

  @Test func `a header list bomb is cut off by its decoded octets`() {
    var settings = HTTP2Settings()
    settings.headerOctetsBurst = 1 << 20
    settings.headerOctetsPerSecond = 1 << 20
    var peer = RawPeer(settings)
    // One field of 3,000 octets goes into the dynamic table; then each octet 0xBE names it again.
    let value = [UInt8](repeating: 97, count: 3_000)
    let indexed: [UInt8] = [0x40, 1, 120, 127, 0xB9, 0x16] + value + [UInt8](repeating: 0xBE, count: 1_000)
    expect(
      peer.send(RawPeer.frame(1, flags: 4, stream: 1, RawPeer.block(RawPeer.request) + indexed)),
      equals: .closing)
    expect(peer.server.closeReason, equals: .headerFlood)
    expect(peer.drain().goaway?.code, equals: 11)
    expect(peer.server.isFinished)
    // With the usual budget it is one call refused.
    var usual = RawPeer()
    expect(
      usual.send(RawPeer.frame(1, flags: 4, stream: 1, RawPeer.block(RawPeer.request) + indexed)),
      equals: .open)
    expect(usual.server.counters.headersTooLarge, equals: 1)
  }

  @Test func `usual calls pay for their header octets themselves`() {
    var settings = HTTP2Settings()
    settings.headerOctetsBurst = 4_000
    settings.headerOctetsPerSecond = 1
    var peer = RawPeer(settings)
    for index in 0..<500 {
      expect(peer.send(RawPeer.call(UInt32(index * 2 + 1))), equals: .open)
      peer.answerAll()
      _ = peer.drain()
    }
    // Calls that are never completed do not.
    var octets: [UInt8] = []
    for index in 500..<600 { octets += RawPeer.headers(UInt32(index * 2 + 1)) }
    expect(peer.send(octets), equals: .closing)
    expect(peer.server.closeReason, equals: .headerFlood)
  }

  // MARK: Floods

  static let floods: [(String, [UInt8])] = [
    ("PING", RawPeer.frame(6, [1, 2, 3, 4, 5, 6, 7, 8])),
    ("PING ACK", RawPeer.frame(6, flags: 1, [1, 2, 3, 4, 5, 6, 7, 8])),
    ("SETTINGS", RawPeer.frame(4)),
    ("WINDOW_UPDATE", RawPeer.frame(8, bigEndian(1))),
    ("PRIORITY", RawPeer.frame(2, stream: 99, [0, 0, 0, 0, 1])),
    ("unknown", RawPeer.frame(0xBB, [1])),
    ("PRIORITY_UPDATE", RawPeer.frame(0x10, bigEndian(1) + [117])),
    ("empty DATA", RawPeer.frame(0, stream: 1)),
    ("one-octet DATA", RawPeer.frame(0, stream: 1, [0])),
  ]

  @Test func `header blocks for streams that have gone are counted although nobody reads them`() {
    var peer = RawPeer()
    _ = peer.send(RawPeer.call(1) + RawPeer.call(3))
    peer.answerAll()
    _ = peer.drain()
    expect(peer.server.liveStreams, equals: 0)
    var sent = 0
    while sent < 30_000, !peer.server.isFinished {
      for _ in 0..<100 { _ = peer.send(RawPeer.headers(1, ends: true)) }
      sent += 100
      _ = peer.drain()
    }
    expect(peer.server.isFinished && sent <= 10_200, "\(sent)")
  }

  @Test(arguments: 0..<9) func `a flood ends in GOAWAY`(index: Int) {
    let (name, octets) = Self.floods[index]
    var peer = RawPeer()
    _ = peer.send(RawPeer.headers(1))
    var sent = 0
    var frames: [RawPeer.Frame] = []
    while sent < 60_000, !peer.server.isFinished {
      _ = peer.send([[UInt8]](repeating: octets, count: 100).flatMap { $0 })
      sent += 100
      frames += peer.drain()
    }
    expect(peer.server.isFinished, name)
    expect(sent <= 10_100, "\(name): \(sent)")
    expect(frames.goaway?.code, equals: 11, name)
    expect(peer.server.closeReason, equals: .controlFlood, name)
  }

  @Test(arguments: 0..<9) func `the same frames at a modest pace do no harm`(index: Int) {
    let (name, octets) = Self.floods[index]
    var peer = RawPeer()
    if index < 7 { _ = peer.send(RawPeer.headers(1)) }
    for round in 0..<400 {
      // Small DATA needs a stream whose message is long enough not to be answered.
      if index >= 7 { _ = peer.send(RawPeer.headers(UInt32(round * 2 + 1))) }
      var octets = octets
      if index >= 7 { octets[8] = UInt8((round * 2 + 1) & 255); octets[7] = UInt8((round * 2 + 1) >> 8) }
      _ = peer.send([[UInt8]](repeating: octets, count: 100).flatMap { $0 })
      _ = peer.drain()
      if index >= 7 { _ = peer.send(RawPeer.frame(3, stream: UInt32(round * 2 + 1), bigEndian(8))) }
      peer.now += second / 5
      expect(peer.server.tick(now: peer.now) == .open, name)
    }
    expect(peer.server.closeReason == nil, "\(name) \(String(describing: peer.server.closeReason))")
  }

  @Test func `work earns control frames`() {
    var peer = RawPeer()
    for round in 0..<20_000 {
      _ = peer.send(
        RawPeer.call(UInt32(round * 2 + 1)) + RawPeer.frame(8, bigEndian(6))
          + RawPeer.frame(6, [1, 2, 3, 4, 5, 6, 7, 8]))
      peer.answerAll()
      _ = peer.drain()
    }
    expect(peer.server.closeReason == nil)
    expect(peer.server.counters.calls, equals: 20_000)
  }

  @Test func `replies that the peer provokes and never reads are bounded`() {
    var peer = RawPeer()
    _ = peer.drain()
    let ping = RawPeer.frame(6, [1, 2, 3, 4, 5, 6, 7, 8])
    expect(peer.send([[UInt8]](repeating: ping, count: 900).flatMap { $0 }), equals: .open)
    expect(peer.send([[UInt8]](repeating: ping, count: 200).flatMap { $0 }), equals: .closing)
    expect(peer.server.closeReason, equals: .controlFlood)
    expect(peer.drain().goaway?.code, equals: 11)
    expect(peer.server.isFinished)
  }

  @Test func `resets that the peer provokes and never reads are bounded`() {
    var settings = HTTP2Settings()
    settings.maximumConcurrentStreams = 1
    for (limit, reason) in [(50, CloseReason.queueFull), (200, nil)] as [(Int, CloseReason?)] {
      settings.maximumQueuedFrames = limit
      var peer = RawPeer(settings)
      _ = peer.drain()
      _ = peer.send((0..<100).flatMap { RawPeer.call(UInt32($0 * 2 + 1)) })
      expect(peer.server.closeReason, equals: reason)
    }
  }

  @Test func `rapid resets end in GOAWAY beyond the budget and far below it they do not`() {
    var settings = HTTP2Settings()
    settings.peerResetBurst = 500
    settings.peerResetsPerSecond = 100
    var peer = RawPeer(settings)
    func pair(_ index: Int) -> [UInt8] {
      RawPeer.call(UInt32(index * 2 + 1)) + RawPeer.frame(3, stream: UInt32(index * 2 + 1), bigEndian(8))
    }
    for index in 0..<500 { expect(peer.send(pair(index)), equals: .open) }
    peer.now += second
    for index in 500..<600 { expect(peer.send(pair(index)), equals: .open) }
    expect(peer.send(pair(600)), equals: .closing)
    expect(peer.server.closeReason, equals: .resetFlood)
    expect(peer.drain().goaway?.code, equals: 11)
    expect(peer.server.takeCall() == nil)
    // By default ten times nghttp2's own limit is no reason to hang up.
    var usual = RawPeer()
    for index in 0..<10_000 { _ = usual.send(pair(index)) }
    expect(usual.server.closeReason == nil)
    expect(usual.server.counters.cancelledBeforeTaken, equals: 10_000)
  }

  @Test(arguments: 0..<4) func `resets that the peer makes us send have a budget`(kind: Int) {
    var peer = RawPeer()
    _ = peer.drain()
    var resets = 0
    var frames: [RawPeer.Frame] = []
    for index in 0..<4_000 where !peer.server.isFinished {
      let stream = UInt32(index * 2 + 1)
      let octets: [UInt8]
      switch kind {
      case 0: octets = RawPeer.headers(stream) + RawPeer.frame(8, stream: stream, bigEndian(0x7FFF_FFFF))
      case 1: octets = RawPeer.headers(stream, more: [("Upper", "x")])
      case 2:
        octets =
          RawPeer.headers(stream, more: [("content-length", "5")])
          + RawPeer.frame(0, flags: 1, stream: stream, frame([1]))
      default: octets = RawPeer.headers(stream, more: [("connection", "close")])
      }
      _ = peer.send(octets)
      frames = peer.drain()
      resets += frames.resets.count
    }
    expect(peer.server.isFinished)
    expect(resets > 500 && resets <= 1_001, "\(resets)")
    expect(peer.server.closeReason, equals: .serverResetFlood)
    expect(frames.goaway?.code, equals: 11)
    expect(frames.goaway?.text, equals: "too_many_stream_errors")
  }

  @Test(arguments: 0..<7) func `a broken rule of the connection is a GOAWAY`(kind: Int) {
    let broken: [[UInt8]] = [
      RawPeer.frame(0, stream: 0, [1]),
      RawPeer.frame(8, bigEndian(0)),
      RawPeer.frame(8, bigEndian(0x7FFF_FFFF)),
      RawPeer.frame(1, flags: 4, stream: 1, [0x80]),
      RawPeer.frame(5, flags: 4, stream: 1, bigEndian(2)),
      RawPeer.frame(4, [0, 4, 0xFF, 0xFF, 0xFF, 0xFF]),
      [0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 1],
    ]
    var peer = RawPeer()
    _ = peer.drain()
    _ = peer.send(broken[kind])
    let goaway = peer.drain().goaway
    expect(goaway != nil && goaway?.code != 0)
    expect(peer.server.isFinished)
    expect(peer.server.counters.connectionErrors, equals: 1)
  }

  @Test func `frames after a stream's end break nothing else`() {
    var peer = RawPeer()
    _ = peer.send(RawPeer.call(1))
    peer.answerAll()
    _ = peer.drain()
    _ = peer.send(RawPeer.frame(3, stream: 1, bigEndian(8)) + RawPeer.frame(8, stream: 1, bigEndian(1)))
    _ = peer.send(RawPeer.call(3))
    peer.answerAll()
    expect(peer.drain().filter { $0.stream == 3 }.map(\.type), equals: [1, 0, 1])
  }
}
