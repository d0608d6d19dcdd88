import Authorizer
import ExtAuthzTestMessages
import Foundation
import SwiftProtobuf
import System
import TestSupport
import Testing

@testable import KeySets
@testable import Server

/// Checks that wait for keys: whatever happens, in whatever order, each is answered once, in time, by the keys of
/// that moment, or not at all when nobody listens (design, section 3).
@Suite struct ParkingTests {
  enum Step: Int, CaseIterable {
    case honestCall, forgedCall
    /// The running fetch ends: with the new key, with what there was, with a failure.
    case brings, bringsNothing, fails
    /// The keys were withdrawn for their age.
    case withdrawn
    /// Other policies, with another board.
    case reload
    case time, honestReset, forgedReset, shutdown, close
  }

  /// What the test itself knows of the state of things.
  struct Model {
    var called = [false, false]
    var reset = [false, false]
    var deadline: [UInt64] = [.max, .max]
    var hasNewKey = false
    var asked = 0
    var isDraining = false
  }

  static let timeouts: [StaticString] = ["1000m", "3000m"]
  static let seconds: [UInt64] = [1, 3]

  private func apply(_ step: Step, _ bench: inout ParkingBench, _ model: inout Model) {
    let running = bench.board.asked(0) > bench.board.landed(0) ? bench.board.asked(0) : nil
    switch step {
    case .honestCall, .forgedCall:
      let check = step.rawValue
      guard !model.called[check], bench.isOpen, !model.isDraining else { return }
      model.called[check] = true
      model.deadline[check] = bench.now + Self.seconds[check] * 1_000_000_000
      bench.call(check, timeout: Self.timeouts[check])
    case .brings:
      model.hasNewKey = true
      bench.publish(bench.world.newKeys, landed: running)
    case .bringsNothing:
      let keys = model.hasNewKey ? bench.world.newKeys : bench.world.oldKeys
      bench.publish(keys, landed: running)
    case .fails:
      let keys = model.hasNewKey ? bench.world.newKeys : bench.world.oldKeys
      bench.publish(keys, landed: running, state: .stale)
    case .withdrawn:
      model.hasNewKey = false
      bench.publish(nil, landed: nil, state: .failed)
    case .reload: bench.reload()
    case .time: bench.clock.advance(nanoseconds: 600_000_000)
    case .honestReset, .forgedReset:
      let check = step == .honestReset ? 0 : 1
      guard model.called[check], bench.isOpen, bench.answers[check].isEmpty else { return }
      model.reset[check] = true
      bench.reset(check)
    case .shutdown:
      model.isDraining = true
      bench.beginShutdown()
    case .close: bench.close()
    }
    bench.turn()
    model.asked += bench.board.takeRequests().count
  }

  private func isAllowed(_ seen: Peer.Seen) throws -> Bool {
    try WireCheckResponse(serializedBytes: seen.message).status.code == 0
  }

  /// - Returns: what is wrong.
  private func problem(
    _ bench: borrowing ParkingBench, _ model: Model, answeredBefore: [Int]
  ) throws -> String? {
    var live = 0
    for check in 0..<2 {
      let seen = bench.answers[check]
      if model.reset[check] || !model.called[check] {
        // The client's own reset ends the call for it; no answer may come.
        if seen.contains(where: { $0.grpc == 0 }) { return "check \(check): an answer after its reset" }
        continue
      }
      if seen.count > 1 { return "check \(check): \(seen.count) answers" }
      if seen.isEmpty, bench.isOpen {
        live += 1
        if bench.now + 20_000_000 >= model.deadline[check] {
          return "check \(check): waits past its deadline"
        }
        if check == 0, model.hasNewKey { return "check 0: waits although its key is there" }
      }
      guard let answer = seen.first, answeredBefore[check] == 0 else { continue }
      if answer.grpc != 0 {
        // A call that came too late is dropped, never allowed.
        if bench.now < model.deadline[check] { return "check \(check): gRPC status \(answer.grpc ?? -1)" }
        continue
      }
      let wanted = check == 0 && model.hasNewKey
      if try isAllowed(answer) != wanted { return "check \(check): allowed is not \(wanted)" }
    }
    if bench.waiting != live { return "\(bench.waiting) wait where \(live) should" }
    if (bench.waitingOctets == 0) != (live == 0) { return "\(bench.waitingOctets) octets for \(live) checks" }
    if bench.board.asked(0) > bench.board.landed(0) + 1 { return "two fetches at once" }
    return nil
  }

