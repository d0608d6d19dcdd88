import PolicyOracle

/// `envoy.service.auth.v3.CheckRequest` in its wire form.
enum CheckRequestText {
  static func octets(of request: ProxyRequest) -> [UInt8] {
    var attributes = Message()
    attributes.message(1, peer(request.source))
    attributes.message(2, peer(request.destination))
    attributes.message(4) { $0.message(2, http(of: request)) }
    if let workload = request.workload {
      attributes.message(10) {
        $0.text(1, "countersign.workload")
        $0.text(2, workload)
      }
    }
    if !request.metadata.isEmpty {
      attributes.message(11) { context in
        for metadata in request.metadata {
          context.message(1) {
            $0.text(1, metadata.filter)
            $0.message(2, structure(metadata.members))
          }
        }
      }
    }
    if let name = request.serverName { attributes.message(12) { $0.text(1, name) } }
    var message = Message()
    message.message(1, attributes)
    return message.octets
  }

  private static func peer(_ peer: ProxyRequest.Peer) -> Message {
    var message = Message()
    message.message(1) {
      if peer.address.isEmpty {
        $0.message(2) { $0.text(1, "/run/proxy.sock") }
      } else {
        $0.message(1) {
          $0.text(2, peer.address)
          $0.number(3, UInt64(peer.port))
        }
      }
    }
    message.text(4, peer.principal)
    if let certificate = peer.certificate { message.text(5, PeerCertificate.text(of: certificate)) }
    return message
  }

  private static func http(of request: ProxyRequest) -> Message {
    var http = Message()
    http.text(2, request.method)
    if request.encoding == .joined {
      for header in request.headers {
        http.message(3) {
          $0.text(1, header.name)
          $0.text(2, header.value)
        }
      }
    }
    http.text(4, request.path)
    http.text(5, request.host)
    http.text(6, request.scheme)
    if request.encoding == .raw {
      http.message(13) { map in
        for header in request.headers {
          map.message(1) {
            $0.text(1, header.name)
            $0.text(3, header.value)
          }
        }
      }
    }
    return http
  }

  // MARK: google.protobuf.Struct

  private static func structure(_ members: [Claim.Member]) -> Message {
    var message = Message()
    for member in members {
      message.message(1) {
        $0.text(1, member.name)
        $0.message(2, value(member.value))
      }
    }
    return message
  }

  private static func value(_ claim: Claim) -> Message {
    var message = Message()
    switch claim {
    case .null: message.number(1, 0, always: true)
    case .number(let literal): message.double(2, Double(literal) ?? 0)
    case .text(let text): message.text(3, text, always: true)
    case .truth(let value): message.number(4, value ? 1 : 0, always: true)
    case .object(let members): message.message(5, structure(members))
    case .list(let elements):
      message.message(6) { list in
        for element in elements { list.message(1, value(element)) }
      }
    }
    return message
  }
}

/// A protobuf message that is written field by field.
private struct Message {
  var octets: [UInt8] = []

  private mutating func varint(_ value: UInt64) {
    var value = value
    while value >= 0x80 {
      octets.append(UInt8(value & 0x7F) | 0x80)
      value >>= 7
    }
    octets.append(UInt8(value))
  }

  /// A default value is left out unless it is a member of a oneof.
  mutating func number(_ field: UInt64, _ value: UInt64, always: Bool = false) {
    if value == 0 && !always { return }
    varint(field << 3)
    varint(value)
  }

  mutating func double(_ field: UInt64, _ value: Double) {
    varint(field << 3 | 1)
    for shift in 0..<8 { octets.append(UInt8(truncatingIfNeeded: value.bitPattern >> UInt64(shift * 8))) }
  }

  mutating func text(_ field: UInt64, _ text: String, always: Bool = false) {
    if text.isEmpty && !always { return }
    append(field, Array(text.utf8))
  }

  mutating func message(_ field: UInt64, _ message: Message) { append(field, message.octets) }

  mutating func message(_ field: UInt64, _ write: (inout Message) -> Void) {
    var message = Message()
    write(&message)
    append(field, message.octets)
  }

  private mutating func append(_ field: UInt64, _ content: [UInt8]) {
    varint(field << 3 | 2)
    varint(UInt64(content.count))
    octets += content
  }
}
