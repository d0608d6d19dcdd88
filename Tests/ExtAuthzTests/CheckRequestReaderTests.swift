import Bytes
import Check
import ExtAuthz
import ExtAuthzTestMessages
import SwiftProtobuf
import Testing

struct CheckRequestReaderTests {
  // MARK: What a proxy sends

  /// The shape of what Envoy 1.40 sends for `curl http://host/path`: header map with pseudo headers in any
  /// order, empty metadata and session messages at the end.
  private func curl() throws -> [UInt8] {
    var check = WireCheckRequest()
    check.attributes.source.address.socketAddress.address = "10.244.0.7"
    check.attributes.source.address.socketAddress.portValue = 51_234
    check.attributes.source.principal = "spiffe://cluster.local/ns/web/sa/front"
    check.attributes.destination.address.socketAddress.address = "10.244.0.9"
    check.attributes.destination.address.socketAddress.portValue = 8080
    check.attributes.request.time = .init(seconds: 1_764_000_000, nanos: 123_456_000)
    check.attributes.request.http.id = "12345678901234567890"
    check.attributes.request.http.method = "GET"
    check.attributes.request.http.path = "/api/v1/products?id=1"
    check.attributes.request.http.host = "Shop.example.com:8080"
    check.attributes.request.http.scheme = "http"
    check.attributes.request.http.`protocol` = "HTTP/1.1"
    check.attributes.request.http.headers = [
      ":method": "GET", ":path": "/api/v1/products?id=1", ":authority": "Shop.example.com:8080",
      ":scheme": "http", "user-agent": "curl/7.88.1", "accept": "*/*", "x-forwarded-proto": "http",
      "x-request-id": "6f1b2c3d-0000-4000-8000-1234567890ab",
    ]
    check.attributes.metadataContext = WireMetadata()
    check.attributes.routeMetadataContext = WireMetadata()
    check.attributes.tlsSession = WireTLSSession()
    return try check.serializedBytes()
  }

  @Test func `a plain request is read whole`() throws {
    let message = try curl()
    #expect((343...600).contains(message.count))
    let taken = try take(message)
    #expect(taken.hasHTTP && !taken.isRaw)
    #expect(taken.method == Array("GET".utf8))
    #expect(taken.path == Array("/api/v1/products?id=1".utf8))
    #expect(taken.host == Array("Shop.example.com:8080".utf8))
    #expect(taken.scheme == Array("http".utf8))
    #expect(taken.source.address == Array("10.244.0.7".utf8))
    #expect(taken.source.port == 51_234)
    #expect(taken.source.principal == Array("spiffe://cluster.local/ns/web/sa/front".utf8))
    #expect(taken.destination.port == 8080)
    #expect(taken.headers.count == 8)
    #expect(taken.headers.contains(Taken.Pair("user-agent", "curl/7.88.1")))
    #expect(taken.serverName == [])
    #expect(taken.filterMetadata.isEmpty)
  }

  @Test func `a plain request cut short anywhere never reads as the whole one`() throws {
    let message = try curl()
    let whole = try take(message)
    for count in 0..<message.count {
      // What still reads is a shorter message, and only where a field ends: at the very beginning.
      if let taken = try? take(Array(message[..<count])) {
        #expect(count == 0)
        #expect(taken != whole)
        #expect(!taken.hasHTTP)
      }
    }
  }

  @Test func `a check of a TCP filter has no HTTP request`() throws {
    let taken = try take(Wire.attributes(Wire.field(4, Wire.field(1, Wire.number(1, 5)))))
    #expect(!taken.hasHTTP)
    let empty = try take(Wire.http([]))
    #expect(empty.hasHTTP)
  }

  @Test func `a message without octets is an empty check`() throws {
    #expect(try take([]) == Taken())
    #expect(try take([0x0A, 0x00]) == Taken())
  }

