/// What happened on one connection so far. Plain numbers: whoever keeps metrics adds the difference since the
/// last look.
public struct HTTP2Counters: Sendable, Equatable {
  /// Octets given to `receive` and taken by `drainOutput`.
  public var octetsReceived: UInt64 = 0
  public var octetsSent: UInt64 = 0
  /// Streams that began with a header block.
  public var streams: UInt64 = 0
  /// Calls complete and queued for `takeCall`.
  public var calls: UInt64 = 0
  /// Streams that ended without an answer, by the peer's reset or the connection's end.
  public var cancelled: UInt64 = 0
  /// Of the `cancelled`, those complete but not yet taken: no work was done for them.
  public var cancelledBeforeTaken: UInt64 = 0
  /// Answers to dead handles, ignored.
  public var lateAnswers: UInt64 = 0
  /// RST_STREAM frames either way.
  public var resetsReceived: UInt64 = 0
  public var resetsSent: UInt64 = 0
  /// Streams beyond `maximumConcurrentStreams`.
  public var refusedStreams: UInt64 = 0

  // Calls refused by this layer, by kind.
  public var badMethod: UInt64 = 0
  public var badContentType: UInt64 = 0
  public var badTimeout: UInt64 = 0
  public var unknownPath: UInt64 = 0
  public var headersTooLarge: UInt64 = 0
  public var messageTooLarge: UInt64 = 0
  public var bufferFull: UInt64 = 0
  /// Messages that found no room in the thread's `MessageBudget`.
  public var noRoom: UInt64 = 0
  public var compressed: UInt64 = 0
  /// Prefix cut or missing, wrong flags, two messages, octets after the message, end within it.
  public var badFraming: UInt64 = 0
  /// Requests that did not end in `callTimeout`.
  public var slowCalls: UInt64 = 0

  /// Frames that nghttp2 found invalid for their stream.
  public var streamErrors: UInt64 = 0
  /// 1 when nghttp2 ended the connection for the peer's fault.
  public var connectionErrors: UInt64 = 0
  public init() {}
}

/// Why this side hung up on its own account. The raw values are stable: metrics may use them as indices.
public enum CloseReason: UInt8, Sendable, CaseIterable {
  /// The first octets are not the HTTP/2 client preface: HTTP/1.1, a TLS greeting, noise.
  case badPreface
  /// No preface and SETTINGS within `prefaceTimeout`.
  case prefaceTimeout
  /// A header block that did not end within `headerTimeout`.
  case headerTimeout
  /// An answer that the peer did not take within `callTimeout`.
  case outputStalled
  /// More frames without work than the budget.
  case controlFlood
  /// More resets than the budget.
  case resetFlood
  /// More rule-breaking streams than the budget (MadeYouReset).
  case serverResetFlood
  /// More decoded header octets than the budget.
  case headerFlood
  /// Too many frames wait to be sent.
  case queueFull
  /// nghttp2 could not go on (memory, internal state).
  case failure

  /// RFC 9113 section 7.
  var errorCode: UInt32 {
    switch self {
    case .badPreface: 1
    case .failure: 2
    case .prefaceTimeout, .headerTimeout, .outputStalled: 0
    case .controlFlood, .resetFlood, .serverResetFlood, .headerFlood, .queueFull: 11
    }
  }

  /// The debug data of the GOAWAY frame.
  public var text: StaticString {
    switch self {
    case .badPreface: "bad_preface"
    case .prefaceTimeout: "preface_timeout"
    case .headerTimeout: "header_timeout"
    case .outputStalled: "output_stalled"
    case .controlFlood: "too_many_control_frames"
    case .resetFlood: "too_many_resets"
    case .serverResetFlood: "too_many_stream_errors"
    case .headerFlood: "too_many_header_octets"
    case .queueFull: "too_many_queued_frames"
    case .failure: "internal_failure"
    }
  }
}
