import Bytes
import COpenSSL
import Foundation
import Signatures
import TestSupport
import Testing

private let message = Array("eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UifQ".utf8)

struct VerifierTests {
  @Test(arguments: Algorithm.allCases)
  func `A signature is valid, and with any bit flipped, or another length, it is not`(algorithm: Algorithm)
    throws
  {
    let key = try TestKeys.key(for: algorithm)
    let signature = try key.sign(message, algorithm: algorithm)
    let judge = try Judge(key: key.verificationKey, algorithm: algorithm)
    #expect(judge.accepts(signature, over: message))
    for bit in stride(from: 0, to: signature.count * 8, by: max(1, signature.count * 8 / 64)) {
      var flipped = signature
      flipped[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(!judge.accepts(flipped, over: message))
    }
    let wrong = [
      [], [0], Array(signature.dropLast()), Array(signature.dropFirst()), signature + [0], [0] + signature,
      signature + signature, Array(signature.prefix(signature.count / 2)),
      [UInt8](repeating: 0, count: signature.count), [UInt8](repeating: 0xFF, count: signature.count),
    ]
    for other in wrong { #expect(!judge.accepts(other, over: message)) }
    #expect(judge.accepts(signature, over: message))
  }

  @Test(arguments: Algorithm.allCases)
  func `A signature is valid over its own message alone`(algorithm: Algorithm) throws {
    let key = try TestKeys.key(for: algorithm)
    let judge = try Judge(key: key.verificationKey, algorithm: algorithm)
    for length in [0, 1, 63, 64, 65, 127, 128, 129, 5000] {
      let long = [UInt8](repeating: 0x41, count: length)
      let signature = try key.sign(long, algorithm: algorithm)
      #expect(judge.accepts(signature, over: long))
      let longer = long + [0x41]
      #expect(!judge.accepts(signature, over: longer))
      #expect(!judge.accepts(signature, over: message))
    }
  }

  @Test(arguments: Algorithm.allCases)
  func `A verifier takes the algorithms its key fits, and their signatures do not pass for one another`(
    algorithm: Algorithm
  ) throws {
    let key = try TestKeys.key(for: algorithm)
    let signature = try key.sign(message, algorithm: algorithm)
    for other in Algorithm.allCases where other != algorithm {
      if key.fits(other) {
        #expect(try !isValid(key.verificationKey, other, signature, over: message))
      } else {
        #expect(throws: KeyError.algorithmDoesNotFit) {
          try isValid(key.verificationKey, other, signature, over: message)
        }
      }
    }
    let stranger = algorithm.family == .hmac || algorithm.family == .edDSA || algorithm.family == .ecdsa
    if stranger {
      let another = try SigningKey.generate(for: algorithm)
      #expect(try !isValid(another.verificationKey, algorithm, signature, over: message))
    }
  }

  /// The public key's octets as an HMAC secret: a confusion that no `alg` in a token can bring about.
  @Test func `A public key never verifies HMAC`() throws {
    for algorithm in [Algorithm.rs256, .es256, .edDSA] {
      let key = try TestKeys.key(for: algorithm).verificationKey
      for hmac in [Algorithm.hs256, .hs384, .hs512] {
        #expect(throws: KeyError.algorithmDoesNotFit) { try Judge(key: key, algorithm: hmac) }
      }
    }
  }

  // MARK: ECDSA

  @Test(arguments: Curve.allCases)
  func `ECDSA takes the twin with n minus s and refuses every other s or r`(curve: Curve) throws {
    let key = try TestKeys.key(for: curve.algorithm)
    let signature = try key.sign(message, algorithm: curve.algorithm)
    let r = Array(signature[..<curve.octets])
    let s = Array(signature[curve.octets...])
    let n = try curve.order
    let judge = try Judge(key: key.verificationKey, algorithm: curve.algorithm)
    let twin = r + n.subtracting(s)
    #expect(judge.accepts(twin, over: message))
    let zero = [UInt8](repeating: 0, count: curve.octets)
    let one = Array(zero.dropLast()) + [1]
    let all = [UInt8](repeating: 0xFF, count: curve.octets)
    var forged = [
      s + r, zero + s, r + zero, zero + zero, n + s, r + n, n + n, one + one, one + s, r + one, all + all,
      n.subtracting(one) + s, r + n.subtracting(one), n.subtracting(r) + s,
    ]
    // r + n and s + n are the same numbers modulo n, where they fit the length.
    if let sum = r.adding(n) { forged.append(sum + s) }
    if let sum = s.adding(n) { forged.append(r + sum) }
    for other in forged { #expect(!judge.accepts(other, over: message)) }
    #expect(judge.accepts(signature, over: message))
  }

  @Test(arguments: Curve.allCases)
  func `ECDSA refuses the DER form of a valid signature`(curve: Curve) throws {
    let key = try TestKeys.key(for: curve.algorithm)
    let judge = try Judge(key: key.verificationKey, algorithm: curve.algorithm)
    for _ in 0..<20 {
      let signature = try key.sign(message, algorithm: curve.algorithm)
      let encoded = der(signature)
      #expect(!judge.accepts(encoded, over: message))
      // Cut and filled to the length that passes the first look.
      let cut = Array(encoded.prefix(signature.count))
      let filled = cut + [UInt8](repeating: 0, count: signature.count - cut.count)
      #expect(!judge.accepts(filled, over: message))
    }
  }

  /// Short r and s have leading zeros in JOSE and none in DER; one signature in 256 has such a half.
  @Test func `ECDSA signatures with leading zeros are valid`() throws {
    let key = try TestKeys.key(for: .es256)
    let judge = try Judge(key: key.verificationKey, algorithm: .es256)
    var seen = 0
    for number in 0..<6000 where seen < 3 {
      let text = Array("message \(number)".utf8)
      let signature = try key.sign(text, algorithm: .es256)
      guard signature[0] == 0 || signature[32] == 0 else { continue }
      seen += 1
      #expect(judge.accepts(signature, over: text))
    }
    #expect(seen == 3)
  }

  private func der(_ joined: [UInt8]) -> [UInt8] {
    func integer(_ octets: ArraySlice<UInt8>) -> [UInt8] {
      var digits = Array(octets.drop { $0 == 0 })
      if let first = digits.first, first & 0x80 != 0 { digits.insert(0, at: 0) }
      return [2, UInt8(digits.count)] + digits
    }
    let body = integer(joined[..<(joined.count / 2)]) + integer(joined[(joined.count / 2)...])
    return [0x30] + (body.count > 127 ? [0x81] : []) + [UInt8(body.count)] + body
  }

  // MARK: RSA

  @Test(arguments: [Algorithm.rs256, .ps256])
  func `RSA refuses 0, 1, n - 1, n and a valid signature plus n`(algorithm: Algorithm) throws {
    let key = try TestKeys.key(for: algorithm)
    guard case .rsa(let n, _) = key.verificationKey.material else {
      Issue.record("not an RSA key")
      return
    }
    let judge = try Judge(key: key.verificationKey, algorithm: algorithm)
    let zero = [UInt8](repeating: 0, count: n.count)
    let one = Array(zero.dropLast()) + [1]
    for other in [zero, one, n, n.subtracting(one)] {
      #expect(!judge.accepts(other, over: message))
    }
    var seen = 0
    for number in 0..<400 where seen < 2 {
      let text = Array("message \(number)".utf8)
      let signature = try key.sign(text, algorithm: algorithm)
      guard let sum = signature.adding(n) else { continue }
      seen += 1
      #expect(judge.accepts(signature, over: text))
      #expect(!judge.accepts(sum, over: text))
    }
    #expect(seen == 2)
  }

  // MARK: EdDSA

  @Test func `EdDSA refuses S plus L and S of zero`() throws {
    let key = try TestKeys.key(for: .edDSA)
    let signature = try key.sign(message, algorithm: .edDSA)
    let judge = try Judge(key: key.verificationKey, algorithm: .edDSA)
    let order = try [UInt8](hex: "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed")
    let s = Array(signature[32...].reversed())
    let sum = try #require(s.adding(order))
    let malleable = Array(signature[..<32]) + sum.reversed()
    #expect(!judge.accepts(malleable, over: message))
    let zero = Array(signature[..<32]) + [UInt8](repeating: 0, count: 32)
    #expect(!judge.accepts(zero, over: message))
    // The neutral point as R.
    let neutral = [1] + [UInt8](repeating: 0, count: 31) + signature[32...]
    #expect(!judge.accepts(neutral, over: message))
  }

  // MARK: Reuse

  @Test(arguments: [
    (Algorithm.hs256, 10_000), (.hs512, 2000), (.rs256, 10_000), (.ps256, 2000), (.es256, 10_000),
    (.edDSA, 2000), (.es384, 200), (.es512, 200),
  ])
  func `One verifier answers good and bad signatures in turn, and leaves no error behind`(
    algorithm: Algorithm, times: Int
  ) throws {
    let key = try TestKeys.key(for: algorithm)
    let good = try key.sign(message, algorithm: algorithm)
    var bad = good
    bad[good.count / 2] ^= 0x10
    let judge = try Judge(key: key.verificationKey, algorithm: algorithm)
    var wrong = 0
    for _ in 0..<(times / 2) {
      if !judge.accepts(good, over: message) { wrong += 1 }
      if judge.accepts(bad, over: message) { wrong += 1 }
    }
    #expect(wrong == 0)
    #expect(ERR_peek_error() == 0)
  }

  @Test func `A verifier may move to another thread`() throws {
    let key = try TestKeys.key(for: .rs256)
    let signature = try key.sign(message, algorithm: .rs256)
    let answers = Answers()
    let threads = try (0..<4).map { _ in
      let moved = Moved(try Judge(key: key.verificationKey, algorithm: .rs256))
      return Thread {
        for _ in 0..<200 { answers.add(moved.judge.accepts(signature, over: message)) }
        answers.finish()
      }
    }
    for thread in threads { thread.start() }
    #expect(answers.wait(for: 4) == 800)
  }

  /// 20,000 mutations of valid signatures: a signature of these algorithms has one form, so what passes is
  /// unchanged.
  @Test func `No mutated signature is valid`() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("seed \(seed)")
    var random = SeededGenerator(seed: seed)
    for (algorithm, times) in [(Algorithm.hs256, 6000), (.hs384, 6000), (.rs256, 6000), (.edDSA, 2000)] {
      let key = try TestKeys.key(for: algorithm)
      let signature = try key.sign(message, algorithm: algorithm)
      let judge = try Judge(key: key.verificationKey, algorithm: algorithm)
      for _ in 0..<times {
        let mutated = signature.mutated(&random)
        let answer = judge.accepts(mutated, over: message)
        #expect(answer == (mutated == signature))
      }
    }
    #expect(ERR_peek_error() == 0)
  }
}

extension [UInt8] {
  fileprivate func mutated(_ random: inout SeededGenerator) -> [UInt8] {
    var octets = self
    for _ in 0..<Int.random(in: 1...3, using: &random) {
      let index = octets.isEmpty ? 0 : Int.random(in: 0..<octets.count, using: &random)
      switch Int.random(in: 0..<6, using: &random) {
      case 0: octets.insert(UInt8.random(in: 0...255, using: &random), at: index)
      case 1 where !octets.isEmpty: octets.remove(at: index)
      case 2 where !octets.isEmpty: octets.swapAt(index, Int.random(in: 0..<octets.count, using: &random))
      case 3: octets = Array(octets.prefix(index))
      default:
        if !octets.isEmpty { octets[index] ^= 1 << UInt8.random(in: 0..<8, using: &random) }
      }
    }
    return octets
  }
}

/// Takes a verifier to a thread, which alone touches it.
private struct Moved: @unchecked Sendable {
  let judge: Judge

  init(_ judge: Judge) { self.judge = judge }
}

/// Counts yes over several threads.
private final class Answers: @unchecked Sendable {
  private let condition = NSCondition()
  private var yes = 0
  private var finished = 0

  func add(_ answer: Bool) { condition.withLock { yes += answer ? 1 : 0 } }

  func finish() {
    condition.withLock {
      finished += 1
      condition.broadcast()
    }
  }

  func wait(for threads: Int) -> Int {
    condition.withLock {
      while finished < threads { condition.wait() }
      return yes
    }
  }
}
