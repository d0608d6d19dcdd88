import Bytes

/// What a CheckResponse says, in short: for tools that ask (the load generator), not for the request path.
public struct CheckAnswer: Sendable, Equatable {
  /// `google.rpc.Status.code`: 0 allows.
  public var code: UInt64 = 0
  /// The HTTP status of a denial; 0 where the response names none (then it is 403).
  public var deniedStatus: UInt64 = 0

  public var isAllowed: Bool { code == 0 }

  /// Reads the octets of a CheckResponse (ext-authz protocol, section 2).
  public init(reading message: Span<UInt8>) throws(WireError) {
    var cursor = try FieldCursor(whole: message)
    while let field = try cursor.next(message) {
      switch (field.number, field.type) {
      case (1, .length): code = try Self.number(1, in: try cursor.octets(message), message)
      case (2, .length): deniedStatus = try Self.denied(try cursor.octets(message), message)
      default: try cursor.skip(field, message)
      }
    }
  }

  private static func denied(_ range: ByteRange, _ message: Span<UInt8>) throws(WireError) -> UInt64 {
    var cursor = FieldCursor(range)
    var status: UInt64 = 0
    while let field = try cursor.next(message) {
      if field.number == 1, field.type == .length {
        status = try number(1, in: try cursor.octets(message), message)
      } else {
        try cursor.skip(field, message)
      }
    }
    return status
  }

  /// A numeric field of a message in a message; 0 where it is absent.
  private static func number(
    _ wanted: UInt32, in range: ByteRange, _ message: Span<UInt8>
  ) throws(WireError) -> UInt64 {
    var cursor = FieldCursor(range)
    var value: UInt64 = 0
    while let field = try cursor.next(message) {
      if field.number == wanted, field.type == .number {
        value = try cursor.number(message)
      } else {
        try cursor.skip(field, message)
      }
    }
    return value
  }
}
