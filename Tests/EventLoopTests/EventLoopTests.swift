import Bytes
import Foundation
import Synchronization
import System
import Testing

@testable import EventLoop

@Suite struct `A poller` {
  private func pair() throws -> Pair {
    let listener = try Listener(ListenAddress("127.0.0.1:0"))
    let client = try Socket.connect(to: listener.address)
    for _ in 0..<2_000 {
      if case .connection(let server) = listener.accept() { return Pair(client: client, server: server) }
      usleep(1_000)
    }
    throw Errno.timedOut
  }

  struct Pair: ~Copyable {
    var client: Socket
    var server: Socket
  }

  @Test func `reports readiness under the registered token, as long as it lasts`() throws {
    var poller = try Poller()
    let pair = try pair()
    let token = UInt64.max - 5
    try poller.add(pair.server.descriptor, token: token, for: .read)
    #expect(try poller.wait(timeoutMilliseconds: 0) == 0)
    #expect(pair.client.send([1, 2].span) == .moved(2))
    for _ in 0..<3 {
      #expect(try poller.wait(timeoutMilliseconds: 5_000) == 1)
      let event = poller.event(0)
      #expect(event.token == token)
      #expect(event.isReadable && !event.isWritable && !event.peerHasFinished && !event.isLost)
    }
    var buffer = ByteBuffer()
    #expect(pair.server.receive(into: &buffer, atMost: 10) == .moved(2))
    #expect(try poller.wait(timeoutMilliseconds: 0) == 0)
  }

  @Test func `waits for writing only while asked to`() throws {
    var poller = try Poller()
    let pair = try pair()
    try poller.add(pair.server.descriptor, token: 1, for: [.read, .write])
    #expect(try poller.wait(timeoutMilliseconds: 5_000) == 1)
    #expect(poller.event(0).isWritable && !poller.event(0).isReadable)
    try poller.change(pair.server.descriptor, token: 2, to: .read)
    #expect(try poller.wait(timeoutMilliseconds: 0) == 0)
    try poller.change(pair.server.descriptor, token: 3, to: .write)
    #expect(try poller.wait(timeoutMilliseconds: 5_000) == 1)
    #expect(poller.event(0).token == 3)
  }

  @Test func `tells the end of the peer's sending from its loss`() throws {
    var poller = try Poller()
    let pair = try pair()
    try poller.add(pair.server.descriptor, token: 1, for: .read)
    pair.client.finishSending()
    #expect(try poller.wait(timeoutMilliseconds: 5_000) == 1)
    #expect(poller.event(0).isReadable && poller.event(0).peerHasFinished && !poller.event(0).isLost)
  }

  @Test func `reports loss even to a registration without interest`() throws {
    var poller = try Poller()
    var pair: Pair? = try pair()
    let number = pair!.server.descriptor
    try poller.add(number, token: 1, for: [])
    pair!.client.resetOnClose()
    let parts = pair.take()!
    let server = drop(client: parts)
    #expect(try poller.wait(timeoutMilliseconds: 5_000) == 1)
    #expect(poller.event(0).isLost && poller.event(0).isReadable && poller.event(0).isWritable)
    #expect(server.descriptor == number)
  }

  private func drop(client pair: consuming Pair) -> Socket { pair.server }

  @Test func `forgets what is removed or closed`() throws {
    var poller = try Poller()
    let pair = try pair()
    #expect(pair.client.send([1].span) == .moved(1))
    try poller.add(pair.server.descriptor, token: 1, for: .read)
    #expect(try poller.wait(timeoutMilliseconds: 5_000) == 1)
    poller.remove(pair.server.descriptor)
    poller.remove(pair.server.descriptor)
    #expect(try poller.wait(timeoutMilliseconds: 0) == 0)
    try poller.add(pair.server.descriptor, token: 2, for: .read)
    #expect(throws: SystemError.self) { try poller.add(pair.server.descriptor, token: 3, for: .read) }
    #expect(try poller.wait(timeoutMilliseconds: 5_000) == 1)
    #expect(poller.event(0).token == 2)
    let number = pair.server.release()
    do { _ = Socket(owning: number) }
    // A child that another test starts in this moment holds a copy of the socket until its exec.
    var left = try poller.wait(timeoutMilliseconds: 0)
    for _ in 0..<200 where left != 0 {
      usleep(10_000)
      left = try poller.wait(timeoutMilliseconds: 0)
    }
    #expect(left == 0)
  }

