/// Writes the `CheckRequest` (envoy.service.auth.v3) that Envoy would send for a request of a test.
struct CheckMessage {
  private(set) var octets: [UInt8] = []

  init(_ request: TestRequest) {
    var http = Message()
    http.text(2, request.method)
    let pseudo = [
      (":authority", request.host), (":method", request.method), (":path", request.path),
      (":scheme", request.scheme),
    ]
    for (name, value) in pseudo + request.headers.map({ ($0.name, $0.value) }) {
      var entry = Message()
      entry.text(1, name)
      entry.text(2, value)
      http.message(3, entry)
    }
    http.text(4, request.path)
    http.text(5, request.host)
    http.text(6, request.scheme)
    http.text(10, "HTTP/2")
    var content = Message()
    content.message(2, http)

    var attributes = Message()
    attributes.message(1, Self.peer(request.sourceIP, port: 40_000, principal: request.principal))
    attributes.message(2, Self.peer(request.destinationIP, port: request.port, principal: ""))
    attributes.message(4, content)
    if let sni = request.sni {
      var session = Message()
      session.text(1, sni)
      attributes.message(12, session)
    }
    var whole = Message()
    whole.message(1, attributes)
    octets = whole.octets
  }

  private static func peer(_ address: String, port: Int, principal: String) -> Message {
    var socket = Message()
    socket.text(2, address)
    socket.number(3, UInt64(port))
    var place = Message()
    place.message(1, socket)
    var peer = Message()
    peer.message(1, place)
    peer.text(4, principal)
    return peer
  }
}

/// A protobuf message being written. All field numbers here are below 16.
private struct Message {
  var octets: [UInt8] = []

  mutating func text(_ number: UInt8, _ text: String) { append(number, Array(text.utf8)) }
  mutating func message(_ number: UInt8, _ message: Message) { append(number, message.octets) }

  mutating func number(_ number: UInt8, _ value: UInt64) {
    octets.append(number << 3)
    varint(value)
  }

  private mutating func append(_ number: UInt8, _ content: [UInt8]) {
    octets.append(number << 3 | 2)
    varint(UInt64(content.count))
    octets += content
  }

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      octets.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    octets.append(UInt8(rest))
  }
}
