import Bytes
import EventLoop
import Synchronization
import System
import Testing

@testable import Server

struct WorkerLinkTests {
  /// Two ends of a connection: what is given away, and what sees it closed.
  private func connect(_ body: (consuming Socket, borrowing Socket) throws -> Void) throws {
    let listener = try Listener(try ListenAddress("127.0.0.1:0"))
    let client = try Socket.connect(to: listener.address)
    guard client.waitUntilReady(forWriting: true, timeoutMilliseconds: 1_000),
      case .connection(let server) = listener.accept()
    else {
      Issue.record("no connection")
      return
    }
    try body(server, client)
  }

  private func sawEnd(_ socket: borrowing Socket) -> Bool {
    var buffer = ByteBuffer()
    return socket.waitUntilReady(timeoutMilliseconds: 1_000)
      && socket.receive(into: &buffer, atMost: 1) == .ended
  }

  @Test func `what waits in a mailbox is closed with it`() throws {
    let link = try WorkerLink(now: 0)
    try connect { server, client in
      link.give(server)
      #expect(link.connectionCount == 1)
      link.close()
      #expect(link.connectionCount == 0 && link.isDrained)
      expect(sawEnd(client))
    }
  }

  @Test func `what comes to a closed mailbox is closed at once`() throws {
    let link = try WorkerLink(now: 0)
    link.close()
    try connect { server, client in
      link.give(server)
      #expect(link.connectionCount == 0)
      expect(sawEnd(client))
      var taken: [Int32] = []
      link.takeArrivals(into: &taken)
      #expect(taken.isEmpty)
    }
  }

  @Test func `what was taken is the worker's and stays open`() throws {
    let link = try WorkerLink(now: 0)
    try connect { server, client in
      link.give(server)
      var taken: [Int32] = []
      link.takeArrivals(into: &taken)
      link.close()
      #expect(taken.count == 1 && link.connectionCount == 1)
      expect(!client.waitUntilReady(timeoutMilliseconds: 50))
      for descriptor in taken { _ = Socket(owning: descriptor) }
      expect(sawEnd(client))
    }
  }

  // MARK: Phases and reports

  private func state(_ clock: Clock = .system, _ told: @escaping @Sendable (ServerEvent) -> Void = { _ in })
    throws -> ServerState
  {
    try ServerState(
      workers: 2, snapshot: try Fixture().snapshot, keyBoard: nil, tls: nil, settings: ServerSettings(),
      clock: clock
    ) { event, _ in told(event) }
  }

  @Test func `phases only go forward`() throws {
    let state = try state()
    state.enter(.draining)
    #expect(state.phase == .draining)
    state.enter(.serving)
    #expect(state.phase == .draining)
    state.fail("a test")
    state.enter(.draining)
    #expect(state.phase == .stopping)
  }

  @Test func `a failure is not lost to a shutdown that begins at the same moment`() throws {
    for _ in 0..<2_000 {
      let state = try state()
      let barrier = Barrier()
      let other = try Thread.start(name: "failing") {
        barrier.meet()
        state.enter(.stopping)
      }
      barrier.meet()
      state.enter(.draining)
      other.join()
      #expect(state.phase == .stopping)
    }
  }

  @Test func `a flood of events is a line a second for each kind`() throws {
    let clock = ManualClock()
    let count = Count()
    let state = try state(.manual(clock)) { _ in count.add() }
    for _ in 0..<100 { state.report(.connectionLimit, "full") }
    #expect(count.value == 1)
    state.report(.descriptorsExhausted, "none left")
    #expect(count.value == 2)
    clock.advance(nanoseconds: 999_999_999)
    state.report(.connectionLimit, "full")
    #expect(count.value == 2)
    clock.advance(nanoseconds: 1)
    state.report(.connectionLimit, "full")
    #expect(count.value == 3)
  }

  /// Lets two threads go on at the same moment.
  private final class Barrier: Sendable {
    private let waiting = Atomic<Int>(2)
    func meet() {
      waiting.wrappingSubtract(1, ordering: .acquiringAndReleasing)
      while waiting.load(ordering: .acquiring) > 0 {}
    }
  }

  private final class Count: Sendable {
    private let count = Mutex(0)
    func add() { count.withLock { $0 += 1 } }
    var value: Int { count.withLock { $0 } }
  }
}