  /// Runs a schedule, and then lets all time pass.
  private func run(_ steps: [Step], _ world: ParkingBench.World) throws {
    var bench = try ParkingBench(world)
    var model = Model()
    for (index, step) in (steps + [.time, .time, .time, .time, .time, .time]).enumerated() {
      let before = bench.answers.map(\.count)
      apply(step, &bench, &model)
      if let problem = try problem(bench, model, answeredBefore: before) {
        let done = steps.prefix(index + 1).map { "\($0)" }.joined(separator: ", ")
        Issue.record("\(problem) after \(done) and \(max(0, index - steps.count + 1)) times time")
        return
      }
    }
    if bench.waiting != 0 || bench.waitingOctets != 0 {
      Issue.record("\(bench.waiting) still wait after \(steps)")
    }
    // Never more than the bucket, whatever comes.
    #expect(model.asked <= 10)
  }

  @Test func `whatever happens to two checks that wait, in every order of five events`() throws {
    let world = try ParkingBench.World()
    let all = Step.allCases
    // What comes first must be a call, and one that waits already is the same whichever of its kind it is.
    for first in [Step.honestCall, .forgedCall] {
      for code in 0..<(all.count * all.count * all.count * all.count) {
        var rest = code
        var steps = [first]
        for _ in 0..<4 {
          steps.append(all[rest % all.count])
          rest /= all.count
        }
        try run(steps, world)
      }
    }
  }

  @Test func `a check waits as long as the settings of the last reload say`() throws {
    var bench = try ParkingBench(ParkingBench.World())
    var short = KeySettings()
    short.waitNanoseconds = 100_000_000
    bench.reload(keySettings: short)
    bench.call(0, timeout: "3000m")
    #expect(bench.waiting == 1)
    bench.clock.advance(nanoseconds: 200_000_000)
    bench.turn()
    #expect(bench.waiting == 0 && bench.answers[0].count == 1)
    bench.reload()
    bench.call(1, timeout: "3000m")
    bench.clock.advance(nanoseconds: 200_000_000)
    bench.turn()
    #expect(bench.waiting == 1 && bench.answers[1].isEmpty)
  }

  @Test func `beyond the room for waiting checks or their octets, a check is answered at once`() throws {
    let world = try ParkingBench.World()
    var few = ServerSettings()
    few.maximumParkedChecks = 1
    var short = ServerSettings()
    short.maximumParkedOctets = world.messages[0].count + 1
    for settings in [few, short] {
      var bench = try ParkingBench(world, settings: settings)
      bench.call(0, timeout: "1000m")
      bench.call(1, timeout: "1000m")
      #expect(bench.waiting == 1 && bench.answers[0].isEmpty && bench.answers[1].count == 1)
      #expect(try !isAllowed(try #require(bench.answers[1].first)))
      #expect(bench.waitingOctets <= settings.maximumParkedOctets)
    }
  }

  @Test func `and such a check is answered as the setting says`() throws {
    let world = try ParkingBench.World()
    for answer in OverloadAnswer.allCases {
      var settings = ServerSettings()
      settings.maximumParkedChecks = 1
      settings.overload = answer
      var bench = try ParkingBench(world, settings: settings)
      bench.call(0, timeout: "1000m")
      bench.call(1, timeout: "1000m")
      let seen = try #require(bench.answers[1].first)
      switch answer {
      case .denial:
        let response = try WireCheckResponse(serializedBytes: seen.message)
        // What the client would have got had the fetch failed.
        #expect(response.status.code != 0 && response.deniedResponse.status.code == 401)
      case .error:
        let response = try WireCheckResponse(serializedBytes: seen.message)
        #expect(response.status.code != 0 && response.errorResponse.status.code == 503)
      case .unavailable:
        #expect(seen.grpc == 14 && seen.message.isEmpty)
      }
    }
  }

  @Test func `and in long random orders`() throws {
    let world = try ParkingBench.World()
    let named = ProcessInfo.processInfo.environment["COUNTERSIGN_TEST_SEED"].flatMap { UInt64($0) }
    let seed = named ?? UInt64.random(in: 0 ... .max)
    print("ParkingTests seed \(seed)")
    var random = SeededGenerator(seed: seed)
    for _ in 0..<2_000 {
      let steps = (0..<20).map { _ in Step.allCases.randomElement(using: &random) ?? .time }
      // Closing ends all: let it be rare.
      try run(steps.filter { $0 != .close || Int.random(in: 0..<4, using: &random) == 0 }, world)
    }
  }
}
