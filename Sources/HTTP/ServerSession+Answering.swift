import Bytes
import CNghttp2

/// What is said to the peer. Nothing here calls back.
extension ServerSession {
  // MARK: Answers of this layer

  /// Ends a call with an error before the worker saw it. What the peer still sends is thrown away.
  mutating func refuse(
    _ index: Int, _ status: GRPCStatus, _ text: StaticString, http: StaticString = "200",
    listEncodings: Bool = false
  ) {
    releaseReservation(index)
    slots[index].message.removeAll()
    scratch.removeAll()
    scratch.append(text)
    submitTrailersOnly(index, status, http: http, listEncodings: listEncodings)
  }

  /// Ends a call whose message is beyond a limit, as its route says.
  mutating func refuseMessage(_ index: Int, isTooLarge: Bool) {
    switch routes.overLimit(slots[index].fields.method ?? 0) {
    case .failing(let noRoom):
      if isTooLarge {
        refuse(index, .resourceExhausted, "message too large")
      } else {
        refuse(index, noRoom, "too many messages in flight")
      }
    case .answering(let tooLarge, let noRoom):
      releaseReservation(index)
      slots[index].message.removeAll()
      respond(index, (isTooLarge ? tooLarge : noRoom).span)
    }
  }

  /// One HEADERS frame that ends the stream; `scratch` holds the percent-encoded text.
  private mutating func submitTrailersOnly(
    _ index: Int, _ status: GRPCStatus, http: StaticString, listEncodings: Bool
  ) {
    let stream = slots[index].stream
    let handle = unsafe self.handle
    let result = unsafe scratch.span.withUnsafeBufferPointer { text in
      unsafe withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: 5) { fields in
        var count = 0
        unsafe fields.initializeElement(at: 0, to: responseField(":status", http))
        unsafe fields.initializeElement(at: 1, to: responseField("content-type", "application/grpc"))
        unsafe fields.initializeElement(at: 2, to: responseField("grpc-status", status.digits))
        count = 3
        if !text.isEmpty {
          unsafe fields.initializeElement(at: count, to: responseField("grpc-message", copying: text))
          count += 1
        }
        if listEncodings {
          unsafe fields.initializeElement(at: count, to: responseField("grpc-accept-encoding", "identity"))
          count += 1
        }
        return unsafe nghttp2_submit_response(handle, stream, fields.baseAddress, count, nil)
      }
    }
    answered(index, result)
  }

  private mutating func answered(_ index: Int, _ result: Int32) {
    slots[index].phase = .answered
    slots[index].since = now
    if result != 0 { _ = hangUp(.failure) }
  }

  // MARK: Answers of the worker

  mutating func respond(_ index: Int, _ message: Span<UInt8>) {
    pendingOutput += slots[index].appendResponse(message)
    slots[index].trailer = .ok
    answered(index, openResponse(index))
  }

  mutating func send(_ index: Int, _ message: Span<UInt8>) {
    if slots[index].pendingResponse == 0 { slots[index].since = now }
    pendingOutput += slots[index].appendResponse(message)
    if openResponse(index) != 0 { _ = hangUp(.failure) }
  }

  /// Ends a call. `text` is static because it may be sent only after all messages before it.
  mutating func finish(_ index: Int, _ status: GRPCStatus, _ text: StaticString) {
    if slots[index].isOpen {
      slots[index].trailer = status
      slots[index].trailerText = text
      answered(index, openResponse(index))
    } else {
      encode(text)
      submitTrailersOnly(index, status, http: "200", listEncodings: false)
    }
  }

  /// Ends a call whose response is not open with an error and a text made for it.
  mutating func fail(_ index: Int, _ status: GRPCStatus, _ text: Span<UInt8>) {
    scratch.removeAll()
    GRPCHeaders.appendPercentEncoded(text, to: &scratch)
    submitTrailersOnly(index, status, http: "200", listEncodings: false)
  }

  private mutating func encode(_ text: StaticString) {
    scratch.removeAll()
    unsafe UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount).withMemoryRebound(
      to: UInt8.self
    ) { octets in
      GRPCHeaders.appendPercentEncoded(unsafe octets.span, to: &scratch)
    }
  }

  /// Submits the response's HEADERS, or wakes its DATA.
  private mutating func openResponse(_ index: Int) -> Int32 {
    if slots[index].isOpen {
      if !slots[index].isDeferred { return 0 }
      slots[index].isDeferred = false
      return unsafe nghttp2_session_resume_data(handle, slots[index].stream)
    }
    slots[index].isOpen = true
    let stream = slots[index].stream
    let handle = unsafe self.handle
    var source = unsafe nghttp2_data_provider()
    unsafe source.source.ptr = UnsafeMutableRawPointer(bitPattern: index + 1)
    unsafe source.read_callback = readResponseCallback
    return unsafe withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: 2) { fields in
      unsafe fields.initializeElement(at: 0, to: responseField(":status", "200"))
      unsafe fields.initializeElement(at: 1, to: responseField("content-type", "application/grpc"))
      return unsafe nghttp2_submit_response(handle, stream, fields.baseAddress, 2, &source)
    }
  }

  /// nghttp2 asks for octets of a response's DATA frame. Returns their number or an nghttp2 error.
  mutating func readResponse(
    _ index: Int, stream: Int32, into target: UnsafeMutableBufferPointer<UInt8>, flags: inout UInt32
  ) -> Int {
    guard index >= 0, index < slots.count, slots[index].stream == stream else {
      return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
    }
    let pending = slots[index].pendingResponse
    let amount = min(pending, target.count)
    if amount == 0, slots[index].trailer == nil {
      slots[index].isDeferred = true
      slots[index].since = 0
      return Int(NGHTTP2_ERR_DEFERRED.rawValue)
    }
    if amount > 0 {
      let start = slots[index].responseTaken
      unsafe slots[index].response.span.extracting(start..<(start + amount)).withUnsafeBufferPointer {
        source in
        if let from = source.baseAddress { unsafe target.baseAddress?.update(from: from, count: amount) }
      }
      slots[index].responseTaken += amount
      pendingOutput -= amount
    }
    if amount == pending, let status = slots[index].trailer {
      flags = NGHTTP2_DATA_FLAG_EOF.rawValue | NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
      return submitTrailers(index, status) == 0 ? amount : Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
    }
    return amount
  }

  private mutating func submitTrailers(_ index: Int, _ status: GRPCStatus) -> Int32 {
    encode(slots[index].trailerText)
    let stream = slots[index].stream
    let handle = unsafe self.handle
    return unsafe scratch.span.withUnsafeBufferPointer { text in
      unsafe withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: 2) { fields in
        unsafe fields.initializeElement(at: 0, to: responseField("grpc-status", status.digits))
        if text.isEmpty { return unsafe nghttp2_submit_trailer(handle, stream, fields.baseAddress, 1) }
        unsafe fields.initializeElement(at: 1, to: responseField("grpc-message", copying: text))
        return unsafe nghttp2_submit_trailer(handle, stream, fields.baseAddress, 2)
      }
    }
  }

  // MARK: Sent and closed

  mutating func frameSent(_ head: nghttp2_frame_hd, errorCode: UInt32) {
    switch UInt32(head.type) {
    case NGHTTP2_RST_STREAM.rawValue:
      counters.resetsSent += 1
      // NO_ERROR is ours: a peer that went on sending after its answer.
      if errorCode != NGHTTP2_NO_ERROR.rawValue, !serverResetBudget.take(now: now) {
        _ = hangUp(.serverResetFlood)
      }
    case NGHTTP2_GOAWAY.rawValue:
      if isGoawaySubmitted {
        isGoawaySent = true
      } else if errorCode != NGHTTP2_NO_ERROR.rawValue {
        counters.connectionErrors += 1
      }
    default: break
    }
  }

  mutating func streamClosed(_ stream: Int32) {
    if let index = slot(of: stream) { releaseSlot(index) }
  }

  // MARK: Hanging up

  /// Queues the GOAWAY that `closeReason` asks for.
  mutating func submitGoaway() {
    guard let reason = closeReason, !isGoawaySubmitted else { return }
    isGoawaySubmitted = true
    if reason == .badPreface { isMute = true }
    let text = reason.text
    let last = unsafe nghttp2_session_get_last_proc_stream_id(handle)
    let result = unsafe nghttp2_submit_goaway(
      handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), last, reason.errorCode, text.utf8Start,
      text.utf8CodeUnitCount)
    if result != 0 { isMute = true }
  }

  /// Looks at what waited too long.
  mutating func checkTimes() {
    if !sawSettings, isOlder(openedAt, than: settings.prefaceTimeout) { _ = hangUp(.prefaceTimeout) }
    if headerBlockSince != 0, isOlder(headerBlockSince, than: settings.headerTimeout) {
      _ = hangUp(.headerTimeout)
    }
    if closeReason != nil || liveStreams == 0 { return }
    for index in slots.indices where slots[index].since != 0 {
      guard isOlder(slots[index].since, than: settings.callTimeout) else { continue }
      switch slots[index].phase {
      case .headers, .message:
        counters.slowCalls += 1
        refuse(index, .deadlineExceeded, "request did not end in time")
      case .answered where unsafe nghttp2_session_get_stream_local_close(handle, slots[index].stream) == 1:
        resetLingering(index)
      case .answered, .taken:
        _ = hangUp(.outputStalled)
        return
      case .idle, .queued: break
      }
    }
  }

  /// Ends a stream whose answer is sent while the peer still holds its own side open.
  private mutating func resetLingering(_ index: Int) {
    slots[index].since = 0
    _ = unsafe nghttp2_submit_rst_stream(
      handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), slots[index].stream, NGHTTP2_NO_ERROR.rawValue)
  }

  /// Ends all such streams: a connection that drains does not wait for them.
  mutating func resetAllLingering() {
    for index in slots.indices where slots[index].phase == .answered {
      if unsafe nghttp2_session_get_stream_local_close(handle, slots[index].stream) == 1 {
        resetLingering(index)
      }
    }
  }

  private func isOlder(_ time: UInt64, than age: UInt64) -> Bool { now > time && now - time >= age }
}

/// A header field of octets that live as long as the process: nghttp2 keeps the pointers.
@unsafe
func responseField(_ name: StaticString, _ value: StaticString) -> nghttp2_nv {
  unsafe nghttp2_nv(
    name: UnsafeMutablePointer(mutating: name.utf8Start),
    value: UnsafeMutablePointer(mutating: value.utf8Start),
    namelen: name.utf8CodeUnitCount, valuelen: value.utf8CodeUnitCount,
    flags: UInt8(NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue | NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue))
}

/// A header field whose value nghttp2 copies before the submitting call returns.
@unsafe
func responseField(_ name: StaticString, copying value: UnsafeBufferPointer<UInt8>) -> nghttp2_nv {
  unsafe nghttp2_nv(
    name: UnsafeMutablePointer(mutating: name.utf8Start),
    value: UnsafeMutablePointer(mutating: value.baseAddress),
    namelen: name.utf8CodeUnitCount, valuelen: value.count,
    flags: UInt8(NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue))
}
