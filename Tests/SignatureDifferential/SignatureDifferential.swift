import Bytes
public import Signatures
import TestSupport

/// ECDSA by tables against libcrypto's own: signatures that are right, spoilt, at the edges and chosen so
/// that the sum of points meets itself or vanishes. Both must say the same of each.
public struct SignatureDifferential {
  public struct Outcome: Sendable {
    public var count = 0
    public var valid = 0
    /// The first signature of which the two differ.
    public var difference: String?
    /// How many of each kind.
    public var kinds: [String: Int] = [:]

    /// Asks both, and writes down what they say.
    /// - Parameter mustBe: what both must say, where that is known.
    mutating func compare(
      _ slow: inout Verifier, _ fast: inout Verifier, _ signature: [UInt8], _ message: [UInt8],
      _ title: String, kind: String, mustBe: Bool?
    ) {
      let bySlow = slow.isValid(signature: signature.span, over: message.span)
      let byFast = fast.isValid(signature: signature.span, over: message.span)
      count += 1
      if bySlow { valid += 1 }
      kinds[kind, default: 0] += 1
      guard difference == nil, bySlow != byFast || (mustBe != nil && bySlow != mustBe) else { return }
      let text = signature.map { String($0, radix: 16) }.joined(separator: " ")
      difference = "\(title): libcrypto's own way \(bySlow), ours \(byFast); signature \(text)"
    }
  }

  private let curve: Curve
  private let numbers: CurveNumbers
  private var random: SeededGenerator
  private var outcome = Outcome()
  /// Messages for each key, of seven signatures each; a table takes longer to build than hundreds of checks.
  private let perKey: Int

  public init(_ curve: Curve, seed: UInt64, perKey: Int = 300) {
    self.curve = curve
    self.perKey = perKey
    numbers = CurveNumbers(curve)
    random = SeededGenerator(seed: seed)
  }

  /// Compares so many signatures, or until one differs.
  public mutating func run(_ count: Int) throws -> Outcome {
    while outcome.count < count, outcome.difference == nil {
      try chosenPoints()
      try oneKey(min(perKey, max(0, count - outcome.count) / 7 + 1))
    }
    return outcome
  }

  private mutating func octets(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
  }

  /// From 1 to the order less 1.
  private mutating func scalar() -> CurveNumbers.Number {
    let value = numbers.reduced(numbers.number(octets(curve.octets)))
    return numbers.octets(value).contains { $0 != 0 } ? value : numbers.number(1)
  }

  /// The hash as a number: none of the three is longer than its order.
  private func hash(_ message: [UInt8]) -> CurveNumbers.Number {
    numbers.number(curve.algorithm.hash.digest(of: message))
  }

  /// A key's two verifiers.
  private struct Pair: ~Copyable {
    var slow: Verifier
    var fast: Verifier

    init(_ key: VerificationKey, _ algorithm: Algorithm) throws {
      let first = try Verifier(key: key, algorithm: algorithm)
      var second = try Verifier(key: key, algorithm: algorithm)
      if let table = ECDSATable.build(for: key) { second.adopt(table) }
      slow = first
      fast = second
    }
  }

  private mutating func compare(
    _ pair: inout Pair, _ signature: [UInt8], _ message: [UInt8], _ kind: String, mustBe: Bool? = nil
  ) {
    outcome.compare(
      &pair.slow, &pair.fast, signature, message, "\(curve.name) \(kind)", kind: kind, mustBe: mustBe)
  }

  // MARK: One key, many signatures

  private mutating func oneKey(_ count: Int) throws {
    let d = scalar()
    var pair = try Pair(try numbers.key(d), curve.algorithm)
    if !pair.fast.hasTable { outcome.difference = "\(curve.name): no table" }
    for _ in 0..<count where outcome.difference == nil {
      let message = octets(Int.random(in: 0...80, using: &random))
      let k = scalar()
      let r = numbers.reduced(numbers.multipleOfGenerator(k).x)
      let s = numbers.divide(numbers.add(numbers.reduced(hash(message)), numbers.multiply(r, d)), k)
      // Several for each: a product costs as much as a check.
      compare(&pair, numbers.octets(r) + numbers.octets(s), message, "right", mustBe: true)
      compare(
        &pair, numbers.octets(r) + numbers.octets(numbers.negative(s)), message, "negated", mustBe: true)
      spoilt(&pair, numbers.octets(r), numbers.octets(s), message)
      edges(&pair, numbers.octets(r), numbers.octets(s), message)
    }
  }

  private mutating func spoilt(_ pair: inout Pair, _ r: [UInt8], _ s: [UInt8], _ message: [UInt8]) {
    var signature = r + s
    let bit = Int.random(in: 0..<(signature.count * 8), using: &random)
    signature[bit / 8] ^= 1 << UInt8(bit % 8)
    compare(&pair, signature, message, "one bit")
    compare(&pair, r + s, message + [0], "another message", mustBe: false)
    compare(&pair, s + r, message, "exchanged")
    compare(&pair, octets(2 * curve.octets), message, "random")
  }

  private mutating func edges(_ pair: inout Pair, _ r: [UInt8], _ s: [UInt8], _ message: [UInt8]) {
    let order = numbers.orderNumber
    let values: [(String, [UInt8])] = [
      ("0", numbers.octets(numbers.number(0))), ("1", numbers.octets(numbers.number(1))),
      ("n - 1", numbers.octets(numbers.negative(numbers.number(1)))), ("n", numbers.octets(order)),
      ("p", numbers.octets(numbers.fieldNumber)), ("all ones", [UInt8](repeating: 0xFF, count: curve.octets)),
    ]
    let (name, value) = values[Int.random(in: 0..<values.count, using: &random)]
    if Bool.random(using: &random) {
      compare(&pair, value + s, message, "r = \(name)")
    } else {
      compare(&pair, r + value, message, "s = \(name)")
    }
    // The same number modulo the order is another signature, and none.
    let more = numbers.plain(numbers.number(r), plus: order)
    let limit = numbers.number([1] + [UInt8](repeating: 0, count: curve.octets))
    if numbers.isBelow(more, limit) {
      compare(&pair, numbers.octets(more) + s, message, "r + n", mustBe: false)
    }
  }

  // MARK: Chosen points

  /// The hash divided by r as the private key makes u1·G and u2·Q the same point; its negative makes their
  /// sum vanish.
  private mutating func chosenPoints() throws {
    let message = octets(40)
    let e = numbers.reduced(hash(message))
    let k = scalar()
    let r = numbers.reduced(numbers.multipleOfGenerator(k).x)
    let d = numbers.divide(e, r)
    var equal = try Pair(try numbers.key(d), curve.algorithm)
    // k = u1 + u2·d = 2·e/s.
    let s = numbers.divide(numbers.add(e, e), k)
    compare(&equal, numbers.octets(r) + numbers.octets(s), message, "equal points", mustBe: true)
    compare(&equal, numbers.octets(r) + numbers.octets(scalar()), message, "equal points, not right")
    var opposite = try Pair(try numbers.key(numbers.negative(d)), curve.algorithm)
    let signature = numbers.octets(r) + numbers.octets(scalar())
    compare(&opposite, signature, message, "a sum of infinity", mustBe: false)
  }
}
