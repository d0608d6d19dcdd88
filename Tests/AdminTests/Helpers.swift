import Bytes
import Foundation
import Synchronization
import System

/// A client that sees raw octets.
struct Client: ~Copyable {
  let socket: Socket

  init(_ address: ListenAddress) throws { socket = try Socket.connect(to: address) }

  func send(_ text: String) { send(Array(text.utf8)) }

  /// Sends what the server takes; one that has closed takes nothing.
  func send(_ octets: [UInt8]) {
    var sent = 0
    while sent < octets.count {
      switch socket.send(octets.span, from: sent) {
      case .moved(let count): sent += count
      case .wouldBlock: if !socket.waitUntilReady(forWriting: true, timeoutMilliseconds: 5_000) { return }
      case .ended, .failed: return
      }
    }
  }

  /// Everything until the server closes, or until `count` octets, or when neither comes in time.
  func receive(atLeast count: Int = .max, seconds: Double = 5) -> (
    text: String, isClosed: Bool, isReset: Bool
  ) {
    var buffer = ByteBuffer()
    let end = Date().addingTimeInterval(seconds)
    var isClosed = false
    var isReset = false
    while buffer.count < count, Date() < end, !isClosed {
      guard socket.waitUntilReady(timeoutMilliseconds: 50) else { continue }
      switch socket.receive(into: &buffer, atMost: 65_536) {
      case .moved, .wouldBlock: continue
      case .ended: isClosed = true
      case .failed:
        isClosed = true
        isReset = true
      }
    }
    return (String(decoding: buffer.copy(), as: UTF8.self), isClosed, isReset)
  }
}

/// An answer taken apart by the rules of RFC 9112, without our code.
struct Answer: Equatable {
  let status: Int
  let headers: [String: String]
  let body: String

  /// The first answer in a text, and what follows it.
  static func first(in text: String, isHead: Bool = false) -> (answer: Answer, rest: String)? {
    guard let end = text.range(of: "\r\n\r\n", options: .literal) else { return nil }
    let lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
    let start = lines[0].components(separatedBy: " ")
    guard start[0] == "HTTP/1.1", let status = Int(start[1]) else { return nil }
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { return nil }
      let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
      headers[line[..<colon].lowercased()] = value
    }
    let rest = Array(text[end.upperBound...].utf8)
    guard let length = headers["content-length"].flatMap({ Int($0) }) else { return nil }
    let count = isHead ? 0 : length
    guard rest.count >= count else { return nil }
    let body = String(decoding: rest[..<count], as: UTF8.self)
    return (
      Answer(status: status, headers: headers, body: body), String(decoding: rest[count...], as: UTF8.self)
    )
  }

  static func all(in text: String) -> [Answer] {
    var answers: [Answer] = []
    var rest = text
    while let next = first(in: rest) {
      answers.append(next.answer)
      rest = next.rest
    }
    return answers
  }
}

func get(_ path: String, method: String = "GET", closing: Bool = true) -> String {
  "\(method) \(path) HTTP/1.1\r\nHost: admin\r\n\(closing ? "Connection: close\r\n" : "")\r\n"
}

/// One request on a connection of its own.
func ask(_ address: ListenAddress, _ path: String, method: String = "GET") throws -> Answer? {
  let client = try Client(address)
  client.send(get(path, method: method))
  return Answer.first(in: client.receive().text, isHead: method == "HEAD")?.answer
}

final class Count: Sendable {
  private let held = Atomic<Int>(0)
  var value: Int { held.load(ordering: .acquiring) }
  func add() { held.add(1, ordering: .acquiringAndReleasing) }
}
