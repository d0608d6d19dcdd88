import Bytes
import CNghttp2

private let success: Int32 = 0
private let failure = NGHTTP2_ERR_CALLBACK_FAILURE.rawValue

private func state(_ user: UnsafeMutableRawPointer?) -> UnsafeMutablePointer<ClientSession>? {
  unsafe user?.assumingMemoryBound(to: ClientSession.self)
}

/// Makes nghttp2's client session and submits its preface.
func makeClientSession(
  _ settings: HTTP2ClientSettings, user: UnsafeMutablePointer<ClientSession>
) -> OpaquePointer? {
  var options: OpaquePointer?
  var callbacks: OpaquePointer?
  guard unsafe nghttp2_option_new(&options) == 0, let options = unsafe options else { return nil }
  defer { unsafe nghttp2_option_del(options) }
  guard unsafe nghttp2_session_callbacks_new(&callbacks) == 0, let callbacks = unsafe callbacks else {
    return nil
  }
  defer { unsafe nghttp2_session_callbacks_del(callbacks) }
  unsafe setClientCallbacks(callbacks)
  unsafe nghttp2_option_set_no_auto_window_update(options, settings.replenishesWindows ? 0 : 1)
  unsafe nghttp2_option_set_no_closed_streams(options, 1)
  var session: OpaquePointer?
  guard unsafe nghttp2_session_client_new2(&session, callbacks, user, options) == 0 else { return nil }
  let entries = [
    nghttp2_settings_entry(settings_id: Int32(NGHTTP2_SETTINGS_ENABLE_PUSH.rawValue), value: 0),
    nghttp2_settings_entry(
      settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue), value: settings.streamWindowOctets),
  ]
  let none = UInt8(NGHTTP2_FLAG_NONE.rawValue)
  let window = max(65_535, settings.connectionWindowOctets)
  guard unsafe nghttp2_submit_settings(session, none, entries, entries.count) == 0,
    unsafe nghttp2_session_set_local_window_size(session, none, 0, window) == 0
  else {
    unsafe nghttp2_session_del(session)
    return nil
  }
  return unsafe session
}

private func setClientCallbacks(_ callbacks: OpaquePointer) {
  unsafe nghttp2_session_callbacks_set_on_header_callback(callbacks) {
    _, frame, name, nameCount, value, valueCount, _, user in
    guard let session = unsafe state(user), let frame = unsafe frame else { return failure }
    let name = unsafe UnsafeBufferPointer(start: name, count: nameCount)
    let value = unsafe UnsafeBufferPointer(start: value, count: valueCount)
    unsafe session.pointee.headerField(stream: frame.pointee.hd.stream_id, name: name.span, value: value.span)
    return success
  }
  unsafe nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, user in
    guard let session = unsafe state(user), let frame = unsafe frame else { return failure }
    let head = unsafe frame.pointee.hd
    switch UInt32(head.type) {
    case NGHTTP2_HEADERS.rawValue: unsafe session.pointee.headersEnded(stream: head.stream_id)
    case NGHTTP2_GOAWAY.rawValue:
      unsafe session.pointee.goawayCode = frame.pointee.goaway.error_code
      unsafe session.pointee.goawayCount += 1
    default: break
    }
    return success
  }
  unsafe nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) {
    _, _, stream, data, count, user in
    guard let session = unsafe state(user) else { return failure }
    let octets = unsafe UnsafeBufferPointer(start: data, count: count)
    unsafe session.pointee.dataReceived(stream: stream, octets.span)
    return success
  }
  unsafe nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, stream, code, user in
    guard let session = unsafe state(user) else { return failure }
    unsafe session.pointee.streamClosed(stream, errorCode: code)
    return success
  }
}

/// Fills a DATA frame of a request.
let readRequestCallback: nghttp2_data_source_read_callback = {
  _, stream, target, capacity, flags, source, user in
  guard let session = unsafe state(user), let source = unsafe source, let flags = unsafe flags else {
    return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
  }
  let index = unsafe Int(bitPattern: source.pointee.ptr) - 1
  var answer: UInt32 = 0
  let amount = unsafe session.pointee.readRequest(
    index, stream: stream, into: UnsafeMutableBufferPointer(start: target, count: capacity), flags: &answer)
  unsafe flags.pointee |= answer
  return amount
}
