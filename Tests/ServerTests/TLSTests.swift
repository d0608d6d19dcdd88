import Authorizer
import ExtAuthzTestMessages
import Foundation
import HTTP
import SwiftProtobuf
import System
import TLS
import Testing
import WebTestServer

@testable import Server

/// The whole server behind TLS, on real sockets.
@Suite(.serialized)
struct ServerTLSTests {
  private static let made = Result { (try Fixture(), try TestAuthority()) }
  private let fixture: Fixture
  private let authority: TestAuthority
  private let gateway: TestAuthority.Identity

  init() throws {
    (fixture, authority) = try Self.made.get()
    gateway = try authority.identity("gateway", ["URI:spiffe://t/ns/a/sa/gateway"])
  }

  private func context(_ server: String = "server", _ allowed: [String] = ["spiffe://t/ns/a/sa/gateway"])
    throws
    -> TLSContext
  {
    let identity = try authority.identity(server, ["DNS:\(server).example"])
    func pem(_ path: String) throws -> TLSMaterial.PEM {
      TLSMaterial.PEM(path: path, octets: [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))))
    }
    var settings = TLSSettings()
    settings.clientCertificates = .required
    settings.allowedClients = allowed.compactMap(ClientName.init)
    return try TLSContext(
      settings,
      TLSMaterial(
        certificate: pem(identity.certificate), key: pem(identity.key),
        clientAuthorities: pem(authority.certificate)))
  }

  private func running(_ context: TLSContext, _ change: (inout CheckServer.Configuration) -> Void = { _ in })
    throws -> RunningServer
  {
    try RunningServer(fixture.snapshot) {
      $0.tls = context
      change(&$0)
    }
  }

  private func client(_ identity: TestAuthority.Identity?) throws -> TLSTestClient {
    try TLSTestClient(authority.certificate, TLSTestClient.Settings(identity: identity))
  }

  private func isAllowed(_ peer: inout Peer) throws -> Bool {
    _ = peer.call(try Fixture.check())
    let seen = try require(peer.exchange().first)
    return try WireCheckResponse(serializedBytes: seen.message).status.code == 0
  }

  @Test func `a gateway with the right certificate is answered, many times and in large batches`() throws {
    let running = try running(try context())
    var peer = try Peer(running.server.address, tls: try client(gateway))
    expect(try isAllowed(&peer))
    let check = try Fixture.check(headers: ["x-long": String(repeating: "a", count: 20_000)])
    for _ in 0..<20 {
      for _ in 0..<50 { _ = peer.call(check) }
      let seen = peer.exchange(50)
      #expect(seen.count == 50 && seen.allSatisfy { $0.grpc == 0 })
    }
    #expect(running.metric("countersign_tls_handshakes_total{result=\"completed\"}") == 1)
    #expect(running.eventually { running.metric("countersign_checks_total") == 1_001 })
    // The end is said in TLS too: the client can tell it from a cut.
    let tls = try client(gateway)
    var other = try Peer(running.server.address, tls: tls)
    expect(try isAllowed(&other))
    running.server.beginShutdown()
    expect(other.readToEnd())
    #expect(tls.hasEnded)
  }

  @Test func `nobody is answered without TLS, without a certificate or with another name`() throws {
    let running = try running(try context())
    var plain = try Peer(running.server.address)
    _ = plain.call(try Fixture.check())
    #expect(plain.exchange().isEmpty)
    let stranger = try authority.identity("stranger", ["URI:spiffe://t/ns/a/sa/other"])
    for identity in [nil, stranger] {
      let tls = try client(identity)
      var peer = try Peer(running.server.address, tls: tls)
      _ = peer.call(try Fixture.check())
      #expect(peer.exchange().isEmpty && tls.problem != nil)
    }
    #expect(
      running.eventually {
        running.metric("countersign_tls_handshakes_total{result=\"failed\"}") == 1
          && running.metric("countersign_tls_handshakes_total{result=\"client_certificate\"}") == 2
      })
    #expect(running.reported.contains(.tlsRefused))
    #expect(running.metric("countersign_checks_total") == 0)
    #expect(running.eventually { running.server.connectionsPerWorker == [0] })
  }

  @Test func `one that never says hello is closed in time, whatever else it sends`() throws {
    let running = try running(try context()) { $0.http2.prefaceTimeout = 300_000_000 }
    let silent = try Socket.connect(to: running.server.address)
    let half = try Socket.connect(to: running.server.address)
    let greeting = try client(gateway)
    _ = greeting.receive([])
    let octets = Array(greeting.takeOutput().dropLast(5))
    _ = half.send(octets.span)
    #expect(running.eventually { running.server.connectionsPerWorker == [2] })
    #expect(running.eventually { running.server.connectionsPerWorker == [0] })
    _ = (silent.descriptor, half.descriptor)
  }

  @Test func `a renewed certificate greets new connections, and leaves the others alone`() throws {
    let running = try running(try context())
    var old = try Peer(running.server.address, tls: try client(gateway))
    running.server.publish(try context("renewed"))
    let tls = try client(gateway)
    var new = try Peer(running.server.address, tls: tls)
    expect(try isAllowed(&new))
    #expect(tls.peerName == "renewed")
    Thread.sleep(forTimeInterval: 0.6)
    expect(try isAllowed(&old))
    #expect(running.metric("countersign_goaways_total{reason=\"trust\"}") == 0)
  }

  @Test func `connections of a gateway that is trusted no more are told to go, and cannot come again`() throws
  {
    let running = try running(try context())
    var peer = try Peer(running.server.address, tls: try client(gateway))
    expect(try isAllowed(&peer))
    running.server.publish(try context("server", ["spiffe://t/ns/a/sa/new"]))
    expect(peer.readToEnd())
    #expect(running.metric("countersign_goaways_total{reason=\"trust\"}") == 1)
    var again = try Peer(running.server.address, tls: try client(gateway))
    _ = again.call(try Fixture.check())
    #expect(again.exchange().isEmpty)
  }

  @Test func `a client that asks for new keys without an end is cut off, and the others go on`() throws {
    let running = try running(try context())
    let tls = try client(gateway)
    var peer = try Peer(running.server.address, tls: tls)
    expect(try isAllowed(&peer))
    var other = try Peer(running.server.address, tls: try client(gateway))
    for _ in 0..<500 where !peer.hasEnded {
      tls.updateKeys()
      // What is sealed next takes the update with it.
      _ = peer.call(try Fixture.check())
      peer.send()
    }
    expect(peer.readToEnd())
    #expect(running.eventually { running.metric("countersign_tls_broken_connections_total") == 1 })
    expect(try isAllowed(&other))
  }
}
