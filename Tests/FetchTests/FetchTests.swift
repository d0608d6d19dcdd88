import Bytes
import Fetch
import Foundation
import System
import Testing
import WebTestServer

/// Fetches and waits for the end.
func fetch(_ request: FetchRequest) throws -> Result<FetchAnswer, FetchError> {
  let fetcher = try Fetcher()
  defer { fetcher.stop() }
  return try fetch(request, by: fetcher)
}

func fetch(_ request: FetchRequest, by fetcher: Fetcher) throws -> Result<FetchAnswer, FetchError> {
  let done = DispatchSemaphore(value: 0)
  let box = ResultBox()
  fetcher.fetch(request) { result in
    box.set(result)
    done.signal()
  }
  #expect(done.wait(timeout: .now() + 20) == .success)
  return try #require(box.result)
}

final class ResultBox: @unchecked Sendable {
  private let lock = NSLock()
  private var stored: Result<FetchAnswer, FetchError>?
  func set(_ result: Result<FetchAnswer, FetchError>) { lock.withLock { stored = result } }
  var result: Result<FetchAnswer, FetchError>? { lock.withLock { stored } }
}

extension Result where Success == FetchAnswer, Failure == FetchError {
  var answer: FetchAnswer? { if case .success(let answer) = self { answer } else { nil } }
  var error: FetchError? { if case .failure(let error) = self { error } else { nil } }
}

@Suite struct FetchTests {
  private func request(_ server: WebTestServer, _ target: String = "/keys", host: String = "127.0.0.1")
    -> FetchRequest
  {
    FetchRequest(url: "http://\(host):\(server.port)\(target)")
  }

  @Test func `an answer comes with its body, tag, freshness and type`() throws {
    let server = try WebTestServer { _ in
      WebTestServer.answer(
        "{}", headers: ["Content-Type: text/json", "ETag: \"a\"", "Cache-Control: max-age=60", "Age: 10"])
    }
    let answer = try #require(try fetch(request(server)).answer)
    #expect(answer.status == 200 && answer.body == Array("{}".utf8) && answer.entityTag == "\"a\"")
    #expect(answer.freshness == Freshness(seconds: 50) && answer.contentType == "text/json")
    #expect(answer.connection.address == "127.0.0.1")
    #expect(server.requests.first?.method == "GET" && server.requests.first?.target == "/keys")
    #expect(server.requests.first?.headers["host"] == "127.0.0.1:\(server.port)")
  }

  @Test func `an entity that has not changed is told as such, and only when it was asked about`() throws {
    let server = try WebTestServer { _ in WebTestServer.answer("", status: "304 Not Modified") }
    var asked = request(server)
    #expect(try fetch(asked).error == .status(304))
    asked.entityTag = "\"a\""
    #expect(try fetch(asked).answer?.status == 304)
    #expect(server.requests.last?.headers["if-none-match"] == "\"a\"")
  }

