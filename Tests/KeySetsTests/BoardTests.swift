@testable import KeySets
import Synchronization
import Testing

@Suite struct BoardTests {
  private func board(burst: UInt64 = 10) -> KeyBoard {
    var settings = KeySettings()
    settings.unknownKeyBurst = burst
    return KeyBoard(providers: 2, settings: settings)
  }

  @Test func `requests share the fetch that was asked for, until it has landed`() {
    let board = board()
    #expect(board.ask(0, now: second) == .wait(1))
    #expect(board.ask(0, now: second) == .share(1))
    #expect(board.ask(1, now: second) == .wait(1))
    #expect(board.takeRequests() == [0, 1])
    board.publish(0, landed: 1) { _ in }
    #expect(board.landed(0) == 1 && board.landed(1) == 0)
    #expect(board.ask(0, now: second) == .wait(2))
  }

  @Test func `the bucket holds a burst, and then one a second, for each provider`() {
    let board = board()
    var now = 100 * second
    var granted = 0
    for _ in 0..<1_000 {
      if case .wait(let number) = board.ask(0, now: now) {
        granted += 1
        board.publish(0, landed: number) { _ in }
      }
    }
    #expect(granted == 10)
    #expect(board.ask(0, now: now) == .limited)
    #expect(board.ask(1, now: now) == .wait(1))
    for _ in 0..<5_000 {
      now += second / 100
      if case .wait(let number) = board.ask(0, now: now) {
        granted += 1
        board.publish(0, landed: number) { _ in }
      }
    }
    #expect(granted >= 59 && granted <= 61)
  }

  @Test func `workers are woken by what concerns them alone`() {
    let board = board()
    let rings = Atomic<Int>(0)
    board.addWaker { rings.wrappingAdd(1, ordering: .relaxed) }
    let before = board.currentVersion
    board.publish(0, landed: 0) { $0.fetches["unchanged", default: 0] += 1 }
    #expect(rings.load(ordering: .relaxed) == 0 && board.currentVersion == before)
    board.publish(0, landed: 0) { $0.generation += 1 }
    board.publish(0, landed: 0) { $0.state = .stale }
    _ = board.ask(0, now: 0)
    board.publish(0, landed: 1) { _ in }
    #expect(rings.load(ordering: .relaxed) == 3 && board.currentVersion > before)
  }
}
