/// A request as a proxy would describe it. For tools that ask without a proxy: it allocates.
public struct ProxiedRequest: Sendable {
  public var method = "GET"
  /// Path and query.
  public var path = "/"
  /// The authority, with its port if it has one.
  public var host = "example.com"
  public var scheme = "https"
  /// Header lines in order, without pseudo headers; names in lower case.
  public var headers: [(name: String, value: String)] = []
  /// Envoy's `encode_raw_headers`: each line on its own. Off, lines of one name are joined with a comma, as
  /// Envoy does.
  public var keepsLinesApart = false
  public var sourceIP = "127.0.0.1"
  /// The peer's identity in mutual TLS, such as `spiffe://cluster.local/ns/a/sa/b`; empty without.
  public var principal = ""
  /// The peer's certificate as Envoy sends it with `include_peer_certificate`: PEM, percent-encoded; empty without.
  public var certificate = ""
  public var destinationIP = "127.0.0.1"
  public var port = 443
  /// The identity of the proxy's own certificate; empty without.
  public var destinationPrincipal = ""
  /// Nil: the proxy sends no TLS session.
  public var sni: String?
  /// What the proxy's configuration says about the route.
  public var contextExtensions: [(name: String, value: String)] = []
  /// Dynamic metadata of filters that ran before, by filter name.
  public var filterMetadata: [(name: String, value: [(String, MetadataValue)])] = []

  public init() {}

  /// A `google.protobuf.Value`.
  public indirect enum MetadataValue: Sendable {
    case null
    case number(Double)
    case text(String)
    case boolean(Bool)
    case list([MetadataValue])
    case fields([(String, MetadataValue)])
  }

  /// The `CheckRequest` (envoy.service.auth.v3) that Envoy would send.
  public var checkRequest: [UInt8] {
    var attributes = ProtobufMessage()
    attributes.message(1, Self.peer(sourceIP, port: 40_000, principal: principal, certificate: certificate))
    attributes.message(2, Self.peer(destinationIP, port: port, principal: destinationPrincipal))
    var request = ProtobufMessage()
    request.message(2, http)
    attributes.message(4, request)
    for (name, value) in contextExtensions { attributes.message(10, Self.entry(name, value)) }
    if !filterMetadata.isEmpty {
      var metadata = ProtobufMessage()
      for (name, value) in filterMetadata {
        var entry = ProtobufMessage()
        entry.text(1, name)
        entry.message(2, Self.structure(value))
        metadata.message(1, entry)
      }
      attributes.message(11, metadata)
    }
    if let sni {
      var session = ProtobufMessage()
      session.text(1, sni)
      attributes.message(12, session)
    }
    var whole = ProtobufMessage()
    whole.message(1, attributes)
    return whole.octets
  }

  private var http: ProtobufMessage {
    var http = ProtobufMessage()
    http.text(2, method)
    let lines =
      [(":authority", host), (":method", method), (":path", path), (":scheme", scheme)]
      + headers.map { ($0.name, $0.value) }
    if keepsLinesApart {
      var map = ProtobufMessage()
      for (name, value) in lines {
        var line = ProtobufMessage()
        line.text(1, name)
        line.text(3, value)
        map.message(1, line)
      }
      http.message(13, map)
    } else {
      for (name, value) in Self.joined(lines) { http.message(3, Self.entry(name, value)) }
    }
    http.text(4, path)
    http.text(5, host)
    http.text(6, scheme)
    http.text(10, "HTTP/2")
    return http
  }

  private static func joined(_ lines: [(String, String)]) -> [(String, String)] {
    var joined: [(String, String)] = []
    for (name, value) in lines {
      if let index = joined.firstIndex(where: { $0.0 == name }) {
        joined[index].1 += "," + value
      } else {
        joined.append((name, value))
      }
    }
    return joined
  }

  private static func structure(_ fields: [(String, MetadataValue)]) -> ProtobufMessage {
    var structure = ProtobufMessage()
    for (name, value) in fields {
      var entry = ProtobufMessage()
      entry.text(1, name)
      entry.message(2, message(of: value))
      structure.message(1, entry)
    }
    return structure
  }

  private static func message(of value: MetadataValue) -> ProtobufMessage {
    var message = ProtobufMessage()
    switch value {
    case .null: message.number(1, 0)
    case .number(let number): message.double(2, number)
    case .text(let text): message.text(3, text)
    case .boolean(let boolean): message.number(4, boolean ? 1 : 0)
    case .fields(let fields): message.message(5, structure(fields))
    case .list(let elements):
      var list = ProtobufMessage()
      for element in elements { list.message(1, Self.message(of: element)) }
      message.message(6, list)
    }
    return message
  }

  private static func entry(_ name: String, _ value: String) -> ProtobufMessage {
    var entry = ProtobufMessage()
    entry.text(1, name)
    entry.text(2, value)
    return entry
  }

  private static func peer(
    _ address: String, port: Int, principal: String, certificate: String = ""
  ) -> ProtobufMessage {
    var socket = ProtobufMessage()
    socket.text(2, address)
    socket.number(3, UInt64(port))
    var place = ProtobufMessage()
    place.message(1, socket)
    var peer = ProtobufMessage()
    peer.message(1, place)
    peer.text(4, principal)
    if !certificate.isEmpty { peer.text(5, certificate) }
    return peer
  }
}

/// A protobuf message being written. All field numbers here are below 16.
private struct ProtobufMessage {
  var octets: [UInt8] = []

  mutating func text(_ number: UInt8, _ text: String) { append(number, Array(text.utf8)) }
  mutating func message(_ number: UInt8, _ message: ProtobufMessage) { append(number, message.octets) }

  mutating func number(_ number: UInt8, _ value: UInt64) {
    octets.append(number << 3)
    varint(value)
  }

  mutating func double(_ number: UInt8, _ value: Double) {
    octets.append(number << 3 | 1)
    for shift in 0..<UInt64(8) { octets.append(UInt8(truncatingIfNeeded: value.bitPattern >> (shift * 8))) }
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
