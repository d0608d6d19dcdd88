import Bytes
import CNghttp2

/// One call of a client, or an idle place for one.
struct ClientSlot: ~Copyable {
  var stream: Int32 = 0
  var next: Int32 = -1
  var isLive = false
  var request = ByteBuffer(capacity: 16)
  var requestTaken = 0
  var requestEnds = false
  var isDeferred = false
  var httpStatus = 0
  var grpcStatus: Int?
  var headerBlocks = 0
  var hasBody = false
  var errorCode: UInt32 = 0
  var body = ByteBuffer(capacity: 16)
  var text = ByteBuffer(capacity: 16)

  init() {}

  mutating func reset() {
    requestTaken = 0
    requestEnds = false
    isDeferred = false
    httpStatus = 0
    grpcStatus = nil
    headerBlocks = 0
    hasBody = false
    errorCode = 0
    request.removeAll()
    body.removeAll()
    text.removeAll()
  }
}

/// The state of a client connection, reached by nghttp2's callbacks as `ServerSession` is.
@safe
struct ClientSession: ~Copyable {
  /// Owned by `HTTP2ClientConnection`.
  var handle: OpaquePointer?
  var slots = OwnedArray<ClientSlot>(capacity: 1)
  private var idleHead: Int32 = -1
  private var doneHead: Int32 = -1
  private var doneTail: Int32 = -1
  private(set) var liveCalls = 0
  var isBroken = false
  var goawayCode: UInt32?
  var goawayCount = 0

  init() {}

  // MARK: Requests

  mutating func open(
    _ request: borrowing HTTP2RequestFields, body: Span<UInt8>, isMessage: Bool, ends: Bool
  ) -> HTTP2ClientCall? {
    let index: Int
    if idleHead >= 0 {
      index = Int(idleHead)
      idleHead = slots[index].next
    } else {
      index = slots.count
      slots.append(ClientSlot())
    }
    slots[index].reset()
    if isMessage {
      let length = UInt32(truncatingIfNeeded: body.count)
      slots[index].request.append(0)
      for shift in [24, 16, 8, 0] as [UInt32] {
        slots[index].request.append(UInt8(truncatingIfNeeded: length >> shift))
      }
    }
    slots[index].request.append(body)
    slots[index].requestEnds = ends
    let hasBody = !slots[index].request.isEmpty || !ends
    let stream = submit(request, index, hasBody: hasBody)
    guard stream > 0 else {
      slots[index].next = idleHead
      idleHead = Int32(truncatingIfNeeded: index)
      return nil
    }
    slots[index].stream = stream
    slots[index].isLive = true
    liveCalls += 1
    return HTTP2ClientCall(slot: UInt32(truncatingIfNeeded: index), stream: stream)
  }

