import Bytes
import ExtAuthz
import ExtAuthzTestMessages
import HTTP
import SwiftProtobuf
import System
import Testing

@testable import Server

/// The whole server on real sockets.
@Suite(.serialized)
struct CheckServerTests {
  private static let made = Result { try Fixture() }
  private let fixture: Fixture

  init() throws { fixture = try Self.made.get() }

  private func isAllowed(_ seen: Peer.Seen) throws -> Bool {
    try WireCheckResponse(serializedBytes: seen.message).status.code == 0
  }

  // MARK: Spreading

  @Test(arguments: [1, 2, 3])
  func `connections are spread evenly over the workers`(workers: Int) throws {
    let running = try RunningServer(fixture.snapshot) { $0.workers = workers }
    var sockets: [FileHolder] = []
    for opened in 1...40 {
      sockets.append(FileHolder(try Socket.connect(to: running.server.address)))
      #expect(running.eventually { running.server.connectionsPerWorker.reduce(0, +) == opened })
      let counts = running.server.connectionsPerWorker
      #expect((counts.max() ?? 0) - (counts.min() ?? 0) <= 1, "\(counts)")
    }
    sockets.removeAll()
    #expect(running.eventually { running.server.connectionsPerWorker.allSatisfy { $0 == 0 } })
    #expect(running.metric("countersign_connections_opened_total") == 40)
    #expect(running.eventually { running.metric("countersign_connections_closed_total") == 40 })
  }

  /// Sockets in an array.
  private final class FileHolder {
    let socket: Socket
    init(_ socket: consuming Socket) { self.socket = socket }
  }

  @Test func `a connection beyond the limit is closed at once, and there is room again later`() throws {
    let running = try RunningServer(fixture.snapshot) { $0.settings.maximumConnections = 2 }
    var first = try running.peer()
    do {
      var second = try running.peer()
      for seen in try [answered(&first), answered(&second)] { #expect(seen.grpc == 0) }
      var third = try running.peer()
      expect(third.readToEnd())
      expect(running.reported.contains(.connectionLimit))
    }
    #expect(running.eventually { running.server.connectionsPerWorker == [1] })
    var fourth = try running.peer()
    #expect(try answered(&fourth).grpc == 0)
  }

  private func answered(_ peer: inout Peer) throws -> Peer.Seen {
    expect(peer.call(try Fixture.check()) != nil)
    return try require(peer.exchange().first)
  }

  // MARK: Checks

  @Test func `checks are answered with their verdicts, and counted`() throws {
    let running = try RunningServer(fixture.snapshot)
    var peer = try running.peer()
    let messages = [
      try Fixture.check(token: fixture.token()), try Fixture.check(path: "/closed"),
      try Fixture.check(path: "/never"),
      try Fixture.check(token: fixture.token(expiry: 1)),
    ]
    for (message, allowed) in zip(messages, [true, false, false, false]) {
      expect(peer.call(message) != nil)
      let seen = try require(peer.exchange().first)
      #expect(seen.http == 200 && seen.grpc == 0)
      #expect(try isAllowed(seen) == allowed)
    }
    func checks(_ reason: String) -> UInt64 {
      let page = "countersign_checks_total{listener=\"grpc\",result=\""
      return running.metric("\(page)deny\",reason=\"\(reason)\"}")
        + running.metric("\(page)allow\",reason=\"\(reason)\"}")
    }
    for reason in ["allowed", "no_rule_matched", "denied_by_rule", "token"] {
      #expect(checks(reason) == 1, "\(reason)")
    }
    #expect(running.metric("countersign_checks_total") == 4)
    let verified = "countersign_token_verifications_total{algorithm=\"ES256\",result=\"valid\"}"
    #expect(running.eventually { running.metric(verified) == 1 })
    #expect(running.eventually { running.metric("countersign_http2_streams_total") == 4 })
  }

  @Test func `a message that is no check is denied and counted, and the connection goes on`() throws {
    let running = try RunningServer(fixture.snapshot)
    var peer = try running.peer()
    // One for each way in which protobuf can be broken: `WireError` but for its limits.
    let messages: [[UInt8]] = [
      [0x0A, 0xFF], [0x0A, 0x05], [0x00, 0x01], [0x0E], [0x0C], [0x0A, 0x04, 0x22, 0x02, 0x12, 0xFF],
      [UInt8](repeating: 0xFF, count: 11),
    ]
    for message in messages {
      expect(peer.call(message) != nil)
      let seen = try require(peer.exchange().first)
      #expect(seen.http == 200 && seen.grpc == 0, "\(message)")
      let response = try WireCheckResponse(serializedBytes: seen.message)
      #expect(response.status.code != 0 && response.deniedResponse.status.code == 400, "\(message)")
      #expect(response.dynamicMetadata.fields["reason"]?.stringValue == "unreadable")
    }
    let many = Dictionary(uniqueKeysWithValues: (0..<300).map { ("x-\($0)", "v") })
    expect(peer.call(try Fixture.check(headers: many)) != nil)
    let large = try require(peer.exchange().first)
    // Whoever sends the request chooses how many there are: a failure might let it pass.
    #expect(try large.grpc == 0 && !isAllowed(large))
    #expect(
      running.metric("countersign_limited_checks_total{limit=\"unreadable\"}") == UInt64(messages.count))
    #expect(running.metric("countersign_limited_checks_total{limit=\"parts\"}") == 1)
    #expect(running.metric("countersign_checks_total") == 0)
    #expect(running.reported.contains(.unreadableCheck))
    let shown = running.server.recentDenials.map { "\($0.status) \($0.reason)" }
    #expect(shown.filter { $0 == "400 unreadable" }.count == messages.count)
    #expect(try answered(&peer).grpc == 0)
  }

