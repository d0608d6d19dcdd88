import Authorizer
import ExtAuthzTestMessages
import Foundation
import Issuer
import Istio
import KeySets
import Signatures
import SwiftProtobuf
import Synchronization
import System
import Testing
import WebTestServer

@testable import Server

/// A provider's outage on a test's clock: the whole server, the real keeper and fetches, and no time to wait for.
@Suite struct OutageTests {
  private static let name = "https://issuer.example"
  private let issuer: DevelopmentIssuer
  private let provider: WebTestServer
  private let isDown = Flag()
  private let snapshot: PolicySnapshot

  private final class Flag: Sendable {
    private let stored = Atomic<Bool>(false)
    @inline(never) init() {}
    var value: Bool {
      get { stored.load(ordering: .acquiring) }
      set { stored.store(newValue, ordering: .releasing) }
    }
  }

  init() throws {
    issuer = DevelopmentIssuer(
      name: Self.name, keys: [try IssuerKey.generate(for: .edDSA, keyID: "one")])
    let (text, flag) = (issuer.publicJWKSet, isDown)
    provider = try WebTestServer { _ in flag.value ? [.reset] : WebTestServer.answer(text) }
    let policies = """
      apiVersion: security.istio.io/v1
      kind: RequestAuthentication
      metadata: {name: remote, namespace: a}
      spec: {jwtRules: [{issuer: "\(Self.name)", jwksUri: "http://127.0.0.1:\(provider.port)/"}]}
      """
    let loaded = ResourceLoader().load(file: "p.yaml", text: policies)
    let input = PolicySnapshot.Input(
      resources: loaded.resources, workloads: [Workload(name: "w", namespace: "a", labels: [:])],
      defaultWorkload: "w")
    snapshot = try #require(PolicySnapshot.compile(input, settings: AuthorizerSettings()).snapshot)
  }

  /// A keeper and a server on one clock.
  private func start(_ clock: ManualClock, folder: String?) throws -> (KeyKeeper, RunningServer) {
    var keeping = KeyKeeper.Configuration(sources: snapshot.keySources)
    keeping.clock = .manual(clock)
    keeping.stateFolder = folder
    let keeper = try KeyKeeper(keeping) { _ in }
    let running = try RunningServer(snapshot) {
      $0.keyBoard = keeper.board
      $0.clock = .manual(clock)
    }
    #expect(running.eventually { keeper.hasHeardFromAll })
    return (keeper, running)
  }

  private func isAllowed(_ running: RunningServer, _ message: [UInt8]) throws -> Bool {
    var peer = try running.peer()
    _ = peer.call(message)
    let seen = try #require(peer.exchange().first)
    return try seen.grpc == 0 && WireCheckResponse(serializedBytes: seen.message).status.code == 0
  }

  @Test func `ten minutes without the provider, and a restart in them, refuse nobody`() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("outage-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let clock = ManualClock()
    let message = try Fixture.check(
      token: issuer.token(claims: Claims(issuer: Self.name, subject: "s", expiry: 4_000_000_000)))
    var (keeper, running) = try start(clock, folder: folder.path)
    #expect(try isAllowed(running, message))
    isDown.value = true
    var refused = 0
    // From the moment that the keys want to be fetched again: the default refresh comes within 20 minutes.
    clock.advance(seconds: 1_200)
    #expect(running.eventually { keeper.board.snapshot[0].state == .stale })
    for second in 0..<120 {
      clock.advance(seconds: 5)
      Foundation.Thread.sleep(forTimeInterval: 0.01)
      if try !isAllowed(running, message) { refused += 1 }
      if second == 60 {
        keeper.stop()
        (keeper, running) = try start(clock, folder: folder.path)
        if try !isAllowed(running, message) { refused += 1 }
      }
    }
    #expect(refused == 0)
    // Tried again all the time, and less often than once a second.
    let attempts = keeper.board.snapshot[0].fetches.values.reduce(0, +)
    #expect((3...60).contains(attempts), "\(attempts)")
    isDown.value = false
    clock.advance(seconds: 120)
    #expect(running.eventually { keeper.board.snapshot[0].state == .ready })
    #expect(try isAllowed(running, message))
    // Beyond the bound they are believed no longer.
    isDown.value = true
    clock.advance(seconds: 8 * 86_400)
    #expect(running.eventually { keeper.board.snapshot[0].keys == nil })
    #expect(try !isAllowed(running, message))
    keeper.stop()
  }
}
