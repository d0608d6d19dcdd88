import Authorizer
import Bytes
import ExtAuthz
import ExtAuthzTestMessages
import Foundation
import HTTP
import SwiftProtobuf
import System
import Testing

@testable import Server

/// A running server whose policies change, and that sends its clients elsewhere.
@Suite(.serialized)
struct PublishingTests {
  private static let made = Result { try Fixture() }
  private let fixture: Fixture

  init() throws { fixture = try Self.made.get() }

  private func isAllowed(_ seen: Peer.Seen) throws -> Bool {
    try WireCheckResponse(serializedBytes: seen.message).status.code == 0
  }

  private func answered(_ peer: inout Peer) throws -> Peer.Seen {
    _ = peer.call(try Fixture.check())
    return try require(peer.exchange().first)
  }

  private func expectAll(
    _ one: inout Peer, _ two: inout Peer, _ three: inout Peer, areAllowed: Bool,
    at location: SourceLocation = #_sourceLocation
  ) throws {
    let allowed = try [
      isAllowed(answered(&one)), isAllowed(answered(&two)), isAllowed(answered(&three)),
    ]
    #expect(allowed == [areAllowed, areAllowed, areAllowed], sourceLocation: location)
  }

  @Test func `each worker goes over to published policies before its next check`() throws {
    let running = try RunningServer(fixture.snapshot) { $0.workers = 3 }
    var one = try running.peer()
    var two = try running.peer()
    var three = try running.peer()
    try expectAll(&one, &two, &three, areAllowed: true)
    let closed = try Fixture.snapshot(
      """
      apiVersion: security.istio.io/v1
      kind: AuthorizationPolicy
      metadata: {name: closed, namespace: a}
      spec: {action: DENY, rules: [{to: [{operation: {paths: ["/*"]}}]}]}
      """)
    let generation = running.server.publish(closed, keyBoard: nil)
    #expect(generation == 2)
    #expect(running.eventually { running.server.hasReached(generation) })
    try expectAll(&one, &two, &three, areAllowed: false)
    #expect(running.server.publish(fixture.snapshot, keyBoard: nil) == 3)
    #expect(running.eventually { running.server.hasReached(3) })
    try expectAll(&one, &two, &three, areAllowed: true)
  }

  @Test func `a snapshot that was replaced is given back`() throws {
    let running = try RunningServer(fixture.snapshot) { $0.workers = 2 }
    var old: PolicySnapshot? = try Fixture().snapshot
    weak let watched = old
    let generation = running.server.publish(try #require(old), keyBoard: nil)
    old = nil
    #expect(running.eventually { running.server.hasReached(generation) })
    #expect(watched != nil)
    let next = running.server.publish(fixture.snapshot, keyBoard: nil)
    #expect(running.eventually { running.server.hasReached(next) })
    #expect(running.eventually { watched == nil })
  }

  @Test func `a server that leaves answers and accepts, and health checks say that it goes`() throws {
    let running = try RunningServer(fixture.snapshot)
    var peer = try running.peer()
    let watch = try require(peer.call([], path: GRPCMethod.healthWatch))
    #expect(try isAllowed(answered(&peer)))
    running.server.beginLeaving()
    while peer.http.receivedBody(watch).count < 14 { guard peer.receive() else { break } }
    expect(peer.http.receivedBody(watch), equals: [0, 0, 0, 0, 2, 8, 1, 0, 0, 0, 0, 2, 8, 2])
    #expect(try isAllowed(answered(&peer)))
    var other = try running.peer()
    #expect(try isAllowed(answered(&other)))
    _ = other.call([], path: GRPCMethod.healthCheck)
    #expect(try require(other.exchange().first).message == [8, 2])
    running.server.beginShutdown()
    expect(other.readToEnd())
    expect(peer.readToEnd())
    #expect(running.eventually { running.server.isDrained })
  }

  @Test func `a connection that is too old is told to go, and its calls finish`() throws {
    let running = try RunningServer(fixture.snapshot) { $0.settings.maximumConnectionAge = 400_000_000 }
    var peer = try running.peer()
    #expect(try isAllowed(answered(&peer)))
    expect(peer.readToEnd())
    expect(peer.http.goawayCode, equals: 0)
    #expect(running.metric("countersign_goaways_total{reason=\"age\"}") == 1)
    var next = try running.peer()
    #expect(try isAllowed(answered(&next)))
  }

  @Test func `a connection that nobody uses is told to go, one that is used is not`() throws {
    let running = try RunningServer(fixture.snapshot) { $0.settings.idleTimeout = 1_500_000_000 }
    var used = try running.peer()
    var idle = try running.peer()
    #expect(try isAllowed(answered(&idle)))
    for _ in 0..<12 {
      #expect(try isAllowed(answered(&used)))
      Foundation.Thread.sleep(forTimeInterval: 0.25)
    }
    expect(idle.readToEnd())
    #expect(running.metric("countersign_goaways_total{reason=\"idle\"}") == 1)
    #expect(try isAllowed(answered(&used)))
  }
}
