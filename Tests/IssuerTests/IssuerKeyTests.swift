import Bytes
import Foundation
import Issuer
import JWT
import Signatures
import TestSupport
import Testing

/// One issuer for all tests: making RSA keys takes long in debug builds. The RSA key is shared by six
/// algorithms.
enum TestIssuer {
  private static let made = Result {
    let rsa = try SigningKey.generate(for: .rs256)
    var issuer = DevelopmentIssuer(name: "https://issuer.example", keys: [])
    for algorithm in Algorithm.allCases {
      switch algorithm.family {
      case .rsaPKCS1, .rsaPSS:
        issuer.keys.append(try IssuerKey(rsa, algorithm: algorithm, keyID: "key-\(algorithm.name)"))
      default:
        issuer.keys.append(try IssuerKey.generate(for: algorithm, keyID: "key-\(algorithm.name)"))
      }
    }
    return issuer
  }

  static var issuer: DevelopmentIssuer { get throws { try made.get() } }

  static func key(_ algorithm: Algorithm) throws -> IssuerKey {
    try #require(issuer.keys.first { $0.algorithm == algorithm })
  }
}

func members(_ json: String) throws -> [String: Any] {
  try #require(JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
}

func keySet(_ text: String) throws -> JWKSet {
  let octets = Array(text.utf8)
  return try JWKSet.parse(octets.span, source: .inline)
}

struct IssuerKeyTests {
  @Test(arguments: Algorithm.allCases)
  func `A public key is the one a verifier reads`(algorithm: Algorithm) throws {
    let key = try TestIssuer.key(algorithm)
    let set = try keySet("{\"keys\":[\(key.publicJWK)]}")
    #expect(set.skipped.isEmpty && set.warnings.isEmpty)
    let read = try #require(set.keys.first)
    #expect(read.key == key.signingKey.verificationKey)
    #expect(read.algorithm == algorithm)
    #expect(read.keyID == Array(key.keyID.utf8))
  }

  @Test(arguments: Algorithm.allCases)
  func `A private key reads back as itself and its public text holds no private part`(algorithm: Algorithm)
    throws
  {
    let key = try TestIssuer.key(algorithm)
    let read = try #require(IssuerKey.read(key.privateJWK).first)
    #expect(read.keyID == key.keyID)
    #expect(read.algorithm == algorithm)
    #expect(read.signingKey.components == key.signingKey.components)
    #expect(read.privateJWK == key.privateJWK)

    let names = Set(try members(key.publicJWK).keys)
    #expect(names.isDisjoint(with: ["d", "p", "q", "dp", "dq", "qi", "oth"]))
    let privateNames = Set(try members(key.privateJWK).keys)
    switch algorithm.family {
    case .hmac: #expect(privateNames == names)
    case .rsaPKCS1, .rsaPSS: #expect(privateNames.subtracting(names) == ["d", "p", "q", "dp", "dq", "qi"])
    case .ecdsa, .edDSA: #expect(privateNames.subtracting(names) == ["d"])
    }
  }

  @Test func `A whole set reads back, private and public`() throws {
    let issuer = try TestIssuer.issuer
    let read = try IssuerKey.read(issuer.privateJWKSet)
    #expect(read.map(\.keyID) == issuer.keys.map(\.keyID))
    #expect(read.map(\.signingKey.components) == issuer.keys.map(\.signingKey.components))
    let set = try keySet(issuer.publicJWKSet)
    #expect(set.keys.map(\.key) == issuer.keys.map(\.signingKey.verificationKey))
    #expect(set.skipped.isEmpty && set.warnings.isEmpty)
    // Whoever loads the private set by mistake is told.
    #expect(try keySet(issuer.privateJWKSet).warnings.count == 10)
  }

  @Test func `A key without an ID goes by its thumbprint and without an algorithm by the one it fits`() throws
  {
    // RFC 8037 appendix A.1 and A.3.
    let text = """
      {"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
       "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
      """
    let key = try #require(IssuerKey.read(text).first)
    #expect(key.keyID == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
    #expect(key.algorithm == .edDSA)
    for (octets, algorithm) in [(32, Algorithm.hs256), (48, .hs256), (64, .hs256)] {
      let secret = Data(repeating: 0, count: octets).base64EncodedString().filter { $0 != "=" }
      #expect(try IssuerKey.read("{\"kty\":\"oct\",\"k\":\"\(secret)\"}").first?.algorithm == algorithm)
    }
    let rsa = try TestIssuer.key(.rs256).signingKey
    #expect(try IssuerKey(rsa, algorithm: .ps384).keyID == IssuerKey(rsa, algorithm: .rs256).keyID)
    // The thumbprint of a secret would help to guess it.
    let secret = try SigningKey.generate(for: .hs256)
    #expect(try IssuerKey(secret, algorithm: .hs256).keyID != IssuerKey(secret, algorithm: .hs256).keyID)
  }

