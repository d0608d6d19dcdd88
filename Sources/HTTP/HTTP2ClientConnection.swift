public import Bytes
import CNghttp2

/// Limits of a client connection.
public struct HTTP2ClientSettings: Sendable, Equatable {
  /// What the server may send on one stream before we consume it. 16 MiB as Envoy's client has.
  public var streamWindowOctets: UInt32 = 16 << 20
  /// What the server may send on all streams together; below 65,535 it cannot be.
  public var connectionWindowOctets: Int32 = 32 << 20
  /// Whether windows grow again as octets arrive. Without, a test plays a peer that stops reading.
  public var replenishesWindows = true

  public init() {}
}

/// Header fields of a request, made once and used for any number of calls.
public struct HTTP2RequestFields: ~Copyable {
  struct Field {
    let name: ByteRange
    let value: ByteRange
  }

  var octets = ByteBuffer()
  var fields = OwnedArray<Field>(capacity: 8)

  /// No fields.
  public init() {}

  /// The fields of a gRPC call by POST with prior knowledge.
  public init(path: StaticString, authority: StaticString = "localhost") {
    append(":method", "POST")
    append(":scheme", "http")
    append(":path", path)
    append(":authority", authority)
    append("content-type", "application/grpc")
    append("te", "trailers")
  }

  /// Adds a field behind the others. Nothing is checked: tests send what they like.
  public mutating func append(_ name: StaticString, _ value: StaticString) {
    let start = octets.count
    octets.append(name)
    let middle = octets.count
    octets.append(value)
    fields.append(Field(name: ByteRange(start..<middle), value: ByteRange(middle..<octets.count)))
  }

  /// Adds a field behind the others.
  public mutating func append(_ name: Span<UInt8>, _ value: Span<UInt8>) {
    let start = octets.count
    octets.append(name)
    let middle = octets.count
    octets.append(value)
    fields.append(Field(name: ByteRange(start..<middle), value: ByteRange(middle..<octets.count)))
  }
}

/// A call that a client opened.
public struct HTTP2ClientCall: Sendable, Hashable {
  let slot: UInt32
  /// The stream's number; unique on its connection.
  public let stream: Int32
}

/// How a call ended.
public struct HTTP2ClientResult: Sendable, Equatable {
  public let call: HTTP2ClientCall
  /// `:status`; 0 when no response came.
  public let httpStatus: Int
  /// `grpc-status`, from the trailers or a trailers-only response; nil when none came or it is no number.
  public let grpcStatus: Int?
  /// RFC 9113 section 7; 0 when the stream ended by itself.
  public let errorCode: UInt32
  /// The response was one HEADERS frame.
  public let isTrailersOnly: Bool
}

/// The client's side of an HTTP/2 connection with unary gRPC calls, without I/O: for tests and the load
/// generator. Driven as the server's: `open` calls, `drainOutput`, write; read, `receive`, `takeResult` until
/// nil.
@safe
public struct HTTP2ClientConnection: ~Copyable {
  private let state: UnsafeMutablePointer<ClientSession>

  /// Makes the connection; its preface is the first output.
  public init(settings: HTTP2ClientSettings = HTTP2ClientSettings()) {
    unsafe state = UnsafeMutablePointer<ClientSession>.allocate(capacity: 1)
    unsafe state.initialize(to: ClientSession())
    unsafe state.pointee.handle = makeClientSession(settings, user: state)
    if unsafe state.pointee.handle == nil { unsafe state.pointee.isBroken = true }
  }

  deinit {
    unsafe nghttp2_session_del(state.pointee.handle)
    unsafe state.deinitialize(count: 1)
    unsafe state.deallocate()
  }

  /// Opens a call with one message, framed and ended. Nil when the connection takes no more.
  public mutating func open(_ fields: borrowing HTTP2RequestFields, message: Span<UInt8>) -> HTTP2ClientCall?
  {
    unsafe state.pointee.open(fields, body: message, isMessage: true, ends: true)
  }

  /// Opens a call whose body is given as it is, prefix and all; `ends` false leaves it open for `send`.
  public mutating func open(
    _ fields: borrowing HTTP2RequestFields, body: Span<UInt8>, ends: Bool
  ) -> HTTP2ClientCall? {
    unsafe state.pointee.open(fields, body: body, isMessage: false, ends: ends)
  }

  /// Sends more of a call's body.
  public mutating func send(_ call: HTTP2ClientCall, body: Span<UInt8>, ends: Bool) {
    unsafe state.pointee.send(call, body, ends: ends)
  }

  /// Resets a call (CANCEL).
  public mutating func cancel(_ call: HTTP2ClientCall) {
    let handle = unsafe state.pointee.handle
    _ = unsafe nghttp2_submit_rst_stream(
      handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), call.stream, NGHTTP2_CANCEL.rawValue)
  }

  /// Takes octets from the server. False when the connection is broken.
  public mutating func receive(_ octets: Span<UInt8>) -> Bool {
    let handle = unsafe state.pointee.handle
    let result = unsafe octets.withUnsafeBufferPointer { octets in
      unsafe nghttp2_session_mem_recv(handle, octets.baseAddress, octets.count)
    }
    if result < 0 { unsafe state.pointee.isBroken = true }
    return unsafe !state.pointee.isBroken
  }

  /// Appends all that is to be written.
  public mutating func drainOutput(into buffer: inout ByteBuffer) {
    let handle = unsafe state.pointee.handle
    while true {
      var start: UnsafePointer<UInt8>?
      let count = unsafe nghttp2_session_mem_send(handle, &start)
      if count <= 0 { break }
      let octets = unsafe UnsafeBufferPointer(start: start, count: count)
      unsafe buffer.append(octets.span)
    }
  }

  /// The next call that ended, in the order of their ends; nil when there is none. Its body goes to `body`
  /// (message frames with their prefixes) and its decoded-as-sent `grpc-message` to `text`.
  public mutating func takeResult(body: inout ByteBuffer, text: inout ByteBuffer) -> HTTP2ClientResult? {
    unsafe state.pointee.takeResult(body: &body, text: &text)
  }

  /// What a running call has received so far. Allocates: for tests of streams.
  public func receivedBody(_ call: HTTP2ClientCall) -> [UInt8] { unsafe state.pointee.receivedBody(call) }

  /// Calls opened and not ended.
  public var liveCalls: Int { unsafe state.pointee.liveCalls }

  /// The error code of the server's GOAWAY; nil before one.
  public var goawayCode: UInt32? { unsafe state.pointee.goawayCode }

  /// GOAWAY frames received.
  public var goawayCount: Int { unsafe state.pointee.goawayCount }

  /// SETTINGS_MAX_CONCURRENT_STREAMS as the server announced it.
  public var announcedStreams: UInt32 {
    unsafe nghttp2_session_get_remote_settings(
      state.pointee.handle, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)
  }

  /// What may be sent on all streams before the server opens the window again.
  public var connectionSendWindow: Int {
    Int(unsafe nghttp2_session_get_remote_window_size(state.pointee.handle))
  }
}

extension HTTP2ClientConnection: @unchecked Sendable {}
