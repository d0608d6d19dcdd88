import Bytes
import Testing
import TestSupport
import WebTestServer

@testable import TLS

@Suite("A TLS session")
struct TLSSessionTests {
  let certificates: Certificates
  init() throws { certificates = try Certificates.get() }

  private func wire(
    _ context: TLSContext, _ change: (inout TLSTestClient.Settings) throws -> Void = { _ in }
  ) throws -> Wire {
    var settings = TLSTestClient.Settings()
    try change(&settings)
    return try Wire(context, TLSTestClient(certificates.authority.certificate, settings))
  }

  @Test("TLS 1.2 and 1.3 carry octets both ways", arguments: [Int32(0x0303), 0x0304])
  func both(version: Int32) throws {
    let wire = try wire(try certificates.context()) { $0.maximumVersion = version }
    wire.settle()
    #expect(wire.session.state == .open && wire.client.isOpen)
    #expect(wire.client.version == (version == 0x0304 ? "TLSv1.3" : "TLSv1.2"))
    let long = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    wire.client.send(long)
    wire.settle()
    wire.sendFromServer(long.reversed())
    #expect(wire.heardByServer == long && wire.heardByClient == long.reversed())
    #expect(!wire.client.isResumed)
  }

  @Test("Octets cut anywhere are the same octets, and one channel serves many sessions in turn")
  func cuts() throws {
    var random = SeededGenerator(announcing: #function)
    let context = try certificates.context()
    let channel = TLSChannel()
    var wires: [(Wire, [UInt8])] = []
    for _ in 0..<8 {
      let client = try TLSTestClient(certificates.authority.certificate)
      wires.append((try Wire(context, client, channel: channel), []))
    }
    for _ in 0..<30 {
      let index = Int.random(in: wires.indices, using: &random)
      let octets = (0..<Int.random(in: 0..<40_000, using: &random)).map { _ in
        UInt8.random(in: .min ... .max, using: &random)
      }
      let wire = wires[index].0
      wire.settle { Int.random(in: 1..<900, using: &random) }
      wire.client.send(octets)
      wire.settle { Int.random(in: 1..<9_000, using: &random) }
      wire.sendFromServer(octets)
      wires[index].1 += octets
    }
    for (wire, octets) in wires {
      #expect(wire.heardByServer == octets && wire.heardByClient == octets)
    }
  }

  @Test("A version below the minimum is refused with an alert")
  func versions() throws {
    let wire = try wire(try certificates.context(minimum: .tls13)) { $0.maximumVersion = 0x0303 }
    wire.settle()
    guard case .protocolError? = wire.session.refusal else {
      Issue.record("\(String(describing: wire.session.refusal))")
      return
    }
    #expect(wire.client.problem?.contains("alert") == true, "\(String(describing: wire.client.problem))")
  }

  @Test("A client must offer h2: one that offers nothing or something else is refused with an alert")
  func applicationProtocol() throws {
    for protocols in [[], ["http/1.1"], ["h3", "spdy/3"]] {
      let wire = try wire(try certificates.context()) { $0.protocols = protocols }
      wire.settle()
      #expect(wire.session.state == .refused && wire.session.refusal == .noHTTP2, "\(protocols)")
      #expect(
        wire.client.problem?.contains("no application protocol") == true,
        "\(protocols): \(String(describing: wire.client.problem))")
    }
    let wire = try wire(try certificates.context()) { $0.protocols = ["http/1.1", "h2"] }
    wire.settle()
    #expect(wire.session.state == .open)
  }

