import Bytes
import JSON
import TestSupport
import Testing

@Suite struct ShortestDoubleTests {
  private func text(_ value: Double) -> String {
    var output = ByteBuffer()
    ShortestDouble.append(value, to: &output)
    return String(decoding: output.copy(), as: UTF8.self)
  }

  /// The digits of Swift's own description, which are the shortest too, in the layout of RFC 8785.
  private func reference(_ value: Double) -> String {
    if value == 0 { return "0" }
    let parts = value.magnitude.description.split(separator: "e")
    let mantissa = parts[0].split(separator: ".")
    var point = mantissa[0].count + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
    var digits = String(mantissa.joined())
    while digits.count > 1, digits.first == "0" {
      digits.removeFirst()
      point -= 1
    }
    while digits.count > 1, digits.last == "0" { digits.removeLast() }
    let sign = value < 0 ? "-" : ""
    if point > 21 || point <= -6 {
      let rest = digits.count > 1 ? "." + digits.dropFirst() : ""
      return sign + digits.prefix(1) + rest + (point > 0 ? "e+" : "e-") + "\(abs(point - 1))"
    }
    if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + digits }
    if digits.count <= point { return sign + digits + String(repeating: "0", count: point - digits.count) }
    return sign + digits.prefix(point) + "." + digits.dropFirst(point)
  }

  @Test func `numbers are laid out as RFC 8785 does it`() {
    let known: [(Double, String)] = [
      (0, "0"), (-0.0, "0"), (3, "3"), (-3, "-3"), (1.5, "1.5"), (0.1, "0.1"),
      (0.1 + 0.2, "0.30000000000000004"),
      (1e15, "1000000000000000"), (1e20, "100000000000000000000"), (1e21, "1e+21"), (1.5e300, "1.5e+300"),
      (0.000001, "0.000001"), (0.0000001, "1e-7"), (-1.25e-7, "-1.25e-7"),
      (9_007_199_254_740_992, "9007199254740992"),
      (.greatestFiniteMagnitude, "1.7976931348623157e+308"), (.leastNonzeroMagnitude, "5e-324"),
      (.leastNormalMagnitude, "2.2250738585072014e-308"),
      // Appendix B of the RFC.
      (333_333_333.333_333_29, "333333333.3333333"), (1e23, "1e+23"),
      (9.999999999999997e22, "9.999999999999997e+22"),
      (0.000_001_234, "0.000001234"),
    ]
    for (value, expected) in known {
      #expect(text(value) == expected)
      #expect(text(value).utf8.count <= ShortestDouble.maximumBytes)
    }
  }

  @Test func `what is not finite has no text`() {
    for value in [Double.infinity, -.infinity, .nan] { #expect(text(value).isEmpty) }
  }

  @Test func `any number has the shortest digits that read back as it`() {
    var random = SeededGenerator(announced: "ShortestDoubleTests")
    var values = (-1_074...1_023).map { Double(sign: .plus, exponent: $0, significand: 1) }
    for _ in 0..<40_000 {
      values.append(Double(bitPattern: random.next()))
      values.append(Double(Int.random(in: -1_000_000...1_000_000, using: &random)) / 1_000)
      values.append(Double.random(in: 0...1, using: &random))
      values.append(Double(Int64(bitPattern: random.next()) >> Int64.random(in: 0..<64, using: &random)))
    }
    for value in values where value.isFinite {
      let seen = text(value)
      #expect(seen == reference(value))
      #expect(Double(seen) == value)
      #expect(seen.utf8.count <= ShortestDouble.maximumBytes)
    }
  }
}

extension SeededGenerator {
  fileprivate init(announced name: String) {
    let seed = UInt64.random(in: 0 ... .max)
    print("\(name): seed \(seed)")
    self.init(seed: seed)
  }
}
