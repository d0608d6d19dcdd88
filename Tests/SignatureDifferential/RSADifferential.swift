import Bytes
import Signatures
import TestSupport

/// RSA without EVP against EVP: signatures that are right, spoilt, out of range, and such that stand for
/// encoded messages with one thing wrong. Both must say the same of each.
public struct RSADifferential {
  /// Moduli whose encoded message is an octet shorter, and such with one to seven bits in their first octet.
  private static let bits = [2048, 2049, 2050, 2055, 3072]

  private var random: SeededGenerator
  private var outcome = SignatureDifferential.Outcome()

  public init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  /// Compares so many signatures, or until one differs.
  public mutating func run(_ count: Int) throws -> SignatureDifferential.Outcome {
    var keys = 0
    while outcome.count < count, outcome.difference == nil {
      guard let numbers = RSANumbers(bits: Self.bits[keys % Self.bits.count]) else {
        outcome.difference = "no key"
        break
      }
      keys += 1
      // A private operation costs as much as a hundred checks.
      for algorithm in Algorithm.allCases where algorithm.family == .rsaPKCS1 || algorithm.family == .rsaPSS {
        var pair = try Pair(numbers.publicKey(), algorithm)
        for _ in 0..<20 { oneMessage(&pair, numbers, algorithm) }
      }
    }
    return outcome
  }

  private struct Pair: ~Copyable {
    var slow: Verifier
    var fast: Verifier
    init(_ key: VerificationKey, _ algorithm: Algorithm) throws {
      let first = try Verifier(key: key, algorithm: algorithm, allowsFastPath: false)
      let second = try Verifier(key: key, algorithm: algorithm)
      slow = first
      fast = second
    }
  }

  private mutating func compare(
    _ pair: inout Pair, _ signature: [UInt8], _ message: [UInt8], _ kind: String, mustBe: Bool? = nil
  ) {
    let title = "\(pair.fast.algorithm.name) \(kind)"
    outcome.compare(&pair.slow, &pair.fast, signature, message, title, kind: kind, mustBe: mustBe)
  }

  private mutating func octets(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
  }

  private mutating func oneMessage(_ pair: inout Pair, _ numbers: RSANumbers, _ algorithm: Algorithm) {
    let message = octets(Int.random(in: 0...80, using: &random))
    let digest = algorithm.hash.digest(of: message)
    let right =
      algorithm.family == .rsaPSS
      ? numbers.encodePSS(digest, algorithm.hash, saltOctets: algorithm.hash.octets)
      : Self.encodePKCS1(digest, algorithm.hash, octets: numbers.octets)
    let signature = numbers.sign(right)
    compare(&pair, signature, message, "right", mustBe: true)
    compare(&pair, signature, message + [0], "another message", mustBe: false)
    var spoilt = signature
    let bit = Int.random(in: 0..<(spoilt.count * 8), using: &random)
    spoilt[bit / 8] ^= 1 << UInt8(bit % 8)
    compare(&pair, spoilt, message, "one bit")
    compare(&pair, octets(numbers.octets), message, "random")
    if let more = numbers.plusModulus(signature) { compare(&pair, more, message, "s + n", mustBe: false) }
    edges(&pair, numbers, message)
    // One octet of the encoded message is another, here and there at its ends.
    var changed = right
    // PSS's last zero and the 1 before the salt among them.
    let salt = changed.count - 1 - 2 * algorithm.hash.octets
    let ends = [0, 1, 2, salt - 2, salt - 1, changed.count - 1, changed.count - 1 - algorithm.hash.octets]
    let place =
      Bool.random(using: &random)
      ? ends.randomElement(using: &random) ?? 0 : Int.random(in: 0..<changed.count, using: &random)
    changed[place] ^= UInt8.random(in: 1...255, using: &random)
    compare(&pair, numbers.sign(changed), message, "one octet of the encoding")
    if algorithm.family == .rsaPSS {
      let length =
        [0, 1, 20, algorithm.hash.octets - 1, algorithm.hash.octets + 1, 100].randomElement(using: &random)
        ?? 0
      let salted = numbers.encodePSS(digest, algorithm.hash, saltOctets: length)
      compare(&pair, numbers.sign(salted), message, "a salt of another length", mustBe: false)
      // Above the bits that an encoding has: below the modulus in one of eight and more, another number else.
      var high = right
      high[0] ^= 1 << UInt8((numbers.bits - 1) & 7)
      compare(&pair, numbers.sign(high), message, "a bit above the encoding's", mustBe: false)
    } else {
      for (name, encoded) in wrongPKCS1(digest, algorithm.hash, octets: numbers.octets) {
        compare(&pair, numbers.sign(encoded), message, name, mustBe: false)
      }
    }
  }

  private mutating func edges(_ pair: inout Pair, _ numbers: RSANumbers, _ message: [UInt8]) {
    let zeros = [UInt8](repeating: 0, count: numbers.octets)
    var below = numbers.modulusOctets
    below[below.count - 1] -= 1
    let values: [(String, [UInt8])] = [
      ("0", zeros), ("1", zeros.dropLast() + [1]), ("n - 1", below), ("n", numbers.modulusOctets),
      ("all ones", zeros.map { _ in 0xFF }),
    ]
    let (name, value) = values[Int.random(in: 0..<values.count, using: &random)]
    compare(&pair, value, message, "s = \(name)", mustBe: false)
  }

  // MARK: PKCS #1 v1.5

  /// DER of DigestInfo up to the digest, its parameters NULL or left out.
  private static func digestInfo(_ hash: HashFunction, withNull: Bool = true) -> [UInt8] {
    let number: UInt8 =
      switch hash {
      case .sha256: 1
      case .sha384: 2
      case .sha512: 3
      }
    let parameters: [UInt8] = withNull ? [0x05, 0x00] : []
    let identifier: [UInt8] =
      [
        0x30, UInt8(11 + parameters.count), 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
        number,
      ] + parameters
    return [0x30, UInt8(identifier.count + 2 + hash.octets)] + identifier + [0x04, UInt8(hash.octets)]
  }

  private static func encodePKCS1(_ digest: [UInt8], _ hash: HashFunction, octets: Int) -> [UInt8] {
    let end = digestInfo(hash) + digest
    return [0, 1] + [UInt8](repeating: 0xFF, count: octets - 3 - end.count) + [0] + end
  }

  /// What careless readers of the padding have believed (RFC 8017 section 9.2; Bleichenbacher 2006).
  private mutating func wrongPKCS1(
    _ digest: [UInt8], _ hash: HashFunction, octets count: Int
  ) -> [(String, [UInt8])] {
    let end = Self.digestInfo(hash) + digest
    let bare = Self.digestInfo(hash, withNull: false) + digest
    let garbage = octets(count - 3 - 8 - end.count)
    func filled(_ type: UInt8, _ with: UInt8, _ end: [UInt8]) -> [UInt8] {
      [0, type] + [UInt8](repeating: with, count: count - 3 - end.count) + [0] + end
    }
    let other: HashFunction = hash == .sha256 ? .sha384 : .sha256
    return [
      ("garbage behind the digest", [0, 1] + [UInt8](repeating: 0xFF, count: 8) + [0] + end + garbage),
      ("no parameters", filled(1, 0xFF, bare)), ("type 0", filled(0, 0, end)),
      ("type 2", filled(2, 0xFF, end)),
      ("zeros for padding", filled(1, 0, end)), ("no DigestInfo", filled(1, 0xFF, digest)),
      ("another hash's name", filled(1, 0xFF, Self.digestInfo(other) + digest)),
    ]
  }
}
