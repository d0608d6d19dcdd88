// Admin: the operator's view over HTTP/1.1, on a listener and a thread of its own. Requests of probes and
// scrapers flow in, small texts flow out. It reads what others publish (heartbeats, readiness, metric cells)
// and can neither stop nor slow a worker; it never touches a check, a connection of the data path, or a
// policy.

/// A request the reader has taken: GET or HEAD, without a body.
public struct AdminRequest: Sendable, Hashable {
  public enum Method: Sendable, Hashable {
    case get, head
    /// A well-formed method that nothing here serves.
    case other
  }

  public let method: Method
  /// The target up to `?`, as it was sent (nothing is decoded); it begins with a slash.
  public let path: String
  /// What follows `?`, as it was sent; empty without one.
  public let query: String
  /// Whether the connection may serve another request afterwards (RFC 9112 section 9.3).
  public let keepsAlive: Bool
  /// The `Accept` headers' values, joined with commas; empty without one.
  public let accept: String

  public init(method: Method, path: String, query: String = "", keepsAlive: Bool, accept: String = "") {
    self.method = method
    self.path = path
    self.query = query
    self.keepsAlive = keepsAlive
    self.accept = accept
  }
}

/// An answer.
public struct AdminResponse: Sendable, Hashable {
  /// The HTTP status, 200 to 599.
  public let status: UInt16
  public let contentType: String
  public let body: [UInt8]

  /// - Parameter contentType: a constant of the program: it goes out as it is.
  public init(status: UInt16 = 200, contentType: String = plainText, body: [UInt8]) {
    self.status = status
    self.contentType = contentType
    self.body = body
  }

  /// Text lines.
  public init(status: UInt16 = 200, text: String) {
    self.init(status: status, body: Array(text.utf8))
  }

  public static let plainText = "text/plain; charset=utf-8"
}

/// The limits of the admin listener.
public struct AdminSettings: Sendable, Hashable {
  /// Connections at a time: a few scrapers and probes keep one each. A newcomer beyond takes the place of the
  /// one that has waited longest for a request, so that idle or trickling clients never shut a probe out.
  public var maximumConnections = 64
  /// Octets of a request line: the longest path here has 8.
  public var maximumRequestLineBytes = 4_096
  /// Octets of a request line and its headers: what browsers and scrapers send is below 2 KiB.
  public var maximumHeadBytes = 8_192
  /// From a connection's start, or a request's first octet, to the end of its headers.
  public var headTimeoutMilliseconds: UInt32 = 10_000
  /// Between requests: longer than the usual scrape intervals of 15 to 60 s, so that a scraper keeps its
  /// connection.
  public var idleTimeoutMilliseconds: UInt32 = 120_000
  /// For a client to take a whole answer.
  public var responseTimeoutMilliseconds: UInt32 = 10_000
  /// For a client to close after the last answer, so that it reads that answer and not a reset.
  public var lingerTimeoutMilliseconds: UInt32 = 1_000
  /// How long the listener rests when descriptors have run out.
  public var acceptPauseMilliseconds: UInt32 = 1_000

  public init() {}
}