  @Test(arguments: [200, 201, 202, 203, 206, 226, 299])
  func `any 2xx with a body is an answer, and without one an error that names it`(status: Int) throws {
    let server = try WebTestServer { request in
      WebTestServer.answer(request.target == "/empty" ? "" : "{}", status: "\(status) X")
    }
    let answer = try #require(try fetch(request(server)).answer)
    #expect(answer.status == status && answer.body == Array("{}".utf8))
    let error = try #require(try fetch(request(server, "/empty")).error)
    #expect(error == .emptyBody(status: status) && error.label == "no_key_set")
    #expect(
      "\(error)" == "status \(status) with an empty body where a JSON document is expected")
  }

  @Test(arguments: [204, 205]) func `a 2xx that never has a body is an error`(status: Int) throws {
    let server = try WebTestServer { _ in WebTestServer.answer("", status: "\(status) X") }
    #expect(try fetch(request(server)).error == .emptyBody(status: status))
  }

  @Test(arguments: [300, 305, 400, 404, 429, 500, 503])
  func `any other status is no answer`(status: Int) throws {
    let server = try WebTestServer { _ in WebTestServer.answer("{}", status: "\(status) X") }
    let error = try #require(try fetch(request(server)).error)
    #expect(error == .status(status))
    #expect("\(error)" == "status \(status) where 200 to 299 is expected")
  }

  @Test func `a body beyond the limit is cut off, announced or not`() throws {
    let announced = try WebTestServer { _ in WebTestServer.answer(String(repeating: "x", count: 10_000_000)) }
    var asked = request(announced)
    asked.maximumBytes = 1_000
    #expect(try fetch(asked).error == .tooLong(limit: 1_000))
    let endless = try WebTestServer { _ in
      [.send(Array("HTTP/1.1 200 OK\r\n\r\n".utf8)), .flood([UInt8](repeating: 0x20, count: 10_000))]
    }
    asked = request(endless)
    asked.maximumBytes = 100_000
    #expect(try fetch(asked).error == .tooLong(limit: 100_000))
  }

  @Test func `a body of exactly the limit is taken`() throws {
    let server = try WebTestServer { _ in WebTestServer.answer(String(repeating: "x", count: 1_000)) }
    var asked = request(server)
    asked.maximumBytes = 1_000
    #expect(try fetch(asked).answer?.body.count == 1_000)
  }

  @Test func `a server that stalls, in the head or the body, costs its own fetch the time-out alone`() throws
  {
    let fetcher = try Fetcher()
    defer { fetcher.stop() }
    let silent = try WebTestServer { _ in [.wait(milliseconds: 5_000)] }
    let slow = try WebTestServer { _ in
      [.send(Array("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab".utf8)), .wait(milliseconds: 5_000)]
    }
    let good = try WebTestServer { _ in WebTestServer.answer("{}") }
    let box = ResultBox()
    for server in [silent, slow] {
      var asked = request(server)
      asked.timeoutMilliseconds = 3_000
      fetcher.fetch(asked) { box.set($0) }
    }
    #expect(try fetch(request(good), by: fetcher).answer?.body == Array("{}".utf8))
    #expect(box.result == nil)
    var quick = request(silent)
    quick.timeoutMilliseconds = 200
    #expect(try fetch(quick, by: fetcher).error == .timeout)
  }

  @Test func `a transfer that breaks off is no answer`() throws {
    for steps: [WebTestServer.Step] in [
      [.send(Array("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab".utf8))], [.reset], [],
      [.send(Array("nonsense\r\n\r\n".utf8))],
    ] {
      let server = try WebTestServer { _ in steps }
      guard case .broken = try fetch(request(server)).error else {
        Issue.record("\(steps)")
        continue
      }
    }
  }

  @Test func `nobody there, and no such name, are told apart`() throws {
    let server = try WebTestServer { _ in [] }
    let gone = request(server)
    server.stop()
    Thread.sleep(forTimeInterval: 0.1)
    guard case .connect = try fetch(gone).error else {
      Issue.record("connected")
      return
    }
    let unknown = try fetch(FetchRequest(url: "http://no.such.name.invalid/")).error
    #expect(unknown == .resolve(host: "no.such.name.invalid"))
  }

  @Test func `endpoints are connected to in their order, and the host stays the URL's`() throws {
    let server = try WebTestServer { _ in WebTestServer.answer("{}") }
    let dead = try WebTestServer { _ in [] }
    dead.stop()
    Thread.sleep(forTimeInterval: 0.1)
    var asked = FetchRequest(url: "http://keys.example/path?q=1")
    asked.endpoints = [
      .init(host: "127.0.0.1", port: dead.port), .init(host: "127.0.0.1", port: server.port),
    ]
    #expect(try fetch(asked).answer?.body == Array("{}".utf8))
    #expect(server.requests.first?.headers["host"] == "keys.example")
    #expect(server.requests.first?.target == "/path?q=1")
  }

  @Test(arguments: [
    "ftp://a/", "file:///etc/passwd", "http://", "nonsense", "http://user:word@a/", "http://a:70000/",
  ])
  func `what is no web address is not fetched`(url: String) throws {
    guard case .url = try fetch(FetchRequest(url: url)).error else {
      Issue.record("\(url)")
      return
    }
  }

  @Test func `a stopped fetcher answers at once`() throws {
    let fetcher = try Fetcher()
    let silent = try WebTestServer { _ in [.wait(milliseconds: 5_000)] }
    let box = ResultBox()
    fetcher.fetch(request(silent)) { box.set($0) }
    Thread.sleep(forTimeInterval: 0.2)
    fetcher.stop()
    #expect(try fetch(request(silent), by: fetcher).error == .stopped)
    for _ in 0..<200 where box.result == nil { Thread.sleep(forTimeInterval: 0.02) }
    #expect(box.result?.error == .stopped)
  }
}

private typealias Thread = Foundation.Thread

@Suite struct RedirectTests {
  private func redirecting(_ location: @escaping @Sendable (String) -> String?, status: String = "302 Found")
    throws
    -> WebTestServer
  {
    try WebTestServer { request in
      guard let target = location(request.target) else { return WebTestServer.answer("{}") }
      return WebTestServer.answer("", status: status, headers: ["Location: \(target)"])
    }
  }

  @Test(arguments: ["301 A", "302 A", "303 A", "307 A", "308 A"])
  func `a redirect on the same host is followed`(status: String) throws {
    let server = try redirecting({ $0 == "/keys" ? "/moved" : nil }, status: status)
    let answer = try fetch(FetchRequest(url: "http://127.0.0.1:\(server.port)/keys")).answer
    #expect(answer?.body == Array("{}".utf8) && answer?.connection.redirects == 1)
    #expect(server.requests.map(\.target) == ["/keys", "/moved"])
  }

  @Test func `three redirects are followed, and not a fourth`() throws {
    let server = try redirecting { target in
      let number = Int(target.dropFirst()) ?? 0
      return number > 0 ? "/\(number - 1)" : nil
    }
    #expect(
      try fetch(FetchRequest(url: "http://127.0.0.1:\(server.port)/3")).answer?.connection.redirects == 3)
    #expect(
      try fetch(FetchRequest(url: "http://127.0.0.1:\(server.port)/4")).error
        == .redirect("more than 3 of them"))
  }

  @Test func `a redirect to another host, another scheme or nowhere is not followed`() throws {
    for target in ["http://localhost/", "//evil.example/", "ftp://127.0.0.1/", "http://169.254.169.254/"] {
      let server = try redirecting { $0 == "/keys" ? target : nil }
      guard case .redirect = try fetch(FetchRequest(url: "http://127.0.0.1:\(server.port)/keys")).error else {
        Issue.record("\(target)")
        continue
      }
      #expect(server.requests.count == 1)
    }
  }

  @Test func `a redirect never leads from https to http`() throws {
    let authority = try TestAuthority()
    let identity = try authority.identity("server", ["IP:127.0.0.1"])
    let tls = WebTestServer.TLS(certificate: identity.certificate, key: identity.key)
    let plain = try WebTestServer { _ in WebTestServer.answer("{}") }
    let port = plain.port
    let server = try WebTestServer(tls: tls) { _ in
      WebTestServer.answer("", status: "302 A", headers: ["Location: http://127.0.0.1:\(port)/"])
    }
    var asked = FetchRequest(url: "https://127.0.0.1:\(server.port)/")
    asked.trust.authorities = authority.certificate
    #expect(try fetch(asked).error == .redirect("from https to http"))
    #expect(plain.requests.isEmpty)
  }
}
