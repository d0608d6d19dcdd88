import Bytes
import ExtAuthz
import HTTP
import System
import WebTestServer

/// A gRPC client on a real socket. It blocks, and gives up after some seconds.
struct Peer: ~Copyable {
  struct Seen: Equatable {
    var http = 0
    var grpc: Int?
    var text = ""
    var body: [UInt8] = []
    var errorCode: UInt32 = 0
    var stream: Int32 = 0
    /// The message inside its frame.
    var message: [UInt8] { Array(body.dropFirst(5)) }
  }

  let socket: Socket
  var http: HTTP2ClientConnection
  /// Octets of each read.
  var reads: [Int] = []
  var hasEnded = false
  private var buffer = ByteBuffer(capacity: 1 << 20)

  private let tls: TLSTestClient?

  init(
    _ address: ListenAddress, settings: HTTP2ClientSettings = HTTP2ClientSettings(), tls: TLSTestClient? = nil
  ) throws {
    socket = try Socket.connect(to: address)
    http = HTTP2ClientConnection(settings: settings)
    self.tls = tls
    guard let tls else { return }
    _ = tls.receive([])
    while !tls.isOpen, tls.problem == nil {
      write(tls.takeOutput())
      if !receive() { break }
    }
    write(tls.takeOutput())
  }

  mutating func call(_ message: [UInt8], path: StaticString = GRPCMethod.check, timeout: StaticString? = nil)
    -> HTTP2ClientCall?
  {
    var fields = HTTP2RequestFields(path: path)
    if let timeout { fields.append("grpc-timeout", timeout) }
    return http.open(fields, message: message.span)
  }

  /// Writes all that is to be written.
  mutating func send() {
    buffer.removeAll()
    http.drainOutput(into: &buffer)
    if let tls {
      if !buffer.isEmpty { tls.send(buffer.copy()) }
      write(tls.takeOutput())
    } else {
      write(buffer.copy())
    }
  }

  private mutating func write(_ octets: [UInt8]) {
    var written = 0
    while written < octets.count {
      switch socket.send(octets.span, from: written) {
      case .moved(let count): written += count
      case .wouldBlock: if !socket.waitUntilReady(forWriting: true, timeoutMilliseconds: 5_000) { return }
      default:
        hasEnded = true
        return
      }
    }
  }

  /// Writes all that is to be written, and reads whenever the server takes nothing: a server whose answers
  /// are not read stops reading too. Results wait until they are asked for.
  mutating func sendReading() {
    var output = ByteBuffer()
    http.drainOutput(into: &output)
    var written = 0
    while written < output.count {
      switch socket.send(output.span, from: written) {
      case .moved(let count): written += count
      case .wouldBlock:
        if socket.waitUntilReady(forWriting: true, timeoutMilliseconds: 20) { continue }
        if !receive() { return }
      default:
        hasEnded = true
        return
      }
    }
  }

  /// Reads once, waiting at most so long. False when nothing came or the server has hung up.
  mutating func receive(timeoutMilliseconds: Int32 = 5_000) -> Bool {
    if hasEnded || !socket.waitUntilReady(timeoutMilliseconds: timeoutMilliseconds) { return false }
    buffer.removeAll()
    guard case .moved(let count) = socket.receive(into: &buffer, atMost: 1 << 20) else {
      hasEnded = true
      return false
    }
    reads.append(count)
    guard let tls else {
      let octets = buffer.copy()
      return http.receive(octets.span)
    }
    let octets = tls.receive(buffer.copy())
    if tls.problem != nil { return false }
    return octets.isEmpty || http.receive(octets.span)
  }

  mutating func results() -> [Seen] {
    var seen: [Seen] = []
    var body = ByteBuffer()
    var text = ByteBuffer()
    while let result = http.takeResult(body: &body, text: &text) {
      seen.append(
        Seen(
          http: result.httpStatus, grpc: result.grpcStatus, text: text.text, body: body.copy(),
          errorCode: result.errorCode, stream: result.call.stream))
    }
    return seen
  }

  /// Sends what waits and reads until so many calls have ended.
  mutating func exchange(_ count: Int = 1) -> [Seen] {
    var seen: [Seen] = []
    send()
    while seen.count < count {
      guard receive() else { break }
      seen += results()
      send()
      // A call may end by its own last octet, behind an early answer.
      seen += results()
    }
    return seen
  }

  /// Reads until the server hangs up; false when it does not.
  mutating func readToEnd(timeoutMilliseconds: Int32 = 5_000) -> Bool {
    while receive(timeoutMilliseconds: timeoutMilliseconds) { send() }
    return hasEnded
  }
}
