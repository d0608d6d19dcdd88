import Bytes
import HTTP
import Testing

@Suite struct GRPCRuleTests {
  @Test func `a call is answered by headers, one message and trailers`() throws {
    var exchange = Exchange()
    exchange.call([1, 2, 3])
    exchange.settle()
    let seen = exchange.results()
    expect(seen == [Seen(http: 200, grpc: 0, body: frame([3, 2, 1]), stream: 1)])
    expect(exchange.server.liveStreams == 0)
    expect(exchange.server.counters.calls == 1)
    expect(exchange.server.bufferedOctets == 0)
    expect(exchange.server.pendingOutputOctets == 0)
    expect(!exchange.server.isFinished)
  }

  @Test func `the three frames of an answer carry END_STREAM on the trailers alone`() {
    var peer = RawPeer()
    _ = peer.send(RawPeer.call(1, []))
    let call = peer.server.takeCall()
    expect(call != nil)
    let nothing: [UInt8] = []
    if let call { peer.server.respond(to: call, nothing.span) }
    let frames = peer.drain().filter { $0.stream == 1 }
    expect(frames.map(\.type) == [1, 0, 1])
    expect(frames.map(\.flags) == [4, 0, 5])
    expect(frames[1].payload == [0, 0, 0, 0, 0])
  }

  @Test func `an empty message is a message`() {
    var exchange = Exchange()
    expect(exchange.answer(body: prefix(0))?.grpc == 0)
    expect(exchange.answer(body: prefix(0))?.body == prefix(0))
  }

  @Test(arguments: [1, 2, 3, 5, 9, 64]) func `octets may come in any pieces`(piece: Int) {
    var exchange = Exchange()
    for index in 0..<20 { exchange.call([UInt8](repeating: UInt8(index), count: index * 7)) }
    exchange.settle(piece: piece)
    let seen = exchange.results()
    expect(seen.count == 20)
    expect(seen.allSatisfy { $0.grpc == 0 && $0.http == 200 })
  }

  @Test func `an unknown path is UNIMPLEMENTED in one frame`() throws {
    for path in [
      "/envoy.service.auth.v3.Authorization/check", "/envoy.service.auth.v3.Authorization/Check/",
      "/envoy.service.auth.v2.Authorization/Check", "/", "/envoy.service.auth.v3.Authorization/Check?x",
      "/envoy.service.auth.v3.Authorization",
    ] {
      var exchange = Exchange()
      var fields = HTTP2RequestFields()
      fields.append(":method", "POST")
      fields.append(":scheme", "http")
      fields.append(":authority", "a")
      fields.append(Array(":path".utf8).span, Array(path.utf8).span)
      fields.append("content-type", "application/grpc")
      let seen = try require(exchange.answer(body: frame([1]), fields: fields))
      expect(seen.http == 200 && seen.grpc == 12 && seen.isTrailersOnly, "\(path)")
      expect(exchange.server.counters.unknownPath == 1)
      expect(exchange.taken == 0)
    }
  }

  @Test func `content types of gRPC with protobuf are taken, all others are 415`() throws {
    let taken = [
      "application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8", "APPLICATION/gRPC",
      "application/grpc+proto ; x=y",
    ]
    let refused = [
      "", "application/json", "application/grpc-web", "application/grpc+json", "application/grpcx",
      "application/grp", "text/plain; application/grpc",
    ]
    for (type, isTaken) in taken.map({ ($0, true) }) + refused.map({ ($0, false) }) {
      var exchange = Exchange()
      let seen = try require(exchange.answer(body: frame([1]), fields: Self.fields(("content-type", type))))
      expect(seen.http == (isTaken ? 200 : 415), "\(type)")
      expect(seen.grpc == (isTaken ? 0 : 3), "\(type)")
      expect(exchange.server.counters.badContentType == (isTaken ? 0 : 1))
    }
    var exchange = Exchange()
    expect(exchange.answer(body: frame([1]), fields: Self.fields(nil))?.http == 415)
    var twice = HTTP2RequestFields(path: checkPath)
    twice.append("content-type", "application/grpc")
    expect(exchange.answer(body: frame([1]), fields: twice)?.http == 415)
  }

