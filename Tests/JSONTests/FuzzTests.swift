import Bytes
import Foundation
import JSON
import TestSupport
import Testing

@Suite struct `Mutated documents` {
  static let seeds = [
    #"{"iss":"https://a.example","aud":["x","y"],"exp":1700000000,"n":{"a":[1,2.5e-3,true,null]}}"#,
    #"{"u":"\u00e9\uD83D\uDE00","\u0061":["b","c\n"]}"#,
    #"[[[]],{"a":{}},"",-0,1e5,"\\\"",false]"#,
    #"{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"BB","use":"sig","key_ops":["verify"]}]}"#,
  ]

  @Test func `what we accept, Foundation accepts as the same value, and our rewriting is stable`() throws {
    let seed = UInt64.random(in: 0 ... .max)
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    var document = JSONDocument()
    var output = ByteBuffer()
    var accepted = 0
    for round in 0..<20_000 {
      let text = mutate(Array(Self.seeds[round % Self.seeds.count].utf8), &generator)
      guard (try? document.parse(text.span)) != nil else { continue }
      accepted += 1
      output.removeAll()
      JSONWriter.write(document.root, of: document, into: &output)
      let once = output.copy()
      #expect(try rewritten(once) == once)
      guard accepted % 4 == 0 else { continue }
      let theirs = try JSONSerialization.jsonObject(with: Data(text), options: [.fragmentsAllowed])
      let ours = try JSONSerialization.jsonObject(with: Data(once), options: [.fragmentsAllowed])
      #expect((theirs as? NSObject) == (ours as? NSObject), "\(String(decoding: text, as: UTF8.self))")
    }
    #expect(accepted > 500)
  }

  @Test func `random octets never trap`() {
    let seed = UInt64.random(in: 0 ... .max)
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let alphabet = Array("{}[]\",:\\u0123456789abcdefDtrnl-+.eE \n".utf8)
    for _ in 0..<20_000 {
      let text = (0..<(generator.next() % 24)).map { _ in alphabet.randomElement(using: &generator) ?? 0 }
      if failure(text) == nil { #expect((try? rewritten(text)) != nil) }
    }
  }

  private func mutate(_ text: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
    var text = text
    let marks = Array("{}[]\",:\\u0e-.\u{80}".utf8)
    for _ in 0..<(1 + generator.next() % 2) where !text.isEmpty {
      let index = Int.random(in: 0..<text.count, using: &generator)
      switch generator.next() % 6 {
      case 0: text[index] = UInt8(truncatingIfNeeded: generator.next())
      case 1: text.remove(at: index)
      case 2: text.insert(marks.randomElement(using: &generator) ?? 0, at: index)
      case 3: text[index] = 0x30 + UInt8(generator.next() % 10)
      case 4: text.insert(contentsOf: text[index..<min(text.count, index + 8)], at: index)
      default: text.removeSubrange(index..<min(text.count, index + 4))
      }
    }
    return text
  }
}
