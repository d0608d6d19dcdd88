import Bytes
import Foundation
import HTTP
import TestSupport
import Testing

@Suite struct HostileOctetTests {
  /// A generator whose seed is printed; `COUNTERSIGN_TEST_SEED` sets it.
  private func seeded(_ name: String = #function) -> SeededGenerator {
    let named = ProcessInfo.processInfo.environment["COUNTERSIGN_TEST_SEED"].flatMap { UInt64($0) }
    let seed = named ?? UInt64.random(in: 0 ... .max)
    print("\(name): seed \(seed)")
    return SeededGenerator(seed: seed)
  }

  /// Drives a connection as a worker does and checks what must hold whatever came. Returns the octets
  /// written.
  private func drive(_ input: [UInt8], _ random: inout SeededGenerator, answers: Bool = true) -> Int {
    var peer = RawPeer(greets: false)
    var offset = 0
    var written = 0
    var output = ByteBuffer()
    var message = ByteBuffer()
    var parked: [Call] = []
    while offset < input.count {
      let end = min(input.count, offset + Int.random(in: 1...400, using: &random))
      let intake = peer.send(Array(input[offset..<end]))
      offset = end
      while let call = peer.server.takeCall() {
        if Int.random(in: 0..<4, using: &random) == 0 {
          parked.append(call)
          continue
        }
        expect(peer.server.takeMessage(of: call, into: &message))
        peer.server.respond(to: call, message.copy().span)
      }
      if Bool.random(using: &random), let call = parked.popLast() {
        let isAlive = peer.server.isAlive(call)
        expect(peer.server.fail(call, .unavailable, "late"), equals: isAlive)
      }
      peer.now += UInt64.random(in: 0..<(second / 100), using: &random)
      output.removeAll()
      peer.server.drainOutput(into: &output)
      written += output.count
      expect(peer.server.bufferedOctets >= 0 && peer.server.pendingOutputOctets >= 0)
      expect(peer.server.liveStreams >= 0 && peer.server.liveStreams <= 1_024)
      if intake == .closing { break }
    }
    return ends(&peer, written)
  }

  /// Time alone must bring every connection to rest: only calls that the worker holds may be left.
  private func ends(_ peer: inout RawPeer, _ written: Int) -> Int {
    for call in 0..<1_100 {
      _ = call
      guard let call = peer.server.takeCall() else { break }
      peer.server.fail(call, .unavailable)
    }
    var written = written
    for _ in 0..<4 {
      peer.now += 31 * second
      _ = peer.server.tick(now: peer.now)
      written += peer.drain().count
      if peer.server.isFinished { return written }
    }
    peer.server.beginShutdown()
    peer.server.finishShutdown()
    _ = peer.drain()
    return written
  }

  @Test func `random octets never trap and always end in a close`() {
    var random = seeded()
    for _ in 0..<2_000 {
      let count = Int.random(in: 1...200, using: &random)
      let noise = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
      var peer = RawPeer(greets: false)
      if noise[0] == UInt8(ascii: "P") { continue }
      expect(peer.send(noise), equals: .closing)
      expect(peer.server.isFinished)
    }
    for _ in 0..<2_000 {
      let count = Int.random(in: 1...600, using: &random)
      let noise = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
      _ = drive(RawPeer.preface + RawPeer.frame(4) + noise, &random)
    }
  }

  @Test func `mutated conversations never trap and every connection comes to rest`() {
    var random = seeded()
    let valid = Self.conversation()
    for _ in 0..<14_000 {
      var octets = valid
      for _ in 0..<Int.random(in: 1...4, using: &random) { mutate(&octets, &random) }
      _ = drive(octets, &random)
    }
  }

