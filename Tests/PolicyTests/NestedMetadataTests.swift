import Foundation
import Policy
import SwiftProtobuf
import TestSupport
import Testing

@Suite("Nested keys of filter metadata: an extension")
struct NestedMetadataTests {
  private let filter = "envoy.filters.http.mcp"

  private func request(_ fields: Google_Protobuf_Struct) throws -> Request {
    let octets: [UInt8] = try Array(fields.serializedData())
    return Request { $0.metadata = [(filter, octets)] }
  }

  private func fields(_ json: String) throws -> Google_Protobuf_Struct {
    try Google_Protobuf_Struct(jsonString: json)
  }

  /// Whether `values` matches; `notValues` must say the opposite.
  private func found(_ path: String, _ pattern: String, _ request: Request) throws -> Bool {
    let key = "experimental.\(filter)\(path)"
    let found = try matches(when(key, "values: [\"\(pattern)\"]"), request)
    #expect(try matches(when(key, "notValues: [\"\(pattern)\"]"), request) != found, "\(key) \(pattern)")
    return found
  }

  private func found(_ path: String, _ pattern: String, in json: String) throws -> Bool {
    try found(path, pattern, try request(fields(json)))
  }

  @Test func `text at the end of the names matches a pattern`() throws {
    let json = #"{"params":{"name":"delete_all","x":{"name":"other"}},"name":"top"}"#
    #expect(try found("[params][name]", "delete_*", in: json))
    #expect(try found("[params][name]", "*_all", in: json))
    #expect(try found("[params][name]", "*", in: json))
    #expect(try !found("[params][name]", "delete", in: json))
    #expect(try found("[params][x][name]", "other", in: json))
    #expect(try !found("[params][name][x]", "*", in: json), "text has no members")
    #expect(try !found("[x][name]", "*", in: json))
    #expect(try !found("[params][y]", "*", in: json))
    #expect(try !found("[params][x]", "*", in: json), "an object matches nothing")
  }

  @Test func `numbers and truth values match as text`() throws {
    let json = #"{"a":{"n":3.0,"f":1.5,"b":true,"c":false,"z":null,"big":1e21,"neg":-0.25,"zero":-0}}"#
    for (name, text) in [
      ("n", "3"), ("f", "1.5"), ("b", "true"), ("c", "false"), ("big", "1e+21"), ("neg", "-0.25"),
      ("zero", "0"),
    ] {
      #expect(try found("[a][\(name)]", text, in: json), "\(name)")
      #expect(try found("[a][\(name)]", "*", in: json), "\(name)")
      #expect(try !found("[a][\(name)]", text + "0", in: json), "\(name)")
    }
    #expect(try !found("[a][n]", "3.0", in: json))
    #expect(try found("[a][f]", "1.*", in: json))
    #expect(try !found("[a][z]", "*", in: json))
    #expect(try !found("[a][z]", "null", in: json))
  }

