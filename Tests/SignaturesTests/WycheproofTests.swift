import Foundation
import Signatures
import TestSupport
import Testing

/// A file of Wycheproof vectors for a primitive: the members that these tests read.
private struct VectorFile: Decodable {
  struct Group: Decodable {
    struct PublicKey: Decodable {
      var wx: String?
      var wy: String?
      var pk: String?
      var modulus: String?
      var publicExponent: String?
    }

    struct Vector: Decodable {
      let tcId: Int
      let comment: String
      let msg: String
      var sig: String?
      var tag: String?
      var key: String?
      let result: String
    }

    var publicKey: PublicKey?
    var keySize: Int?
    var tagSize: Int?
    var sha: String?
    let tests: [Vector]
  }

  let numberOfTests: Int
  let testGroups: [Group]

  init(_ name: String) throws {
    self = try JSONDecoder().decode(
      VectorFile.self, from: Data(Vectors.read("wycheproof/\(name)_test.json")))
  }
}

extension VectorFile.Group.Vector {
  /// Whether the answer is the expected one; either is for `acceptable`.
  fileprivate func agrees(_ isValid: Bool) -> Bool {
    result == "acceptable" || isValid == (result == "valid")
  }
}

@Suite("Wycheproof", .enabled(if: Vectors.available))
struct WycheproofTests {
  @Test(
    arguments: [
      ("ecdsa_secp256r1_sha256_p1363", Curve.p256, 262), ("ecdsa_secp384r1_sha384_p1363", .p384, 280),
      ("ecdsa_secp521r1_sha512_p1363", .p521, 318),
    ])
  func `ECDSA signatures are judged as expected`(name: String, curve: Curve, expected: Int) throws {
    let file = try VectorFile(name)
    var checked = 0
    for group in file.testGroups {
      let x = try [UInt8](hex: group.publicKey?.wx ?? "").filled(to: curve.octets)
      let y = try [UInt8](hex: group.publicKey?.wy ?? "").filled(to: curve.octets)
      let key = try VerificationKey(curve: curve, x: x, y: y)
      checked += try check(group, key: key, algorithm: curve.algorithm, file: name)
      // By a table the same: each of them is another key's, and takes its time to build.
      _ = try check(group, key: key, algorithm: curve.algorithm, file: name, byTable: true)
    }
    #expect(checked == expected)
  }

  @Test func `A key on secp256k1 is not taken for P-256`() throws {
    let file = try VectorFile("ecdsa_secp256k1_sha256_p1363")
    #expect(file.testGroups.count == 108)
    for group in file.testGroups {
      let x = try [UInt8](hex: group.publicKey?.wx ?? "").filled(to: 32)
      let y = try [UInt8](hex: group.publicKey?.wy ?? "").filled(to: 32)
      #expect(throws: KeyError.pointNotOnCurve) { try VerificationKey(curve: .p256, x: x, y: y) }
    }
  }

  @Test func `Ed25519 signatures are judged as expected`() throws {
    let file = try VectorFile("ed25519")
    var checked = 0
    for group in file.testGroups {
      let key = try VerificationKey(ed25519: [UInt8](hex: group.publicKey?.pk ?? ""))
      checked += try check(group, key: key, algorithm: .edDSA, file: "ed25519")
    }
    #expect(checked == 151)
  }

  @Test func `A key of Ed448 is not taken for Ed25519`() throws {
    let file = try VectorFile("ed448")
    #expect(!file.testGroups.isEmpty)
    for group in file.testGroups {
      let octets = try [UInt8](hex: group.publicKey?.pk ?? "")
      #expect(throws: KeyError.ed25519Length(actual: 57)) { try VerificationKey(ed25519: octets) }
    }
  }

  @Test(
    arguments: [2048, 3072, 4096], [Algorithm.rs256, .rs384, .rs512])
  func `RSA signatures with PKCS#1 padding are judged as expected`(bits: Int, algorithm: Algorithm) throws {
    let name = "rsa_signature_\(bits)_sha\(algorithm.hash.octets * 8)"
    let file = try VectorFile(name)
    var checked = 0
    for group in file.testGroups {
      checked += try check(group, key: rsaKey(group), algorithm: algorithm, file: name)
    }
    #expect(checked == file.numberOfTests)
  }

