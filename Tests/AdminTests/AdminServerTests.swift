import Bytes
import Foundation
import TestSupport
import Testing

@testable import Admin
@testable import System

private let loopback = ListenAddress.tcp(IPAddress(family: .v4, bits: 0x7F00_0001), port: 0)

private func server(
  _ change: (inout AdminSettings) -> Void = { _ in },
  handler: @escaping @Sendable (AdminRequest) -> AdminResponse = { AdminResponse(text: "path \($0.path)\n") }
) throws -> AdminServer {
  var settings = AdminSettings()
  change(&settings)
  return try AdminServer(loopback, settings: settings, handler: handler)
}

@Suite(.serialized) struct `The admin server` {
  @Test func `answers and closes when asked to`() throws {
    let server = try server()
    let client = try Client(server.address)
    client.send(get("/x"))
    let (text, isClosed, _) = client.receive()
    let answer = try #require(Answer.first(in: text)?.answer)
    #expect(isClosed)
    #expect(answer.status == 200)
    #expect(answer.body == "path /x\n")
    #expect(answer.headers["connection"] == "close")
    #expect(answer.headers["content-type"] == "text/plain; charset=utf-8")
    #expect(answer.headers["cache-control"] == "no-store")
    #expect(answer.headers["x-content-type-options"] == "nosniff")
    #expect(answer.headers["date"]?.hasSuffix(" GMT") == true)
  }

  @Test func `answers HEAD with the head alone`() throws {
    let server = try server()
    let client = try Client(server.address)
    client.send(get("/long", method: "HEAD"))
    let text = client.receive().text
    #expect(text.hasSuffix("\r\n\r\n"))
    #expect(Answer.first(in: text, isHead: true)?.answer.headers["content-length"] == "11")
  }

  @Test func `keeps a connection for many requests`() throws {
    let server = try server()
    let client = try Client(server.address)
    for index in 0..<50 {
      client.send(get("/\(index)", closing: false))
      let answer = Answer.first(in: client.receive(atLeast: 100).text)?.answer
      #expect(answer?.body == "path /\(index)\n")
      #expect(answer?.headers["connection"] == nil)
    }
  }

  @Test func `answers pipelined requests in order, also cut anywhere`() throws {
    let server = try server()
    let requests = (0..<20).map { get("/\($0)", closing: $0 == 19) }.joined()
    for pieces in [1, 7, 100] {
      let client = try Client(server.address)
      let octets = Array(requests.utf8)
      var start = 0
      while start < octets.count {
        let end = min(octets.count, start + max(1, octets.count / pieces))
        client.send(Array(octets[start..<end]))
        start = end
      }
      let (text, isClosed, _) = client.receive()
      #expect(Answer.all(in: text).map(\.body) == (0..<20).map { "path /\($0)\n" })
      #expect(isClosed)
    }
  }

  @Test func `goes on with pipelined requests after an answer that had to wait for its reader`() throws {
    let large = String(repeating: "x", count: 8 << 20)
    let server = try server {
      $0.responseTimeoutMilliseconds = 30_000
    } handler: { _ in
      AdminResponse(text: large)
    }
    let client = try Client(server.address)
    client.send(get("/1", closing: false) + get("/2", closing: false) + get("/3"))
    usleep(300_000)
    let (text, isClosed, _) = client.receive(seconds: 20)
    #expect(isClosed)
    #expect(Answer.all(in: text).map(\.body.utf8.count) == [8 << 20, 8 << 20, 8 << 20])
  }

  @Test func `reads nothing behind a request that ends the connection`() throws {
    let asked = Count()
    let server = try server { _ in
    } handler: { _ in
      asked.add()
      return AdminResponse(text: "x")
    }
    for first in [
      get("/"), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\n", "GET / HTTP/1.0\r\n\r\n",
    ] {
      let before = asked.value
      let client = try Client(server.address)
      client.send(first + get("/smuggled"))
      let (text, isClosed, _) = client.receive()
      #expect(Answer.all(in: text).count == 1)
      #expect(isClosed)
      #expect(asked.value == before + 1)
    }
  }