  @Test func `a list matches by any text, number or truth value in it, and is not walked into`() throws {
    let json = #"{"a":{"l":["x",3,true,null,["y"],{"k":"z"}],"empty":[]}}"#
    for text in ["x", "3", "true"] { #expect(try found("[a][l]", text, in: json)) }
    for text in ["y", "z", "null", "[x]", "false"] { #expect(try !found("[a][l]", text, in: json)) }
    #expect(try !found("[a][l][k]", "*", in: json))
    #expect(try !found("[a][l][0]", "*", in: json))
    #expect(try !found("[a][empty]", "*", in: json))
  }

  @Test func `a single key keeps the rule of Envoy`() throws {
    let json = #"{"t":"v","n":3,"b":true,"l":["v",3],"o":{"k":"v"}}"#
    #expect(try found("[t]", "v", in: json))
    #expect(try found("[l]", "[v]", in: json))
    for (path, pattern) in [("[n]", "3"), ("[b]", "true"), ("[l]", "v"), ("[l]", "[3]"), ("[o]", "*")] {
      #expect(try !found(path, pattern, in: json), "\(path) \(pattern)")
    }
  }

  @Test func `without the filter's metadata, or a part of the path, the value is absent`() throws {
    #expect(try !found("[a][b]", "*", Request()))
    #expect(try !found("[a][b]", "*", in: "{}"))
    #expect(try !found("[a][b]", "*", in: #"{"a":{}}"#))
  }

  @Test func `metadata that is malformed on the way denies the check`() throws {
    let key = "experimental.\(filter)[a][b]"
    func entry(_ name: String, _ value: [UInt8]) -> [UInt8] {
      StructEncoding.field(1, StructEncoding.field(1, Array(name.utf8)) + StructEncoding.field(2, value))
    }
    let inner: [(String, [UInt8])] = [
      ("cut", [0x0A, 0x7F]), ("a number of the wrong type", entry("b", [0x10, 0x01])),
      ("two kinds in one value", entry("b", [0x20, 0x01, 0x08, 0x00])),
      ("a cut list", entry("b", StructEncoding.field(6, [0x0A, 0x7F]))),
      ("a list's element of the wrong type", entry("b", StructEncoding.field(6, [0x08, 0x01]))),
    ]
    for (why, bytes) in inner {
      let bad = Request { $0.metadata = [(filter, entry("a", StructEncoding.field(5, bytes)))] }
      for policies in [
        allow(when(key, "values: [x]"), "{}"), deny(when(key, "values: [x]")),
        allow(when(key, "notValues: [x]")),
      ] {
        #expect(try policies.outcome(bad) == .denied(.malformedMetadata), "\(why)")
      }
      #expect(try allow("{}").passes(bad))
      // Another branch of it is not looked at.
      #expect(try allow(when("experimental.\(filter)[c][b]", "notValues: [x]")).passes(bad))
    }
  }

  @Test func `what was seen is shown`() throws {
    func observed(_ path: String, _ json: String?) throws -> ObservedValue? {
      let table = try allow(when("experimental.\(filter)\(path)", "values: [nothing]")).table()
      var scratch = PolicyScratch()
      let asked = try json.map { try request(fields($0)) } ?? Request()
      return try asked.read { check, octets, changes, claims in
        table.explain(
          table.allRules[0], for: check, in: octets.span, changes: changes, claims: claims, scratch: &scratch
        )?.alternatives.first?.observed
      }
    }
    let json = #"{"a":{"t":"x","n":3,"b":true,"l":["x",1.5,null,false],"o":{}}}"#
    #expect(try observed("[a][t]", json) == .values(["x"]))
    #expect(try observed("[a][n]", json) == .values(["3"]))
    #expect(try observed("[a][b]", json) == .values(["true"]))
    #expect(try observed("[a][l]", json) == .values(["x", "1.5", "false"]))
    #expect(try observed("[a][o]", json) == .absent("no text, number, truth value or list there"))
    #expect(try observed("[a][x]", json) == .absent("the metadata has no such key"))
    #expect(try observed("[a][x]", nil) == .absent("the proxy sent no metadata of this filter"))
    #expect(try observed("[a]", json) == .absent("the metadata has no such key, or no text there"))
  }

  // MARK: Against swift-protobuf

  /// Slowly, from the decoded message.
  private func slowlyMatches(_ value: Google_Protobuf_Value?, _ pattern: String, depth: Int = 0) -> Bool {
    let text: String
    switch value?.kind {
    case .stringValue(let string): text = string
    case .boolValue(let flag): text = flag ? "true" : "false"
    case .numberValue(let number):
      // Small numbers: Swift's description with `.0` cut off is the form of RFC 8785.
      let described = number.description
      text = number == 0 ? "0" : described.hasSuffix(".0") ? String(described.dropLast(2)) : described
    case .listValue(let list) where depth == 0:
      return list.values.contains { slowlyMatches($0, pattern, depth: 1) }
    default: return false
    }
    if pattern == "*" { return !text.isEmpty }
    if pattern.hasPrefix("*") { return text.hasSuffix(pattern.dropFirst()) }
    if pattern.hasSuffix("*") { return text.hasPrefix(pattern.dropLast()) }
    return text == pattern
  }

  private func value(_ random: inout SeededGenerator, depth: Int = 0) -> Google_Protobuf_Value {
    switch Int.random(in: 0..<(depth > 3 ? 4 : 7), using: &random) {
    case 0: return .init(stringValue: ["x", "xy", "3", "true", ""].randomElement(using: &random) ?? "")
    case 1: return .init(numberValue: Double(Int.random(in: -8...8, using: &random)) / 2)
    case 2: return .init(boolValue: Bool.random(using: &random))
    case 3:
      var null = Google_Protobuf_Value()
      null.nullValue = .nullValue
      return null
    case 4:
      var list = Google_Protobuf_ListValue()
      for _ in 0..<Int.random(in: 0...4, using: &random) {
        list.values.append(value(&random, depth: depth + 1))
      }
      return .init(listValue: list)
    default: return .init(structValue: structure(&random, depth: depth + 1))
    }
  }

  private func structure(_ random: inout SeededGenerator, depth: Int = 0) -> Google_Protobuf_Struct {
    var structure = Google_Protobuf_Struct()
    for name in ["a", "b", "c", ""] where Int.random(in: 0..<3, using: &random) > 0 {
      structure.fields[name] = value(&random, depth: depth)
    }
    return structure
  }

  @Test func `random structures match as a slow decoder says, and damaged ones never trap`() throws {
    let seed = UInt64.random(in: 0 ... .max)
    print("NestedMetadataTests: seed \(seed)")
    var random = SeededGenerator(seed: seed)
    var scratch = PolicyScratch()
    var counts = [true: 0, false: 0]
    for path in [["a", "b"], ["a", "b", "c"], ["c", "a"], ["b", "b", "b", "b"]] {
      for pattern in ["x", "x*", "*y", "*", "3", "-1.5", "2.*", "*.5", "true", "f*"] {
        let key = "experimental.\(filter)" + path.map { "[\($0)]" }.joined()
        let table = try allow(when(key, "values: [\"\(pattern)\"]")).table()
        let negated = try allow(when(key, "notValues: [\"\(pattern)\"]")).table()
        for _ in 0..<60 {
          // Half of them have something at the path.
          var whole = structure(&random)
          if Bool.random(using: &random) {
            var inner = value(&random, depth: 2)
            for name in path.dropFirst().reversed() {
              var parent = structure(&random, depth: 2)
              parent.fields[name] = inner
              inner = .init(structValue: parent)
            }
            whole.fields[path[0]] = inner
          }
          var found: Google_Protobuf_Value? = .init(structValue: whole)
          for name in path {
            if case .structValue(let inner)? = found?.kind { found = inner.fields[name] } else { found = nil }
          }
          let expected = slowlyMatches(found, pattern)
          counts[expected, default: 0] += 1
          let asked = try request(whole)
          #expect(try asked.decide(table, &scratch).isAllowed == expected, "\(path) \(pattern) \(whole)")
          #expect(try asked.decide(negated, &scratch).isAllowed != expected, "\(path) \(pattern) \(whole)")
          var octets = asked.metadata[0].1
          if octets.isEmpty { continue }
          for _ in 0..<2 {
            octets[Int.random(in: octets.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
          }
          let damaged = Request { $0.metadata = [(filter, octets)] }
          let (one, other) = (try damaged.decide(table, &scratch), try damaged.decide(negated, &scratch))
          if one.outcome == .denied(.malformedMetadata) {
            #expect(other.outcome == one.outcome)
          } else {
            #expect(one.isAllowed != other.isAllowed)
          }
        }
      }
    }
    #expect(counts[true, default: 0] > 50 && counts[false, default: 0] > 50, "\(counts)")
  }
}
