import Signatures
import TestSupport
import Testing

/// RFC 7518 section 6.2.1.2 wants coordinates of full length. Serialisers write numbers.
struct CoordinateTests {
  private func point(_ key: SigningKey) throws -> (x: [UInt8], y: [UInt8]) {
    guard case .ec(_, let x, let y) = key.verificationKey.material else { throw BadVector(text: "no EC key") }
    return (x, y)
  }

  private func minimal(_ number: [UInt8]) -> [UInt8] { Array(number.drop { $0 == 0 }) }

  /// A key with a leading zero byte in a coordinate: one key in 128, for P-521 nearly each.
  private func shortKey(_ curve: Curve) throws -> SigningKey {
    for _ in 0..<100_000 {
      let key = try SigningKey.generate(for: curve.algorithm)
      let (x, y) = try point(key)
      if x[0] == 0 || y[0] == 0 { return key }
    }
    throw BadVector(text: "no key with a short coordinate")
  }

  @Test(arguments: Curve.allCases)
  func `Every spelling of a point is the same key with the same fingerprint`(curve: Curve) throws {
    let key = try shortKey(curve)
    let (x, y) = try point(key)
    let message = Array("message".utf8)
    let signature = try key.sign(message.span, algorithm: curve.algorithm)
    let longest = VerificationKey.longestCoordinateBytes
    for (spelledX, spelledY) in [
      (minimal(x), minimal(y)), (minimal(x), y), (x, minimal(y)), ([0] + x, [0] + y),
      ([0] + minimal(x), [0] + minimal(y)), (x, [UInt8](repeating: 0, count: longest - y.count) + y),
    ] {
      let other = try VerificationKey(curve: curve, x: spelledX, y: spelledY)
      #expect(other == key.verificationKey)
      #expect(other.fingerprint == key.verificationKey.fingerprint)
      #expect(other.material == .ec(curve, x: x, y: y))
      var verifier = try Verifier(key: other, algorithm: curve.algorithm)
      let isValid = verifier.isValid(signature: signature.span, over: message.span)
      #expect(isValid)
      #expect(ECDSATable.build(for: other)?.fingerprint == key.verificationKey.fingerprint)
    }
  }

  @Test(arguments: Curve.allCases)
  func `A coordinate is neither empty nor longer than the limit nor another number`(curve: Curve) throws {
    let (x, y) = try point(try shortKey(curve))
    #expect(throws: KeyError.coordinateEmpty) { try VerificationKey(curve: curve, x: [], y: y) }
    #expect(throws: KeyError.coordinateEmpty) { try VerificationKey(curve: curve, x: x, y: []) }
    let longest = VerificationKey.longestCoordinateBytes
    let long = [UInt8](repeating: 0, count: longest + 1 - x.count) + x
    #expect(throws: KeyError.coordinateTooLong(bytes: longest + 1)) {
      try VerificationKey(curve: curve, x: long, y: y)
    }
    // Bytes that are lost or added at the end, and a byte in front that is no zero, make another number.
    #expect(throws: KeyError.pointNotOnCurve) {
      try VerificationKey(curve: curve, x: x, y: Array(y.dropLast()))
    }
    #expect(throws: KeyError.coordinateNotBelowPrime(curve)) {
      try VerificationKey(curve: curve, x: [1] + x, y: y)
    }
    #expect(throws: KeyError.self) { try VerificationKey(curve: curve, x: x + [0], y: y) }
    for other in Curve.allCases where other != curve {
      #expect(throws: KeyError.self) { try VerificationKey(curve: other, x: x, y: y) }
    }
  }

  @Test(arguments: Curve.allCases)
  func `A number that is not below the prime is refused although it is congruent to a point`(curve: Curve)
    throws
  {
    let prime = try curve.prime
    #expect(throws: KeyError.coordinateNotBelowPrime(curve)) {
      try VerificationKey(curve: curve, x: prime, y: prime)
    }
    let all = [UInt8](repeating: 0xFF, count: curve.octets)
    #expect(throws: KeyError.coordinateNotBelowPrime(curve)) {
      try VerificationKey(curve: curve, x: all, y: all)
    }
    let (x, y) = try point(try SigningKey.generate(for: curve.algorithm))
    let congruent = try #require(([0] + x).adding([0] + prime))
    #expect(throws: KeyError.coordinateNotBelowPrime(curve)) {
      try VerificationKey(curve: curve, x: congruent, y: y)
    }
    // The largest number below the prime is a number like others: here on no curve beside this y.
    let largest = prime.subtracting([UInt8](repeating: 0, count: prime.count - 1) + [1])
    #expect(throws: KeyError.pointNotOnCurve) { try VerificationKey(curve: curve, x: largest, y: y) }
  }

  @Test(arguments: Curve.allCases)
  func `A private key of minimal numbers signs as the same key`(curve: Curve) throws {
    let key = try shortKey(curve)
    guard case .ec(_, let x, let y, let d) = key.components else { return }
    let again = try SigningKey(.ec(curve, x: minimal(x), y: [0] + y, d: minimal(d)))
    #expect(again.components == key.components)
    #expect(throws: KeyError.privatePartDoesNotFit) { try SigningKey(.ec(curve, x: x, y: y, d: [])) }
    #expect(throws: KeyError.privatePartDoesNotFit) { try SigningKey(.ec(curve, x: x, y: y, d: [1] + d)) }
    #expect(throws: KeyError.coordinateEmpty) { try SigningKey(.ec(curve, x: [], y: y, d: d)) }
  }

  /// Against plain arithmetic on lists of digits.
  @Test func `Random lists of bytes are taken exactly when they are the number of the point`() throws {
    let seed = UInt64.random(in: 0 ... .max)
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    for curve in Curve.allCases {
      let key = try shortKey(curve)
      let (x, y) = try point(key)
      for _ in 0..<500 {
        var spelled = minimal(x)
        let zeros = Int.random(in: 0...80, using: &generator)
        spelled = [UInt8](repeating: 0, count: zeros) + spelled
        if Bool.random(using: &generator) {
          switch Int.random(in: 0..<3, using: &generator) {
          case 0: spelled.remove(at: Int.random(in: 0..<spelled.count, using: &generator))
          case 1: spelled[Int.random(in: 0..<spelled.count, using: &generator)] ^= 1
          default: spelled.insert(0, at: Int.random(in: 0...spelled.count, using: &generator))
          }
        }
        let isSame = minimal(spelled) == minimal(x) && spelled.count <= VerificationKey.longestCoordinateBytes
        let taken = try? VerificationKey(curve: curve, x: spelled, y: y)
        #expect((taken == key.verificationKey) == isSame, "\(curve) \(spelled)")
        if !isSame { #expect(taken == nil, "\(curve) \(spelled)") }
      }
    }
  }
}

extension Curve {
  /// The prime of the field (SP 800-186), in full length.
  fileprivate var prime: [UInt8] {
    get throws {
      switch self {
      case .p256: try [UInt8](hex: "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff")
      case .p384:
        try [UInt8](
          hex:
            "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff"
        )
      case .p521: [1] + [UInt8](repeating: 0xFF, count: 65)
      }
    }
  }
}
