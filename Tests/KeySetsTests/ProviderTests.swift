import JWT
import KeySets
import Testing

@Suite struct ProviderTests {
  private let sets: Sets

  init() throws { sets = try Sets(3) }

  private func provider(_ settings: KeySettings = KeySettings()) -> Provider {
    Provider(settings: settings, seed: 7, now: 0)
  }

  @Test func `the first fetch is due at once, and only one runs`() {
    var one = provider()
    #expect(one.state == .waiting)
    #expect(one.tick(now: 0, wall: 100).0 == .fetch(entityTag: nil))
    #expect(one.tick(now: second, wall: 101).0 == .none)
    #expect(one.demand() == .none)
  }

  @Test(
    arguments: [
      (nil, 1_200), (10, 300), (600, 600), (86_400, 1_200), (0, 300),
    ] as [(UInt64?, UInt64)])
  func `the next fetch comes ahead of the answer's end, within floor and ceiling`(
    fresh: UInt64?, seconds: UInt64
  ) {
    for seed in 0..<50 {
      var one = Provider(settings: KeySettings(), seed: UInt64(seed), now: 0)
      _ = one.tick(now: 0, wall: 0)
      #expect(
        one.fetched(sets.parsed[0], entityTag: nil, freshSeconds: fresh, now: 5 * second, wall: 5)
          == .published)
      let delay = one.nextFetch - 5 * second
      #expect(delay >= seconds * second * 85 / 100 && delay <= seconds * second * 95 / 100)
    }
  }

  @Test func `failures come back after a second, then ever later, up to the ceiling`() {
    var one = provider()
    var now: UInt64 = 0
    var delays: [UInt64] = []
    for _ in 0..<30 {
      #expect(one.tick(now: now, wall: 0).0 != .none)
      one.failed(now: now)
      delays.append(one.nextFetch - now)
      now = one.nextFetch
    }
    #expect(delays[0] >= 750_000_000 && delays[0] <= 1_250 * 1_000_000)
    for (index, delay) in delays.enumerated().dropFirst() {
      let full = min(60, UInt64(1) << UInt64(min(index, 10))) * second
      #expect(delay >= full / 2 && delay <= full, "\(index)")
    }
    #expect(one.state == .failed)
  }

  @Test func `an outage keeps the keys, and its end makes them fresh`() {
    var one = provider()
    _ = one.tick(now: 0, wall: 0)
    _ = one.fetched(sets.parsed[0], entityTag: "t", freshSeconds: nil, now: 0, wall: 0)
    #expect(one.state == .ready)
    #expect(one.tick(now: one.nextFetch, wall: 1_100).0 == .fetch(entityTag: "t"))
    one.failed(now: one.nextFetch)
    #expect(one.state == .stale && one.keys?.names == ["k0"])
    one.unchanged(freshSeconds: nil, now: 2_000 * second, wall: 2_000)
    #expect(one.state == .ready && one.confirmedAt == 2_000)
  }

  @Test func `keys that nobody has confirmed for the limit are withdrawn, and not a second before`() {
    var settings = KeySettings()
    settings.staleLimitSeconds = 1_000
    var one = provider(settings)
    _ = one.tick(now: 0, wall: 50)
    _ = one.fetched(sets.parsed[0], entityTag: "t", freshSeconds: nil, now: 0, wall: 50)
    #expect(one.tick(now: 0, wall: 1_049).1 == .none)
    #expect(one.tick(now: 0, wall: 1_050).1 == .published)
    #expect(one.keys == nil && one.entityTag == nil && one.state == .failed)
  }

  @Test func `the same keys in another order are no new set`() throws {
    var one = provider()
    let both = JWKSet(keys: sets.parsed[0].keys + sets.parsed[1].keys)
    let turned = JWKSet(keys: sets.parsed[1].keys + sets.parsed[0].keys)
    #expect(one.fetched(both, entityTag: nil, freshSeconds: nil, now: 0, wall: 0) == .published)
    #expect(one.fetched(turned, entityTag: nil, freshSeconds: nil, now: 0, wall: 0) == .none)
    #expect(one.fetched(sets.parsed[0], entityTag: nil, freshSeconds: nil, now: 0, wall: 0) == .published)
  }

  @Test func `unchanged without keys is a failure`() {
    var one = provider()
    _ = one.tick(now: 0, wall: 0)
    one.unchanged(freshSeconds: nil, now: 0, wall: 0)
    #expect(one.state == .failed && one.failures == 1)
  }

  @Test func `saved keys serve at once unless they are too old or from the future`() {
    var one = provider()
    let limit: UInt64 = 1_000 + 7 * 86_400
    let isTaken = one.restore(sets.parsed[0], entityTag: "t", confirmedAt: 1_000, wall: limit - 1)
    #expect(isTaken)
    #expect(one.state == .ready)
    #expect(one.tick(now: 0, wall: limit - 1).0 == .fetch(entityTag: "t"))
    var old = provider()
    let tooOld = old.restore(sets.parsed[0], entityTag: nil, confirmedAt: 1_000, wall: limit)
    let fromTheFuture = old.restore(sets.parsed[0], entityTag: nil, confirmedAt: 1_061, wall: 1_000)
    let almost = old.restore(sets.parsed[0], entityTag: nil, confirmedAt: 1_060, wall: 1_000)
    #expect(!tooOld && !fromTheFuture && almost)
    #expect(old.confirmedAt == 1_000)
  }
}
