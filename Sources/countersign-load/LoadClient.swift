import Bytes
import EventLoop
import HTTP
import Load
import System

/// One thread that asks over all connections and writes down what it hears.
struct LoadClient: ~Copyable {
  private let plan: LoadPlan
  private let streams: Int
  private let checks: UInt64?
  private let duration: UInt64
  private let rate: Double?
  private let rotationFolder: String?
  private var mix: LoadMix
  private var random: SplitMix
  private var fields = HTTP2RequestFields(path: "/envoy.service.auth.v3.Authorization/Check")
  private var connections: [LoadConnection] = []
  private let wanted: Int
  private var message = ByteBuffer(capacity: 8 << 10)
  private(set) var report = LoadReport()
  private(set) var rotation: Rotation?
  /// How long it took.
  private(set) var seconds = 0.0
  private var number: UInt64 = 0
  private var nextConnection = 0
  private var nextLook: UInt64 = 0

  init(_ command: LoadCommand, _ plan: LoadPlan, _ mix: LoadMix) {
    self.plan = plan
    self.mix = mix
    streams = command.streams
    checks = command.checks
    duration = UInt64((command.duration ?? (command.checks == nil ? 10 : 3_600)) * 1_000_000_000)
    rate = command.rate
    wanted = command.connections
    rotationFolder = command.rotation
    rotation = command.rotation == nil ? nil : Rotation(generations: plan.pools.count)
    random = SplitMix(seed: command.seed &+ 1)
    var value = ByteBuffer()
    value.append(Array("\(command.timeout)m".utf8))
    var name = ByteBuffer()
    name.append("grpc-timeout")
    fields.append(name.span, value.span)
  }

  mutating func connect(to address: ListenAddress) throws {
    for _ in 0..<wanted { connections.append(LoadConnection(try Socket.connect(to: address))) }
  }

  private var now: UInt64 { Clock.system.monotonicNanoseconds() }

  mutating func run() throws {
    let start = now
    let end = start &+ duration
    var pace = rate.map { Pace(rate: $0, now: start) }
    var poller = try Poller(capacity: max(1, connections.count))
    for index in connections.indices {
      try poller.add(connections[index].descriptor, token: UInt64(index), for: .read)
    }
    while true {
      let time = now
      let isOver = time >= end || (checks.map { number >= $0 } ?? false)
      if isOver && connections.allSatisfy({ $0.live == 0 || $0.isBroken }) { break }
      // What is not answered long after the end will not be.
      if time > end &+ 30_000_000_000 { break }
      followRotation(time)
      if !isOver { ask(time, &pace) }
      for connection in connections { connection.flush() }
      let count = try poller.wait(timeoutMilliseconds: patience(pace, isOver))
      for index in 0..<count {
        let token = Int(poller.event(index).token)
        connections[token].read()
        hear(connections[token])
        if connections[token].isBroken { poller.remove(connections[token].descriptor) }
      }
      if connections.allSatisfy(\.isBroken) {
        throw LoadFailure.failed("the server has closed all connections")
      }
    }
    seconds = Double(now &- start) / 1e9
    for connection in connections { connection.loseAll(&report, now: now) }
  }

  private func patience(_ pace: Pace?, _ isOver: Bool) -> Int32 {
    guard let pace, !isOver else { return 20 }
    // Below a millisecond the poller cannot sleep: it looks again.
    return pace.nextDue > now &+ 2_000_000 ? 1 : 0
  }

  private mutating func followRotation(_ time: UInt64) {
    guard let folder = rotationFolder, time >= nextLook else { return }
    nextLook = time &+ 20_000_000
    guard let text = try? Files.read(folder + "/current", limit: 64) else { return }
    let digits = text.filter { 0x30...0x39 ~= $0 }
    if let generation = Int(String(decoding: digits, as: UTF8.self)) { rotation?.move(to: generation) }
  }

  // MARK: Asking

  private mutating func ask(_ time: UInt64, _ pace: inout Pace?) {
    if pace == nil {
      for connection in connections where !connection.isBroken {
        while connection.live < streams, checks.map({ number < $0 }) ?? true {
          if !open(connection, due: time) { break }
        }
      }
      return
    }
    while let connection = freeConnection(), checks.map({ number < $0 }) ?? true,
      let due = pace?.take(now: time)
    {
      if !open(connection, due: due) { break }
    }
  }

  private mutating func freeConnection() -> LoadConnection? {
    for _ in connections.indices {
      nextConnection = (nextConnection + 1) % connections.count
      let connection = connections[nextConnection]
      if !connection.isBroken && connection.live < streams { return connection }
    }
    return nil
  }

  private mutating func open(_ connection: LoadConnection, due: UInt64) -> Bool {
    var kind = mix.next()
    var generation = 0
    if let rotation, kind != .anonymous, kind != .forgedKeyID {
      if let found = rotation.generation(for: kind, number: number) {
        generation = found
      } else {
        kind = .honest
        generation = rotation.current
      }
    } else if plan.pools.count > 1 {
      generation = Int(number % UInt64(plan.pools.count))
    }
    switch kind {
    case .honest, .removed: plan.pools[generation].write(number: number, into: &message)
    case .bad: plan.pools[generation].write(number: number, spoiling: random.next() | 1, into: &message)
    case .anonymous: plan.anonymous.write(number: number, into: &message)
    case .forgedKeyID: plan.forged.write(number: number, random: random.next(), into: &message)
    }
    guard connection.open(fields, message, Pending(kind: kind, generation: generation, due: due, sentAt: due))
    else { return false }
    number += 1
    report.sent(kind)
    return true
  }

  // MARK: Hearing

  private mutating func hear(_ connection: LoadConnection) {
    let time = now
    while let (pending, end) = connection.takeResult() {
      report.ended(pending.kind, end, after: time &- pending.due)
      rotation?.answered(
        pending.kind, generation: pending.generation, isAllowed: end == .allowed, sentAt: pending.sentAt,
        now: time)
    }
  }
}
