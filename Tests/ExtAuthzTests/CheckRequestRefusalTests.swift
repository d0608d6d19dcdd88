import ExtAuthz
import Testing

/// Messages that must not be read.
struct CheckRequestRefusalTests {
  private func name(_ error: WireError?) -> String {
    switch error {
    case nil: "read"
    case .number: "number"
    case .length: "length"
    case .fieldNumber: "fieldNumber"
    case .wireType: "wireType"
    case .group: "group"
    case .text: "text"
    case .splitMetadata: "splitMetadata"
    case .groupDepth: "groupDepth"
    case .messageSize: "messageSize"
    case .headers: "headers"
    case .contextExtensions: "contextExtensions"
    case .metadataNamespaces: "metadataNamespaces"
    }
  }

  @Test(
    arguments: [
      ([0x08], "number"),  // no octet of the number
      ([0x08, 0x80], "number"),  // cut
      ([0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], "read"),  // 2^64-1
      ([0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02], "number"),  // 2^65
      ([0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00], "number"),  // eleven octets
      ([0x0A], "number"),  // no length
      ([0x0A, 0x01], "length"),
      ([0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], "length"),  // 2^64-1
      ([0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F], "length"),  // 2^63-1
      ([0x0A, 0x80, 0x80, 0x80, 0x80, 0x10], "length"),  // 2^32
      ([0x0A, 0x02, 0x22, 0x05, 0x12], "length"),  // inner length past the outer end
      ([0x0A, 0x03, 0x22, 0x01, 0x80, 0x00], "number"),  // a number that reaches past its message's end
      ([0x00], "fieldNumber"), ([0x02, 0x00], "fieldNumber"),  // field 0
      ([0x80, 0x00], "fieldNumber"),  // field 0 in two octets
      ([0xFA, 0xFF, 0xFF, 0xFF, 0x0F, 0x00], "read"),  // the largest field number
      ([0xFA, 0xFF, 0xFF, 0xFF, 0x1F, 0x00], "fieldNumber"),  // a tag of 33 bits
      ([0x8A, 0x80, 0x80, 0x80, 0x80, 0x00, 0x00], "fieldNumber"),  // a tag of six octets
      ([0x0E], "wireType"), ([0x0F], "wireType"), ([0x8E, 0x02], "wireType"),
      ([0x09, 0, 0, 0, 0, 0, 0, 0], "length"), ([0x0D, 0, 0, 0], "length"),  // cut numbers of fixed size
      ([0x0C], "group"),  // an end without a beginning
      ([0x0B], "group"),  // a beginning without an end
      ([0x0B, 0x14], "group"),  // another group's end
      ([0x0B, 0x13, 0x0C, 0x14], "group"),  // crossed
      ([0x0B, 0x0C], "read"), ([0x0B, 0x13, 0x14, 0x0C], "read"),
      ([0x0B, 0x0A, 0x05, 0x0C], "length"),  // a length past the end within a group
      ([0x0A, 0x01, 0x0B, 0x0C], "group"),  // a group that ends outside its message
    ] as [([UInt8], String)])
  func `a message that is not well formed is refused with its reason`(_ message: [UInt8], _ expected: String)
  {
    #expect(name(refusal(message)) == expected)
  }

  @Test func `groups may nest as deep as the limit and not deeper`() {
    func nested(_ depth: Int) -> [UInt8] {
      (0..<depth).flatMap { _ in [0xA3, 0x01] as [UInt8] }
        + (0..<depth).flatMap { _ in [0xA4, 0x01] as [UInt8] }
    }
    #expect(refusal(nested(CheckRequestReader.maximumGroupDepth)) == nil)
    #expect(refusal(nested(CheckRequestReader.maximumGroupDepth + 1)) == .groupDepth(at: 64))
    #expect(name(refusal(nested(100_000))) == "groupDepth")
    #expect(refusal(nested(33))?.statusCode == .resourceExhausted)
  }

