import Bytes
import HTTP

/// A peer that writes frames by hand, so that it can break any rule.
struct RawPeer: ~Copyable {
  struct Frame: Equatable {
    var type: UInt8
    var flags: UInt8
    var stream: UInt32
    var payload: [UInt8]
    var code: UInt32 { payload.suffix(4).reduce(0) { $0 << 8 | UInt32($1) } }
    /// Error code and debug data of a GOAWAY.
    var goaway: (code: UInt32, text: String) {
      let code = payload.dropFirst(4).prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      return (code, String(decoding: payload.dropFirst(8), as: UTF8.self))
    }
  }

  static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
  var server: HTTP2ServerConnection
  var now: UInt64 = 1_000_000_000_000
  private var output = ByteBuffer()

  /// - Parameter greets: sends the preface and SETTINGS, and acknowledges the server's.
  init(_ settings: HTTP2Settings = HTTP2Settings(), greets: Bool = true) {
    server = HTTP2ServerConnection(settings: settings, routes: routes, now: now)
    if greets {
      _ = send(Self.preface + RawPeer.frame(4))
      _ = drain()
      _ = send(RawPeer.frame(4, flags: 1))
    }
  }

  static func frame(_ type: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = []) -> [UInt8] {
    Array(bigEndian(UInt32(payload.count)).dropFirst()) + [type, flags] + bigEndian(stream) + payload
  }

  /// A header block of literals, nothing indexed, nothing compressed.
  static func block(_ fields: [(String, String)]) -> [UInt8] {
    fields.flatMap { [0] + text($0.0) + text($0.1) }
  }

  private static func text(_ text: String) -> [UInt8] {
    var count = text.utf8.count
    if count < 127 { return [UInt8(count)] + Array(text.utf8) }
    count -= 127
    var octets: [UInt8] = [127]
    while count >= 128 {
      octets.append(UInt8(count & 127) | 128)
      count >>= 7
    }
    return octets + [UInt8(count)] + Array(text.utf8)
  }

  static let request: [(String, String)] = [
    (":method", "POST"), (":scheme", "http"), (":path", "/envoy.service.auth.v3.Authorization/Check"),
    (":authority", "a"), ("content-type", "application/grpc"),
  ]

  /// HEADERS with END_HEADERS.
  static func headers(_ stream: UInt32, ends: Bool = false, more: [(String, String)] = []) -> [UInt8] {
    frame(1, flags: ends ? 5 : 4, stream: stream, block(request + more))
  }

  static func call(_ stream: UInt32, _ message: [UInt8] = [1]) -> [UInt8] {
    headers(stream) + frame(0, flags: 1, stream: stream, HTTPTests.frame(message))
  }

  mutating func send(_ octets: [UInt8]) -> HTTP2ServerConnection.Intake {
    server.receive(octets.span, now: now)
  }

  /// What the server writes, as frames. Reads at most `limit` batches.
  mutating func drain(limit: Int = 1_000) -> [Frame] {
    output.removeAll()
    var batch = ByteBuffer()
    for _ in 0..<limit where server.hasOutput {
      batch.removeAll()
      server.drainOutput(into: &batch)
      if batch.isEmpty { break }
      output.append(batch.span)
    }
    return Self.frames(output.copy())
  }

  static func frames(_ octets: [UInt8]) -> [Frame] {
    var frames: [Frame] = []
    var offset = 0
    while offset + 9 <= octets.count {
      let count = Int(octets[offset]) << 16 | Int(octets[offset + 1]) << 8 | Int(octets[offset + 2])
      let stream = octets[(offset + 5)..<(offset + 9)].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      guard offset + 9 + count <= octets.count else { break }
      frames.append(
        Frame(
          type: octets[offset + 3], flags: octets[offset + 4], stream: stream,
          payload: Array(octets[(offset + 9)..<(offset + 9 + count)])))
      offset += 9 + count
    }
    return frames
  }

  mutating func answerAll() {
    while let call = server.takeCall() { server.respond(to: call, [7].span) }
  }
}

extension [RawPeer.Frame] {
  var goaway: (code: UInt32, text: String)? { last { $0.type == 7 }?.goaway }
  var resets: [UInt32] { filter { $0.type == 3 }.map(\.code) }
}