  @Test func `faults of the gRPC framing keep their gRPC status`() throws {
    let running = try RunningServer(fixture.snapshot)
    var peer = try running.peer()
    let bodies: [[UInt8]] = [
      [], [0, 0, 0], [0, 0, 0, 0, 9, 1], [2, 0, 0, 0, 1, 1], [1, 0, 0, 0, 1, 1],
      [0, 0, 0, 0, 0] + [0, 0, 0, 0, 0],
    ]
    for body in bodies {
      _ = peer.http.open(HTTP2RequestFields(path: GRPCMethod.check), body: body.span, ends: true)
      #expect([12, 13].contains(try require(peer.exchange().first).grpc), "\(body)")
    }
    #expect(running.metric("countersign_limited_checks_total") == 0)
    #expect(!running.reported.contains(.unreadableCheck))
  }

  @Test func `a call whose deadline has passed is not evaluated`() throws {
    let running = try RunningServer(fixture.snapshot)
    var peer = try running.peer()
    expect(peer.call(try Fixture.check(), timeout: "0n") != nil)
    #expect(try require(peer.exchange().first).grpc == 4)
    #expect(running.metric("countersign_deadline_exceeded_total") == 1)
    #expect(running.metric("countersign_checks_total") == 0)
    expect(peer.call(try Fixture.check(), timeout: "10S") != nil)
    #expect(try require(peer.exchange().first).grpc == 0)
  }

