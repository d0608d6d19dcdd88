/// A status that a denied client may be answered with: a member of Envoy's `envoy.type.v3.StatusCode`. Envoy
/// takes any other number for a broken answer, so none other can be made.
@frozen
public struct HTTPStatus: Sendable, Hashable {
  public let code: UInt16

  private init(unchecked code: UInt16) { self.code = code }

  /// Nil unless `isValid(code)`.
  public init?(_ code: Int) {
    guard Self.isValid(code) else { return nil }
    self.init(unchecked: UInt16(code))
  }

  public static let unauthorized = HTTPStatus(unchecked: 401)
  public static let forbidden = HTTPStatus(unchecked: 403)
  public static let internalServerError = HTTPStatus(unchecked: 500)
  public static let serviceUnavailable = HTTPStatus(unchecked: 503)

  /// Whether Envoy's enumeration has this number. For configuration to ask before the first check does.
  public static func isValid(_ code: Int) -> Bool {
    switch code {
    case 100, 200...208, 226: true
    case 300...305, 307, 308: true
    case 400...417, 421...424, 426, 428, 429, 431: true
    case 500...508, 510, 511: true
    default: false
    }
  }

  /// The `google.rpc.Code` that goes with it in a `CheckResponse`. Never `.ok`, whatever the status: that
  /// would let the request pass. A redirect is one to a login page.
  public var statusCode: StatusCode {
    switch code {
    case 300..<400, 401: .unauthenticated
    case 400: .invalidArgument
    case 404: .notFound
    case 409: .aborted
    case 412: .failedPrecondition
    case 429: .resourceExhausted
    case 500: .internal
    case 501: .unimplemented
    case 502, 503: .unavailable
    case 504: .deadlineExceeded
    default: .permissionDenied
    }
  }
}
