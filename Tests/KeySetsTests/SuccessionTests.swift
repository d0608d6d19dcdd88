import Fetch
import Istio
import JWT
import Testing

@testable import KeySets

/// A keeper that takes another's place, at a reload, begins where that one is.
@Suite struct SuccessionTests {
  private static let a = KeySource(.address("http://a.example/"), name: "ns/a[0]")
  private static let b = KeySource(.address("http://b.example/"), name: "ns/b[0]")

  private func core(_ sources: [KeySource], _ board: KeyBoard, routes: KeyRoutes = KeyRoutes()) -> KeeperCore
  {
    KeeperCore(
      sources, routes: routes, settings: KeySettings(), sets: JWKSetSettings(), board: board, seed: 1,
      now: 10 * second)
  }

  /// One that has the first set of `a` and asks `b` in vain.
  private func running(_ board: KeyBoard, _ sets: Sets) -> KeeperCore {
    var core = core([Self.a, Self.b], board)
    #expect(core.turn(now: 10 * second, wall: 1_000).map(\.provider) == [0, 1])
    _ = core.landed(0, .success(answer(sets.texts[0], tag: "t")), now: 11 * second, wall: 1_001)
    _ = core.landed(1, .failure(.timeout), now: 11 * second, wall: 1_001)
    return core
  }

  @Test func `keys, entity tags, times, counts and the bucket go on, in whatever order the sources stand`()
    throws
  {
    let sets = try Sets(1)
    let old = KeyBoard(providers: 2, settings: KeySettings())
    let before = running(old, sets)
    old.count(.remembered, 0)
    for _ in 0..<10 {
      if case .wait(let number) = old.ask(0, now: 12 * second) { old.publish(0, landed: number) { _ in } }
    }
    let new = KeyBoard(providers: 2, settings: KeySettings())
    var after = core([Self.b, Self.a], new)
    after.inherit(before, settings: KeySettings(), now: 12 * second)
    let entries = new.snapshot
    #expect(entries.map(\.state) == [.failed, .ready])
    #expect(entries[1].keys?.names == ["k0"] && entries[1].confirmedAt == 1_001)
    #expect(entries[1].fetches == ["changed": 1] && entries[0].fetches == ["timeout": 1])
    #expect(entries[0].lastError != nil)
    #expect(new.counted(.remembered, 1) == 1)
    #expect(new.ask(1, now: 12 * second) == .limited)
    // Nothing is due at once: `b` after its retry, `a` when it is old.
    #expect(
      after.turn(now: 12 * second, wall: 1_002).isEmpty || after.nextTurn(now: 12 * second) > 11 * second)
    let due = after.turn(now: 2_000 * second, wall: 3_000)
    #expect(due.first { $0.provider == 1 }?.request.entityTag == "t")
  }

  @Test func `a fetch that ran for the old one is made anew`() throws {
    let sets = try Sets(1)
    let old = KeyBoard(providers: 2, settings: KeySettings())
    var before = running(old, sets)
    #expect(before.turn(now: 2_000 * second, wall: 3_000).count == 2)
    let new = KeyBoard(providers: 1, settings: KeySettings())
    var after = core([Self.a], new)
    after.inherit(before, settings: KeySettings(), now: 2_001 * second)
    #expect(after.turn(now: 2_001 * second, wall: 3_001).map(\.provider) == [0])
    #expect(new.snapshot[0].keys?.names == ["k0"])
  }

  @Test func `a provider that is reached in another way is fetched at once, its keys serve meanwhile`() throws
  {
    let sets = try Sets(1)
    let old = KeyBoard(providers: 2, settings: KeySettings())
    let before = running(old, sets)
    var routes = KeyRoutes()
    routes.maximumBytes = 4_096
    let new = KeyBoard(providers: 1, settings: KeySettings())
    var after = core([Self.a], new, routes: routes)
    after.inherit(before, settings: KeySettings(), now: 12 * second)
    #expect(!before.reachesProviders(asBy: routes) && before.reachesProviders(asBy: KeyRoutes()))
    #expect(new.snapshot[0].keys != nil)
    #expect(after.turn(now: 12 * second, wall: 1_002).map(\.provider) == [0])
  }

  @Test func `a set that was read by other settings is fetched and read anew`() throws {
    let sets = try Sets(1)
    let old = KeyBoard(providers: 2, settings: KeySettings())
    let before = running(old, sets)
    var stricter = JWKSetSettings()
    stricter.maximumKeys = 1
    let new = KeyBoard(providers: 1, settings: KeySettings())
    var after = KeeperCore(
      [Self.a], routes: KeyRoutes(), settings: KeySettings(), sets: stricter, board: new, seed: 1,
      now: 12 * second)
    after.inherit(before, settings: KeySettings(), now: 12 * second)
    #expect(new.snapshot[0].state == .waiting && new.snapshot[0].keys == nil)
    let order = after.turn(now: 12 * second, wall: 1_002).first
    #expect(order != nil && order?.request.entityTag == nil)
  }

  @Test func `a provider that nobody had begins as one does`() throws {
    let sets = try Sets(1)
    let old = KeyBoard(providers: 2, settings: KeySettings())
    let before = running(old, sets)
    let other = KeySource(.address("http://c.example/"), name: "ns/c[0]")
    let new = KeyBoard(providers: 1, settings: KeySettings())
    var after = core([other], new)
    after.inherit(before, settings: KeySettings(), now: 12 * second)
    #expect(new.snapshot[0].state == .waiting && new.snapshot[0].keys == nil)
    #expect(after.turn(now: 12 * second, wall: 1_002).map(\.provider) == [0])
  }
}
