import Fetch
import JWT
import Testing

@testable import KeySets

/// What the log says of keys that a provider publishes and that are not used.
@Suite struct SkippedKeyEventTests {
  private func core() -> KeeperCore {
    KeeperCore(
      [KeySource(.address("http://a.example/keys"), name: "a")], routes: KeyRoutes(), settings: KeySettings(),
      sets: JWKSetSettings(), board: KeyBoard(providers: 1, settings: KeySettings()), seed: 1, now: second)
  }

  @Test func `a key for encryption is a note among the events, and another skipped key is none`() throws {
    let key = try #require(try Sets(1).texts[0].split(separator: "[").last?.dropLast(2))
    let text = #"{"keys":[\#(key),{"kid":"e","use":"enc"},{"kid":"x","kty":"X"}]}"#
    var core = core()
    _ = core.turn(now: second, wall: 1_000)
    _ = core.landed(0, .success(answer(text)), now: second, wall: 1_000)
    let events = core.events
    #expect(
      events.contains(
        KeyEvent(
          kind: .note, provider: "a", issuer: "any", address: "http://a.example/keys",
          text: "key 1 (kid \"e\") is for encryption and is not used")
      ),
      "\(events)")
    #expect(
      events.filter { $0.kind == .skipped }.map(\.text) == [
        "key 2 (kid \"x\") [kty] is \"X\", none of RSA, EC, OKP, oct"
      ])
  }
}
