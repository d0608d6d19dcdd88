import Foundation
import SignatureDifferential
import Testing

@testable import Signatures

/// RSA without EVP says what EVP says, or is not used.
@Suite struct FastRSATests {
  /// `make signatures` compares ten thousand, in a release build.
  @Test func `with EVP and without it signatures are judged the same`() throws {
    let named = ProcessInfo.processInfo.environment["COUNTERSIGN_TEST_SEED"].flatMap { UInt64($0) }
    let seed = named ?? UInt64.random(in: 0 ... .max)
    print("FastRSATests seed \(seed)")
    var differential = RSADifferential(seed: seed)
    let outcome = try differential.run(6_000)
    #expect(outcome.difference == nil)
    #expect(outcome.valid > 400 && outcome.count - outcome.valid > 3_000)
    let kinds = [
      "right", "one bit", "random", "s + n", "s = n", "garbage behind the digest", "no parameters",
      "a salt of another length",
      "one octet of the encoding",
    ]
    for kind in kinds { #expect(outcome.kinds[kind, default: 0] > 0, "\(kind)") }
  }

  @Test func `it serves the exponent 65537 and RSA alone`() throws {
    let key = try SigningKey.generate(for: .rs256).verificationKey
    guard case .rsa(let modulus, _) = key.material else {
      Issue.record("no RSA key")
      return
    }
    #expect(FastRSA(key.material, .rs256) != nil && FastRSA(key.material, .ps512) != nil)
    #expect(FastRSA(.rsa(modulus: modulus, exponent: [3]), .rs256) == nil)
    #expect(FastRSA(.rsa(modulus: modulus, exponent: [1, 0, 0, 1]), .rs256) == nil)
    #expect(FastRSA(key.material, .es256) == nil)
    let curve = try SigningKey.generate(for: .es256).verificationKey
    #expect(FastRSA(curve.material, .rs256) == nil)
  }
}
