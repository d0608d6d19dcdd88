import COpenSSL
import Foundation
import SignatureDifferential
import Synchronization
import TestSupport
import Testing

@testable import Signatures

/// ECDSA by tables says what libcrypto says, or is not used.
@Suite struct ECDSATableTests {
  private static func seed() -> UInt64 {
    let named = ProcessInfo.processInfo.environment["COUNTERSIGN_TEST_SEED"].flatMap { UInt64($0) }
    let seed = named ?? UInt64.random(in: 0 ... .max)
    print("ECDSATableTests seed \(seed)")
    return seed
  }

  /// `make signatures` compares a hundred thousand, in a release build.
  @Test(arguments: Curve.allCases)
  func `by tables and by libcrypto signatures are judged the same`(curve: Curve) throws {
    var differential = SignatureDifferential(curve, seed: Self.seed(), perKey: 40)
    let outcome = try differential.run(500)
    #expect(outcome.difference == nil)
    #expect(outcome.valid > 100 && outcome.count - outcome.valid > 200)
    for kind in ["right", "negated", "one bit", "random", "equal points", "a sum of infinity"] {
      #expect(outcome.kinds[kind, default: 0] > 0, "\(kind)")
    }
  }

  @Test(arguments: Curve.allCases)
  func `a table with one wrong point is caught by its own check`(curve: Curve) throws {
    let key = try SigningKey.generate(for: curve.algorithm).verificationKey
    #expect(ECDSATable(key, corrupted: nil) != nil)
    for point in [0, 1, 127, 128, 4_000, 6_143] {
      #expect(ECDSATable(key, corrupted: point) == nil, "\(point)")
    }
  }

  @Test func `another key's table is not adopted, and other algorithms take none`() throws {
    let (one, two) = (try SigningKey.generate(for: .es256), try SigningKey.generate(for: .es256))
    let table = try #require(ECDSATable.build(for: one.verificationKey))
    var right = try Verifier(key: one.verificationKey, algorithm: .es256)
    var wrong = try Verifier(key: two.verificationKey, algorithm: .es256)
    let adopted = (right.adopt(table), wrong.adopt(table))
    #expect(adopted == (true, false))
    let message = Array("message".utf8)
    let signature = try one.sign(message, algorithm: .es256)
    let answers = (
      right.isValid(signature: signature.span, over: message.span),
      wrong.isValid(signature: signature.span, over: message.span)
    )
    #expect(answers == (true, false))
    #expect(ECDSATable.build(for: try SigningKey.generate(for: .edDSA).verificationKey) == nil)
  }

  @Test(arguments: Curve.allCases)
  func `inverses are libcrypto's`(curve: Curve) throws {
    var random = SeededGenerator(seed: Self.seed())
    let arithmetic = try #require(CurveArithmetic.of(curve))
    let context = unsafe try #require(BN_CTX_new())
    defer { unsafe BN_CTX_free(context) }
    let count = curve.octets
    func octets(_ number: OpaquePointer?) -> [UInt8] {
      var result = [UInt8](repeating: 0, count: count)
      unsafe BN_bn2binpad(number, &result, Int32(count))
      return result
    }
    var cases: [[UInt8]] = (1...300 as ClosedRange<Int>).map { _ in
      (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
    }
    // Small ones, powers of two, and those next to the order.
    for bit in 0..<(count * 8) {
      var one = [UInt8](repeating: 0, count: count)
      one[count - 1 - bit / 8] = 1 << UInt8(bit % 8)
      cases.append(one)
    }
    for less in 1...10 as ClosedRange<UInt> {
      let value = unsafe BN_dup(arithmetic.order)
      unsafe BN_sub_word(value, less)
      cases.append(unsafe octets(value))
      unsafe BN_free(value)
    }
    for number in cases {
      let value = unsafe BN_bin2bn(number, Int32(count), nil)
      defer { unsafe BN_free(value) }
      unsafe BN_nnmod(value, value, arithmetic.order, context)
      if unsafe BN_is_zero(value) == 1 { continue }
      let input = unsafe octets(value)
      let wanted = unsafe BN_mod_inverse(nil, value, arithmetic.order, context)
      defer { unsafe BN_free(wanted) }
      let inverse = unsafe octets(wanted)
      var output = [UInt8](repeating: 0, count: count)
      var span = output.mutableSpan
      arithmetic.inverse.inverse(of: input.span, octets: count, into: &span)
      #expect(output == inverse, "\(input)")
    }
  }

  @Test func `tables are built in the order of wishes, once for each key, within their memory`() throws {
    let keys = try (0..<3).map { _ in try SigningKey.generate(for: .es256).verificationKey }
    let tables = ECDSATables(maximumOctets: 2 * ECDSATable.octets(.p256))
    let wishes = Atomic<Int>(0)
    tables.setWishHandler { wishes.wrappingAdd(1, ordering: .relaxed) }
    #expect(!tables.buildNext())
    let version = tables.currentVersion
    for key in keys + keys { tables.wish(for: key) }
    #expect(wishes.load(ordering: .relaxed) == 3)
    #expect(tables.buildNext() && tables.table(for: keys[0].fingerprint) != nil)
    #expect(tables.table(for: keys[1].fingerprint) == nil && tables.currentVersion != version)
    // One is held by somebody, as a verifier does: it stays when room is needed.
    let held = tables.table(for: keys[0].fingerprint)
    #expect(tables.buildNext() && tables.usage.tables == 2)
    #expect(tables.buildNext())
    #expect(tables.table(for: keys[1].fingerprint) == nil && tables.table(for: keys[2].fingerprint) != nil)
    #expect(tables.usage == (2, 2 * ECDSATable.octets(.p256)))
    #expect(held?.fingerprint == keys[0].fingerprint)
    #expect(!tables.buildNext())
    let none = ECDSATables(maximumOctets: 0)
    none.wish(for: keys[0])
    #expect(none.buildNext() && none.usage.tables == 0)
  }
}
