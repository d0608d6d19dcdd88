// ExtAuthz: Envoy's external-authorization protocol, v3, as octets. The message of a gRPC call flows in and
// becomes a `Check` (ranges over that message); what was decided flows out as an encoded `CheckResponse`; the
// messages of the standard health service live here too. It performs no I/O, knows no gRPC framing or status
// line, owns none of the message's octets and judges nothing.

/// The gRPC methods that this package's messages belong to, as they stand in `:path`.
public enum GRPCMethod {
  /// Unary: `CheckRequest` in, `CheckResponse` out.
  public static let check: StaticString = "/envoy.service.auth.v3.Authorization/Check"
  /// Unary: is a service serving?
  public static let healthCheck: StaticString = "/grpc.health.v1.Health/Check"
  /// Server stream: the same, and again whenever it changes.
  public static let healthWatch: StaticString = "/grpc.health.v1.Health/Watch"
  /// The name that health checks ask for, beside the empty one.
  public static let authorizationService: StaticString = "envoy.service.auth.v3.Authorization"
}

/// `google.rpc.Code`, and the values of `grpc-status`. All seventeen.
public enum StatusCode: UInt8, Sendable, CaseIterable {
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
  case `internal` = 13
  case unavailable = 14
  case dataLoss = 15
  case unauthenticated = 16
}