  @Test(arguments: [
    ("GET / HTTP/1.1\r\n\r\n", 400), ("\u{16}\u{3}\u{1}", 400), ("PRI * HTTP/2.0\r\n\r\n", 505),
    ("GET /" + String(repeating: "a", count: 5_000) + " HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "a", count: 100_000) + "\r\n\r\n", 431),
  ])
  func `refuses with a status that reaches the client, and closes`(_ request: String, _ status: Int) throws {
    let server = try server { $0.lingerTimeoutMilliseconds = 30_000 }
    let client = try Client(server.address)
    client.send(request)
    let (text, isClosed, isReset) = client.receive()
    let answer = try #require(Answer.first(in: text)?.answer, "\(request.prefix(40)): \(text)")
    #expect(answer.status == status)
    #expect(answer.headers["connection"] == "close")
    #expect(isClosed && !isReset)
    // The server still listens to what was on its way: had it closed, this would meet a reset.
    #expect(client.socket.send([0x61].span) == .moved(1))
    #expect(try ask(server.address, "/after")?.status == 200)
  }

  @Test func `goes on after random octets`() throws {
    let seed = UInt64.random(in: 0 ... .max)
    print("seed \(seed)")
    var random = SeededGenerator(seed: seed)
    let server = try server()
    for _ in 0..<200 {
      let client = try Client(server.address)
      let count = Int.random(in: 1...2_000, using: &random)
      client.send((0..<count).map { _ in UInt8.random(in: 0...255, using: &random) })
    }
    #expect(try ask(server.address, "/after")?.body == "path /after\n")
  }

  @Test func `serves over a socket file`() throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(
      "a-\(UUID().uuidString.prefix(8))"
    ).path
    let server = try AdminServer(.unix(path: path)) { _ in AdminResponse(text: "local") }
    #expect(try ask(server.address, "/")?.body == "local")
    server.stop()
    #expect(try Files.kind(path) == nil)
  }

  @Test func `stops at once, once and for all connections`() throws {
    let server = try server()
    let idle = try Client(server.address)
    idle.send(get("/", closing: false))
    _ = idle.receive(atLeast: 100)
    let start = Date()
    server.stop()
    server.stop()
    #expect(Date().timeIntervalSince(start) < 2)
    #expect(idle.receive(seconds: 2).isClosed)
    #expect(throws: SystemError.self) { _ = try Client(server.address) }
  }

  @Test func `cannot listen where another does`() throws {
    let first = try server()
    #expect(throws: SystemError.self) { _ = try AdminServer(first.address) { _ in AdminResponse(text: "") } }
    #expect(throws: SystemError.self) { _ = try AdminServer(.off) { _ in AdminResponse(text: "") } }
  }
}

@Suite(.serialized) struct `Bad clients of the admin server` {
  @Test func `that trickle a head are told and cut`() throws {
    let server = try server { $0.headTimeoutMilliseconds = 300 }
    let client = try Client(server.address)
    let start = Date()
    var isClosed = false
    var text = ""
    for octet in Array("GET /metrics HTTP/1.1\r\nHost: a\r\nX: ".utf8) + [UInt8](repeating: 0x61, count: 400)
    {
      client.send([octet])
      let got = client.receive(atLeast: 1, seconds: 0.02)
      text += got.text
      if got.isClosed {
        isClosed = true
        break
      }
    }
    #expect(isClosed)
    #expect(Answer.first(in: text)?.answer.status == 408)
    #expect((0.25...5).contains(Date().timeIntervalSince(start)))
  }

