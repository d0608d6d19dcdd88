import Bytes
import Foundation
import JWT
import Signatures
import TestSupport
import Testing

/// Tokens that try to choose how, or by what, they are verified.
@Suite struct `Algorithm confusion` {
  /// What an attacker may know of a public key, as an HMAC secret.
  private func secrets(_ key: VerificationKey, _ jwk: String) -> [[UInt8]] {
    var secrets: [[UInt8]] = [Array(jwk.utf8), Array(set(jwk).utf8)]
    switch key.material {
    case .rsa(let n, let e):
      secrets += [n, e, n + e, [0] + n, Array(base64url(n).utf8)]
      // PKCS #1 RSAPublicKey and SubjectPublicKeyInfo.
      let pkcs1 = der(0x30, der(0x02, [0] + n) + der(0x02, e))
      let algorithm: [UInt8] = [0x30, 0x0D, 6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1, 5, 0]
      let info = der(0x30, algorithm + der(0x03, [0] + pkcs1))
      secrets += [pkcs1, info] + pem(info, "PUBLIC KEY") + pem(pkcs1, "RSA PUBLIC KEY")
    case .ec(_, let x, let y):
      secrets += [x, y, x + y, [4] + x + y, [2 + (y[y.count - 1] & 1)] + x]
      let algorithm: [UInt8] = [
        0x30, 0x13, 6, 7, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1, 6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7,
      ]
      let info = der(0x30, algorithm + der(0x03, [0, 4] + x + y))
      secrets += [info] + pem(info, "PUBLIC KEY")
    case .ed25519(let x):
      let info = der(0x30, [0x30, 5, 6, 3, 0x2B, 0x65, 0x70] + der(0x03, [0] + x))
      secrets += [x, Array(base64url(x).utf8), info] + pem(info, "PUBLIC KEY")
    case .secret: break
    }
    return secrets
  }

  private func der(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
    switch content.count {
    case 0..<128: [tag, UInt8(content.count)] + content
    case 128..<256: [tag, 0x81, UInt8(content.count)] + content
    default: [tag, 0x82, UInt8(content.count >> 8), UInt8(content.count & 255)] + content
    }
  }

  private func pem(_ der: [UInt8], _ label: String) -> [[UInt8]] {
    let body = Data(der).base64EncodedString(options: [.lineLength64Characters, .endLineWithLineFeed])
    let text = "-----BEGIN \(label)-----\n\(body)\n-----END \(label)-----"
    return [Array(text.utf8), Array((text + "\n").utf8)]
  }

  @Test(arguments: [Algorithm.rs256, .es256, .edDSA], ["", #""kid":"k""#])
  func `a public key in any form is no HMAC secret, with and without kid and alg`(
    _ algorithm: Algorithm, _ kid: String
  ) throws {
    let pair = TestKeys.pair(for: algorithm)
    for members in [kid, kid + (kid.isEmpty ? "" : ",") + #""alg":"\#(algorithm.name)""#] {
      let jwk = TestKeys.jwk(pair.one, members)
      var ring = KeyRing(try keySet(set(jwk)))
      for octets in secrets(pair.one.verificationKey, jwk) {
        guard let secret = try? SigningKey(.secret(octets)) else { continue }
        for hmac in [Algorithm.hs256, .hs384, .hs512] where secret.fits(hmac) {
          #expect(verdict(try signed(secret, hmac, header: kid), &ring) == .noKeyMatches)
          // The signature of an HMAC under the key's own algorithm's name.
          #expect(verdict(try signed(secret, hmac, named: algorithm, header: kid), &ring) != nil)
        }
      }
    }
  }

  @Test func `a signature under another algorithm's name is refused, for every pair of names`() throws {
    for algorithm in Algorithm.allCases {
      let key = TestKeys.pair(for: algorithm).one
      var ring = KeyRing(try keySet(set(TestKeys.jwk(key))))
      for named in Algorithm.allCases where named != algorithm {
        #expect(verdict(try signed(key, algorithm, named: named), &ring) != nil)
      }
    }
  }

  @Test func `an empty or absent signature under none is refused, also by a set with a secret`() throws {
    var ring = KeyRing(try keySet(set(TestKeys.jwk(TestKeys.secret.one), TestKeys.jwk(TestKeys.rsa.one))))
    for name in ["none", "None", "NONE", "nOnE"] {
      let start = "\(base64url(#"{"alg":"\#(name)"}"#)).\(base64url("{}"))"
      #expect(verdict(start, &ring) == .malformed)
      #expect(verdict(start + ".", &ring) == .malformed)
      #expect(verdict(start + ".AAAA", &ring) == .algorithmNotSupported)
    }
  }

  @Test func `a key that comes with the token is not used`() throws {
    let attacker = TestKeys.p256.other
    let jwk = TestKeys.jwk(attacker, #""kid":"k""#)
    let keys = set(TestKeys.jwk(TestKeys.p256.one, #""kid":"k""#))
    for member in [
      #""jwk":\#(jwk)"#, #""jku":"https://attacker.example/keys""#, #""x5u":"https://attacker.example/c""#,
      #""x5c":["MIIB"]"#, #""jwk":\#(jwk),"kid":"k""#,
    ] {
      #expect(try verdict(try signed(attacker, .es256, header: member), keys: keys) == .verificationFailed)
      #expect(try verdict(try signed(TestKeys.p256.one, .es256, header: member), keys: keys) == nil)
    }
  }

  @Test func `a nested token is no claims`() throws {
    let inner = try signed(TestKeys.p256.one, .es256)
    let text = try signed(TestKeys.p256.one, .es256, header: #""cty":"JWT""#, payload: inner)
    #expect(try verdict(text, keys: set(TestKeys.jwk(TestKeys.p256.one))) == .payloadNotJSON)
  }

  @Test func `no mutated token ever verifies`() throws {
    let seed = UInt64.random(in: 0 ... .max)
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let kid = #""kid":"k""#
    let payload = #"{"iss":"i","sub":"s","exp":4000000000}"#
    // Each algorithm has a ring of its own key and one of another kind: a mutated name must not help.
    for algorithm in Algorithm.allCases {
      let key = TestKeys.pair(for: algorithm).one
      let other = algorithm == .es256 ? TestKeys.rsa.one : TestKeys.p256.one
      var ring = KeyRing(try keySet(set(TestKeys.jwk(key, kid), TestKeys.jwk(other))))
      let text = Array(try signed(key, algorithm, header: kid, payload: payload).utf8)
      #expect(verdict(text, &ring) == nil)
      let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n".utf8)
      for _ in 0..<1_540 {
        var mutated = text
        let index = Int.random(in: 0..<mutated.count, using: &generator)
        switch generator.next() % 6 {
        case 0: mutated.remove(at: index)
        case 1: mutated.insert(alphabet.randomElement(using: &generator) ?? 0, at: index)
        case 2: mutated.swapAt(index, Int.random(in: 0..<mutated.count, using: &generator))
        case 3: mutated[index] = UInt8(truncatingIfNeeded: generator.next())
        case 4: mutated += mutated[index...]
        default: mutated[index] = alphabet.randomElement(using: &generator) ?? 0
        }
        if mutated == text { continue }
        // ECDSA is malleable by (r, n - s), which no single change of a character gives.
        #expect(verdict(mutated, &ring) != nil, "\(algorithm) \(String(decoding: mutated, as: UTF8.self))")
      }
    }
  }
}
