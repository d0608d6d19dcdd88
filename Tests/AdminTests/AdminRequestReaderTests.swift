import Bytes
import Foundation
import TestSupport
import Testing

@testable import Admin

private func read(_ text: String, _ settings: AdminSettings = AdminSettings()) -> AdminRequestReader.Outcome {
  read(Array(text.utf8), settings)
}

private func read(_ octets: [UInt8], _ settings: AdminSettings = AdminSettings())
  -> AdminRequestReader.Outcome
{
  var reader = AdminRequestReader(settings: settings)
  return reader.read(octets.span)
}

/// The same octets, one more at each call.
private func readByOctet(_ octets: [UInt8], _ settings: AdminSettings = AdminSettings())
  -> AdminRequestReader.Outcome
{
  var reader = AdminRequestReader(settings: settings)
  var outcome = AdminRequestReader.Outcome.incomplete
  for count in 0...octets.count {
    outcome = reader.read(octets.span[0..<count])
    if outcome != .incomplete { return outcome }
  }
  return outcome
}

@Suite struct `A request head` {
  @Test func `is read whole`() {
    let text = "GET /metrics?a=b?c HTTP/1.1\r\nHost: x:1\r\nAccept: */*\r\nX-Empty:\r\n\r\n"
    let expected = AdminRequest(
      method: .get, path: "/metrics", query: "a=b?c", keepsAlive: true, accept: "*/*")
    #expect(read(text) == .request(expected, octets: text.utf8.count))
    #expect(readByOctet(Array(text.utf8)) == .request(expected, octets: text.utf8.count))
    #expect(read(text + "GET") == .request(expected, octets: text.utf8.count))
  }

  @Test func `that has begun is incomplete at every cut`() {
    let text = Array("HEAD / HTTP/1.1\r\nHost:\t a \t\r\n\r\n".utf8)
    for count in 0..<text.count { #expect(read(Array(text[..<count])) == .incomplete) }
    guard case .request(let request, _) = read(text) else {
      Issue.record("not a request")
      return
    }
    #expect(request == AdminRequest(method: .head, path: "/", query: "", keepsAlive: true))
  }

  @Test(arguments: [
    ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true), ("GET / HTTP/1.0\r\n\r\n", false),
    ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false),
    ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false),
    ("GET / HTTP/1.1\r\nHost: a\r\nCONNECTION: foo ,\t Close\r\n\r\n", false),
    ("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", false),
    ("GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n", true),
    ("POST / HTTP/1.1\r\nHost: a\r\n\r\n", false),
  ])
  func `says whether the connection goes on`(_ text: String, _ expected: Bool) {
    guard case .request(let request, _) = read(text) else {
      Issue.record("not a request: \(text)")
      return
    }
    #expect(request.keepsAlive == expected)
  }

  @Test(arguments: [
    "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n",
    "get / HTTP/1.1\r\nHost:\r\n\r\n", "GET /%20;x HTTP/1.1\r\nHost: a\r\nX: \u{80}ü\r\n\r\n",
  ])
  func `of unusual form is taken`(_ text: String) {
    guard case .request = read(text) else {
      Issue.record("not a request: \(text)")
      return
    }
  }

  @Test(arguments: [
    // The request line.
    "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
    "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /\r\nHost: a\r\n\r\n", "GET HTTP/1.1\r\nHost: a\r\n\r\n", "GET / http/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/11\r\nHost: a\r\n\r\n", "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /ü HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
    // Line ends and controls.
    "GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\nHost: a\n\r\n", "GET / HTTP/1.1\rHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nX: \u{1}\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX: \u{7F}\r\n\r\n",
    // Headers.
    "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nnothing\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX Y: z\r\n\r\n",
    // Bodies, and what pretends to be none.
    "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 9\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 00\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\ncontent-length: +0\r\n\r\n",
  ])
  func `that bends the rules is refused`(_ text: String) {
    #expect(read(text) == .refused(.malformed))
    #expect(readByOctet(Array(text.utf8)) == .refused(.malformed))
  }

  @Test func `of another protocol is refused at its first octets`() {
    #expect(read([0x16, 0x03, 0x01]) == .refused(.malformed))
    #expect(read("\0") == .refused(.malformed))
    #expect(read("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == .refused(.versionNotSupported))
    #expect(read("GET / HTTP/3.0\r\nHost: a\r\n\r\n") == .refused(.versionNotSupported))
  }

  @Test func `is bounded to the octet`() {
    var settings = AdminSettings()
    settings.maximumRequestLineBytes = 20
    settings.maximumHeadBytes = 40
    func head(line: Int, whole: Int) -> String {
      let first = "GET /" + String(repeating: "a", count: line - 16) + " HTTP/1.1\r\n"
      return first + "Host: " + String(repeating: "b", count: whole - first.utf8.count - 10) + "\r\n\r\n"
    }
    #expect(head(line: 20, whole: 40).utf8.count == 40)
    guard case .request = read(head(line: 20, whole: 40), settings) else {
      Issue.record("the largest head is refused")
      return
    }
    #expect(read(head(line: 21, whole: 40), settings) == .refused(.targetTooLong))
    #expect(read(head(line: 20, whole: 41), settings) == .refused(.headTooLarge))
    #expect(readByOctet(Array(head(line: 20, whole: 41).utf8), settings) == .refused(.headTooLarge))
    #expect(read(String(repeating: "A", count: 10_000)) == .refused(.targetTooLong))
  }

  @Test func `refusals have statuses of their own`() {
    #expect(Set(AdminRefusal.allCases.map(\.status)).count == AdminRefusal.allCases.count)
    #expect(AdminRefusal.allCases.allSatisfy { (400...505).contains($0.status) })
  }
}