  @Test func `that say nothing are closed without a word`() throws {
    let server = try server {
      $0.headTimeoutMilliseconds = 200
      $0.idleTimeoutMilliseconds = 200
    }
    let silent = try Client(server.address)
    let (text, isClosed, _) = silent.receive(seconds: 5)
    #expect(isClosed && text.isEmpty)
    let idle = try Client(server.address)
    idle.send(get("/", closing: false))
    let answered = idle.receive(seconds: 5)
    #expect(answered.isClosed && Answer.all(in: answered.text).count == 1)
  }

  @Test func `that do not read their answer are cut, and hold up nobody`() throws {
    let large = [UInt8](repeating: 0x61, count: 32 << 20)
    let server = try server {
      $0.responseTimeoutMilliseconds = 500
    } handler: { request in
      request.path == "/large" ? AdminResponse(body: large) : AdminResponse(text: "small")
    }
    let deaf = try Client(server.address)
    deaf.send(get("/large"))
    usleep(100_000)
    let start = Date()
    #expect(try ask(server.address, "/small")?.body == "small")
    #expect(Date().timeIntervalSince(start) < 0.4)
    usleep(900_000)
    let (text, isClosed, _) = deaf.receive(seconds: 5)
    #expect(isClosed)
    #expect(text.utf8.count < large.count)
  }

  @Test func `that stay after the last answer are cut`() throws {
    let server = try server { $0.lingerTimeoutMilliseconds = 200 }
    let client = try Client(server.address)
    client.send(get("/"))
    #expect(Answer.first(in: client.receive().text)?.answer.status == 200)
    usleep(400_000)
    // The server's side is gone by now: what is sent is answered by a reset.
    var last = Transfer.moved(0)
    for _ in 0..<100 {
      last = client.socket.send([0x61].span)
      if case .failed = last { break }
      usleep(2_000)
    }
    #expect(last == .failed(.brokenPipe) || last == .failed(.connectionReset))
  }

  @Test func `by the thousand are bounded, and a probe still gets through`() throws {
    ProcessFacts.raiseDescriptorLimit()
    let server = try server { $0.maximumConnections = 16 }
    var clients = OwnedArray<Socket>(capacity: 1_000)
    for index in 0..<1_000 {
      let socket = try Socket.connect(to: server.address)
      if index % 2 == 0 { _ = socket.send(Array("GET /".utf8).span) }
      clients.append(socket)
    }
    #expect(try ask(server.address, "/livez")?.body == "path /livez\n")
    // The probe took a place too, so that at most 15 of the others are left.
    var open = 1_000
    for _ in 0..<100 where open > 16 {
      usleep(20_000)
      open = 0
      for index in clients.indices {
        var buffer = ByteBuffer()
        if clients[index].receive(into: &buffer, atMost: 10) == .wouldBlock { open += 1 }
      }
    }
    #expect((10...16).contains(open))
  }

  @Test func `that are all being answered make a newcomer wait outside, not the others`() throws {
    let large = [UInt8](repeating: 0x61, count: 32 << 20)
    let server = try server {
      $0.maximumConnections = 2
      $0.responseTimeoutMilliseconds = 700
    } handler: { request in
      request.path == "/large" ? AdminResponse(body: large) : AdminResponse(text: "small")
    }
    let one = try Client(server.address)
    let two = try Client(server.address)
    one.send(get("/large"))
    two.send(get("/large"))
    usleep(200_000)
    #expect(try ask(server.address, "/small") == nil)
    usleep(800_000)
    #expect(try ask(server.address, "/small")?.body == "small")
    #expect(one.receive(seconds: 5).isClosed)
    #expect(two.receive(seconds: 5).isClosed)
  }

  @Test func `that vanish at any point leave it serving`() throws {
    let server = try server()
    let request = Array(get("/x", closing: false).utf8)
    for count in 0...request.count {
      let client = try Client(server.address)
      client.send(Array(request[..<count]))
      if count % 2 == 0 { client.socket.resetOnClose() }
    }
    #expect(try ask(server.address, "/after")?.status == 200)
  }
}
