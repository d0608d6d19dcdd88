import Bytes

/// One stream of a server connection, or an idle place for one: its buffers stay for the next stream.
struct StreamSlot: ~Copyable {
  enum Phase: UInt8 {
    /// No stream. `next` links the idle slots.
    case idle
    /// The header block is being read.
    case headers
    /// The message is being gathered.
    case message
    /// Complete; `previous` and `next` link the waiting calls.
    case queued
    /// The worker has it.
    case taken
    /// The last answer is submitted; what the peer still sends is thrown away.
    case answered
  }

  /// What the header block said, judged field by field as it came: no value is kept.
  struct Fields {
    enum Encoding: UInt8 { case absent, identity, unknown }
    var octets = 0
    var isPost = false
    var hasContentType = false
    var isGRPC = false
    var hasTimeout = false
    var isTimeoutMalformed = false
    var timeout: UInt64 = .max
    var encoding = Encoding.absent
    var method: UInt8?
  }

  var phase = Phase.idle
  var stream: Int32 = 0
  var previous: Int32 = -1
  var next: Int32 = -1
  /// When the present wait began: for the request's end, or for the peer to take the answer. 0: waits for
  /// nothing.
  var since: UInt64 = 0

  var fields = Fields()
  var deadline: UInt64 = .max
  var requestEnded = false
  var prefixCount: UInt8 = 0
  var flag: UInt8 = 0
  var announced: UInt32 = 0
  /// Octets counted in the connection's `bufferedOctets`.
  var reserved = 0
  var message = ByteBuffer(capacity: 16)

  /// Message frames that wait to be sent, from `responseTaken` on.
  var response = ByteBuffer(capacity: 16)
  var responseTaken = 0
  /// The response's HEADERS are submitted.
  var isOpen = false
  /// nghttp2 was told that nothing is there yet and waits to be resumed.
  var isDeferred = false
  /// What follows the response's octets; nil while more may come.
  var trailer: GRPCStatus?
  var trailerText: StaticString = ""

  var pendingResponse: Int { response.count - responseTaken }

  init() {}

  /// Begins to serve a stream.
  mutating func open(stream: Int32, now: UInt64) {
    phase = .headers
    self.stream = stream
    since = now
    fields = Fields()
    deadline = .max
    requestEnded = false
    prefixCount = 0
    flag = 0
    announced = 0
    isOpen = false
    isDeferred = false
    trailer = nil
    trailerText = ""
  }

  /// Forgets the stream. Storage above `retained` octets is given back.
  mutating func close(retained: Int) {
    phase = .idle
    stream = 0
    since = 0
    reserved = 0
    responseTaken = 0
    message.removeAll()
    response.removeAll()
    message.shrink(ifAbove: retained)
    response.shrink(ifAbove: retained)
  }

  /// Takes the octets of a message's prefix from the front of `data`; returns how many.
  mutating func takePrefix(_ data: Span<UInt8>) -> Int {
    var index = 0
    while index < data.count, prefixCount < 5 {
      if prefixCount == 0 {
        flag = data[index]
      } else {
        announced = announced << 8 | UInt32(data[index])
      }
      prefixCount += 1
      index += 1
    }
    return index
  }

  var isMessageComplete: Bool { prefixCount == 5 && message.count == Int(announced) }

  /// Adds a message frame, uncompressed, to what waits to be sent; returns by how much that grew.
  mutating func appendResponse(_ octets: Span<UInt8>) -> Int {
    if responseTaken == response.count {
      response.removeAll()
      responseTaken = 0
    }
    let before = response.count
    let length = UInt32(truncatingIfNeeded: octets.count)
    response.append(0)
    response.append(UInt8(truncatingIfNeeded: length >> 24))
    response.append(UInt8(truncatingIfNeeded: length >> 16))
    response.append(UInt8(truncatingIfNeeded: length >> 8))
    response.append(UInt8(truncatingIfNeeded: length))
    response.append(octets)
    return response.count - before
  }
}