  @Test func `brings no more events than it has room for, and the rest next time`() throws {
    var poller = try Poller(capacity: 2)
    var bells: [Wakeup] = []
    for index in 0..<5 {
      let bell = try Wakeup()
      bell.ring()
      try poller.add(bell.descriptor, token: UInt64(index), for: .read)
      bells.append(bell)
    }
    var seen: Set<UInt64> = []
    for _ in 0..<10 where seen.count < 5 {
      let count = try poller.wait(timeoutMilliseconds: 1_000)
      #expect(count >= 1 && count <= 2)
      for index in 0..<count {
        let token = poller.event(index).token
        seen.insert(token)
        bells[Int(token)].hear()
      }
    }
    #expect(seen == [0, 1, 2, 3, 4])
  }

  @Test func `refuses a descriptor that cannot be watched`() throws {
    let poller = try Poller()
    #expect(throws: SystemError.self) { try poller.add(-1, token: 0, for: .read) }
    #expect(throws: SystemError.self) { try poller.change(0, token: 0, to: .read) }
  }

  @Test func `gives no event that was not reported`() async {
    await #expect(processExitsWith: .failure) {
      var poller = try Poller()
      _ = try poller.wait(timeoutMilliseconds: 0)
      _ = poller.event(0)
    }
  }
}

@Suite struct `A wake-up` {
  @Test func `rung often is heard once`() throws {
    var poller = try Poller()
    let bell = try Wakeup()
    try poller.add(bell.descriptor, token: 9, for: .read)
    for _ in 0..<1_000 { bell.ring() }
    #expect(try poller.wait(timeoutMilliseconds: 5_000) == 1)
    bell.hear()
    #expect(try poller.wait(timeoutMilliseconds: 0) == 0)
    bell.ring()
    #expect(try poller.wait(timeoutMilliseconds: 5_000) == 1)
  }

  @Test func `heard without a ring does not wait`() throws {
    let bell = try Wakeup()
    bell.hear()
    bell.ring()
    bell.hear()
    bell.hear()
  }

  @Test func `never loses what was published before the ring`() throws {
    var poller = try Poller()
    let bell = try Wakeup()
    try poller.add(bell.descriptor, token: 1, for: .read)
    let published = Published()
    let rounds = 20_000
    let ringer = try Thread.start(name: "ringer") {
      for _ in 0..<rounds {
        published.count.wrappingAdd(1, ordering: .relaxed)
        bell.ring()
      }
    }
    var last = 0
    while last < rounds {
      let count = try poller.wait(timeoutMilliseconds: 5_000)
      #expect(count == 1, "a ring was lost at \(last)")
      if count == 0 { break }
      bell.hear()
      last = published.count.load(ordering: .relaxed)
    }
    ringer.join()
    #expect(last == rounds)
  }

  final class Published: Sendable { let count = Atomic<Int>(0) }
}

@Suite struct `The nearest deadline` {
  @Test func `is the smallest offered`() {
    var deadline = NearestDeadline()
    #expect(deadline.nanoseconds == nil)
    for moment: UInt64 in [500, 300, 900] { deadline.offer(moment) }
    #expect(deadline.nanoseconds == 300)
  }

  @Test(arguments: [
    (UInt64(10_000_000), UInt64(0), Int32(1_000), Int32(10)), (10_000_001, 0, 1_000, 11), (1, 0, 1_000, 1),
    (5, 5, 1_000, 0), (5, 9, 1_000, 0), (.max, 0, 1_000, 1_000), (.max, 0, -1, .max), (0, .max, -1, 0),
    (2_000_000_000, 0, 1_000, 1_000),
  ])
  func `gives a wait that is never short of it`(
    _ moment: UInt64, _ now: UInt64, _ limit: Int32, _ expected: Int32
  ) {
    var deadline = NearestDeadline()
    deadline.offer(moment)
    #expect(deadline.timeoutMilliseconds(now: now, limit: limit) == expected)
  }

  @Test func `without an offer is the limit`() {
    #expect(NearestDeadline().timeoutMilliseconds(now: 5, limit: 1_000) == 1_000)
    #expect(NearestDeadline().timeoutMilliseconds(now: 5, limit: -1) == -1)
  }
}

@Suite struct `A heartbeat` {
  @Test func `tells how long its loop has been silent`() {
    let heartbeat = Heartbeat(now: 100)
    #expect(heartbeat.silence(now: 130) == 30)
    heartbeat.beat(120)
    #expect(heartbeat.silence(now: 130) == 10)
    #expect(heartbeat.silence(now: 90) == 0)
  }
}
