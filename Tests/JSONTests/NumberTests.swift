import Bytes
import Foundation
import JSON
import TestSupport
import Testing

@Suite struct `Numbers` {
  static let edges: [Double] = [
    0, -0.0, 1, -1, 0.5, 1.5, 2.5, 3, 0.1, 1e-7, 1e-6, 5e-7, 1.5e-6, 2.5e-6, 0.000_000_5, 1e15, 1e16, 1e17,
    1e21, 1e22,
    1e23, 9_007_199_254_740_992, 18_446_744_073_709_551_616, 1e300,
    .greatestFiniteMagnitude, .leastNonzeroMagnitude, .leastNormalMagnitude, .leastNormalMagnitude.nextDown,
    999_999.999_999_5, 0.999_999_5,
    0.000_000_499_999_9, 123_456.789, 9.999_999_999_999_999e22, 0.3, 0.1 + 0.2, 4.35, 1e-5, 0.0001, 99_999.5,
  ]

  private func random(_ generator: inout SeededGenerator) -> Double {
    switch generator.next() % 4 {
    case 0: Double(bitPattern: generator.next())
    case 1: Double(Int64(truncatingIfNeeded: generator.next())) / 1_000_000
    case 2: Double(generator.next() % 10_000_000) / 8_000_000
    default: Double(Int.random(in: -1_000...1_000, using: &generator)) / 1024
    }
  }

  private func values() -> [Double] {
    let seed = UInt64.random(in: 0 ... .max)
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    return Self.edges + Self.edges.map { -$0 }
      + (0..<20_000).map { _ in random(&generator) }.filter(\.isFinite)
  }

  @Test func `print with six decimals as C does`() {
    for value in values() {
      var output = ByteBuffer()
      DecimalDouble.appendFixed(value, to: &output)
      let text = output.span.text()
      #expect(text == String(format: "%f", value))
    }
  }

  @Test func `print short as C does, 15 digits or 17`() {
    for value in values() {
      var output = ByteBuffer()
      DecimalDouble.appendShort(value, to: &output)
      let fifteen = String(format: "%.15g", value)
      let expected = Double(fifteen) == value ? fifteen : String(format: "%.17g", value)
      let text = output.span.text()
      #expect(text == expected)
    }
  }

  @Test func `print nothing when they are none`() {
    for value in [Double.nan, .infinity, -.infinity] {
      var output = ByteBuffer()
      DecimalDouble.appendFixed(value, to: &output)
      DecimalDouble.appendShort(value, to: &output)
      let isEmpty = output.isEmpty
      #expect(isEmpty)
    }
  }

  @Test func `are read as the nearest double`() throws {
    let seed = UInt64.random(in: 0 ... .max)
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    var literals = [
      "0", "-0", "0.0", "1", "10", "9007199254740993", "18446744073709551615", "18446744073709551616", "1e22",
      "1e23",
      "123456789012345678901234567890", "0.1", "2.2250738585072011e-308", "5e-324", "2e-324", "1E5", "1e+5",
      "0.30000000000000004", "100000000000000000000000e-23",
      "1" + String(repeating: "0", count: 300) + "e-300",
      "0." + String(repeating: "0", count: 400) + "1", "9007199254740993.0", "1844674407370955161.7",
    ]
    for _ in 0..<20_000 {
      let value = random(&generator)
      guard value.isFinite else { continue }
      literals.append(value.description.lowercased())
      literals.append(String(format: "%.\(generator.next() % 25)e", value))
      literals.append(
        "\(generator.next()).\(generator.next() % 1000)e\(Int.random(in: -40...40, using: &generator))")
    }
    var document = JSONDocument()
    for literal in literals {
      guard let expected = Double(literal), expected.isFinite else { continue }
      try document.parse(Array(literal.utf8).span)
      let ours = document.double(of: document.root)
      #expect(ours?.bitPattern == expected.bitPattern, "\(literal)")
    }
  }
}
