import Bytes
import CNghttp2

/// What nghttp2 reports while it reads. A function that returns false ends the connection: `closeReason` says
/// why.
extension ServerSession {
  /// Decides to hang up.
  mutating func hangUp(_ reason: CloseReason) -> Bool {
    if closeReason == nil { closeReason = reason }
    return false
  }

  /// Charges the frames in what was just read to the budgets.
  mutating func charge(_ octets: Span<UInt8>) {
    var offset = 0
    while scanner.next(in: octets, from: &offset) {
      if !charge(scanner.head) { return }
    }
    if !scanner.isInHeaderBlock {
      headerBlockSince = 0
    } else if headerBlockSince == 0 {
      headerBlockSince = now
    }
    // One may still be on its way to nghttp2; more were ignored, being of streams that have gone.
    if headersNotBegun > 1 {
      let ignored = UInt64(headersNotBegun - 1)
      headersNotBegun = 1
      if !controlBudget.take(ignored, now: now) { _ = hangUp(.controlFlood) }
    }
  }

  private mutating func charge(_ head: FrameScanner.Head) -> Bool {
    switch UInt32(head.type) {
    case NGHTTP2_HEADERS.rawValue:
      headerBlockSince = 0
      headersNotBegun += 1
      return true
    case NGHTTP2_CONTINUATION.rawValue:
      // nghttp2 counts them.
      return true
    case NGHTTP2_DATA.rawValue:
      let endsStream = head.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
      if endsStream || head.length >= settings.smallDataOctets { return true }
    case NGHTTP2_RST_STREAM.rawValue:
      counters.resetsReceived += 1
      return peerResetBudget.take(now: now) || hangUp(.resetFlood)
    default: break
    }
    return controlBudget.take(now: now) || hangUp(.controlFlood)
  }

  /// A header block begins: of a request, or of a request's trailers.
  mutating func headersBegan(stream: Int32, isRequest: Bool) {
    headersNotBegun -= 1
    guard isRequest else { return }
    counters.streams += 1
    guard let index = acquireSlot(stream: stream) else {
      counters.refusedStreams += 1
      _ = unsafe nghttp2_submit_rst_stream(
        handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream, NGHTTP2_REFUSED_STREAM.rawValue)
      return
    }
    unsafe nghttp2_session_set_stream_user_data(
      handle, stream, UnsafeMutableRawPointer(bitPattern: index + 1))
  }

  /// One decoded header field.
  mutating func headerField(stream: Int32, name: Span<UInt8>, value: Span<UInt8>) -> Bool {
    let octets = name.count + value.count + 32
    guard headerBudget.take(UInt64(octets), now: now) else { return hangUp(.headerFlood) }
    guard let index = slot(of: stream) else { return true }
    slots[index].fields.octets += octets
    if slots[index].phase == .headers, slots[index].fields.octets <= settings.maximumHeaderListOctets {
      judge(index, name, value)
    }
    return true
  }

  private mutating func judge(_ index: Int, _ name: Span<UInt8>, _ value: Span<UInt8>) {
    switch name.count {
    case 5 where name.equals(":path"):
      slots[index].fields.method = routes.find(value)
    case 7 where name.equals(":method"):
      slots[index].fields.isPost = value.equals("POST")
    case 12 where name.equals("content-type"):
      // Two content types are none.
      slots[index].fields.isGRPC = !slots[index].fields.hasContentType && GRPCHeaders.isGRPC(value)
      slots[index].fields.hasContentType = true
    case 12 where name.equals("grpc-timeout"):
      let timeout = GRPCHeaders.timeout(value)
      if timeout == nil || slots[index].fields.hasTimeout { slots[index].fields.isTimeoutMalformed = true }
      slots[index].fields.hasTimeout = true
      slots[index].fields.timeout = timeout ?? 0
    case 13 where name.equals("grpc-encoding"):
      slots[index].fields.encoding = value.equals("identity") ? .identity : .unknown
    default: break
    }
  }

