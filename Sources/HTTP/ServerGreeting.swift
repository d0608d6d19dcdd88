import Bytes
import CNghttp2

/// Makes nghttp2's server session, whose objects come from `memory`; nil takes malloc.
func makeServerSession(
  _ settings: HTTP2Settings, user: UnsafeMutablePointer<ServerSession>,
  memory: SessionMemory?
) -> OpaquePointer? {
  var options: OpaquePointer?
  var callbacks: OpaquePointer?
  guard unsafe nghttp2_option_new(&options) == 0, let options = unsafe options else { return nil }
  defer { unsafe nghttp2_option_del(options) }
  guard unsafe nghttp2_session_callbacks_new(&callbacks) == 0, let callbacks = unsafe callbacks else {
    return nil
  }
  defer { unsafe nghttp2_session_callbacks_del(callbacks) }
  unsafe setServerCallbacks(callbacks)
  // nghttp2's own limiter comes second to ours, which has the caller's clock and a name: twice the budget.
  let (burst, burstOverflow) = settings.peerResetBurst.multipliedReportingOverflow(by: 2)
  let (rate, rateOverflow) = settings.peerResetsPerSecond.multipliedReportingOverflow(by: 2)
  unsafe nghttp2_option_set_stream_reset_rate_limit(
    options, burstOverflow ? .max : burst, rateOverflow ? .max : rate)
  unsafe nghttp2_option_set_max_outbound_ack(options, settings.maximumQueuedReplies)
  unsafe nghttp2_option_set_max_continuations(options, settings.maximumContinuations)
  // Closed streams are kept only for RFC 7540's priorities, which we do not follow.
  unsafe nghttp2_option_set_no_closed_streams(options, 1)
  var session: OpaquePointer?
  guard let memory else {
    let result = unsafe nghttp2_session_server_new2(&session, callbacks, user, options)
    return unsafe result == 0 ? session : nil
  }
  var functions = unsafe memory.functions
  let result = unsafe nghttp2_session_server_new3(&session, callbacks, user, options, &functions)
  return unsafe result == 0 ? session : nil
}

extension HTTP2ServerConnection {
  /// Streams that nghttp2 tolerates beyond the limit told to the peer: it answers a stream above its own
  /// limit by ending the connection, while RFC 9113 section 5.1.2 lets us refuse the stream alone.
  static let toleratedStreams: UInt32 = 1024

  /// Makes our preface: SETTINGS and the connection's window.
  mutating func greet() -> Bool {
    let settings = unsafe state.pointee.settings
    let handle = unsafe state.pointee.handle
    let (tolerated, overflow) = settings.maximumConcurrentStreams.addingReportingOverflow(
      Self.toleratedStreams)
    let entries = [
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue),
        value: overflow ? .max : tolerated),
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue),
        value: UInt32(max(0, settings.streamWindowOctets))),
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue),
        value: UInt32(clamping: settings.maximumHeaderListOctets)),
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES.rawValue), value: 1),
    ]
    let none = UInt8(NGHTTP2_FLAG_NONE.rawValue)
    guard unsafe nghttp2_submit_settings(handle, none, entries, entries.count) == 0,
      unsafe nghttp2_session_set_local_window_size(
        handle, none, 0, max(65_535, settings.connectionWindowOctets))
        == 0
    else { return false }
    while true {
      var start: UnsafePointer<UInt8>?
      let count = unsafe nghttp2_session_mem_send(handle, &start)
      if count < 0 { return false }
      if count == 0 { break }
      let octets = unsafe UnsafeBufferPointer(start: start, count: count)
      unsafe state.pointee.greeting.append(octets.span)
    }
    unsafe Self.announce(settings.maximumConcurrentStreams, in: &state.pointee.greeting)
    return true
  }

  /// Writes the limit that the peer is to know over nghttp2's own, in the SETTINGS frame that `greeting`
  /// begins with.
  private static func announce(_ streams: UInt32, in greeting: inout ByteBuffer) {
    guard greeting.count >= 9, greeting[3] == UInt8(NGHTTP2_SETTINGS.rawValue) else { return }
    let end = 9 + Int(greeting[1]) << 8 + Int(greeting[2])
    var entry = 9
    while entry + 6 <= min(end, greeting.count) {
      if greeting[entry] == 0, greeting[entry + 1] == UInt8(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue)
      {
        for octet in 0..<4 {
          greeting[entry + 2 + octet] = UInt8(truncatingIfNeeded: streams >> UInt32(24 - 8 * octet))
        }
      }
      entry += 6
    }
  }
}