@Suite struct `The head reader under mutation` {
  /// What a request may look like at most, as a regular expression over Latin-1 text: an independent, wider
  /// net.
  private static let shape =
    "^[!#$%&'*+.^_`|~0-9A-Za-z-]+ /[!-\"$-~]* HTTP/1\\.[01]\r\n"
    + "([!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\u{80}-\u{FF}]*\r\n)*\r\n$"

  private static let seeds: [[UInt8]] = [
    get("/metrics", closing: false), get("/livez"), get("/?q", method: "HEAD"), "GET / HTTP/1.0\r\n\r\n",
    "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
    "GET /a HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\nAccept: text/plain;q=0.5\r\n\r\n",
  ].map { Array($0.utf8) }

  private static let pieces: [[UInt8]] = [
    "\r\n", "\r", "\n", "\r\n\r\n", " ", "\t", ":", "/", "HTTP/1.1", "Host: a\r\n", "Content-Length: 0\r\n",
    "Transfer-Encoding: chunked\r\n", "GET ", "\0", "?", "#",
  ].map { Array($0.utf8) }

  private static func any(of list: [[UInt8]], _ random: inout SeededGenerator) -> [UInt8] {
    list[Int.random(in: 0..<list.count, using: &random)]
  }

  private func mutated(_ random: inout SeededGenerator) -> [UInt8] {
    var octets = Self.any(of: Self.seeds, &random)
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      let at = Int.random(in: 0...octets.count, using: &random)
      switch Int.random(in: 0..<5, using: &random) {
      case 0:
        octets.insert(contentsOf: Self.any(of: Self.pieces, &random), at: at)
      case 1: octets.removeSubrange(at..<min(octets.count, at + Int.random(in: 1...4, using: &random)))
      case 2: octets.insert(UInt8.random(in: 0...255, using: &random), at: at)
      case 3: if at < octets.count { octets[at] = UInt8.random(in: 0...255, using: &random) }
      default:
        octets += Self.any(of: Self.seeds, &random).prefix(at)
      }
    }
    return octets
  }

  @Test func `agrees with itself at every cut, and takes nothing of a wrong shape`() throws {
    let seed =
      ProcessInfo.processInfo.environment["COUNTERSIGN_TEST_SEED"].flatMap { UInt64($0) }
      ?? .random(in: 0 ... .max)
    print("seed \(seed)")
    var random = SeededGenerator(seed: seed)
    let shape = try NSRegularExpression(pattern: Self.shape)
    var taken = 0
    for _ in 0..<20_000 {
      let octets = mutated(&random)
      let outcome = read(octets)
      #expect(readByOctet(octets) == outcome)
      guard case .request(let request, let count) = outcome else { continue }
      taken += 1
      #expect(count <= octets.count)
      let head = String(octets[..<count].map { Character(Unicode.Scalar($0)) })
      let range = NSRange(location: 0, length: head.utf16.count)
      #expect(shape.firstMatch(in: head, range: range) != nil, "\(head.debugDescription)")
      #expect(request.path.hasPrefix("/") && !request.path.contains("?"))
      #expect(request.method != .other || !request.keepsAlive)
    }
    #expect(taken > 1_000)
  }
}