  @Test(arguments: ["GET", "PUT", "HEAD", "post", "OPTIONS"]) func `a method other than POST is 405`(
    method: String
  ) throws {
    var exchange = Exchange()
    var fields = HTTP2RequestFields()
    fields.append(Array(":method".utf8).span, Array(method.utf8).span)
    fields.append(":scheme", "http")
    fields.append(":path", checkPath)
    fields.append(":authority", "a")
    fields.append("content-type", "application/grpc")
    let seen = try require(exchange.answer(body: [], fields: fields))
    expect(seen.http == 405 && seen.grpc == 13 && seen.isTrailersOnly)
    expect(exchange.taken == 0)
  }

  @Test func `te is not asked for`() {
    var exchange = Exchange()
    expect(
      exchange.answer(body: frame([1]), fields: Self.fields(("content-type", "application/grpc")))?.grpc == 0)
  }

  @Test func `a timeout becomes a deadline and a malformed one is refused`() throws {
    let table: [(String, UInt64?)] = [
      ("1n", 1), ("1u", 1_000), ("1m", 1_000_000), ("1S", second), ("1M", 60 * second), ("1H", 3600 * second),
      ("1000m", second), ("00000001S", second), ("99999999n", 99_999_999), ("0S", 0),
      ("99999999H", .max), ("99999999M", 99_999_999 * 60 * second),
      ("", nil), ("1", nil), ("S", nil), ("1s", nil), ("1h", nil), ("123456789S", nil), ("000000001S", nil),
      ("-1S", nil), ("+1S", nil), ("1.5S", nil), ("1SS", nil), ("1 S", nil), ("0x1S", nil), ("1ms", nil),
    ]
    for (text, nanoseconds) in table {
      var exchange = Exchange()
      var fields = HTTP2RequestFields(path: checkPath)
      fields.append(Array("grpc-timeout".utf8).span, Array(text.utf8).span)
      _ = exchange.client.open(fields, message: [1].span)
      exchange.clientSpeaks()
      let call = exchange.server.takeCall()
      if let nanoseconds {
        let (deadline, overflow) = exchange.now.addingReportingOverflow(nanoseconds)
        expect(call?.deadline == (overflow ? .max : deadline), "\(text)")
      } else {
        expect(call == nil, "\(text)")
        exchange.settle()
        let seen = try require(exchange.results().last)
        expect(seen.http == 400 && seen.grpc == 13 && seen.isTrailersOnly, "\(text)")
      }
    }
    var exchange = Exchange()
    exchange.call([1])
    exchange.clientSpeaks()
    expect(exchange.server.takeCall()?.deadline == .max)
    var twice = HTTP2RequestFields(path: checkPath)
    twice.append("grpc-timeout", "1S")
    twice.append("grpc-timeout", "1H")
    expect(exchange.answer(body: frame([1]), fields: twice)?.http == 400)
  }

  @Test func `no message is inflated`() throws {
    let body = frame([0x1F, 0x8B, 8], flag: 1)
    for (encoding, status) in [(nil, 13), ("identity", 13), ("gzip", 12), ("x", 12)] as [(String?, Int)] {
      var exchange = Exchange()
      var fields = HTTP2RequestFields(path: checkPath)
      if let encoding { fields.append(Array("grpc-encoding".utf8).span, Array(encoding.utf8).span) }
      let seen = try require(exchange.answer(body: body, fields: fields))
      expect(seen.http == 200 && seen.grpc == status && seen.isTrailersOnly)
      expect(seen.text.hasSuffix("[accepts identity]") == (status == 12))
      expect(exchange.taken == 0 && exchange.server.counters.compressed == 1)
    }
    // An encoding that is named and not used does no harm.
    var exchange = Exchange()
    var fields = HTTP2RequestFields(path: checkPath)
    fields.append("grpc-encoding", "gzip")
    expect(exchange.answer(body: frame([1]), fields: fields)?.grpc == 0)
  }

  @Test(arguments: [2, 3, 4, 128, 255] as [UInt8]) func `unknown prefix flags are refused`(flag: UInt8) {
    var exchange = Exchange()
    let seen = exchange.answer(body: frame([1], flag: flag))
    expect(seen?.grpc == 13 && seen?.isTrailersOnly == true && exchange.taken == 0)
  }

  @Test func `a unary call has one whole message`() {
    let bad: [[UInt8]] = [
      [], [0], [0, 0, 0, 0], prefix(1), prefix(5) + [1, 2, 3, 4], frame([1]) + [0], frame([1]) + frame([2]),
      prefix(0) + [0], frame([]) + frame([]), prefix(3) + [1, 2, 3, 4],
    ]
    for body in bad {
      var exchange = Exchange()
      let seen = exchange.answer(body: body)
      expect(seen?.grpc == 13 && seen?.isTrailersOnly == true, "\(body)")
      expect(exchange.taken == 0 && exchange.server.counters.badFraming == 1)
      expect(exchange.server.liveStreams == 0 && exchange.server.bufferedOctets == 0)
    }
  }