  private func submit(_ request: borrowing HTTP2RequestFields, _ index: Int, hasBody: Bool) -> Int32 {
    let handle = unsafe self.handle
    let mark = unsafe UnsafeMutableRawPointer(bitPattern: index + 1)
    let count = request.fields.count
    return unsafe withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: max(1, count)) { fields in
      unsafe request.octets.span.withUnsafeBufferPointer { octets in
        guard let base = octets.baseAddress else { return -1 }
        let start = unsafe UnsafeMutablePointer(mutating: base)
        for position in 0..<count {
          let field = request.fields[position]
          unsafe fields.initializeElement(
            at: position,
            to: nghttp2_nv(
              name: start + Int(field.name.start), value: start + Int(field.value.start),
              namelen: Int(field.name.count), valuelen: Int(field.value.count), flags: 0))
        }
        var source = unsafe nghttp2_data_provider()
        unsafe source.source.ptr = unsafe mark
        unsafe source.read_callback = readRequestCallback
        if hasBody {
          return unsafe nghttp2_submit_request(handle, nil, fields.baseAddress, count, &source, mark)
        }
        return unsafe nghttp2_submit_request(handle, nil, fields.baseAddress, count, nil, mark)
      }
    }
  }

  mutating func send(_ call: HTTP2ClientCall, _ body: Span<UInt8>, ends: Bool) {
    guard let index = find(call) else { return }
    slots[index].request.append(body)
    slots[index].requestEnds = ends
    if !slots[index].isDeferred { return }
    slots[index].isDeferred = false
    _ = unsafe nghttp2_session_resume_data(handle, call.stream)
  }

  /// nghttp2 asks for octets of a request's body.
  mutating func readRequest(
    _ index: Int, stream: Int32, into target: UnsafeMutableBufferPointer<UInt8>, flags: inout UInt32
  ) -> Int {
    guard index >= 0, index < slots.count, slots[index].stream == stream else {
      return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
    }
    let start = slots[index].requestTaken
    let pending = slots[index].request.count - start
    let amount = min(pending, target.count)
    if amount == 0, !slots[index].requestEnds {
      slots[index].isDeferred = true
      return Int(NGHTTP2_ERR_DEFERRED.rawValue)
    }
    unsafe slots[index].request.span.extracting(start..<(start + amount)).withUnsafeBufferPointer { source in
      if let from = source.baseAddress { unsafe target.baseAddress?.update(from: from, count: amount) }
    }
    slots[index].requestTaken += amount
    if amount == pending, slots[index].requestEnds { flags = NGHTTP2_DATA_FLAG_EOF.rawValue }
    return amount
  }

  // MARK: Responses

  func find(_ call: HTTP2ClientCall) -> Int? {
    let index = Int(call.slot)
    guard index < slots.count, slots[index].isLive, slots[index].stream == call.stream else { return nil }
    return index
  }

  private func slot(of stream: Int32) -> Int? {
    guard let mark = unsafe nghttp2_session_get_stream_user_data(handle, stream) else { return nil }
    let index = Int(bitPattern: mark) - 1
    guard index >= 0, index < slots.count, slots[index].stream == stream, slots[index].isLive else {
      return nil
    }
    return index
  }

  mutating func headerField(stream: Int32, name: Span<UInt8>, value: Span<UInt8>) {
    guard let index = slot(of: stream) else { return }
    switch name.count {
    case 7 where name.equals(":status"):
      slots[index].httpStatus = Int(clamping: value.decimalValue() ?? 0)
    case 11 where name.equals("grpc-status"):
      slots[index].grpcStatus = value.decimalValue().map { Int(clamping: $0) }
    case 12 where name.equals("grpc-message"):
      slots[index].text.append(value)
    case 20 where name.equals("grpc-accept-encoding"):
      slots[index].text.append(" [accepts ")
      slots[index].text.append(value)
      slots[index].text.append("]")
    default: break
    }
  }

  mutating func headersEnded(stream: Int32) {
    if let index = slot(of: stream) { slots[index].headerBlocks += 1 }
  }

  mutating func dataReceived(stream: Int32, _ data: Span<UInt8>) {
    guard let index = slot(of: stream) else { return }
    slots[index].hasBody = true
    slots[index].body.append(data)
  }

  mutating func streamClosed(_ stream: Int32, errorCode: UInt32) {
    guard let index = slot(of: stream) else { return }
    slots[index].errorCode = errorCode
    slots[index].isLive = false
    slots[index].next = -1
    liveCalls -= 1
    let link = Int32(truncatingIfNeeded: index)
    if doneTail >= 0 { slots[Int(doneTail)].next = link } else { doneHead = link }
    doneTail = link
  }

  mutating func takeResult(body: inout ByteBuffer, text: inout ByteBuffer) -> HTTP2ClientResult? {
    body.removeAll()
    text.removeAll()
    if doneHead < 0 { return nil }
    let index = Int(doneHead)
    doneHead = slots[index].next
    if doneHead < 0 { doneTail = -1 }
    swap(&slots[index].body, &body)
    swap(&slots[index].text, &text)
    let result = HTTP2ClientResult(
      call: HTTP2ClientCall(slot: UInt32(truncatingIfNeeded: index), stream: slots[index].stream),
      httpStatus: slots[index].httpStatus, grpcStatus: slots[index].grpcStatus,
      errorCode: slots[index].errorCode,
      isTrailersOnly: slots[index].headerBlocks == 1 && !slots[index].hasBody)
    slots[index].stream = 0
    slots[index].next = idleHead
    idleHead = Int32(truncatingIfNeeded: index)
    return result
  }

  func receivedBody(_ call: HTTP2ClientCall) -> [UInt8] {
    guard let index = find(call) else { return [] }
    return slots[index].body.copy()
  }
}