  @Test func `A key refuses an algorithm it does not fit`() throws {
    let key = try TestIssuer.key(.es256).signingKey
    #expect(throws: KeyError.algorithmDoesNotFit) { try IssuerKey(key, algorithm: .es384) }
    let wrong = try TestIssuer.key(.es256).privateJWK.replacingOccurrences(of: "\"ES256\"", with: "\"RS256\"")
    #expect(throws: IssuerError.key(.algorithmDoesNotFit)) { try IssuerKey.read(wrong) }
  }

  @Test func `A text that is no private key is refused with its reason`() throws {
    let ec = try TestIssuer.key(.es256)
    let other = try IssuerKey.generate(for: .es256)
    let own = try #require(try members(ec.privateJWK)["d"] as? String)
    let foreign = try #require(try members(other.privateJWK)["d"] as? String)
    let cases: [(String, IssuerError)] = [
      ("[]", .notKeyOrKeySet), ("{}", .notKeyOrKeySet), ("null", .notKeyOrKeySet),
      ("\"key\"", .notKeyOrKeySet),
      ("{\"keys\":{}}", .notKeyOrKeySet), ("{\"keys\":[1]}", .notKeyOrKeySet), ("{\"keys\":[]}", .noKeys),
      (ec.publicJWK, .memberMissing("d")), ("{\"kty\":\"oct\"}", .memberMissing("k")),
      ("{\"kty\":\"oct\",\"k\":\"\"}", .key(.secretEmpty)),
      ("{\"kty\":\"oct\",\"k\":\"AAAA=\"}", .memberNotBase64URL("k")),
      ("{\"kty\":\"oct\",\"k\":7}", .memberNotText("k")),
      ("{\"kty\":\"oct\",\"k\":\"AAAA\"}", .key(.algorithmDoesNotFit)),
      ("{\"kty\":\"DSA\"}", .keyTypeUnknown), ("{\"kty\":\"ec\"}", .keyTypeUnknown),
      ("{\"kty\":1}", .memberNotText("kty")),
      ("{\"kty\":\"EC\",\"crv\":\"secp256k1\"}", .curveUnknown),
      ("{\"kty\":\"OKP\",\"crv\":\"Ed448\"}", .curveUnknown),
      ("{\"kty\":\"EC\"}", .memberMissing("crv")),
      (ec.privateJWK.replacingOccurrences(of: "ES256", with: "none"), .algorithmUnknown),
      (ec.privateJWK.replacingOccurrences(of: own, with: foreign), .key(.privatePartDoesNotFit)),
      (
        try TestIssuer.key(.rs256).privateJWK.replacingOccurrences(of: "\"qi\"", with: "\"other\""),
        .memberMissing("qi")
      ),
      (
        try TestIssuer.key(.rs256).privateJWK.replacingOccurrences(of: "\"use\":\"sig\"", with: "\"oth\":[]"),
        .tooManyPrimes
      ),
    ]
    for (text, error) in cases {
      #expect(throws: error, "\(text)") { try IssuerKey.read(text) }
    }
    for text in ["", "{", "-----BEGIN PRIVATE KEY-----", ec.privateJWK + ",", "{'kty':'oct'}"] {
      #expect {
        try IssuerKey.read(text)
      } throws: {
        if case .keyNotJSON = $0 as? IssuerError { true } else { false }
      }
    }
  }

  /// 3,000 mutations of private keys: what still reads is a whole key, whose signatures its public part
  /// takes.
  @Test func `A mutated key is refused or works`() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("seed \(seed)")
    var random = SeededGenerator(seed: seed)
    let texts = try [Algorithm.es256, .edDSA, .hs256, .es256, .edDSA].map {
      try TestIssuer.key($0).privateJWK
    }
    var read = 0
    for _ in 0..<3000 {
      var octets = Array(texts[Int.random(in: 0..<texts.count, using: &random)].utf8)
      for _ in 0..<Int.random(in: 1...2, using: &random) {
        let index = Int.random(in: 0..<octets.count, using: &random)
        if Bool.random(using: &random) {
          octets[index] = UInt8.random(in: 0x20...0x7E, using: &random)
        } else {
          octets.remove(at: index)
        }
      }
      guard let keys = try? IssuerKey.read(String(decoding: octets, as: UTF8.self)), let key = keys.first
      else {
        continue
      }
      read += 1
      #expect(try IssuerKey.read(key.privateJWK).first?.signingKey.components == key.signingKey.components)
    }
    #expect(read > 0 && read < 3000)
  }
}
