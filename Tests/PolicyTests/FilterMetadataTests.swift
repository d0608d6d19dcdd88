import Bytes
import Policy
import TestSupport
import Testing

/// Just enough of `google.protobuf.Struct`'s encoding.
enum StructEncoding {
  indirect enum Value {
    case null, number, text(String), bool(Bool), list([Value]), object([(String, Value)])
  }

  static func field(_ number: UInt8, _ content: [UInt8]) -> [UInt8] {
    var length = ByteBuffer()
    length.append(varint: UInt64(content.count))
    return [number << 3 | 2] + length.copy() + content
  }

  static func value(_ value: Value) -> [UInt8] {
    switch value {
    case .null: [0x08, 0x00]
    case .number: [0x11, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F]
    case .text(let text): field(3, Array(text.utf8))
    case .bool(let flag): [0x20, flag ? 1 : 0]
    case .object(let members): field(5, object(members))
    case .list(let elements): field(6, elements.flatMap { field(1, self.value($0)) })
    }
  }

  static func object(_ members: [(String, Value)]) -> [UInt8] {
    members.flatMap { field(1, field(1, Array($0.0.utf8)) + field(2, value($0.1))) }
  }
}

@Suite("Filter metadata: semantics 2.5")
struct FilterMetadataTests {
  typealias Value = StructEncoding.Value
  let filter = "envoy.filters.a.b"

  func request(_ members: [(String, Value)]) -> Request {
    Request { $0.metadata = [("other", [0xFF]), (filter, StructEncoding.object(members))] }
  }

  func found(_ pattern: String, _ members: [(String, Value)]) throws -> Bool {
    let key = "experimental.\(filter)[k]"
    let found = try matches(when(key, "values: [\"\(pattern)\"]"), request(members))
    #expect(try matches(when(key, "notValues: [\"\(pattern)\"]"), request(members)) != found)
    return found
  }

  @Test func `Text matches a pattern`() throws {
    #expect(try found("a*", [("x", .text("ax")), ("k", .text("ab"))]))
    #expect(try !found("a*", [("k", .text("ba")), ("x", .text("ab"))]))
    #expect(try !found("a", []))
    #expect(try !found("*", [("k", .text(""))]))
  }

  @Test func `A value in brackets matches an element of a list, and no other does`() throws {
    #expect(try found("[v]", [("k", .list([.number, .text("u"), .text("v")]))]))
    #expect(try !found("v", [("k", .list([.text("v")]))]))
    #expect(try !found("[v]", [("k", .text("v"))]))
    #expect(try !found("[v]", [("k", .text("[v]"))]))
    #expect(try !found("[v]", [("k", .list([.list([.text("v")])]))]))
    #expect(try found("[v*]", [("k", .list([.text("vw")]))]))
    #expect(try !found("[v]", [("k", .list([]))]))
  }

  @Test func `What is neither text nor list never matches`() throws {
    for value in [Value.null, .number, .bool(true), .object([("k", .text("a"))])] {
      #expect(try !found("*", [("k", value)]))
      #expect(try !found("[*]", [("k", value)]))
    }
  }

  @Test func `Of entries with one key the last counts`() throws {
    #expect(try found("b", [("k", .text("a")), ("k", .text("b"))]))
    #expect(try !found("a", [("k", .text("a")), ("k", .text("b"))]))
  }

  @Test func `Without metadata every notValues holds`() throws {
    #expect(try matches(when("experimental.\(filter)[k]", "notValues: [\"*\"]"), Request()))
    #expect(try !matches(when("experimental.\(filter)[k]", "values: [\"*\"]"), Request()))
  }

  @Test func `Malformed metadata is denied where it is asked for, and only there`() throws {
    let key = "experimental.\(filter)[k]"
    let whole = StructEncoding.object([("k", .text("a"))])
    for octets in [
      Array(whole.dropLast()), [0x0B], [0x0A, 0x7F], [0x80],
      [0x0A, 0x07, 0x0A, 0x01, 0x6B, 0x12, 0x02, 0x1A, 0x05],
    ] {
      let bad = Request { $0.metadata = [(filter, octets)] }
      #expect(try allow(when(key, "values: [a]"), "{}").outcome(bad) == .denied(.malformedMetadata))
      #expect(try deny(when(key, "values: [a]")).outcome(bad) == .denied(.malformedMetadata))
      #expect(try allow(when(key, "notValues: [a]")).outcome(bad) == .denied(.malformedMetadata))
      #expect(try allow("{}").passes(bad))
    }
  }

  @Test func `Any octets give an answer, and what is cut never matches`() throws {
    let seed: UInt64 = 20_262
    print("seed \(seed)")
    var random = SeededGenerator(seed: seed)
    let whole = StructEncoding.object([
      ("a", .list([.text("x"), .object([("k", .text("v"))])])), ("k", .text("v")), ("z", .bool(true)),
    ])
    let table = try allow(when("experimental.\(filter)[k]", "values: [v]")).table()
    var scratch = PolicyScratch()
    for round in 0..<20_000 {
      var octets = whole
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        switch Int.random(in: 0..<3, using: &random) {
        case 0 where !octets.isEmpty:
          octets[Int.random(in: 0..<octets.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        case 1: octets = Array(octets.prefix(Int.random(in: 0...octets.count, using: &random)))
        default:
          octets.insert(
            UInt8.random(in: 0...255, using: &random), at: Int.random(in: 0...octets.count, using: &random))
        }
      }
      let decision = try Request { $0.metadata = [(filter, octets)] }.decide(table, &scratch)
      if decision.isAllowed {
        // Whatever else was changed, the key and its text are still there.
        #expect(octets.contains(0x6B) && octets.contains(0x76), "round \(round)")
      }
    }
  }
}
