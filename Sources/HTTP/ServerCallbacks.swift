import Bytes
import CNghttp2

// nghttp2 calls these while it reads and writes. Each finds the connection's state behind the user pointer,
// which lives as long as the nghttp2 session, and hands over values; none may trap, whatever the peer sent.

private let success: Int32 = 0
private let failure = NGHTTP2_ERR_CALLBACK_FAILURE.rawValue

private func state(_ user: UnsafeMutableRawPointer?) -> UnsafeMutablePointer<ServerSession>? {
  unsafe user?.assumingMemoryBound(to: ServerSession.self)
}

private func endsStream(_ head: nghttp2_frame_hd) -> Bool {
  head.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
}

/// Sets the callbacks of a server session.
func setServerCallbacks(_ callbacks: OpaquePointer) {
  unsafe nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, frame, user in
    guard let session = unsafe state(user), let frame = unsafe frame else { return failure }
    unsafe session.pointee.headersBegan(
      stream: frame.pointee.hd.stream_id, isRequest: frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST)
    return success
  }
  unsafe nghttp2_session_callbacks_set_on_header_callback(callbacks) {
    _, frame, name, nameCount, value, valueCount, _, user in
    guard let session = unsafe state(user), let frame = unsafe frame else { return failure }
    let name = unsafe UnsafeBufferPointer(start: name, count: nameCount)
    let value = unsafe UnsafeBufferPointer(start: value, count: valueCount)
    let isFine = unsafe session.pointee.headerField(
      stream: frame.pointee.hd.stream_id, name: name.span, value: value.span)
    return isFine ? success : failure
  }
  unsafe nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, user in
    guard let session = unsafe state(user), let frame = unsafe frame else { return failure }
    let head = unsafe frame.pointee.hd
    switch UInt32(head.type) {
    case NGHTTP2_HEADERS.rawValue:
      unsafe session.pointee.headersEnded(stream: head.stream_id, endsStream: endsStream(head))
    case NGHTTP2_DATA.rawValue:
      if endsStream(head) { unsafe session.pointee.requestEnded(stream: head.stream_id) }
    case NGHTTP2_SETTINGS.rawValue:
      unsafe session.pointee.sawSettings = true
    default: break
    }
    return success
  }
  unsafe setServerStreamCallbacks(callbacks)
}

private func setServerStreamCallbacks(_ callbacks: OpaquePointer) {
  unsafe nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) {
    _, _, stream, data, count, user in
    guard let session = unsafe state(user) else { return failure }
    let octets = unsafe UnsafeBufferPointer(start: data, count: count)
    unsafe session.pointee.dataReceived(stream: stream, octets.span)
    return success
  }
  unsafe nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks) { _, _, _, user in
    guard let session = unsafe state(user) else { return failure }
    unsafe session.pointee.counters.streamErrors += 1
    return success
  }
  unsafe nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { _, frame, user in
    guard let session = unsafe state(user), let frame = unsafe frame else { return failure }
    let head = unsafe frame.pointee.hd
    var code = NGHTTP2_NO_ERROR.rawValue
    if UInt32(head.type) == NGHTTP2_RST_STREAM.rawValue { code = unsafe frame.pointee.rst_stream.error_code }
    if UInt32(head.type) == NGHTTP2_GOAWAY.rawValue { code = unsafe frame.pointee.goaway.error_code }
    unsafe session.pointee.frameSent(head, errorCode: code)
    return success
  }
  unsafe nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, stream, _, user in
    guard let session = unsafe state(user) else { return failure }
    unsafe session.pointee.streamClosed(stream)
    return success
  }
}

/// Fills a DATA frame. The source names the slot; the stream's number tells whether the slot still serves it.
let readResponseCallback: nghttp2_data_source_read_callback = {
  _, stream, target, capacity, flags, source, user in
  guard let session = unsafe state(user), let source = unsafe source, let flags = unsafe flags else {
    return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
  }
  let index = unsafe Int(bitPattern: source.pointee.ptr) - 1
  var answer: UInt32 = 0
  let amount = unsafe session.pointee.readResponse(
    index, stream: stream, into: UnsafeMutableBufferPointer(start: target, count: capacity), flags: &answer)
  unsafe flags.pointee |= answer
  return amount
}
