import Bytes
import Foundation
import System
import TestSupport
import Testing

/// What strangers do to an open port. After each of it the server must still answer.
@Suite(.serialized)
struct AbuseTests {
  private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + [0, 0, 0, 4, 0, 0, 0, 0, 0]

  /// Asks for health by curl's own HTTP/2: an implementation that shares nothing with the server's.
  private func expectAlive(_ server: CountersignProcess, _ after: String) throws {
    #expect(server.child.isRunning, "after \(after):\n\(server.child.output)")
    let folder = try Folder()
    let body = folder.url.appendingPathComponent("empty")
    try Data([0, 0, 0, 0, 0]).write(to: body)
    let answer = folder.url.appendingPathComponent("answer")
    let curl = try Child(
      URL(fileURLWithPath: "/usr/bin/curl"),
      [
        "-s", "--max-time", "10", "--http2-prior-knowledge", "-H", "content-type: application/grpc", "-H",
        "te: trailers", "--data-binary", "@\(body.path)", "-o", answer.path,
        "http://127.0.0.1:\(server.grpcPort)/grpc.health.v1.Health/Check",
      ], log: folder.url.appendingPathComponent("curl.log"))
    #expect(curl.exitCode(within: 15) == 0, "after \(after)")
    #expect(try Data(contentsOf: answer) == Data([0, 0, 0, 0, 2, 8, 1]), "SERVING after \(after)")
  }

  private func server() throws -> CountersignProcess {
    try CountersignProcess(policies: try TestIssuer().requestAuthentication())
  }

  @Test func `random octets, HTTP/1.1 and a TLS greeting are hung up on, and the server goes on`() throws {
    let server = try server()
    let seed = UInt64.random(in: 0...UInt64.max)
    print("seed \(seed)")
    var random = SeededGenerator(seed: seed)
    for _ in 0..<50 {
      let noise = (0..<Int.random(in: 1...4_000, using: &random)).map { _ in
        UInt8.random(in: 0...255, using: &random)
      }
      _ = try HTTPClient.exchange(port: server.grpcPort, noise)
    }
    _ = try HTTPClient.exchange(port: server.grpcPort, Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
    _ = try HTTPClient.exchange(
      port: server.grpcPort, [0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3] + Array(repeating: 7, count: 500))
    try expectAlive(server, "noise")
  }

  @Test func `octets behind a good preface that are no frames end the connection alone`() throws {
    let server = try server()
    let seed = UInt64.random(in: 0...UInt64.max)
    print("seed \(seed)")
    var random = SeededGenerator(seed: seed)
    for _ in 0..<30 {
      let noise = (0..<2_000).map { _ in UInt8.random(in: 0...255, using: &random) }
      let socket = try Socket.connect(to: try ListenAddress("127.0.0.1:\(server.grpcPort)"))
      _ = socket.send((Self.preface + noise).span)
    }
    try expectAlive(server, "noise behind the preface")
  }

  @Test func `clients that vanish in the middle of a message cost nothing`() throws {
    let server = try server()
    // HEADERS of a call (HPACK literals), then a message that announces more than comes.
    var block: [UInt8] = [0x83, 0x86]
    for (name, value) in [
      (":path", "/envoy.service.auth.v3.Authorization/Check"), (":authority", "x"),
      ("content-type", "application/grpc"),
    ] {
      block +=
        [0x00, UInt8(name.utf8.count)] + Array(name.utf8) + [UInt8(value.utf8.count)] + Array(value.utf8)
    }
    let headers: [UInt8] = [0, 0, UInt8(block.count), 1, 4, 0, 0, 0, 1] + block
    let half: [UInt8] = [0, 0, 9, 0, 0, 0, 0, 0, 1] + [0, 0, 0, 1, 0, 1, 2, 3, 4]
    for cut in [headers.count / 2, headers.count, headers.count + 12, headers.count + half.count] {
      for _ in 0..<20 {
        let socket = try Socket.connect(to: try ListenAddress("127.0.0.1:\(server.grpcPort)"))
        _ = socket.send((Self.preface + Array((headers + half).prefix(cut))).span)
        if cut.isMultiple(of: 2) { socket.resetOnClose() }
      }
    }
    try expectAlive(server, "half messages")
    try server.child.wait("the connections are closed") {
      let opened = (try? server.metric("countersign_connections_opened_total")) ?? 0
      let closed = (try? server.metric("countersign_connections_closed_total")) ?? -1
      return opened >= 80 && opened == closed
    }
  }

  @Test func `wrong content types and a header of one mebibyte are refused by curl's account too`() throws {
    let server = try server()
    let url = "http://127.0.0.1:\(server.grpcPort)/envoy.service.auth.v3.Authorization/Check"
    #expect(try curlStatus(["-H", "content-type: application/json", "--data", "{}", url]) == "415")
    #expect(try curlStatus(["-H", "content-type: application/grpc", url]) == "405")
    let folder = try Folder()
    let large = try folder.write("headers", "x-large: " + String(repeating: "a", count: 1 << 20))
    let refused = try curlStatus([
      "-H", "@\(large)", "-H", "content-type: application/grpc", "--data", "", url,
    ])
    #expect(refused == "431" || refused == "000", "got \(refused)")
    try expectAlive(server, "wrong content types")
  }

  private func curlStatus(_ arguments: [String]) throws -> String {
    let folder = try Folder()
    let curl = try Child(
      URL(fileURLWithPath: "/usr/bin/curl"),
      ["-s", "--max-time", "10", "--http2-prior-knowledge", "-o", "/dev/null", "-w", "%{http_code}"]
        + arguments,
      log: folder.url.appendingPathComponent("curl.log"))
    _ = curl.exitCode(within: 15)
    return curl.output
  }
}
