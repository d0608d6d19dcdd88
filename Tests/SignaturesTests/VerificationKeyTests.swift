import Bytes
import Foundation
import Signatures
import TestSupport
import Testing

struct VerificationKeyTests {
  // MARK: RSA

  @Test(arguments: [(2048, 256), (8192, 1024)])
  func `An RSA modulus of the shortest and the longest length is taken`(bits: Int, octets: Int) throws {
    let key = try VerificationKey(
      rsaModulus: plausibleModulus(octets: octets, top: 0x80), exponent: [1, 0, 1])
    #expect("\(key)" == "RSA key of \(bits) bits")
    #expect(Algorithm.allCases.filter(key.fits) == [.rs256, .rs384, .rs512, .ps256, .ps384, .ps512])
  }

  @Test func `An RSA modulus one bit too short or too long is refused`() {
    var modulus = [UInt8](repeating: 0xFF, count: 256)
    modulus[0] = 0x7F
    #expect(throws: KeyError.rsaModulusTooShort(bits: 2047)) {
      try VerificationKey(rsaModulus: modulus, exponent: [1, 0, 1])
    }
    let long = [1] + [UInt8](repeating: 0xFF, count: 1024)
    #expect(throws: KeyError.rsaModulusTooLong(bits: 8193)) {
      try VerificationKey(rsaModulus: long, exponent: [1, 0, 1])
    }
    // Zeros in front do not make a modulus longer.
    #expect(throws: KeyError.rsaModulusTooShort(bits: 2047)) {
      try VerificationKey(rsaModulus: [0, 0] + modulus, exponent: [1, 0, 1])
    }
    for nothing: [UInt8] in [[], [0], [UInt8](repeating: 0, count: 256)] {
      #expect(throws: KeyError.rsaModulusTooShort(bits: 0)) {
        try VerificationKey(rsaModulus: nothing, exponent: [1, 0, 1])
      }
    }
  }

  @Test func `An even RSA modulus and one with a small factor are refused`() {
    var modulus = [UInt8](repeating: 0, count: 256)
    modulus[0] = 0x80
    #expect(throws: KeyError.rsaModulusEven) { try VerificationKey(rsaModulus: modulus, exponent: [3]) }
    // 2^2047 + 1 is divisible by 3.
    modulus[255] = 1
    #expect(throws: KeyError.rsaModulusHasSmallFactor) {
      try VerificationKey(rsaModulus: modulus, exponent: [3])
    }
  }

  @Test func `A power of 65537 has the ROCA fingerprint and a good key has not`() throws {
    var modulus: [UInt8] = [1]
    for _ in 0..<128 { modulus = modulus.multiplied(by: 65537) }
    #expect(throws: KeyError.rsaModulusWeakByROCA) {
      try VerificationKey(rsaModulus: modulus, exponent: [1, 0, 1])
    }
    // The nearest neighbours without small factors are taken.
    var taken = 0
    for _ in 0..<200 {
      modulus = try #require(modulus.adding([UInt8](repeating: 0, count: modulus.count - 1) + [2]))
      do throws(KeyError) {
        _ = try VerificationKey(rsaModulus: modulus, exponent: [1, 0, 1])
        taken += 1
      } catch {
        #expect(error == .rsaModulusHasSmallFactor)
      }
    }
    #expect(taken > 10)
  }

  @Test(.enabled(if: Vectors.available))
  func `The ROCA key of Wycheproof is refused`() throws {
    let file = try JSONSerialization.jsonObject(with: Data(Vectors.read("wycheproof/json_web_key_test.json")))
    let groups = try #require((file as? [String: Any])?["testGroups"] as? [[String: Any]])
    let group = try #require(
      groups.first { group in
        let tests = group["tests"] as? [[String: Any]] ?? []
        return tests.contains { $0["tcId"] as? Int == 7 }
      })
    let keys = try #require(
      (group["public"] as? [String: Any]).map { $0["keys"] as? [[String: Any]] ?? [$0] })
    let modulus = try #require(keys.first?["n"] as? String)
    var octets = ByteBuffer()
    let text = Array(modulus.utf8)
    let isWellFormed = Base64.decodeURL(text.span, into: &octets)
    #expect(isWellFormed)
    let n = octets.copy()
    #expect(throws: KeyError.rsaModulusWeakByROCA) {
      try VerificationKey(rsaModulus: n, exponent: [1, 0, 1])
    }
  }

  @Test func `RSA exponents are odd, at least 3 and have at most 33 bits`() throws {
    let modulus = try plausibleModulus(octets: 256, top: 0xC0)
    for exponent: [UInt8] in [
      [3], [0, 3], [17], [1, 0, 1], [1, 0, 0, 0, 15], [1, 0xFF, 0xFF, 0xFF, 0xFF],
    ] {
      #expect(throws: Never.self) { try VerificationKey(rsaModulus: modulus, exponent: exponent) }
    }
    let refused: [([UInt8], KeyError)] = [
      ([], .rsaExponentTooSmall), ([0], .rsaExponentTooSmall), ([1], .rsaExponentTooSmall),
      ([0, 1], .rsaExponentTooSmall), ([2], .rsaExponentTooSmall), ([4], .rsaExponentEven),
      ([1, 0, 0], .rsaExponentEven), ([2, 0, 0, 0, 1], .rsaExponentTooLarge(bits: 34)),
      ([UInt8](repeating: 0xFF, count: 256), .rsaExponentTooLarge(bits: 2048)),
    ]
    for (exponent, error) in refused {
      #expect(throws: error) { try VerificationKey(rsaModulus: modulus, exponent: exponent) }
    }
  }

  @Test func `Leading zeros of a modulus change neither the key nor its identity`() throws {
    let modulus = try plausibleModulus(octets: 256, top: 0xC0)
    let plain = try VerificationKey(rsaModulus: modulus, exponent: [1, 0, 1])
    let padded = try VerificationKey(rsaModulus: [0] + modulus, exponent: [0, 1, 0, 1])
    #expect(plain == padded)
    #expect(plain.fingerprint == padded.fingerprint)
    #expect(plain.fingerprint != (try VerificationKey(rsaModulus: modulus, exponent: [3])).fingerprint)
  }

  // MARK: EC

  @Test(arguments: Curve.allCases)
  func `A point of the curve is taken and its neighbours are refused`(curve: Curve) throws {
    guard case .ec(_, let x, let y, _) = try TestKeys.key(for: curve.algorithm).components else {
      Issue.record("not an EC key")
      return
    }
    let key = try VerificationKey(curve: curve, x: x, y: y)
    #expect(Algorithm.allCases.filter(key.fits) == [curve.algorithm])
    var other = y
    other[curve.octets - 1] ^= 1
    #expect(throws: KeyError.pointNotOnCurve) { try VerificationKey(curve: curve, x: x, y: other) }
    #expect(throws: KeyError.pointNotOnCurve) { try VerificationKey(curve: curve, x: y, y: x) }
    let zero = [UInt8](repeating: 0, count: curve.octets)
    #expect(throws: KeyError.pointNotOnCurve) { try VerificationKey(curve: curve, x: zero, y: zero) }
  }

  // MARK: Ed25519

  @Test(arguments: [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
  ])
  func `An Ed25519 key of small order is refused`(key: String) throws {
    let octets = try [UInt8](hex: key)
    #expect(throws: KeyError.ed25519SmallOrder) { try VerificationKey(ed25519: octets) }
  }

  @Test func `An Ed25519 key that is not canonical is refused`() {
    // p, p + 1, …, 2^255 - 1, with and without the sign bit.
    for lowest in UInt8(0xED)...0xFF {
      for highest: UInt8 in [0x7F, 0xFF] {
        let octets = [lowest] + [UInt8](repeating: 0xFF, count: 30) + [highest]
        #expect(throws: KeyError.ed25519NotCanonical) { try VerificationKey(ed25519: octets) }
      }
    }
  }

  @Test func `An Ed25519 key has 32 octets and is a point of the curve`() throws {
    guard case .ed25519(let x, _) = try TestKeys.key(for: .edDSA).components else {
      Issue.record("not an Ed25519 key")
      return
    }
    let key = try VerificationKey(ed25519: x)
    #expect(Algorithm.allCases.filter(key.fits) == [.edDSA])
    #expect(throws: KeyError.ed25519Length(actual: 33)) { try VerificationKey(ed25519: x + [0]) }
    #expect(throws: KeyError.ed25519Length(actual: 31)) { try VerificationKey(ed25519: Array(x.dropLast())) }
    #expect(throws: KeyError.ed25519Length(actual: 0)) { try VerificationKey(ed25519: []) }
    // About half of all y have no x.
    var outcomes: [Bool: Int] = [:]
    for low in 2..<UInt8(102) {
      let octets = [low] + [UInt8](repeating: 0, count: 31)
      do throws(KeyError) {
        _ = try VerificationKey(ed25519: octets)
        outcomes[true, default: 0] += 1
      } catch {
        #expect(error == .pointNotOnCurve)
        outcomes[false, default: 0] += 1
      }
    }
    #expect(outcomes[true, default: 0] > 25 && outcomes[false, default: 0] > 25)
    // RFC 8032 section 7.1, and the base point: y = 4/5.
    for good in [
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
      "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
      "5866666666666666666666666666666666666666666666666666666666666666",
    ] {
      let octets = try [UInt8](hex: good)
      #expect(throws: Never.self) { try VerificationKey(ed25519: octets) }
    }
  }

  // MARK: HMAC

  @Test func `A secret fits the algorithms whose hash it is as long as`() throws {
    let lengths: [(Int, [Algorithm])] = [
      (1, []), (31, []), (32, [.hs256]), (47, [.hs256]), (48, [.hs256, .hs384]), (63, [.hs256, .hs384]),
      (64, [.hs256, .hs384, .hs512]), (1000, [.hs256, .hs384, .hs512]),
    ]
    for (length, algorithms) in lengths {
      let key = try VerificationKey(secret: [UInt8](repeating: 7, count: length))
      #expect(Algorithm.allCases.filter(key.fits) == algorithms)
    }
    #expect(throws: KeyError.secretEmpty) { try VerificationKey(secret: []) }
  }

  @Test func `A secret does not show when a key is printed`() throws {
    let secret = [UInt8](repeating: 0xAB, count: 40)
    let key = try VerificationKey(secret: secret)
    let signing = try SigningKey(.secret(secret))
    var dumped = ""
    dump(key, to: &dumped)
    dump(signing, to: &dumped)
    dumped += "\(key) \(signing) \(String(reflecting: key)) \(String(reflecting: signing)) \([key])"
    #expect(!dumped.contains("171"))
    #expect(dumped.contains("HMAC secret of 40 octets"))
  }

  // MARK: Identity

  @Test func `Equal octets of another kind are another key`() throws {
    guard case .ed25519(let x, _) = try TestKeys.key(for: .edDSA).components else {
      Issue.record("not an Ed25519 key")
      return
    }
    let point = try VerificationKey(ed25519: x)
    let secret = try VerificationKey(secret: x)
    #expect(point != secret)
    #expect(point.fingerprint != secret.fingerprint)
    #expect(Set([point, secret, try VerificationKey(ed25519: x)]).count == 2)
  }

  @Test func `Algorithm names are matched exactly`() {
    for algorithm in Algorithm.allCases {
      let name = Array("\(algorithm.name)".utf8)
      #expect(Algorithm(named: name) == algorithm)
      for other in [name + [0], name + [0x20], [0x20] + name, Array(name.dropLast()), []] {
        #expect(Algorithm(named: other) == nil)
      }
      let lower = name.map(\.asciiLowercased)
      #expect(Algorithm(named: lower) == nil)
    }
    for name in ["none", "None", "NONE", "nOnE", "ES256K", "Ed25519", "RSA-OAEP", "A128KW", "HS1", "dir"] {
      let octets = Array(name.utf8)
      #expect(Algorithm(named: octets) == nil)
    }
  }

  /// A random odd number without small factors: what can be told of a modulus without factoring it.
  private func plausibleModulus(octets: Int, top: UInt8) throws -> [UInt8] {
    for _ in 0..<1000 {
      var modulus = try Random.octets(octets)
      modulus[0] = top
      modulus[octets - 1] |= 1
      do throws(KeyError) {
        _ = try VerificationKey(rsaModulus: modulus, exponent: [3])
        return modulus
      } catch {
        if error != .rsaModulusHasSmallFactor { throw error }
      }
    }
    throw KeyError.libraryFailure
  }
}
