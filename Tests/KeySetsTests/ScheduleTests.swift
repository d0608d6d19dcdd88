import Fetch
import JWT
@testable import KeySets
import TestSupport
import Testing

/// The whole machine under random answers, delays, errors and clock steps: whatever happens, the invariants of
/// the design (section 6) hold.
@Suite struct ScheduleTests {
  private struct World {
    var now: UInt64 = 1_000 * second
    var wall: UInt64 = 1_800_000_000
    var running: [(order: KeeperCore.Order, covers: UInt64)] = []
    /// When the last set of a provider came, by the steady clock, and which.
    var current: [Int?] = [nil, nil, nil]
    var started: [UInt64] = [0, 0, 0]
  }

  @Test func `ten thousand random schedules break no invariant`() throws {
    let seed = UInt64.random(in: 0 ... .max)
    print("ScheduleTests seed \(seed)")
    let sets = try Sets(4)
    var generator = SeededGenerator(seed: seed)
    for schedule in 0..<10_000 {
      try run(sets, &generator, "seed \(seed), schedule \(schedule)")
    }
  }

  private func run(_ sets: Sets, _ generator: inout SeededGenerator, _ name: String) throws {
    var settings = KeySettings()
    settings.staleLimitSeconds = 10_000
    let board = KeyBoard(providers: 3, settings: settings)
    var world = World()
    let sources = [
      KeySource(.address("http://a.example/"), name: "a"),
      KeySource(.address("http://b.example/"), name: "b"),
      KeySource(.issuer("https://c.example"), name: "c"),
    ]
    var core = KeeperCore(
      sources, routes: KeyRoutes(), settings: settings, sets: JWKSetSettings(), board: board,
      seed: generator.next(), now: world.now)
    for _ in 0..<Int.random(in: 5...40, using: &generator) {
      step(&core, &world, board, sets, &generator)
      let now = world.now
      for order in core.turn(now: now, wall: world.wall) { begin(order, &world, name) }
      check(core, world, board, sets, name)
    }
  }

  private func begin(_ order: KeeperCore.Order, _ world: inout World, _ name: String) {
    #expect(!world.running.contains { $0.order.provider == order.provider }, "two fetches of one: \(name)")
    world.started[order.provider] += 1
    world.running.append((order, 0))
  }

  private func step(
    _ core: inout KeeperCore, _ world: inout World, _ board: KeyBoard, _ sets: Sets,
    _ generator: inout SeededGenerator
  ) {
    switch Int.random(in: 0..<10, using: &generator) {
    case 0..<5:
      guard let index = world.running.indices.randomElement(using: &generator) else { return }
      let order = world.running.remove(at: index).order
      let result = Self.result(order, sets, &generator)
      let before = board.asked(order.provider)
      let next = core.landed(order.provider, result.result, now: world.now, wall: world.wall)
      if let set = result.set { world.current[order.provider] = set }
      if let next { begin(next, &world, "") } else { #expect(board.landed(order.provider) == before) }
    case 5, 6:
      let provider = Int.random(in: 0..<3, using: &generator)
      _ = board.ask(provider, now: world.now)
    case 7:
      // The wall clock is put right, in either direction.
      let jump = UInt64.random(in: 0..<4_000, using: &generator)
      world.wall = Bool.random(using: &generator) ? world.wall + jump : world.wall - jump
    default:
      let pause = [1, 50, 1_000, 60_000, 1_300_000].randomElement(using: &generator) ?? 1
      world.now += UInt64(pause) * 1_000_000
      world.wall += UInt64(pause) / 1_000
    }
  }

  private static func result(
    _ order: KeeperCore.Order, _ sets: Sets, _ generator: inout SeededGenerator
  ) -> (result: Result<FetchAnswer, FetchError>, set: Int?) {
    let isDiscovery = order.request.url.hasSuffix("openid-configuration")
    switch Int.random(in: 0..<10, using: &generator) {
    case 0: return (.failure(.timeout), nil)
    case 1: return (.failure(.status(500)), nil)
    case 2: return (.success(answer("<html>")), nil)
    case 3: return (.success(answer("{\"keys\":[]}")), nil)
    case 4 where !isDiscovery && order.request.entityTag != nil:
      return (.success(answer("", status: 304)), nil)
    default:
      if isDiscovery { return (.success(answer("{\"jwks_uri\":\"https://c.example/keys\"}")), nil) }
      let set = Int.random(in: 0..<sets.texts.count, using: &generator)
      return (.success(answer(sets.texts[set], tag: Bool.random(using: &generator) ? "t" : nil)), set)
    }
  }

  private func check(
    _ core: KeeperCore, _ world: World, _ board: KeyBoard, _ sets: Sets, _ name: String
  ) {
    for (index, entry) in board.snapshot.enumerated() {
      // Keys are those of the last good answer, or none: never a mixture, never what an error brought.
      if let keys = entry.keys {
        let expected = world.current[index].map { sets.parsed[$0].names }
        #expect(keys.names == expected, "\(name)")
        #expect(entry.state == .ready || entry.state == .stale, "\(name)")
        // Believed no longer than the limit.
        if let confirmed = entry.confirmedAt { #expect(world.wall < confirmed + 10_000, "\(name)") }
      } else {
        #expect(entry.state == .waiting || entry.state == .failed, "\(name)")
        #expect(entry.state != .waiting || world.current[index] == nil, "\(name)")
      }
      // Nobody waits for a fetch that nobody makes.
      if board.asked(index) > board.landed(index) {
        #expect(world.running.contains { $0.order.provider == index }, "\(name)")
      }
    }
    #expect(core.nextTurn(now: world.now) > 0)
  }
}