  /// Octets that are not UTF-8: a stray continuation, a cut sequence, an overlong slash, a surrogate, too
  /// large.
  static let notText: [[UInt8]] = [
    [0x80], [0x61, 0xC3], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xFF],
  ]

  @Test(arguments: notText)
  func `text that is not UTF-8 is refused wherever policies could read it`(_ bad: [UInt8]) {
    let messages: [[UInt8]] = [
      Wire.http(Wire.field(2, bad)), Wire.http(Wire.field(4, bad)), Wire.http(Wire.field(5, bad)),
      Wire.http(Wire.field(6, bad)), Wire.http(Wire.field(3, Wire.field(1, bad))),
      Wire.http(Wire.field(3, Wire.field(2, bad))),
      Wire.http(Wire.field(3, Wire.field(1, "x"), Wire.field(2, bad))),
      Wire.http(Wire.field(3, Wire.field(1, bad), Wire.field(2, "y"))),
      Wire.http(Wire.field(3, Wire.field(1, "x"), Wire.field(2, Array(repeating: 0x61, count: 200) + bad))),
      Wire.http(Wire.field(3, Wire.field(1, bad), Wire.field(2, Array(repeating: 0x61, count: 200)))),
      Wire.http(Wire.field(13, Wire.field(1, Wire.field(1, bad)))),
      Wire.http(Wire.field(13, Wire.field(1, Wire.field(2, bad), Wire.field(3, "raw")))),
      Wire.attributes(Wire.field(1, Wire.field(4, bad))), Wire.attributes(Wire.field(2, Wire.field(4, bad))),
      Wire.attributes(Wire.field(1, Wire.field(1, Wire.field(1, Wire.field(2, bad))))),
      Wire.attributes(Wire.field(10, Wire.field(1, bad))),
      Wire.attributes(Wire.field(10, Wire.field(2, bad))),
      Wire.attributes(Wire.field(11, Wire.field(1, Wire.field(1, bad)))),
      Wire.attributes(Wire.field(12, Wire.field(1, bad))),
    ]
    for message in messages {
      let error = refusal(message)
      #expect(name(error) == "text", "\(message)")
      #expect(error?.statusCode == .internal)
    }
    // The first of two is checked although the second wins.
    #expect(name(refusal(Wire.http(Wire.field(4, bad), Wire.field(4, "/")))) == "text")
  }

  @Test(arguments: notText)
  func `octets that are not text are taken where octets are meant`(_ octets: [UInt8]) throws {
    let line = Wire.field(13, Wire.field(1, Wire.field(1, "x"), Wire.field(3, octets)))
    #expect(try take(Wire.http(line)).headers == [Taken.Pair(Array("x".utf8), octets)])
    // A raw body and a certificate are passed over.
    #expect(refusal(Wire.http(Wire.field(12, octets))) == nil)
    #expect(refusal(Wire.attributes(Wire.field(1, Wire.field(5, octets)))) == nil)
  }

  // MARK: Limits

  @Test func `as many headers as the limit are read and one more is refused`() {
    func map(_ count: Int) -> [UInt8] {
      Wire.http((0..<count).flatMap { Wire.field(3, Wire.entry("x\($0)", "y")) })
    }
    func lines(_ count: Int) -> [UInt8] {
      Wire.http(Wire.field(13, (0..<count).flatMap { Wire.field(1, Wire.entry("x\($0)", "y")) }))
    }
    var settings = CheckRequestSettings()
    #expect(refusal(map(settings.maximumHeaders)) == nil)
    #expect(name(refusal(map(settings.maximumHeaders + 1))) == "headers")
    settings.maximumHeaders = 3
    for message in [map, lines] {
      #expect(refusal(message(3), settings: settings) == nil)
      let error = refusal(message(4), settings: settings)
      #expect(name(error) == "headers")
      #expect(error?.statusCode == .resourceExhausted)
    }
  }

  @Test func `as many context extensions as the limit are read and one more is refused`() {
    var settings = CheckRequestSettings()
    settings.maximumContextExtensions = 2
    let entry = Wire.field(10, Wire.entry("a", "b"))
    #expect(refusal(Wire.attributes(entry, entry), settings: settings) == nil)
    #expect(name(refusal(Wire.attributes(entry, entry, entry), settings: settings)) == "contextExtensions")
    // Pieces of the attributes are counted together.
    #expect(
      name(refusal(Wire.attributes(entry, entry) + Wire.attributes(entry), settings: settings))
        == "contextExtensions")
  }

  @Test func `as many metadata namespaces as the limit are read and one more is refused`() {
    var settings = CheckRequestSettings()
    settings.maximumMetadataNamespaces = 2
    let entry = Wire.field(11, Wire.field(1, Wire.entry("a", "b")))
    #expect(refusal(Wire.attributes(entry, entry), settings: settings) == nil)
    #expect(name(refusal(Wire.attributes(entry, entry, entry), settings: settings)) == "metadataNamespaces")
  }

  @Test func `every error has a text and the place where it happened`() {
    let message = Wire.http(Wire.field(2, "GET"), Wire.field(4, [0x2F, 0xFF]))
    #expect(refusal(message) == .text(at: message.count - 2))
    #expect(refusal(message)?.offset == message.count - 2)
    let errors: [WireError] = [
      .number(at: 1), .length(at: 1), .fieldNumber(at: 1), .wireType(at: 1), .group(at: 1), .text(at: 1),
      .splitMetadata(at: 1), .groupDepth(at: 1), .messageSize, .headers(at: 1), .contextExtensions(at: 1),
      .metadataNamespaces(at: 1),
    ]
    #expect(Set(errors.map { "\($0.text)" }).count == errors.count)
    // A message that was not read never ends its call with OK.
    #expect(errors.allSatisfy { [.internal, .resourceExhausted].contains($0.statusCode) })
  }
}
