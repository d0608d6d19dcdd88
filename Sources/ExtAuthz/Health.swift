public import Bytes

/// The messages of `grpc.health.v1.Health`, which Kubernetes and Envoy probe with.
public enum Health {
  /// `HealthCheckResponse.ServingStatus`.
  public enum ServingStatus: UInt8, Sendable, CaseIterable {
    case unknown = 0
    case serving = 1
    case notServing = 2
    /// For `Watch` alone; `Check` answers NOT_FOUND for a service that it does not know.
    case serviceUnknown = 3
  }

  /// Reads a `HealthCheckRequest`.
  /// - Returns: the service asked for, as a range over `message`; empty means the whole server.
  public static func readRequest(_ message: Span<UInt8>) throws(WireError) -> ByteRange {
    var service = ByteRange.empty
    var cursor = try FieldCursor(whole: message)
    while let field = try cursor.next(message) {
      switch (field.number, field.type) {
      case (1, .length): service = try cursor.text(message)
      default: try cursor.skip(field, message)
      }
    }
    return service
  }

  /// Appends a `HealthCheckResponse`.
  public static func writeResponse(_ status: ServingStatus, into output: inout ByteBuffer) {
    if status == .unknown { return }
    FieldWriter.appendNumber(1, UInt64(status.rawValue), into: &output)
  }
}