  @Test(
    arguments: [
      ("rsa_pss_2048_sha256_mgf1_32", Algorithm.ps256), ("rsa_pss_2048_sha384_mgf1_48", .ps384),
      ("rsa_pss_3072_sha256_mgf1_32", .ps256), ("rsa_pss_4096_sha256_mgf1_32", .ps256),
      ("rsa_pss_4096_sha384_mgf1_48", .ps384), ("rsa_pss_4096_sha512_mgf1_64", .ps512),
    ])
  func `RSA signatures with PSS padding are judged as expected`(name: String, algorithm: Algorithm) throws {
    let file = try VectorFile(name)
    var checked = 0
    for group in file.testGroups {
      checked += try check(group, key: rsaKey(group), algorithm: algorithm, file: name)
    }
    #expect(checked == file.numberOfTests)
  }

  /// Stricter on purpose than every valid vector of rsa_pss_2048_sha256_mgf1_0: RFC 7518 section 3.5 demands
  /// a salt as long as the hash, and these have none. tcId 69 ("s_len changed to 32") is invalid there and
  /// right for PS256.
  @Test func `PSS signatures without a salt are refused`() throws {
    let file = try VectorFile("rsa_pss_2048_sha256_mgf1_0")
    var refused = 0
    for group in file.testGroups {
      let judge = try Judge(key: rsaKey(group), algorithm: .ps256)
      for vector in group.tests {
        let signature = try [UInt8](hex: vector.sig ?? "")
        let message = try [UInt8](hex: vector.msg)
        let answer = judge.accepts(signature, over: message)
        #expect(answer == (vector.tcId == 69), "tcId \(vector.tcId)")
        if vector.result == "valid" { refused += 1 }
      }
    }
    #expect(refused == 61)
  }

  @Test(
    arguments: [("hmac_sha256", Algorithm.hs256), ("hmac_sha384", .hs384), ("hmac_sha512", .hs512)])
  func `HMAC codes are judged as expected`(name: String, algorithm: Algorithm) throws {
    let bits = algorithm.hash.octets * 8
    var refusedForTheirKey: Set<Int> = []
    var refusedForTheirTag: Set<Int> = []
    for group in try VectorFile(name).testGroups {
      for vector in group.tests {
        let key = try VerificationKey(secret: [UInt8](hex: vector.key ?? ""))
        let tag = try [UInt8](hex: vector.tag ?? "")
        let message = try [UInt8](hex: vector.msg)
        if group.keySize ?? 0 < bits {
          #expect(!key.fits(algorithm))
          #expect(throws: KeyError.algorithmDoesNotFit) { try isValid(key, algorithm, tag, over: message) }
          if vector.result == "valid" { refusedForTheirKey.insert(vector.tcId) }
        } else if group.tagSize != bits {
          #expect(try !isValid(key, algorithm, tag, over: message), "\(name) tcId \(vector.tcId)")
          if vector.result == "valid" { refusedForTheirTag.insert(vector.tcId) }
        } else {
          let answer = try isValid(key, algorithm, tag, over: message)
          #expect(vector.agrees(answer), "\(name) tcId \(vector.tcId): \(vector.comment)")
        }
      }
    }
    // Stricter on purpose: RFC 7518 section 3.2 wants a secret as long as the hash, and codes are never cut.
    #expect(refusedForTheirKey == Self.shortKeys)
    #expect(refusedForTheirTag == Self.cutCodes)
  }

  /// Valid vectors whose secret is half as long as the hash, in each of hmac_sha256, hmac_sha384 and
  /// hmac_sha512.
  private static let shortKeys: Set<Int> = Set(163...168)
  /// Valid vectors whose code is cut to half of the hash, in each of the three files.
  private static let cutCodes: Set<Int> = Set(82...108).union(172...174)

  private func rsaKey(_ group: VectorFile.Group) throws -> VerificationKey {
    try VerificationKey(
      rsaModulus: [UInt8](hex: group.publicKey?.modulus ?? ""),
      exponent: [UInt8](hex: group.publicKey?.publicExponent ?? ""))
  }

  /// Runs a group through one verifier, as the service would. Returns how many vectors it held.
  private func check(
    _ group: VectorFile.Group, key: VerificationKey, algorithm: Algorithm, file: String, byTable: Bool = false
  ) throws -> Int {
    let judge = try Judge(key: key, algorithm: algorithm, byTable: byTable)
    #expect(judge.hasTable == byTable)
    for vector in group.tests {
      let signature = try [UInt8](hex: vector.sig ?? "")
      let message = try [UInt8](hex: vector.msg)
      let answer = judge.accepts(signature, over: message)
      #expect(vector.agrees(answer), "\(file) tcId \(vector.tcId): \(vector.comment)")
    }
    return group.tests.count
  }
}