  /// A whole header block was read.
  mutating func headersEnded(stream: Int32, endsStream: Bool) {
    guard let index = slot(of: stream) else { return }
    if slots[index].phase == .headers { judgeRequest(index) }
    if slots[index].phase == .message, slots[index].fields.octets > settings.maximumHeaderListOctets {
      // The trailers took it over the limit.
      counters.headersTooLarge += 1
      refuse(index, .resourceExhausted, "header list too large", http: "431")
    }
    if endsStream { requestEnded(index) }
  }

  private mutating func judgeRequest(_ index: Int) {
    let fields = slots[index].fields
    if fields.octets > settings.maximumHeaderListOctets {
      counters.headersTooLarge += 1
      refuse(index, .resourceExhausted, "header list too large", http: "431")
    } else if !fields.isPost {
      counters.badMethod += 1
      refuse(index, .internalError, "method is not POST", http: "405")
    } else if !fields.isGRPC {
      counters.badContentType += 1
      refuse(index, .invalidArgument, "content-type is not application/grpc", http: "415")
    } else if fields.isTimeoutMalformed {
      counters.badTimeout += 1
      refuse(index, .internalError, "malformed grpc-timeout", http: "400")
    } else if fields.method == nil {
      counters.unknownPath += 1
      refuse(index, .unimplemented, "unknown service or method")
    } else {
      slots[index].phase = .message
      if fields.hasTimeout {
        let (deadline, overflow) = now.addingReportingOverflow(fields.timeout)
        slots[index].deadline = overflow ? .max : deadline
      }
    }
  }

  /// Octets of a request's body.
  mutating func dataReceived(stream: Int32, _ data: Span<UInt8>) {
    guard let index = slot(of: stream), slots[index].phase == .message else { return }
    var offset = 0
    if slots[index].prefixCount < 5 {
      offset = slots[index].takePrefix(data)
      if slots[index].prefixCount < 5 || !judgePrefix(index) { return }
    }
    let rest = data.count - offset
    if rest == 0 { return }
    if rest > Int(slots[index].announced) - slots[index].message.count {
      counters.badFraming += 1
      refuse(index, .internalError, "more than one message")
      return
    }
    slots[index].message.append(data.extracting(offset..<data.count))
  }

  /// Looks at a message's first five octets, before any of the message: nothing that they announce is
  /// allocated.
  private mutating func judgePrefix(_ index: Int) -> Bool {
    let announced = Int(slots[index].announced)
    switch (slots[index].flag, slots[index].fields.encoding) {
    case (0, _): break
    case (1, .unknown):
      counters.compressed += 1
      refuse(index, .unimplemented, "compressed messages are not accepted", listEncodings: true)
      return false
    case (1, _):
      counters.compressed += 1
      refuse(index, .internalError, "compressed message without a grpc-encoding")
      return false
    default:
      counters.badFraming += 1
      refuse(index, .internalError, "unknown flags in a message's prefix")
      return false
    }
    if announced > settings.maximumMessageOctets {
      counters.messageTooLarge += 1
      refuseMessage(index, isTooLarge: true)
      return false
    }
    if announced > settings.maximumBufferedOctets - bufferedOctets {
      counters.bufferFull += 1
      refuseMessage(index, isTooLarge: false)
      return false
    }
    if let budget = unsafe budget, unsafe !budget.pointee.take(announced) {
      counters.noRoom += 1
      refuseMessage(index, isTooLarge: false)
      return false
    }
    bufferedOctets += announced
    slots[index].reserved = announced
    slots[index].message.reserve(min(announced, settings.retainedMessageOctets))
    return true
  }

  /// END_STREAM.
  mutating func requestEnded(stream: Int32) {
    if let index = slot(of: stream) { requestEnded(index) }
  }

  private mutating func requestEnded(_ index: Int) {
    slots[index].requestEnded = true
    guard slots[index].phase == .message else { return }
    if slots[index].isMessageComplete {
      enqueue(index)
    } else {
      counters.badFraming += 1
      refuse(index, .internalError, slots[index].prefixCount == 0 ? "missing message" : "message cut short")
    }
  }
}
