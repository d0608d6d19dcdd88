import Bytes
import HTTP
import TestSupport
import Testing

/// Messages of all connections of a thread share their room, and a route says how a call ends that finds none.
struct MessageBudgetTests {
  private func prefix(_ octets: UInt32) -> [UInt8] {
    [0, UInt8(octets >> 24), UInt8(truncatingIfNeeded: octets >> 16), UInt8(truncatingIfNeeded: octets >> 8)]
      + [UInt8(truncatingIfNeeded: octets)]
  }

  private func begin(_ exchange: inout Exchange, _ octets: UInt32) {
    _ = exchange.client.open(HTTP2RequestFields(path: checkPath), body: prefix(octets).span, ends: false)
    exchange.settle()
  }

  @Test func `connections share the room, and give it back with a call, a reset and their end`() {
    let budget = MessageBudget(octets: 3_000)
    var one = Exchange(budget: budget)
    do {
      var two = Exchange(budget: budget)
      begin(&one, 1_000)
      begin(&two, 1_500)
      #expect(budget.used == 2_500)
      begin(&one, 501)
      expect(one.server.counters.noRoom == 1)
      begin(&one, 500)
      #expect(budget.used == 3_000)
      expect(one.answer(body: [0, 0, 0, 0, 1, 7])?.grpc == 8)
    }
    #expect(budget.used == 1_500, "the second connection has gone")
    expect(one.answer(body: [0, 0, 0, 0, 1, 7])?.grpc == 0)
    #expect(budget.used == 1_500)
  }

  @Test func `large messages take half of the room at most, so that usual ones find some`() {
    let budget = MessageBudget(octets: 1_600_000)
    var exchange = Exchange(budget: budget)
    begin(&exchange, 400_000)
    begin(&exchange, 400_000)
    begin(&exchange, 262_145)
    #expect(budget.used == 800_000)
    expect(exchange.server.counters.noRoom == 1)
    begin(&exchange, 262_144)
    #expect(budget.used == 1_062_144)
    expect(exchange.server.counters.noRoom == 1)
  }

  @Test func `a route may answer with a message, and the connection goes on`() throws {
    let answering = [
      GRPCRoute(path: checkPath, overLimit: .answering(tooLarge: [1, 2], noRoom: [3])),
      GRPCRoute(path: "/grpc.health.v1.Health/Check"),
      GRPCRoute(path: watchPath, kind: .serverStreaming),
    ]
    var settings = HTTP2Settings()
    settings.maximumMessageOctets = 1_000
    let budget = MessageBudget(octets: 500)
    var exchange = Exchange(settings, routes: answering, budget: budget)
    let large = try require(exchange.answer(body: prefix(1_001) + [UInt8](repeating: 9, count: 1_001)))
    #expect(large.grpc == 0 && large.body == [0, 0, 0, 0, 2, 1, 2])
    let crowded = try require(exchange.answer(body: prefix(501) + [UInt8](repeating: 9, count: 501)))
    #expect(crowded.grpc == 0 && crowded.body == [0, 0, 0, 0, 1, 3])
    expect(exchange.server.counters.messageTooLarge == 1 && exchange.server.counters.noRoom == 1)
    #expect(budget.used == 0)
    expect(exchange.answer(body: [0, 0, 0, 0, 1, 7])?.grpc == 0)
    expect(exchange.server.liveStreams == 0)
  }

  @Test func `or with a status of its own for want of room`() throws {
    let failing = [
      GRPCRoute(path: checkPath, overLimit: .failing(noRoom: .unavailable)),
      GRPCRoute(path: "/grpc.health.v1.Health/Check"),
      GRPCRoute(path: watchPath, kind: .serverStreaming),
    ]
    var exchange = Exchange(routes: failing, budget: MessageBudget(octets: 10))
    let seen = try require(exchange.answer(body: prefix(11) + [UInt8](repeating: 9, count: 11)))
    #expect(seen.grpc == 14 && seen.text == "too many messages in flight")
  }

  @Test func `in random orders of beginning, ending and breaking off, nothing of the room is lost`() {
    var random = SeededGenerator(announcing: #function)
    let budget = MessageBudget(octets: 20_000)
    for _ in 0..<40 {
      var exchange = Exchange(budget: budget)
      var calls: [HTTP2ClientCall] = []
      for _ in 0..<60 {
        switch Int.random(in: 0..<4, using: &random) {
        case 0, 1:
          let octets = UInt32.random(in: 0..<4_000, using: &random)
          let fields = HTTP2RequestFields(path: checkPath)
          if let call = exchange.client.open(fields, body: prefix(octets).span, ends: false) {
            calls.append(call)
          }
        case 2:
          if let call = calls.popLast() { exchange.client.cancel(call) }
        default:
          let body = prefix(5) + [1, 2, 3, 4, 5]
          _ = exchange.client.open(HTTP2RequestFields(path: checkPath), body: body.span, ends: true)
        }
        exchange.settle()
        _ = exchange.results()
        expect(budget.used == exchange.server.bufferedOctets && budget.used <= 20_000)
      }
    }
    #expect(budget.used == 0)
  }
}
