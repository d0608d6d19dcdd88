import Authorizer
import Bytes
import ExtAuthz
import HTTP
import JWT

/// What a check is answered that is beyond a limit, or whose message cannot be read: it is not evaluated, and so never
/// allowed here.
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
  /// Why a check is not evaluated.
  enum Limit: Sendable, CaseIterable {
    /// Of one message.
    case message
    /// Of the header lines and other parts of one message.
    case parts
    /// Of all messages that are being read, or of checks that wait for keys.
    case room
    /// Of one token.
    case token
    /// Of the tokens for one rule.
    case tokens
    /// The message is no CheckRequest.
    case unreadable

    /// The status of the answer to the client.
    var httpStatus: Int {
      switch self {
      case .message: 413
      case .parts, .token, .tokens: 431
      case .room: 503
      case .unreadable: 400
      }
    }

    /// `reason` in metadata and in the decision log.
    var reason: StaticString {
      switch self {
      case .message, .parts, .room: "overload"
      case .token: Verdict.Reason.tokenTooLarge.label
      case .tokens: Verdict.Reason.tooManyTokens.label
      case .unreadable: "unreadable"
      }
    }

    /// What the client reads.
    var body: StaticString {
      switch self {
      case .message: "the check is larger than the authorizer takes"
      case .parts: "the check has more parts than the authorizer takes"
      case .room: "the authorizer has no room for the check"
      case .token: TokenError.tooLarge.text
      case .tokens: TokenError.tooMany.text
      case .unreadable: "the authorizer cannot read the check"
      }
    }

    /// How the call ends where `OverloadAnswer.unavailable` is configured.
    var failure: WorkerContext.Answer {
      switch self {
      case .message, .parts: .failure(.resourceExhausted, "the message holds too much")
      case .room: .failure(.unavailable, "no room for the check")
      case .token: .failure(.resourceExhausted, "a token is too large")
      case .tokens: .failure(.resourceExhausted, "the request has too many tokens")
      case .unreadable: .failure(.internalError, "the message is no CheckRequest")
      }
    }
  }

  private let answer: OverloadAnswer
  private let message: [UInt8]
  private let parts: [UInt8]
  private let room: [UInt8]
  private let token: [UInt8]
  private let tokens: [UInt8]
  private let unreadable: [UInt8]

  init(_ answer: OverloadAnswer) {
    self.answer = answer
    message = Self.made(answer, .message)
    parts = Self.made(answer, .parts)
    room = Self.made(answer, .room)
    token = Self.made(answer, .token)
    tokens = Self.made(answer, .tokens)
    unreadable = Self.made(answer, .unreadable)
  }

  private static func made(_ answer: OverloadAnswer, _ limit: Limit) -> [UInt8] {
    var response = DeniedResponse()
    response.reset(HTTPStatus(limit.httpStatus) ?? .serviceUnavailable)
    response.setBody(limit.body)
    response.addMetadata("reason") { $0.append(limit.reason) }
    var octets = ByteBuffer()
    if answer == .error {
      CheckResponseWriter.writeFailed(response, into: &octets)
    } else {
      CheckResponseWriter.writeDenied(response, into: &octets)
    }
    return octets.copy()
  }

  /// Whether a check beyond a limit is denied; else the proxy decides what becomes of the request.
  var isDenial: Bool { answer == .denial }

  /// `verdict` in the decision log.
  var label: StaticString { isDenial ? "deny" : "error" }

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

  /// Answers a check beyond a limit, with what is appended to `reply`.
  func write(_ limit: Limit, into reply: inout ByteBuffer) -> WorkerContext.Answer {
    if answer == .unavailable { return limit.failure }
    switch limit {
    case .message: reply.append(message)
    case .parts: reply.append(parts)
    case .room: reply.append(room)
    case .token: reply.append(token)
    case .tokens: reply.append(tokens)
    case .unreadable: reply.append(unreadable)
    }
    return .message
  }
}
