import ExtAuthzTestMessages
import Foundation
import SwiftProtobuf
import TestSupport

/// Random checks as a proxy could send them, and random respellings of them on the wire.
struct RandomMessages {
  var generator: SeededGenerator

  init(_ generator: SeededGenerator) { self.generator = generator }

  mutating func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &generator) == 0 }

  mutating func text(_ most: Int = 10) -> String {
    let pieces = ["a", "b", "/", "Z", "0", "-", ".", "=", "é", "漢", "\u{1F600}", ",", " ", "%2F", "\u{7F}"]
    // A long one needs a length of two octets.
    if chance(12) {
      let piece = pieces[Int.random(in: 0..<pieces.count, using: &generator)]
      return String(repeating: piece, count: Int.random(in: 120...300, using: &generator))
    }
    var text = ""
    for _ in 0..<Int.random(in: 0...most, using: &generator) {
      text += pieces[Int.random(in: 0..<pieces.count, using: &generator)]
    }
    return text
  }

  mutating func octets(_ most: Int = 24) -> [UInt8] {
    (0..<Int.random(in: 0...most, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator)
    }
  }

  mutating func map(_ most: Int) -> [String: String] {
    var map: [String: String] = [:]
    for _ in 0..<Int.random(in: 0...most, using: &generator) { map[text(8)] = text() }
    return map
  }

  mutating func peer() -> WirePeer {
    var peer = WirePeer()
    if !chance(6) {
      switch Int.random(in: 0..<4, using: &generator) {
      case 0: peer.address.pipe.path = text()
      case 1: peer.address.internalAddress.serverListenerName = text()
      default:
        peer.address.socketAddress.address = text()
        if chance(8) {
          peer.address.socketAddress.namedPort = text()
        } else {
          peer.address.socketAddress.portValue = UInt32.random(in: 0...70_000, using: &generator)
        }
        if chance(4) { peer.address.socketAddress.`protocol` = .udp }
      }
    }
    if !chance(3) { peer.principal = text() }
    if chance(4) { peer.service = text() }
    if chance(4) { peer.labels = map(3) }
    if chance(6) { peer.certificate = text() }
    return peer
  }

  mutating func structure() -> Google_Protobuf_Struct {
    var structure = Google_Protobuf_Struct()
    for _ in 0..<Int.random(in: 0...3, using: &generator) {
      structure.fields[text(6)] = chance(2) ? .init(stringValue: text()) : .init(numberValue: 1.5)
    }
    return structure
  }

  mutating func http() -> WireHTTPRequest {
    var http = WireHTTPRequest()
    http.id = "\(generator.next())"
    http.method = chance(10) ? "" : ["GET", "POST", "OPTIONS"][Int.random(in: 0..<3, using: &generator)]
    http.path = text()
    http.host = text()
    http.scheme = chance(3) ? "" : "https"
    http.`protocol` = "HTTP/2"
    http.size = Int64.random(in: -1...5, using: &generator)
    if chance(4) { http.body = text() }
    if chance(4) { http.rawBody = Data(octets(60)) }
    if !chance(4) { http.headers = map(12) }
    if chance(3) {
      for _ in 0..<Int.random(in: 0...8, using: &generator) {
        var line = WireHeaderValue()
        line.key = chance(4) ? ":path" : text(8)
        if chance(3) { line.value = text() }
        if !chance(4) { line.rawValue = Data(octets()) }
        http.headerMap.headers.append(line)
      }
    }
    return http
  }

  mutating func check() -> WireCheckRequest {
    var check = WireCheckRequest()
    if chance(40) { return check }
    if !chance(8) { check.attributes.source = peer() }
    if !chance(8) { check.attributes.destination = peer() }
    if !chance(4) { check.attributes.request.time = .init(seconds: 1_700_000_000, nanos: 5) }
    if !chance(12) { check.attributes.request.http = http() }
    if !chance(3) { check.attributes.contextExtensions = map(4) }
    if !chance(3) {
      check.attributes.metadataContext = WireMetadata()
      for _ in 0..<Int.random(in: 0...3, using: &generator) {
        check.attributes.metadataContext.filterMetadata[text(8)] = structure()
      }
    }
    if !chance(3) { check.attributes.tlsSession.sni = text() }
    if !chance(3) { check.attributes.routeMetadataContext = WireMetadata() }
    return check
  }

  // MARK: Respelling

  /// What stands where in a CheckRequest, as far as respelling must know.
  indirect enum Shape {
    case scalar
    /// Never written twice in one message: we refuse that.
    case single
    /// One of several: written in two pieces it would be two.
    case entry([UInt64: Shape])
    case message([UInt64: Shape])

    static let pair = Shape.entry([1: .scalar, 2: .scalar])
    static let peer = Shape.message([
      1: .message([1: .message([2: .scalar, 3: .scalar]), 2: .scalar]), 4: .scalar,
    ])
    static let check = Shape.message([
      1: .message([
        1: peer, 2: peer, 10: pair, 12: .message([1: .scalar]),
        4: .message([
          2: .message([
            2: .scalar, 3: pair, 4: .scalar, 5: .scalar, 6: .scalar,
            13: .message([1: .entry([1: .scalar, 2: .scalar, 3: .scalar])]),
          ])
        ]),
        11: .message([1: .entry([1: .scalar, 2: .single])]),
      ])
    ])
  }

  /// The same message, or one that means something else by protobuf's rules of repetition, spelled otherwise:
  /// fields shuffled and repeated, sub-messages split, unknown fields sprinkled in, numbers padded.
  mutating func respelled(_ octets: [UInt8], _ shape: Shape = .check) -> [UInt8] {
    joined(pieces(of: octets, shape))
  }

  /// The fields of one message, respelled, in random order.
  private mutating func pieces(of octets: [UInt8], _ shape: Shape) -> [[UInt8]] {
    let children: [UInt64: Shape]
    switch shape {
    case .entry(let shapes), .message(let shapes): children = shapes
    case .scalar, .single: return [octets]
    }
    var pieces: [[UInt8]] = []
    var index = 0
    while index < octets.count {
      let start = index
      let tag = Self.varint(octets, &index)
      guard tag & 7 == 2 else {
        Self.skip(tag & 7, octets, &index)
        pieces.append(Array(octets[start..<index]))
        continue
      }
      let count = Int(Self.varint(octets, &index))
      let content = Array(octets[index..<(index + count)])
      index += count
      pieces += fields(tag >> 3, content, children[tag >> 3] ?? .single)
    }
    if chance(4) { pieces.append(unknownField()) }
    pieces.shuffle(using: &generator)
    return pieces
  }

  private mutating func fields(_ number: UInt64, _ content: [UInt8], _ shape: Shape) -> [[UInt8]] {
    switch shape {
    case .single: return [spelled(number, content)]
    case .scalar:
      return chance(10)
        ? [spelled(number, Array("twice".utf8)), spelled(number, content)] : [spelled(number, content)]
    case .entry: return [spelled(number, respelled(content, shape))]
    case .message:
      let inner = pieces(of: content, shape)
      if !chance(5) { return [spelled(number, joined(inner))] }
      let cut = Int.random(in: 0...inner.count, using: &generator)
      return [spelled(number, joined(inner[..<cut])), spelled(number, joined(inner[cut...]))]
    }
  }

  private func joined(_ pieces: some Sequence<[UInt8]>) -> [UInt8] { pieces.flatMap { $0 } }

  private mutating func spelled(_ number: UInt64, _ content: [UInt8]) -> [UInt8] {
    let tag = Wire.varint(number << 3 | 2, padding: chance(20) ? Int.random(in: 1...3, using: &generator) : 0)
    let length = Wire.varint(
      UInt64(content.count), padding: chance(20) ? Int.random(in: 1...7, using: &generator) : 0)
    return tag + length + content
  }

  /// A field that nobody knows, of any type.
  mutating func unknownField(depth: Int = 0) -> [UInt8] {
    let number = chance(2) ? UInt64.random(in: 20...31, using: &generator) : (1 << 29) - 1
    switch Int.random(in: 0..<5, using: &generator) {
    case 0: return Wire.number(number, generator.next())
    case 1: return Wire.tag(number, 1) + [1, 2, 3, 4, 5, 6, 7, 255]
    case 2: return Wire.field(number, octets())
    case 3 where depth < 6:
      var inner: [UInt8] = []
      for _ in 0..<Int.random(in: 0...2, using: &generator) { inner += unknownField(depth: depth + 1) }
      return Wire.tag(number, 3) + inner + Wire.tag(number, 4)
    default: return Wire.tag(number, 5) + [1, 2, 3, 255]
    }
  }

  private static func varint(_ octets: [UInt8], _ index: inout Int) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      let octet = octets[index]
      index += 1
      value |= UInt64(octet & 0x7F) << shift
      if octet < 0x80 { return value }
      shift += 7
    }
  }

  private static func skip(_ type: UInt64, _ octets: [UInt8], _ index: inout Int) {
    switch type {
    case 0: _ = varint(octets, &index)
    case 1: index += 8
    default: index += 4
    }
  }
}
