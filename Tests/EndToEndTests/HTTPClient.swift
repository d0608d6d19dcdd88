import Bytes
import Foundation
import System

/// An answer over HTTP/1.1.
struct HTTPAnswer {
  var status: Int
  /// Names in lower case; several lines of one name in their order.
  var headers: [(name: String, value: String)]
  var body: String

  func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
}

/// The smallest client that sends octets as they are: tests want to send what a careful one would not.
enum HTTPClient {
  /// One request on a connection of its own. Header lines are sent as given.
  static func request(
    port: UInt16, method: String = "GET", _ target: String, host: String = "www.example.com",
    headers: [(String, String)] = []
  ) throws -> HTTPAnswer {
    var text = "\(method) \(target) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n"
    for (name, value) in headers { text += "\(name): \(value)\r\n" }
    let answer = try exchange(port: port, Array((text + "\r\n").utf8)) { isWhole($0, to: method) }
    return try parse(answer)
  }

  /// Sends octets and reads until the peer closes, or until `isWhole` says so.
  static func exchange(
    port: UInt16, _ octets: [UInt8], seconds: Double = 10, until isWhole: ([UInt8]) -> Bool = { _ in false }
  ) throws -> [UInt8] {
    let socket = try Socket.connect(to: try ListenAddress("127.0.0.1:\(port)"))
    var sent = 0
    let limit = Date().addingTimeInterval(seconds)
    var answer = ByteBuffer()
    while Date() < limit {
      if sent < octets.count {
        switch socket.send(octets.span, from: sent) {
        case .moved(let count): sent += count
        case .wouldBlock: break
        case .ended, .failed: sent = octets.count
        }
      }
      switch socket.receive(into: &answer, atMost: 64 << 10) {
      case .moved: if isWhole(answer.span.copy()) { return answer.copy() }
      case .wouldBlock: _ = socket.waitUntilReady(forWriting: sent < octets.count, timeoutMilliseconds: 50)
      case .ended, .failed: return answer.copy()
      }
    }
    throw Failure("no end of the answer within \(seconds) s; got \(answer.count) octets")
  }

  /// True when an answer holds all octets that its `Content-Length` promises. Envoy closes a connection up to a
  /// second after the answer, so a client that waits for the end takes a second per request.
  private static func isWhole(_ octets: [UInt8], to method: String) -> Bool {
    guard let answer = try? parse(octets), let end = Data(octets).range(of: Data("\r\n\r\n".utf8)),
      let length = answer.header("content-length").flatMap(Int.init)
    else { return false }
    return method == "HEAD" || octets.count - end.upperBound >= length
  }

  static func parse(_ octets: [UInt8]) throws -> HTTPAnswer {
    let text = String(decoding: octets, as: UTF8.self)
    guard let end = text.range(of: "\r\n\r\n") else { throw Failure("no answer: \(text.prefix(200))") }
    let lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
    let words = lines[0].split(separator: " ")
    guard words.count >= 2, let status = Int(words[1]) else { throw Failure("bad status line: \(lines[0])") }
    let headers = lines.dropFirst().compactMap { line -> (name: String, value: String)? in
      guard let colon = line.firstIndex(of: ":") else { return nil }
      return (
        line[..<colon].lowercased(), line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
      )
    }
    var body = String(text[end.upperBound...])
    if headers.contains(where: { $0.name == "transfer-encoding" }) { body = try unchunked(body) }
    return HTTPAnswer(status: status, headers: headers, body: body)
  }

  private static func unchunked(_ text: String) throws -> String {
    var rest = text[...]
    var body = ""
    while let line = rest.range(of: "\r\n") {
      guard let size = Int(rest[..<line.lowerBound], radix: 16) else { throw Failure("bad chunk") }
      if size == 0 { return body }
      let octets = Array(rest[line.upperBound...].utf8)
      body += String(decoding: octets.prefix(size), as: UTF8.self)
      rest = String(decoding: octets.dropFirst(size + 2), as: UTF8.self)[...]
    }
    return body
  }
}
