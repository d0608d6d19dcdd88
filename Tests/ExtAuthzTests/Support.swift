import Bytes
import Check
import ExtAuthz
import ExtAuthzTestMessages
import SwiftProtobuf

/// A check with its octets, so that two can be compared.
struct Taken: Equatable {
  struct Peer: Equatable {
    var address: [UInt8] = []
    var port: UInt32 = 0
    var principal: [UInt8] = []
  }
  struct Pair: Equatable, Comparable {
    var name: [UInt8]
    var value: [UInt8]
    init(_ name: [UInt8], _ value: [UInt8]) {
      self.name = name
      self.value = value
    }
    init(_ name: String, _ value: String) { self.init(Array(name.utf8), Array(value.utf8)) }
    static func < (a: Pair, b: Pair) -> Bool {
      a.name == b.name ? a.value.lexicographicallyPrecedes(b.value) : a.name.lexicographicallyPrecedes(b.name)
    }
  }

  var source = Peer()
  var destination = Peer()
  var hasHTTP = false
  var method: [UInt8] = []
  var path: [UInt8] = []
  var pathIsAmbiguous = false
  var host: [UInt8] = []
  var scheme: [UInt8] = []
  var serverName: [UInt8]?
  var isRaw = false
  var headers: [Pair] = []
  var contextExtensions: [Pair] = []
  var filterMetadata: [Pair] = []

  init() {}

  /// What our reader filled.
  init(_ check: borrowing Check, in message: [UInt8]) {
    func octets(_ range: ByteRange) -> [UInt8] { Array(message[range.indices]) }
    func peer(_ peer: Check.Peer) -> Peer {
      Peer(address: octets(peer.address), port: peer.port, principal: octets(peer.principal))
    }
    func pairs(_ pairs: [Check.Pair]) -> [Pair] { pairs.map { Pair(octets($0.name), octets($0.value)) } }
    source = peer(check.source)
    destination = peer(check.destination)
    hasHTTP = check.hasHTTP
    method = octets(check.method)
    path = octets(check.path)
    pathIsAmbiguous = check.pathIsAmbiguous
    host = octets(check.host)
    scheme = octets(check.scheme)
    serverName = check.serverName.map(octets)
    isRaw = check.headerEncoding == .raw
    headers = check.headers.indices.map { pairs([check.headers[$0]])[0] }
    contextExtensions = pairs(check.contextExtensions)
    filterMetadata = pairs(check.filterMetadata)
  }

  /// What swift-protobuf read by the description of the part that we look into.
  init(_ view: ViewCheckRequest) {
    let attributes = view.attributes
    func peer(_ peer: ViewPeer) -> Peer {
      let socket = peer.address.socketAddress
      return Peer(
        address: Array(socket.address.utf8), port: socket.portValue, principal: Array(peer.principal.utf8))
    }
    source = peer(attributes.source)
    destination = peer(attributes.destination)
    hasHTTP = attributes.request.hasHTTP
    let http = attributes.request.http
    method = Array(http.method.utf8)
    path = Array(http.path.utf8)
    host = Array(http.host.utf8)
    scheme = Array(http.scheme.utf8)
    serverName = attributes.hasTlsSession ? Array(attributes.tlsSession.sni.utf8) : nil
    isRaw = !http.headerMap.headers.isEmpty
    headers =
      isRaw
      ? http.headerMap.headers.map {
        Pair(Array($0.key.utf8), $0.rawValue.isEmpty ? Array($0.value.utf8) : Array($0.rawValue))
      }
      : http.headers.map { Pair($0.key, $0.value) }
    takeRawPath()
    contextExtensions = attributes.contextExtensions.map { Pair($0.key, $0.value) }
    filterMetadata = attributes.metadataContext.filterMetadata.map {
      Pair(Array($0.key.utf8), Array($0.value))
    }
  }

  /// Of raw lines `:path` is the path, in any letter case.
  mutating func takeRawPath() {
    let paths =
      isRaw ? headers.filter { String(decoding: $0.name, as: UTF8.self).lowercased() == ":path" } : []
    if let first = paths.first { path = first.value }
    pathIsAmbiguous = paths.count > 1
  }

  /// With lists in the order of their names: maps are written in any order.
  var sorted: Taken {
    var copy = self
    if !isRaw { copy.headers.sort() }
    copy.contextExtensions.sort()
    copy.filterMetadata.sort()
    return copy
  }
}

/// Reads with our reader.
func take(
  _ message: [UInt8], settings: CheckRequestSettings = CheckRequestSettings()
) throws(WireError) -> Taken {
  var check = Check()
  try CheckRequestReader.read(message.span, into: &check, settings: settings)
  return Taken(check, in: message)
}

/// The error that our reader throws, or nil when it reads the message.
func refusal(_ message: [UInt8], settings: CheckRequestSettings = CheckRequestSettings()) -> WireError? {
  do {
    _ = try take(message, settings: settings)
    return nil
  } catch {
    return error
  }
}

/// Reads with swift-protobuf; nil when it refuses.
func view(_ message: [UInt8]) -> Taken? {
  guard let view = try? ViewCheckRequest(serializedBytes: message) else { return nil }
  return Taken(view)
}

/// Spelling of fields by hand.
enum Wire {
  static func varint(_ value: UInt64, padding: Int = 0) -> [UInt8] {
    var octets: [UInt8] = []
    var rest = value
    while rest >= 0x80 {
      octets.append(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    octets.append(UInt8(rest))
    for _ in 0..<padding {
      octets[octets.count - 1] |= 0x80
      octets.append(0)
    }
    return octets
  }

  static func tag(_ number: UInt64, _ type: UInt64) -> [UInt8] { varint(number << 3 | type) }

  /// A length-delimited field.
  static func field(_ number: UInt64, _ content: [UInt8]...) -> [UInt8] {
    let content = content.flatMap { $0 }
    return tag(number, 2) + varint(UInt64(content.count)) + content
  }

  static func field(_ number: UInt64, _ text: String) -> [UInt8] { field(number, Array(text.utf8)) }

  static func number(_ number: UInt64, _ value: UInt64) -> [UInt8] { tag(number, 0) + varint(value) }

  /// A whole message around fields of the HTTP request.
  static func http(_ fields: [UInt8]...) -> [UInt8] { field(1, field(4, field(2, fields.flatMap { $0 }))) }

  /// A whole message around fields of the attributes.
  static func attributes(_ fields: [UInt8]...) -> [UInt8] { field(1, fields.flatMap { $0 }) }

  static func entry(_ key: String, _ value: String) -> [UInt8] { field(1, key) + field(2, value) }
}
