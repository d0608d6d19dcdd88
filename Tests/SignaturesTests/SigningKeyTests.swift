import Foundation
import Signatures
import Testing

private let message = Array("a message".utf8)

struct SigningKeyTests {
  @Test(arguments: Algorithm.allCases)
  func `A key made from a key's parts signs as that key`(algorithm: Algorithm) throws {
    let key = try TestKeys.key(for: algorithm)
    let copy = try SigningKey(key.components)
    #expect(copy.components == key.components)
    #expect(copy.verificationKey == key.verificationKey)
    let signature = try copy.sign(message, algorithm: algorithm)
    #expect(try isValid(key.verificationKey, algorithm, signature, over: message))
  }

  @Test(arguments: Algorithm.allCases)
  func `A key refuses algorithms it does not fit`(algorithm: Algorithm) throws {
    let key = try TestKeys.key(for: algorithm)
    for other in Algorithm.allCases where !key.fits(other) {
      #expect(throws: KeyError.algorithmDoesNotFit) { try key.sign(message, algorithm: other) }
    }
  }

  @Test func `A private part of another key is refused`() throws {
    for curve in Curve.allCases {
      guard
        case .ec(_, let x, let y, let d) = try SigningKey.generate(for: curve.algorithm).components,
        case .ec(_, _, _, let other) = try SigningKey.generate(for: curve.algorithm).components
      else {
        Issue.record("not an EC key")
        return
      }
      let zero = [UInt8](repeating: 0, count: curve.octets)
      for wrong in [other, Array(d.dropLast()), d + [0], [], zero, try curve.order] {
        #expect(throws: KeyError.privatePartDoesNotFit) { try SigningKey(.ec(curve, x: x, y: y, d: wrong)) }
      }
    }
    guard
      case .ed25519(let x, let d) = try SigningKey.generate(for: .edDSA).components,
      case .ed25519(_, let other) = try SigningKey.generate(for: .edDSA).components
    else {
      Issue.record("not an Ed25519 key")
      return
    }
    for wrong in [other, Array(d.dropLast()), d + [0], []] {
      #expect(throws: KeyError.privatePartDoesNotFit) { try SigningKey(.ed25519(x: x, d: wrong)) }
    }
  }

  @Test func `An RSA key works without its factors, and not with wrong numbers`() throws {
    guard case .rsa(let parts) = try TestKeys.key(for: .rs256).components else {
      Issue.record("not an RSA key")
      return
    }
    var bare = parts
    bare.factors = nil
    let key = try SigningKey(.rsa(bare))
    let signature = try key.sign(message, algorithm: .ps512)
    #expect(try isValid(key.verificationKey, .ps512, signature, over: message))

    var wrong = bare
    wrong.d[wrong.d.count - 1] ^= 2
    #expect(throws: KeyError.privatePartDoesNotFit) { try SigningKey(.rsa(wrong)) }
    wrong.d = []
    #expect(throws: KeyError.privatePartDoesNotFit) { try SigningKey(.rsa(wrong)) }
    wrong.d = [1] + parts.n
    #expect(throws: KeyError.privatePartDoesNotFit) { try SigningKey(.rsa(wrong)) }
    wrong = bare
    wrong.n[wrong.n.count - 1] ^= 1
    #expect(throws: KeyError.rsaModulusEven) { try SigningKey(.rsa(wrong)) }
  }

  @Test func `Generated keys are new ones and have the asked length`() throws {
    for algorithm in [Algorithm.es256, .es384, .es512, .edDSA, .hs256, .hs384, .hs512] {
      let first = try SigningKey.generate(for: algorithm)
      let second = try SigningKey.generate(for: algorithm)
      #expect(first.components != second.components)
    }
    guard case .secret(let secret) = try SigningKey.generate(for: .hs384).components else {
      Issue.record("not a secret")
      return
    }
    #expect(secret.count == 48)
    #expect(
      "\(try SigningKey.generate(for: .ps256, rsaBits: 3072).verificationKey)" == "RSA key of 3072 bits")
    #expect(throws: KeyError.rsaModulusTooShort(bits: 1024)) {
      try SigningKey.generate(for: .rs256, rsaBits: 1024)
    }
    #expect(throws: KeyError.rsaModulusTooLong(bits: 16384)) {
      try SigningKey.generate(for: .rs256, rsaBits: 16384)
    }
  }

  /// RFC 8037 appendix A and RFC 4231 case 2 with a longer secret refused: numbers made by others.
  @Test func `Deterministic signatures are those of the standards`() throws {
    let ed25519 = try SigningKey(
      .ed25519(
        x: [UInt8](hex: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"),
        d: [UInt8](hex: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")))
    let input = Array("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc".utf8)
    let signature = try ed25519.sign(input, algorithm: .edDSA)
    #expect(
      Data(signature).base64EncodedString()
        == "hgyY0il/MGCjP0JzlnLWG1PPOt7+09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr/MuM0KAg==")
    // RFC 4231 case 6: a secret longer than the block is hashed first.
    let long = try SigningKey(.secret([UInt8](repeating: 0xAA, count: 131)))
    let text = Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8)
    #expect(
      try long.sign(text, algorithm: .hs256)
        == [UInt8](hex: "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"))
    #expect(throws: KeyError.algorithmDoesNotFit) {
      try SigningKey(.secret([UInt8](repeating: 0x0B, count: 20))).sign(text, algorithm: .hs256)
    }
  }

  @Test func `Random octets have their length and differ`() throws {
    #expect(try Random.octets(0).isEmpty)
    #expect(try Random.octets(-1).isEmpty)
    let one = try Random.octets(32)
    #expect(one.count == 32)
    #expect(try Random.octets(32) != one)
  }
}