  @Test func `random sequences of well-formed frames never trap`() {
    var random = seeded()
    for _ in 0..<2_000 {
      var octets = RawPeer.preface + RawPeer.frame(4)
      for _ in 0..<Int.random(in: 1...30, using: &random) {
        let stream = UInt32.random(in: 0...9, using: &random)
        switch Int.random(in: 0..<10, using: &random) {
        case 0...2: octets += RawPeer.headers(stream, ends: Bool.random(using: &random))
        case 3: octets += RawPeer.call(stream)
        case 4:
          octets += RawPeer.frame(
            0, flags: UInt8.random(in: 0...1, using: &random), stream: stream, frame([1]))
        case 5: octets += RawPeer.frame(3, stream: stream, bigEndian(8))
        case 6:
          octets += RawPeer.frame(8, stream: stream, bigEndian(UInt32.random(in: 0...10, using: &random)))
        default:
          let count = Int.random(in: 0...12, using: &random)
          octets += RawPeer.frame(
            UInt8.random(in: 0...17, using: &random), flags: UInt8.random(in: 0...63, using: &random),
            stream: stream, (0..<count).map { _ in UInt8.random(in: 0...8, using: &random) })
        }
      }
      _ = drive(octets, &random)
    }
  }

  @Test func `the conversation that is mutated is a good one`() {
    var random = SeededGenerator(seed: 1)
    var peer = RawPeer(greets: false)
    expect(peer.send(Self.conversation()), equals: .open)
    expect(peer.server.counters.calls, equals: 7)
    expect(drive(Self.conversation(), &random) > 0)
  }

  private static func conversation() -> [UInt8] {
    var octets = RawPeer.preface + RawPeer.frame(4, [0, 4, 0, 1, 0, 0]) + RawPeer.frame(4, flags: 1)
    octets += RawPeer.frame(8, bigEndian(100_000))
    for stream in [1, 3, 5] as [UInt32] { octets += RawPeer.call(stream, [1, 2, 3]) }
    octets += RawPeer.headers(7, more: [("grpc-timeout", "100m"), ("traceparent", "00-ab")])
    octets += RawPeer.headers(9) + RawPeer.frame(0, stream: 7, prefix(4) + [1, 2])
    octets += RawPeer.frame(6, [1, 2, 3, 4, 5, 6, 7, 8])
    octets +=
      RawPeer.frame(0, flags: 1, stream: 9, frame([5])) + RawPeer.frame(0, flags: 1, stream: 7, [3, 4])
    octets += RawPeer.headers(11) + RawPeer.frame(3, stream: 11, bigEndian(8))
    octets += RawPeer.headers(13, more: [("grpc-encoding", "gzip")])
    octets += RawPeer.frame(0, flags: 1, stream: 13, frame([5], flag: 1))
    // A padded DATA frame and a header block in two parts.
    octets += RawPeer.headers(15) + RawPeer.frame(0, flags: 9, stream: 15, [3] + frame([6]) + [0, 0, 0])
    let block = RawPeer.block(RawPeer.request)
    octets += RawPeer.frame(1, stream: 17, Array(block.prefix(30)))
    octets += RawPeer.frame(9, flags: 4, stream: 17, Array(block.dropFirst(30)))
    octets += RawPeer.frame(0, flags: 1, stream: 17, frame([7]))
    return octets
  }

  private func mutate(_ octets: inout [UInt8], _ random: inout SeededGenerator) {
    // The preface stays in most cases, or nothing behind it would ever be reached.
    let first = Int.random(in: 0..<50, using: &random) == 0 ? 0 : 24
    guard octets.count > first else { return }
    let index = Int.random(in: first..<octets.count, using: &random)
    switch Int.random(in: 0..<6, using: &random) {
    case 0: octets[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    case 1: octets[index] = UInt8.random(in: 0...255, using: &random)
    case 2: octets.remove(at: index)
    case 3: octets.insert(UInt8.random(in: 0...255, using: &random), at: index)
    case 4: octets.removeSubrange(index..<min(octets.count, index + Int.random(in: 1...40, using: &random)))
    default:
      let end = min(octets.count, index + Int.random(in: 1...80, using: &random))
      octets.insert(contentsOf: octets[index..<end], at: index)
    }
  }
}