  @Test func `a thousand calls at once are all answered, each with its own answer`() throws {
    let running = try RunningServer(fixture.snapshot)
    var peer = try running.peer()
    var expected: [Int32: Bool] = [:]
    for index in 0..<1_000 {
      let call = try require(peer.call(try Fixture.check(path: index % 3 == 0 ? "/open" : "/closed")))
      expected[call.stream] = index % 3 == 0
    }
    let seen = peer.exchange(1_000)
    #expect(seen.count == 1_000)
    for one in seen { #expect(try isAllowed(one) == expected[one.stream]) }
    #expect(running.metric("countersign_checks_total") == 1_000)
  }

  @Test func `the answers of a batch leave in one write`() throws {
    let running = try RunningServer(fixture.snapshot)
    var peer = try running.peer()
    #expect(try answered(&peer).grpc == 0)
    for _ in 0..<64 { _ = peer.call(try Fixture.check()) }
    peer.reads = []
    let seen = peer.exchange(64)
    #expect(seen.count == 64)
    // One segment of calls, one of answers: loopback carries 64 KiB in one piece.
    expect(peer.reads.count, equals: 1)
  }

  @Test func `calls that are reset in flight harm no other`() throws {
    let running = try RunningServer(fixture.snapshot)
    var peer = try running.peer()
    var kept = 0
    for index in 0..<600 {
      let call = try require(peer.call(try Fixture.check()))
      if index % 2 == 0 { peer.http.cancel(call) } else { kept += 1 }
      if index % 50 == 49 { peer.send() }
    }
    var fine = 0
    while fine < kept {
      guard peer.receive() else { break }
      fine += peer.results().count { $0.grpc == 0 }
      peer.send()
    }
    #expect(fine >= kept)
    #expect(try answered(&peer).grpc == 0)
  }

  // MARK: Health

  private static func health(_ service: String) -> [UInt8] {
    service.isEmpty ? [] : [0x0A, UInt8(service.utf8.count)] + Array(service.utf8)
  }

  @Test func `health says that it serves, and what it does not know`() throws {
    let running = try RunningServer(fixture.snapshot)
    var peer = try running.peer()
    for service in ["", "envoy.service.auth.v3.Authorization"] {
      _ = peer.call(Self.health(service), path: GRPCMethod.healthCheck)
      let seen = try require(peer.exchange().first)
      #expect(seen.grpc == 0 && seen.message == [0x08, 1], "\(service)")
    }
    _ = peer.call(Self.health("other"), path: GRPCMethod.healthCheck)
    #expect(try require(peer.exchange().first).grpc == 5)
    _ = peer.call([0x0A, 0x05], path: GRPCMethod.healthCheck)
    #expect(try require(peer.exchange().first).grpc == 13)
  }

  @Test func `watchers hear of the shutdown, their streams end, and nothing is left`() throws {
    let running = try RunningServer(fixture.snapshot) { $0.workers = 2 }
    var peer = try running.peer()
    let known = try require(peer.call([], path: GRPCMethod.healthWatch))
    let unknown = try require(peer.call(Self.health("other"), path: GRPCMethod.healthWatch))
    peer.send()
    while peer.http.receivedBody(known).count < 7 || peer.http.receivedBody(unknown).count < 7 {
      guard peer.receive() else { break }
    }
    expect(peer.http.receivedBody(known), equals: [0, 0, 0, 0, 2, 8, 1])
    expect(peer.http.receivedBody(unknown), equals: [0, 0, 0, 0, 2, 8, 3])
    running.server.beginShutdown()
    expect(peer.readToEnd())
    let seen = peer.results()
    #expect(seen.map(\.grpc) == [14, 14])
    let bodies = Dictionary(uniqueKeysWithValues: seen.map { ($0.stream, $0.body) })
    #expect(bodies[known.stream] == [0, 0, 0, 0, 2, 8, 1, 0, 0, 0, 0, 2, 8, 2])
    #expect(bodies[unknown.stream] == [0, 0, 0, 0, 2, 8, 3])
    expect(peer.http.goawayCount, equals: 2)
    #expect(running.eventually { running.server.isDrained })
    #expect(!running.server.hasFailed)
    #expect(running.server.connectionsPerWorker == [0, 0])
  }

  // MARK: Shutting down

  @Test func `idle and silent connections do not hold up a shutdown, and a running call does`() throws {
    let running = try RunningServer(fixture.snapshot)
    var idle = try running.peer()
    #expect(try answered(&idle).grpc == 0)
    var silent = try running.peer()
    var busy = try running.peer()
    // A call that is not yet complete.
    let message = try Fixture.check()
    let frame = [0, 0, 0, UInt8(message.count >> 8), UInt8(message.count & 0xFF)] + message
    let call = try require(
      busy.http.open(
        HTTP2RequestFields(path: GRPCMethod.check), body: Array(frame.dropLast()).span, ends: false))
    busy.send()
    #expect(running.eventually { running.metric("countersign_http2_streams_total") == 2 })
    running.server.beginShutdown()
    expect(idle.readToEnd())
    expect(idle.http.goawayCode, equals: 0)
    expect(silent.readToEnd())
    #expect(!running.server.isDrained)
    busy.http.send(call, body: [frame[frame.count - 1]].span, ends: true)
    let seen = try require(busy.exchange().first)
    #expect(seen.grpc == 0)
    #expect(try isAllowed(seen))
    expect(busy.readToEnd())
    #expect(running.eventually { running.server.isDrained })
    #expect(running.metric("countersign_connections_closed_total") == 3)
    #expect(throws: SystemError.self) { _ = try Socket.connect(to: running.server.address) }
  }

  @Test func `stopping closes everything at once, and the threads end`() throws {
    let running = try RunningServer(fixture.snapshot) { $0.workers = 2 }
    var first = try running.peer()
    var second = try running.peer()
    #expect(try answered(&first).grpc == 0)
    #expect(try answered(&second).grpc == 0)
    running.server.stop()
    expect(first.readToEnd() && second.readToEnd())
    // A worker's mailbox closes when its thread ends.
    #expect(running.eventually { running.server.isDrained })
    #expect(running.metric("countersign_connections_closed_total") == 2)
  }

  // MARK: Bad peers

  @Test func `a peer that half-closes still gets its answers`() throws {
    let running = try RunningServer(fixture.snapshot)
    var peer = try running.peer()
    #expect(try answered(&peer).grpc == 0)
    // More than the kernel holds: the end of the peer's octets is seen while answers still wait.
    let message = try Fixture.check(token: fixture.token(subject: String(repeating: "s", count: 11_000)))
    for _ in 0..<1_000 { _ = peer.call(message) }
    peer.sendReading()
    peer.socket.finishSending()
    var count = peer.results().count { $0.grpc == 0 }
    while peer.receive() { count += peer.results().count { $0.grpc == 0 } }
    #expect(count == 1_000)
    expect(peer.hasEnded)
    #expect(running.eventually { running.server.connectionsPerWorker == [0] })
  }

  @Test func `a connection without a preface is cut in time`() throws {
    let running = try RunningServer(fixture.snapshot) { $0.http2.prefaceTimeout = 100_000_000 }
    let peer = try running.peer()
    #expect(running.eventually { running.server.connectionsPerWorker == [1] })
    #expect(running.eventually { running.server.connectionsPerWorker == [0] })
    var octets = ByteBuffer()
    while case .moved = peer.socket.receive(into: &octets, atMost: 1 << 16) {}
    expect(octets.text.contains("preface_timeout"))
  }

  @Test func `a peer that takes no octets is cut, and others are served meanwhile`() throws {
    let running = try RunningServer(fixture.snapshot) {
      $0.settings.writeStallTimeout = 300_000_000
    }
    var other = try running.peer()
    var peer = try running.peer()
    // The server's SETTINGS have come: they open the windows for what follows.
    #expect(try answered(&peer).grpc == 0)
    // A thousand answers of 8 KiB: more than the kernel holds for one that reads nothing.
    let message = try Fixture.check(token: fixture.token(subject: String(repeating: "s", count: 8_000)))
    for _ in 0..<1_000 { _ = peer.call(message) }
    peer.send()
    #expect(running.eventually { running.server.connectionsPerWorker == [1] })
    #expect(try answered(&other).grpc == 0)
  }

  @Test func `a peer that opens its window late gets all answers`() throws {
    let running = try RunningServer(fixture.snapshot) { $0.http2.maximumPendingOutputOctets = 1_000 }
    var settings = HTTP2ClientSettings()
    settings.streamWindowOctets = 0
    var peer = try running.peer(settings: settings)
    for _ in 0..<100 { _ = peer.call(try Fixture.check(path: "/closed")) }
    peer.send()
    // All have been evaluated and none can leave: the server must go on reading to learn that the window opens.
    #expect(running.eventually { running.metric("countersign_checks_total") == 100 })
    while peer.receive(timeoutMilliseconds: 100) { peer.send() }
    // SETTINGS_INITIAL_WINDOW_SIZE 65,535 opens all of them (RFC 9113 section 6.9.2).
    let opening: [UInt8] = [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0xFF, 0xFF]
    expect(peer.socket.send(opening.span), equals: .moved(opening.count))
    var octets = ByteBuffer()
    var trailers = 0
    while trailers < 100, peer.socket.waitUntilReady(timeoutMilliseconds: 2_000) {
      octets.removeAll()
      guard case .moved = peer.socket.receive(into: &octets, atMost: 1 << 20) else { break }
      trailers += Self.streamEnds(octets.copy())
    }
    #expect(trailers == 100)
  }

  /// HEADERS frames that end their stream, in octets that begin and end at frames' bounds.
  private static func streamEnds(_ octets: [UInt8]) -> Int {
    var count = 0
    var index = 0
    while index + 9 <= octets.count {
      if octets[index + 3] == 1 && octets[index + 4] & 1 != 0 { count += 1 }
      index += 9 + Int(octets[index]) << 16 + Int(octets[index + 1]) << 8 + Int(octets[index + 2])
    }
    return count
  }
}