  @Test(arguments: [5 << 20, UInt32.max, (4 << 20) + 1] as [UInt32])
  func `a long message is refused from its prefix`(count: UInt32) throws {
    var exchange = Exchange()
    let call = try require(
      exchange.client.open(HTTP2RequestFields(path: checkPath), body: prefix(count).span, ends: false))
    exchange.settle()
    expect(exchange.server.counters.messageTooLarge == 1)
    exchange.client.send(call, body: [1, 2, 3].span, ends: true)
    exchange.settle()
    expect(exchange.results().last?.grpc == 8)
    expect(exchange.server.liveStreams == 0)
    expect(exchange.server.bufferedOctets == 0)
  }

  @Test func `what follows a refused prefix is thrown away and the connection goes on`() throws {
    var exchange = Exchange()
    let body = prefix(8 << 20) + [UInt8](repeating: 1, count: 8 << 20)
    let call = try require(
      exchange.client.open(HTTP2RequestFields(path: checkPath), body: body.span, ends: true))
    _ = call
    exchange.settle()
    let seen = try require(exchange.results().last)
    expect(seen.grpc == 8 && seen.http == 200)
    expect(exchange.server.liveStreams == 0)
    exchange.call([1])
    exchange.settle()
    expect(exchange.results().last?.grpc == 0)
    expect(exchange.client.connectionSendWindow > 1 << 20)
  }

  @Test func `a message of the limit is taken and one octet more is not`() {
    var settings = HTTP2Settings()
    settings.maximumMessageOctets = 1000
    var exchange = Exchange(settings)
    expect(exchange.answer(body: frame([UInt8](repeating: 1, count: 1000)))?.grpc == 0)
    expect(exchange.answer(body: frame([UInt8](repeating: 1, count: 1001)))?.grpc == 8)
    var usual = Exchange()
    expect(usual.answer(body: frame([UInt8](repeating: 1, count: 4 << 20)))?.grpc == 0)
  }

  @Test func `messages announced together stay within the connection's limit`() {
    var settings = HTTP2Settings()
    settings.maximumBufferedOctets = 2500
    var exchange = Exchange(settings)
    let fields = HTTP2RequestFields(path: checkPath)
    for _ in 0..<3 { _ = exchange.client.open(fields, body: prefix(1000).span, ends: false) }
    exchange.clientSpeaks()
    expect(exchange.server.bufferedOctets == 2000)
    expect(exchange.server.counters.bufferFull == 1)
    _ = exchange.serverSpeaks()
    expect(exchange.results().map(\.grpc) == [])
    _ = exchange.client.open(fields, body: frame([1]).span, ends: true)
    exchange.settle()
    expect(exchange.results().last?.grpc == 0)
    expect(exchange.server.bufferedOctets == 2000)
  }

  @Test func `error texts are percent-encoded`() throws {
    var exchange = Exchange()
    exchange.call([1])
    exchange.clientSpeaks()
    let call = try require(exchange.server.takeCall())
    expect(exchange.server.fail(call, .unavailable, text: Array("50% off\r\nä~".utf8).span))
    exchange.settle()
    let seen = try require(exchange.results().last)
    expect(
      seen.text == "50%25 off%0D%0A%C3%A4~" && seen.grpc == 14 && seen.isTrailersOnly && seen.http == 200)
  }

  @Test func `every status has its number`() throws {
    for status in GRPCStatus.allCases where status != .ok {
      var exchange = Exchange()
      exchange.call([1])
      exchange.clientSpeaks()
      let call = try require(exchange.server.takeCall())
      expect(exchange.server.fail(call, status, "why"))
      exchange.settle()
      expect(
        exchange.results(),
        equals: [Seen(http: 200, grpc: Int(status.rawValue), text: "why", isTrailersOnly: true, stream: 1)])
    }
  }

  static func fields(_ more: (String, String)?) -> HTTP2RequestFields {
    var fields = HTTP2RequestFields()
    fields.append(":method", "POST")
    fields.append(":scheme", "http")
    fields.append(":path", checkPath)
    fields.append(":authority", "a")
    if let more { fields.append(Array(more.0.utf8).span, Array(more.1.utf8).span) }
    return fields
  }
}
