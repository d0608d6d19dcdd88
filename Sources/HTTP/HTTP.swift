// HTTP: gRPC over HTTP/2 without I/O. Octets of one connection flow in (`receive`), calls are pulled out
// (`takeCall`), answers go in (`respond`, `fail`), and the octets to write flow out in one piece
// (`drainOutput`). It may not touch sockets, clocks (time is a parameter) or threads, and knows no message's
// meaning.
//
//   HTTP2ServerConnection   what the worker drives
//     ServerSession         the state of one connection, reached by nghttp2's callbacks (ServerCallbacks)
//       StreamSlot          one stream: header fields judged, message gathered, answer waiting
//       RouteTable          which method a path names
//       TokenBucket         budgets against floods
//   HTTP2ClientConnection   the other side, for tests and load

/// What a call ended with, by the gRPC protocol's own numbers.
@frozen
public enum GRPCStatus: UInt8, Sendable, CaseIterable {
  case ok = 0
  case cancelled = 1
  case unknown = 2
  case invalidArgument = 3
  case deadlineExceeded = 4
  case notFound = 5
  case alreadyExists = 6
  case permissionDenied = 7
  case resourceExhausted = 8
  case failedPrecondition = 9
  case aborted = 10
  case outOfRange = 11
  case unimplemented = 12
  case internalError = 13
  case unavailable = 14
  case dataLoss = 15
  case unauthenticated = 16

  /// The number in decimal digits, as `grpc-status` carries it.
  var digits: StaticString {
    switch self {
    case .ok: "0"
    case .cancelled: "1"
    case .unknown: "2"
    case .invalidArgument: "3"
    case .deadlineExceeded: "4"
    case .notFound: "5"
    case .alreadyExists: "6"
    case .permissionDenied: "7"
    case .resourceExhausted: "8"
    case .failedPrecondition: "9"
    case .aborted: "10"
    case .outOfRange: "11"
    case .unimplemented: "12"
    case .internalError: "13"
    case .unavailable: "14"
    case .dataLoss: "15"
    case .unauthenticated: "16"
    }
  }
}

/// One method that a server offers. Its position in the list given to a connection is its index in
/// `Call.method`.
public struct GRPCRoute: Sendable {
  /// How many messages answer a call.
  public enum Kind: Sendable {
    /// One message, or an error.
    case unary
    /// Any number of messages, sent when the server likes.
    case serverStreaming
  }

  /// How a call ends whose message is beyond a limit: the worker never sees it.
  public enum OverLimit: Sendable {
    /// A message that is too large with status 8, one that finds no room with this one.
    case failing(noRoom: GRPCStatus)
    /// With status 0 and one of these messages.
    case answering(tooLarge: [UInt8], noRoom: [UInt8])
  }

  /// `/package.Service/Method`, exactly as `:path` carries it.
  public let path: StaticString
  public let kind: Kind
  public let overLimit: OverLimit

  public init(
    path: StaticString, kind: Kind = .unary, overLimit: OverLimit = .failing(noRoom: .resourceExhausted)
  ) {
    self.path = path
    self.kind = kind
    self.overLimit = overLimit
  }
}

/// A call that is complete and waits for its answer: a handle that may be kept (parked) and used later. It
/// names a stream of one connection, and HTTP/2 never uses a stream number twice on a connection (RFC 9113
/// section 5.1.1), so a handle whose stream has gone is recognised even when its slot serves another stream
/// by then.
public struct Call: Sendable, Hashable {
  let slot: UInt32
  /// The stream's number: unique on its connection for ever.
  public let stream: Int32
  /// Index of the method in the list of routes.
  public let method: UInt8
  /// True when the method's route is `serverStreaming`.
  public let isStreaming: Bool
  /// When the caller stops waiting (`grpc-timeout`), in nanoseconds of the same clock as `now`; `.max` when
  /// it did not say.
  public let deadline: UInt64
}