  @Test(
    "A client is let in by its certificate and the names in it",
    arguments: [Int32(0x0303), 0x0304])
  func clients(version: Int32) throws {
    let id = "spiffe://cluster.local/ns/istio-system/sa/gateway"
    let allowed = [id, "gateway.example"]
    func state(_ context: TLSContext, _ identity: TestAuthority.Identity?) throws -> (
      TLSSession.State, String
    ) {
      let wire = try wire(context) {
        $0.identity = identity
        $0.maximumVersion = version
      }
      wire.settle()
      if wire.session.state == .refused {
        #expect(wire.client.problem?.contains("alert") == true, "the client is told")
      }
      return (wire.session.state, wire.session.refusal?.description ?? "")
    }
    let authority = certificates.authority
    let required = try certificates.context(.required, allowed)
    let optional = try certificates.context(.optional, allowed)
    let anybody = try certificates.context(.required)

    let good: [[String]] = [
      ["URI:\(id)"], ["DNS:gateway.example"], ["DNS:other.example", "DNS:GATEWAY.example"],
      ["URI:\(id)", "DNS:x.example"],
    ]
    for (index, names) in good.enumerated() {
      let identity = try authority.identity("good\(index)-\(version)", names)
      #expect(try state(required, identity).0 == .open, "\(names)")
      #expect(try state(optional, identity).0 == .open, "\(names)")
    }
    let bad: [[String]] = [
      ["URI:\(id)x"], ["URI:\(id)", "URI:spiffe://cluster.local/ns/b/sa/c"], ["DNS:*.example"],
      ["DNS:a.gateway.example"], ["DNS:\(id.dropFirst(9).prefix(13))"], ["email:a@gateway.example"],
      ["URI:https://gateway.example"], ["IP:127.0.0.1"],
    ]
    for (index, names) in bad.enumerated() {
      let identity = try authority.identity("bad\(index)-\(version)", names)
      for context in [required, optional] {
        let (state, reason) = try state(context, identity)
        #expect(state == .refused && reason.contains("allowedClients"), "\(names): \(reason)")
      }
      #expect(try state(anybody, identity).0 == .open, "\(names)")
    }
    // The name in the wrong place: the common name counts for nothing.
    let common = try authority.identity("gateway.example", ["DNS:x.example"])
    #expect(try state(required, common).0 == .refused)
    let none = try state(required, nil)
    #expect(none.0 == .refused && none.1.contains("it shows none"), "\(none.1)")
    #expect(try state(optional, nil).0 == .open)
    let foreign = try certificates.other.identity("foreign-\(version)", ["URI:\(id)"])
    #expect(try state(required, foreign).0 == .refused)
    #expect(try state(optional, foreign).0 == .refused, "a certificate that is shown must be good")
    let server = try authority.identity("server", ["URI:\(id)"], usage: "serverAuth")
    let wrongUse = try state(required, server)
    #expect(wrongUse.0 == .refused && wrongUse.1.contains("purpose"), "\(wrongUse.1)")
    let client = try authority.identity("client", ["URI:\(id)"], usage: "clientAuth")
    #expect(try state(required, client).0 == .open)
    let old = try authority.identity("old-\(version)", ["URI:\(id)"], days: -1)
    let (state, reason) = try state(required, old)
    #expect(state == .refused && reason.contains("expired"), "\(reason)")
  }

  @Test(
    "Buffers that are given back come again, in the middle of a record too",
    arguments: [Int32(0x0303), 0x0304])
  func buffers(version: Int32) throws {
    let wire = try wire(try certificates.context()) { $0.maximumVersion = version }
    wire.session.releaseBuffers()
    wire.settle()
    var sent: [UInt8] = []
    for round in 0..<5 {
      let octets = [UInt8](repeating: UInt8(round), count: 3_000)
      wire.client.send(octets)
      let sealed = wire.client.takeOutput()
      wire.session.releaseBuffers()
      wire.toServer(Array(sealed[..<1_000]))
      wire.session.releaseBuffers()
      wire.toServer(Array(sealed[1_000...]))
      wire.session.releaseBuffers()
      wire.sendFromServer(octets)
      sent += octets
      #expect(wire.heardByServer == sent && wire.heardByClient == sent)
    }
  }

  @Test("Other keys in the middle, an end on each side")
  func life() throws {
    let wire = try wire(try certificates.context())
    wire.settle()
    wire.client.updateKeys()
    wire.client.send(Array("after".utf8))
    wire.settle()
    wire.sendFromServer(Array("answer".utf8))
    #expect(wire.heardByServer == Array("after".utf8) && wire.heardByClient == Array("answer".utf8))
    wire.client.end()
    wire.settle()
    #expect(wire.session.state == .ended)
    // The other direction goes on until it has ended too.
    wire.sendFromServer(Array("last".utf8))
    #expect(wire.heardByClient == Array("answerlast".utf8))
    var output = ByteBuffer()
    wire.session.end(into: &output)
    let count = output.count
    wire.session.end(into: &output)
    let isOnce = count > 0 && output.count == count
    #expect(isOnce)
    wire.toClient(output.copy())
    #expect(wire.client.hasEnded)
  }

