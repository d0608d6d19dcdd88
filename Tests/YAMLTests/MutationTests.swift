import TestSupport
import Testing
import YAML

@Suite struct `Any octets are read without harm` {
  static let seeds = [
    "apiVersion: v1\nkind: List\nitems:\n- a: [1, 2, {b: c}]\n  d: |\n    text\n  e: >-\n    folded\n",
    "{\"a\": [true, null, -1.5e3, \"x\\u00e9\\n\"], \"b\": {\"c\": {}}}",
    "a: &x {k: v}\nb: *x\nc: !!str 80\n---\n- 'it''s'\n- \"\\x41\"\n...\n%YAML 1.1\n---\n? k\n: v\n",
    "rules:\n  - from:\n    - source: {principals: [\"*\"]}\n    when:\n    - key: request.headers[x]\n",
  ]

  @Test func `Mutated texts parse to bounded trees or to an error with a place`() {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("YAML mutation seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let spice =
      Array(":-?[]{}&*!|>'\"%@`#,\\ \n\r\t~<=0x1e.\u{0}\u{7F}é\u{85}\u{2028}\u{FEFF}".utf8) + [0xFF, 0xC0]
    var settings = YAMLSettings()
    settings.maximumDepth = 16
    settings.maximumNodes = 500
    var parsed = 0
    for _ in 0..<20_000 {
      guard var octets = Self.seeds.randomElement(using: &generator).map({ Array($0.utf8) }) else { continue }
      for _ in 0..<Int.random(in: 1...6, using: &generator) {
        let index = Int.random(in: 0..<max(1, octets.count), using: &generator)
        let octet = spice.randomElement(using: &generator) ?? 0
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: if index < octets.count { octets[index] = octet }
        case 1: octets.insert(octet, at: min(index, octets.count))
        case 2: if index < octets.count { octets.remove(at: index) }
        case 3: octets.removeLast(min(octets.count, Int.random(in: 0...8, using: &generator)))
        default: octets.insert(contentsOf: octets.prefix(index), at: min(index, octets.count))
        }
      }
      do {
        let roots = try YAMLParser.parse(octets, settings)
        parsed += 1
        var nodes = 0
        for root in roots { nodes += Self.walk(root, depth: 1, settings) }
        #expect(nodes <= settings.maximumNodes)
      } catch {
        #expect(error.position.line >= 1 && error.position.column >= 1)
        #expect(!error.message.isEmpty)
        // A cause is named only where it is.
        let lines = octets.split(separator: 0x0A, omittingEmptySubsequences: false)
        if error.reason == .tab { #expect(lines[error.position.line - 1].contains(0x09)) }
        if error.reason == .template {
          #expect(String(decoding: lines[error.position.line - 1], as: UTF8.self).contains("{{"))
        }
      }
    }
    #expect(parsed > 100)
  }

  /// Counts the nodes and checks what a tree promises.
  private static func walk(_ node: YAMLNode, depth: Int, _ settings: YAMLSettings) -> Int {
    #expect(node.position.line >= 1 && node.position.column >= 1)
    switch node.content {
    case .sequence(let elements):
      #expect(depth <= settings.maximumDepth)
      return elements.reduce(1) { $0 + walk($1, depth: depth + 1, settings) }
    case .mapping(let members):
      #expect(depth <= settings.maximumDepth)
      #expect(Set(members.map { Array($0.name.utf8) }).count == members.count)
      return members.reduce(1) { $0 + walk($1.value, depth: depth + 1, settings) }
    case .number:
      #expect(node.number != nil)
      return 1
    default: return 1
    }
  }
}