  @Test func `the check is emptied before and after a failure, and its storage stays`() throws {
    var check = Check()
    let message = try curl()
    try CheckRequestReader.read(message.span, into: &check)
    let capacity = check.headers.capacity
    let broken: [UInt8] = message + [0x07]
    #expect(throws: WireError.wireType(at: message.count)) {
      try CheckRequestReader.read(broken.span, into: &check)
    }
    #expect(Taken(check, in: broken) == Taken())
    try CheckRequestReader.read(message.span, into: &check)
    #expect(check.headers.capacity == capacity)
    #expect(check.headers.count == 8)
  }

  // MARK: Headers

  @Test func `two entries of one key are both kept, in their order`() throws {
    let taken = try take(
      Wire.http(
        Wire.field(3, Wire.entry("authorization", "Bearer a")), Wire.field(3, Wire.entry("x", "1")),
        Wire.field(3, Wire.entry("authorization", "Bearer b"))))
    #expect(
      taken.headers == [
        Taken.Pair("authorization", "Bearer a"), Taken.Pair("x", "1"),
        Taken.Pair("authorization", "Bearer b"),
      ])
  }

  @Test func `a map entry may lack its key, its value or both`() throws {
    let taken = try take(
      Wire.http(Wire.field(3, Wire.field(1, "x")), Wire.field(3, Wire.field(2, "y")), Wire.field(3)))
    #expect(taken.headers == [Taken.Pair("x", ""), Taken.Pair("", "y"), Taken.Pair("", "")])
  }

  @Test func `raw lines displace the map wherever it stands`() throws {
    let map = Wire.field(3, Wire.entry("authorization", "joined"))
    let lines = Wire.field(
      13, Wire.field(1, Wire.field(1, "authorization"), Wire.field(3, [0xFF, 0xFE])),
      Wire.field(1, Wire.field(1, "authorization"), Wire.field(2, "text")),
      Wire.field(1, Wire.field(1, "both"), Wire.field(3, "raw"), Wire.field(2, "text")))
    let expected = [
      Taken.Pair(Array("authorization".utf8), [0xFF, 0xFE]), Taken.Pair("authorization", "text"),
      Taken.Pair("both", "raw"),
    ]
    for message in [
      Wire.http(map, lines), Wire.http(lines, map), Wire.http(map, lines, map), Wire.http(lines),
    ] {
      let taken = try take(message)
      #expect(taken.isRaw)
      #expect(taken.headers == expected)
    }
  }

  /// A request whose `path` field has `/a!b`, with raw lines.
  private func raw(_ lines: [(String, [UInt8])], pathFirst: Bool = true) -> [UInt8] {
    let path = Wire.field(4, "/a!b")
    let map = Wire.field(13, lines.flatMap { Wire.field(1, Wire.field(1, $0.0), Wire.field(3, $0.1)) })
    return pathFirst ? Wire.http(path, map) : Wire.http(map, path)
  }

  @Test(arguments: [true, false])
  func `of raw lines the path line is the path, in its own bytes`(pathFirst: Bool) throws {
    let bytes: [UInt8] = [0x2F, 0x61, 0xE9, 0x62]
    let one = try take(raw([("x", [1]), (":path", bytes), (":paths", [2])], pathFirst: pathFirst))
    #expect(one.path == bytes && !one.pathIsAmbiguous)
    let none = try take(raw([("x", [1]), ("path", bytes)], pathFirst: pathFirst))
    #expect(none.path == Array("/a!b".utf8) && !none.pathIsAmbiguous)
    for other in [bytes, [0x2F], []] {
      let two = try take(raw([(":path", bytes), ("x", [1]), (":path", other)], pathFirst: pathFirst))
      #expect(two.pathIsAmbiguous)
    }
  }

  @Test func `without raw lines the path field is the path, whatever the map says`() throws {
    let taken = try take(
      Wire.http(
        Wire.field(3, Wire.entry(":path", "/other")), Wire.field(3, Wire.entry(":path", "/third")),
        Wire.field(4, "/a!b")))
    #expect(taken.path == Array("/a!b".utf8) && !taken.pathIsAmbiguous)
    // Nothing of the last check stays.
    var check = Check()
    try CheckRequestReader.read(raw([(":path", [1]), (":path", [1])]).span, into: &check)
    let wasAmbiguous = check.pathIsAmbiguous
    #expect(wasAmbiguous)
    try CheckRequestReader.read(Wire.http(Wire.field(4, "/")).span, into: &check)
    let isAmbiguous = check.pathIsAmbiguous
    #expect(!isAmbiguous)
  }

  @Test func `an empty list of raw lines displaces nothing`() throws {
    let map = Wire.field(3, Wire.entry("authorization", "joined"))
    for message in [Wire.http(map, Wire.field(13)), Wire.http(Wire.field(13), map)] {
      let taken = try take(message)
      #expect(!taken.isRaw)
      #expect(taken.headers == [Taken.Pair("authorization", "joined")])
    }
  }

  // MARK: Protobuf's rules of repetition

  @Test func `split messages merge and the last of a repeated text wins`() throws {
    let message =
      Wire.http(Wire.field(2, "GET"), Wire.field(4, "/a"))
      + Wire.attributes(Wire.field(1, Wire.field(4, "p")))
      + Wire.http(Wire.field(4, "/b"), Wire.field(5, "h"))
    let taken = try take(message)
    #expect(taken.method == Array("GET".utf8))
    #expect(taken.path == Array("/b".utf8))
    #expect(taken.host == Array("h".utf8))
    #expect(taken.source.principal == Array("p".utf8))
  }

  @Test func `an empty text that comes last wins too`() throws {
    #expect(try take(Wire.http(Wire.field(4, "/a"), Wire.field(4, ""))).path == [])
  }

  @Test func `of an address the last kind wins, and one kind in pieces merges`() throws {
    func source(_ addresses: [UInt8]...) throws -> Taken.Peer {
      try take(Wire.attributes(Wire.field(1, addresses.flatMap { Wire.field(1, $0) }))).source
    }
    let address = Wire.field(1, Wire.field(2, "10.0.0.1"))
    let port = Wire.field(1, Wire.number(3, 80))
    let pipe = Wire.field(2, Wire.field(1, "/run/x"))
    let listener = Wire.field(3, Wire.field(1, "inner"))
    #expect(try source(address, port) == Taken.Peer(address: Array("10.0.0.1".utf8), port: 80))
    #expect(try source(address, port, pipe) == Taken.Peer())
    #expect(try source(address, listener, port) == Taken.Peer(port: 80))
    #expect(try source(pipe, address) == Taken.Peer(address: Array("10.0.0.1".utf8)))
    #expect(try source(port, Wire.field(1, Wire.field(4, "http"))) == Taken.Peer())
    #expect(try source(Wire.field(1, Wire.field(4, "http")), port) == Taken.Peer(port: 80))
  }

  @Test func `a port keeps the low 32 bits of its number`() throws {
    let address = Wire.field(1, Wire.number(3, .max))
    #expect(try take(Wire.attributes(Wire.field(1, Wire.field(1, address)))).source.port == .max)
  }

  @Test func `metadata is kept by filter as it came`() throws {
    let one = Wire.field(1, "filter.a") + Wire.field(2, [1, 2, 0xFF])
    let metadata = Wire.field(11, Wire.field(1, one), Wire.field(1, Wire.field(2, [3])))
    #expect(
      try take(Wire.attributes(metadata)).filterMetadata == [
        Taken.Pair(Array("filter.a".utf8), [1, 2, 0xFF]), Taken.Pair([], [3]),
      ])
  }

  @Test func `route metadata is not taken for dynamic metadata`() throws {
    let metadata = Wire.field(13, Wire.field(1, Wire.field(1, "filter.a"), Wire.field(2, [1])))
    #expect(try take(Wire.attributes(metadata)).filterMetadata.isEmpty)
  }

  @Test func `one filter's metadata in two pieces is refused`() {
    let entry = Wire.field(1, "filter.a") + Wire.field(2, [1]) + Wire.field(2, [2])
    guard case .splitMetadata = refusal(Wire.attributes(Wire.field(11, Wire.field(1, entry)))) else {
      Issue.record("not refused")
      return
    }
  }

  @Test func `a known field of another wire type is passed over`() throws {
    let message = Wire.http(Wire.number(4, 7), Wire.field(2, "GET"), Wire.tag(5, 5) + [1, 2, 3, 4])
    let taken = try take(message)
    #expect(taken.method == Array("GET".utf8))
    #expect(taken.path == [] && taken.host == [])
  }
}