  @Test("Another handshake on the same connection is refused (TLS 1.2)")
  func renegotiation() throws {
    let wire = try wire(try certificates.context()) { $0.maximumVersion = 0x0303 }
    wire.settle()
    wire.client.renegotiate()
    wire.settle()
    #expect(
      wire.client.problem?.contains("no renegotiation") == true, "\(String(describing: wire.client.problem))")
  }

  @Test("A client that asks for new keys again and again is refused, wherever its octets are cut")
  func updates() throws {
    for isWhole in [true, false] {
      let wire = try wire(try certificates.context())
      wire.settle()
      let before = wire.written
      for _ in 0..<5_000 {
        wire.client.updateKeys()
        wire.client.send([7])
        if !isWhole { wire.toServer(wire.client.takeOutput()) }
      }
      wire.toServer(wire.client.takeOutput())
      #expect(wire.session.state == .refused)
      #expect(wire.session.refusal?.description.contains("carry nothing") == true)
      // One comes, one goes.
      #expect((20...33).contains(wire.heardByServer.count), "\(wire.heardByServer.count)")
      #expect(wire.written - before < 2_000, "\(wire.written - before) octets in return")
    }
  }

  @Test("One that says much may change its keys as often as it needs")
  func manyUpdates() throws {
    let wire = try wire(try certificates.context())
    wire.settle()
    let much = [UInt8](repeating: 7, count: 150_000)
    for _ in 0..<200 {
      wire.client.updateKeys()
      wire.client.send(much)
      wire.settle()
    }
    #expect(wire.session.state == .open && wire.heardByServer.count == 200 * much.count)
  }

  @Test("What is no TLS is refused at once, and nothing of it gets through")
  func noise() throws {
    var random = SeededGenerator(announcing: #function)
    let context = try certificates.context()
    let channel = TLSChannel()
    let texts = ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"].map { Array($0.utf8) }
    for (index, octets) in (texts + (0..<200).map { _ in noise(&random) }).enumerated() {
      let session = try #require(TLSSession(context, channel))
      var plaintext = ByteBuffer()
      var output = ByteBuffer()
      let state = session.receive(octets.span, into: &plaintext, answers: &output)
      let isEmpty = plaintext.isEmpty
      #expect(isEmpty)
      if index < texts.count { #expect(state == .refused) }
    }
  }

  private func noise(_ random: inout SeededGenerator) -> [UInt8] {
    let head: [UInt8] = Bool.random(using: &random) ? [0x16, 3, 1] : []
    return head
      + (0..<Int.random(in: 0..<600, using: &random)).map { _ in
        UInt8.random(in: .min ... .max, using: &random)
      }
  }

  @Test("A handshake or a record with one octet spoilt never delivers another text, and never traps")
  func spoilt() throws {
    var random = SeededGenerator(announcing: #function)
    let context = try certificates.context(.required)
    let identity = try certificates.authority.identity("spoilt", ["DNS:x.example"])
    let message = Array("a message that nobody may change".utf8)
    var delivered = 0
    for _ in 0..<150 {
      let wire = try wire(context) {
        $0.identity = identity
        if Bool.random(using: &random) { $0.maximumVersion = 0x0303 }
      }
      var left = Int.random(in: 0..<4, using: &random)
      _ = wire.client.receive([])
      var isDone = false
      for _ in 0..<8 where !isDone {
        if wire.client.isOpen { wire.client.send(message) }
        var octets = wire.client.takeOutput()
        if octets.isEmpty { isDone = true }
        if left == 0, !octets.isEmpty {
          octets[Int.random(in: octets.indices, using: &random)] ^=
            1 << UInt8.random(in: 0..<8, using: &random)
        }
        left -= 1
        wire.toServer(octets)
      }
      let heard = wire.heardByServer
      for start in stride(from: 0, to: heard.count, by: message.count) {
        #expect(Array(heard[start..<min(heard.count, start + message.count)]) == message)
        delivered += 1
      }
    }
    #expect(delivered > 0, "some were not spoilt before their first message")
  }
}
