import Bytes
import ExtAuthz
import HTTP

/// What a check is answered that is beyond a limit: it is not judged, and so never allowed here.
public enum OverloadAnswer: String, Sendable, CaseIterable {
  /// The request does not pass, whatever the proxy does when the authorizer fails.
  case denial
  /// Envoy's `error_response`: the proxy's `failure_mode_allow` decides. Envoy below 1.37 denies.
  case error
  /// A gRPC error: the proxy's `failure_mode_allow` decides, and it may ask another instance.
  case unavailable
}

/// The answers themselves, made once.
struct OverloadAnswers: Sendable {
  /// A limit that a check may be beyond.
  enum Limit: Sendable {
    /// Of one message.
    case message
    /// Of the header lines and other parts of one message.
    case parts
    /// Of all messages that are being read, or of checks that wait for keys.
    case room
  }

  private let answer: OverloadAnswer
  private let message: [UInt8]
  private let parts: [UInt8]
  private let room: [UInt8]

  init(_ answer: OverloadAnswer) {
    self.answer = answer
    message = Self.made(answer, 413, "the check is larger than the authorizer takes")
    parts = Self.made(answer, 431, "the check has more parts than the authorizer takes")
    room = Self.made(answer, 503, "the authorizer has no room for the check")
  }

  private static func made(_ answer: OverloadAnswer, _ status: Int, _ body: StaticString) -> [UInt8] {
    var response = DeniedResponse()
    response.reset(HTTPStatus(status) ?? .serviceUnavailable)
    response.setBody(body)
    response.addMetadata("reason") { $0.append("overload") }
    var octets = ByteBuffer()
    if answer == .error {
      CheckResponseWriter.writeFailed(response, into: &octets)
    } else {
      CheckResponseWriter.writeDenied(response, into: &octets)
    }
    return octets.copy()
  }

  /// The methods served; `Call.method` is an index into it.
  var routes: [GRPCRoute] {
    [
      GRPCRoute(
        path: GRPCMethod.check,
        overLimit: answer == .unavailable
          ? .failing(noRoom: .unavailable) : .answering(tooLarge: message, noRoom: room)),
      GRPCRoute(path: GRPCMethod.healthCheck),
      GRPCRoute(path: GRPCMethod.healthWatch, kind: .serverStreaming),
    ]
  }

  /// Answers a check that was read and is not judged: with what is appended to `reply`.
  func write(_ limit: Limit, into reply: inout ByteBuffer) -> WorkerContext.Answer {
    if answer == .unavailable {
      return limit == .room
        ? .failure(.unavailable, "no room for the check")
        : .failure(.resourceExhausted, "the message holds too much")
    }
    switch limit {
    case .message: reply.append(message)
    case .parts: reply.append(parts)
    case .room: reply.append(room)
    }
    return .message
  }
}
