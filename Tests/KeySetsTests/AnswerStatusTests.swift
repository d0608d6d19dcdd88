import Fetch
import JWT
import Testing

@testable import KeySets

/// Istio takes any 2xx for a key set and for a discovery document (semantics 1.8).
@Suite struct AnswerStatusTests {
  private let board = KeyBoard(providers: 2, settings: KeySettings())

  private func core() -> KeeperCore {
    KeeperCore(
      [
        KeySource(.address("http://a.example/keys"), name: "a"),
        KeySource(.issuer("http://b.example"), name: "b"),
      ], routes: KeyRoutes(), settings: KeySettings(), sets: JWKSetSettings(), board: board, seed: 1,
      now: second)
  }

  @Test(arguments: [200, 201, 203, 206])
  func `a set and a discovery document are taken from any 2xx`(status: Int) throws {
    let sets = try Sets(1)
    var core = core()
    #expect(core.turn(now: second, wall: 1_000).count == 2)
    _ = core.landed(0, .success(answer(sets.texts[0], status: status)), now: second, wall: 1_000)
    #expect(board.snapshot[0].state == .ready && board.snapshot[0].keys?.names == ["k0"])
    let found = core.landed(
      1, .success(answer(#"{"jwks_uri":"http://b.example/k"}"#, status: status)), now: second, wall: 1_000)
    #expect(found?.request.url == "http://b.example/k")
    _ = core.landed(1, .success(answer(sets.texts[0], status: status)), now: second, wall: 1_000)
    #expect(board.snapshot[1].state == .ready)
  }

  @Test func `a part of a set and of a discovery document is a failed fetch that names the status`() throws {
    let sets = try Sets(1)
    var core = core()
    _ = core.turn(now: second, wall: 1_000)
    _ = core.landed(0, .success(answer(sets.texts[0], tag: "t")), now: second, wall: 1_000)
    let part = String(sets.texts[0].dropLast(9))
    _ = core.landed(0, .success(answer(part, status: 206)), now: second, wall: 1_001)
    // The keys of before stay.
    #expect(board.snapshot[0].state == .stale && board.snapshot[0].keys?.names == ["k0"])
    #expect(board.snapshot[0].fetches["no_key_set"] == 1)
    #expect(board.snapshot[0].lastError?.hasPrefix("status 206: Jwks is an invalid JSON") == true)
    _ = core.landed(1, .success(answer(#"{"jwks_uri":"http://b.ex"#, status: 206)), now: second, wall: 1_000)
    #expect(
      board.snapshot[1].lastError
        == "status 206: the issuer's configuration has no text `jwks_uri`: it is JSON that is cut off at byte 24"
    )
    _ = core.landed(1, .success(answer("{}")), now: second, wall: 1_000)
    #expect(
      board.snapshot[1].lastError
        == "the issuer's configuration has no text `jwks_uri`: it is an empty JSON object")
  }

  @Test func `an empty body is a failed fetch that says so`() throws {
    var core = core()
    _ = core.turn(now: second, wall: 1_000)
    _ = core.landed(0, .failure(.emptyBody(status: 204)), now: second, wall: 1_000)
    #expect(board.snapshot[0].state == .failed && board.snapshot[0].fetches["no_key_set"] == 1)
    #expect(
      board.snapshot[0].lastError == "status 204 with an empty body where a JSON document is expected")
  }

  @Test func `304 keeps its meaning`() throws {
    let sets = try Sets(1)
    var core = core()
    _ = core.turn(now: second, wall: 1_000)
    _ = core.landed(0, .success(answer(sets.texts[0], tag: "t")), now: second, wall: 1_000)
    _ = core.landed(0, .success(answer("", status: 304, tag: "t")), now: 2 * second, wall: 1_001)
    #expect(board.snapshot[0].state == .ready && board.snapshot[0].confirmedAt == 1_001)
    #expect(board.snapshot[0].fetches == ["changed": 1, "unchanged": 1])
  }
}
