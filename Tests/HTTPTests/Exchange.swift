import Bytes
import HTTP
import TestSupport

let checkPath: StaticString = "/envoy.service.auth.v3.Authorization/Check"
let watchPath: StaticString = "/grpc.health.v1.Health/Watch"
let routes = [
  GRPCRoute(path: checkPath),
  GRPCRoute(path: "/grpc.health.v1.Health/Check"),
  GRPCRoute(path: watchPath, kind: .serverStreaming),
]
let second: UInt64 = 1_000_000_000

/// What a client saw of one call.
struct Seen: Equatable, CustomStringConvertible {
  var http = 0
  var grpc: Int?
  var text = ""
  var body: [UInt8] = []
  var errorCode: UInt32 = 0
  var isTrailersOnly = false
  var stream: Int32 = 0
  var description: String {
    "http \(http) grpc \(grpc ?? -1) '\(text)' body \(body.prefix(32)) error \(errorCode)"
      + (isTrailersOnly ? " trailers only" : "")
  }
}

/// A client and a server that talk in memory.
struct Exchange: ~Copyable {
  var server: HTTP2ServerConnection
  var client: HTTP2ClientConnection
  var now: UInt64 = 1_000_000_000_000
  var taken = 0
  /// Octets of each non-empty drain of the server.
  var writes: [Int] = []
  private var toServer = ByteBuffer()
  private var toClient = ByteBuffer()

  init(
    _ settings: HTTP2Settings = HTTP2Settings(), client: HTTP2ClientSettings = HTTP2ClientSettings(),
    routes: [GRPCRoute] = routes, budget: MessageBudget? = nil
  ) {
    server = HTTP2ServerConnection(settings: settings, routes: routes, now: now, budget: budget)
    self.client = HTTP2ClientConnection(settings: client)
  }

  /// What the client has to say, cut into pieces of `piece` octets, given to the server.
  @discardableResult
  mutating func clientSpeaks(piece: Int = .max) -> HTTP2ServerConnection.Intake {
    client.drainOutput(into: &toServer)
    let octets = toServer.copy()
    var offset = 0
    var intake = HTTP2ServerConnection.Intake.open
    while offset < octets.count {
      let end = octets.count - offset > piece ? offset + piece : octets.count
      intake = server.receive(octets.span[offset..<end], now: now)
      offset = end
    }
    toServer.removeAll()
    return intake
  }

  /// What the server has to say, given to the client.
  mutating func serverSpeaks(piece: Int = .max) -> Bool {
    var isFine = true
    repeat {
      toClient.removeAll()
      server.drainOutput(into: &toClient)
      if toClient.isEmpty { break }
      writes.append(toClient.count)
      var offset = 0
      let octets = toClient.copy()
      while offset < octets.count {
        let end = octets.count - offset > piece ? offset + piece : octets.count
        isFine = client.receive(octets.span[offset..<end]) && isFine
        offset = end
      }
    } while server.hasOutput
    return isFine
  }

  /// Answers every waiting call with its own message reversed.
  mutating func answerAll() {
    var message = ByteBuffer()
    while let call = server.takeCall() {
      taken += 1
      guard server.takeMessage(of: call, into: &message) else { continue }
      server.respond(to: call, Array(message.copy().reversed()).span)
    }
  }

  /// Until both are silent.
  mutating func settle(piece: Int = .max) {
    for _ in 0..<64 {
      clientSpeaks(piece: piece)
      answerAll()
      let wrote = writes.count
      _ = serverSpeaks(piece: piece)
      if writes.count == wrote { break }
    }
  }

  mutating func results() -> [Seen] {
    var seen: [Seen] = []
    var body = ByteBuffer()
    var text = ByteBuffer()
    while let result = client.takeResult(body: &body, text: &text) {
      seen.append(
        Seen(
          http: result.httpStatus, grpc: result.grpcStatus, text: text.span.text(), body: body.copy(),
          errorCode: result.errorCode, isTrailersOnly: result.isTrailersOnly, stream: result.call.stream))
    }
    return seen
  }

  @discardableResult
  mutating func call(_ message: [UInt8], path: StaticString = checkPath) -> HTTP2ClientCall? {
    client.open(HTTP2RequestFields(path: path), message: message.span)
  }

  /// Sends one call with this body as it is and gives what came back.
  mutating func answer(
    body: [UInt8], ends: Bool = true,
    fields: consuming HTTP2RequestFields = HTTP2RequestFields(path: checkPath)
  ) -> Seen? {
    _ = client.open(fields, body: body.span, ends: ends)
    settle()
    return results().last
  }
}

/// A message frame, uncompressed.
func frame(_ message: [UInt8], flag: UInt8 = 0) -> [UInt8] {
  prefix(UInt32(message.count), flag: flag) + message
}

func prefix(_ count: UInt32, flag: UInt8 = 0) -> [UInt8] {
  [flag] + bigEndian(count)
}

func bigEndian(_ value: UInt32) -> [UInt8] {
  [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
}
