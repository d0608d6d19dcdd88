import Bytes
import ExtAuthz
import HTTP
import Load
import System

/// A check that runs.
struct Pending {
  var kind = LoadClass.honest
  var generation = 0
  /// Monotonic nanoseconds: when it should have left, and when it did.
  var due: UInt64 = 0
  var sentAt: UInt64 = 0
  var stream: Int32 = 0
}

/// One connection and the checks that run on it.
final class LoadConnection {
  private let socket: Socket
  private var http = HTTP2ClientConnection()
  private var output = ByteBuffer(capacity: 64 << 10)
  private var written = 0
  private var input = ByteBuffer(capacity: 64 << 10)
  private var body = ByteBuffer(capacity: 1 << 10)
  private var text = ByteBuffer(capacity: 256)
  /// By half of the stream's number, modulo its length: streams that run are far fewer.
  private var pending = [Pending](repeating: Pending(), count: 1 << 16)
  private(set) var live = 0
  private(set) var isBroken = false

  init(_ socket: consuming Socket) { self.socket = socket }

  var descriptor: Int32 { socket.descriptor }

  func open(_ fields: borrowing HTTP2RequestFields, _ message: borrowing ByteBuffer, _ check: Pending) -> Bool
  {
    guard let call = http.open(fields, message: message.span) else {
      // Stream numbers end at 2^31; no run comes near.
      isBroken = true
      return false
    }
    let index = place(call.stream)
    pending[index] = check
    pending[index].stream = call.stream
    live += 1
    return true
  }

  private func place(_ stream: Int32) -> Int { Int(stream >> 1) & (pending.count - 1) }

  func flush() {
    while !isBroken {
      if written == output.count {
        output.removeAll()
        written = 0
        http.drainOutput(into: &output)
        if output.isEmpty { return }
      }
      switch socket.send(output.span, from: written) {
      case .moved(let count): written += count
      case .wouldBlock: return
      case .ended, .failed: isBroken = true
      }
    }
  }

  func read() {
    input.removeAll()
    switch socket.receive(into: &input, atMost: 256 << 10) {
    case .moved: if !http.receive(input.span) { isBroken = true }
    case .wouldBlock: break
    case .ended, .failed: isBroken = true
    }
  }

  /// The next check that ended.
  func takeResult() -> (Pending, CallEnd)? {
    guard let result = http.takeResult(body: &body, text: &text) else { return nil }
    live -= 1
    let check = pending[place(result.call.stream)]
    guard result.grpcStatus == 0 else { return (check, .failed(result.grpcStatus ?? -1)) }
    let octets = body.copy()
    if octets.count < 5 { return (check, .failed(-1)) }
    let answer: CheckAnswer
    do { answer = try CheckAnswer(reading: octets.span.extracting(5..<octets.count)) } catch {
      return (check, .failed(-1))
    }
    if answer.isAllowed { return (check, .allowed) }
    return (check, .denied(answer.deniedStatus == 0 ? 403 : answer.deniedStatus))
  }

  /// What was never answered has failed.
  func loseAll(_ report: inout LoadReport, now: UInt64) {
    for index in 0..<live { report.ended(pending[index].kind, .failed(-1), after: 0) }
  }
}
