import Foundation
import JWT
import Signatures
import TestSupport
import Testing

/// Test data made by others, read as JSON by Foundation: our own reader is what is tested.
private func object(_ path: String) throws -> [String: Any] {
  let data = Data(try Vectors.read(path))
  guard let object = try JSONSerialization.jsonObject(with: data) as? [String: Any] else {
    throw NotAnObject(path: path)
  }
  return object
}

private func text(_ object: Any) throws -> String {
  String(decoding: try JSONSerialization.data(withJSONObject: object), as: UTF8.self)
}

/// A key set in a file.
private func fileSet(_ path: String, _ source: JWKSet.Source) throws -> JWKSet {
  let octets = try Vectors.read(path)
  return try JWKSet.parse(octets.span, source: source)
}

private struct NotAnObject: Error { let path: String }

/// A key or a key set as a key set's text.
private func setText(_ key: Any) throws -> String {
  if let set = key as? [String: Any], set["keys"] != nil { return try text(set) }
  return try text(["keys": [key]])
}

@Suite struct `Wycheproof` {
  struct Exclusion {
    let file: String
    let test: Int
    /// What we say instead of what the file says.
    let isValid: Bool
    let reason: String
  }

  private static func exclusions(
    _ tests: [Int], of file: String, isValid: Bool, _ reason: String
  ) -> [Exclusion] {
    tests.map { Exclusion(file: file, test: $0, isValid: isValid, reason: reason) }
  }

  /// The vectors whose expected result is not ours, each with our result and the reason.
  static let exclusions: [Exclusion] =
    exclusions(
      [367, 370], of: "json_web_signature", isValid: true,
      "octet for octet the token of 357, which is marked valid")
    + exclusions(
      [372, 373], of: "json_web_signature", isValid: false,
      "marked valid with ? inside base64url: RFC 7515 section 2")
    + exclusions(
      [346, 350], of: "json_web_signature", isValid: false,
      "the key says PS256, the token PS384: RFC 7517 section 4.4")
    + exclusions([347, 351], of: "json_web_signature", isValid: false, "the key's alg ES521 does not exist")
    + exclusions(
      [259, 264, 268, 272, 320, 325], of: "json_web_signature", isValid: false,
      "an empty payload is no claims: a token has three parts, none empty (design, section 7)")
    + exclusions([1], of: "json_web_key", isValid: true, "a set of several kinds of keys is fine here")
    + exclusions([4], of: "json_web_key", isValid: true, "keys of one kid are all tried")
    + exclusions([47], of: "json_web_crypto", isValid: true, "a set of several kinds of keys is fine here")

  @Test(
    .enabled(if: Vectors.available), arguments: ["json_web_signature", "json_web_key", "json_web_crypto"])
  func `tokens and keys give the expected result`(_ file: String) throws {
    let excluded = Self.exclusions.filter { $0.file == file }
    let groups = try #require(try object("wycheproof/\(file)_test.json")["testGroups"] as? [[String: Any]])
    var accepted = 0
    var tested = 0
    for group in groups {
      let key = try #require(group["public"] ?? group["private"])
      let set = try? keySet(try setText(key))
      for test in try #require(group["tests"] as? [[String: Any]]) {
        guard let id = test["tcId"] as? Int, let jws = test["jws"] else { continue }
        let token = try jws as? String ?? text(jws)
        let isValid = set.map { isSigned(token, $0) } ?? false
        let expected = excluded.first { $0.test == id }?.isValid ?? (test["result"] as? String == "valid")
        #expect(isValid == expected, "\(file) \(id) \(test["comment"] ?? "")")
        tested += 1
        accepted += isValid ? 1 : 0
      }
    }
    let counts = ["json_web_signature": 401, "json_web_key": 26, "json_web_crypto": 49]
    #expect(tested == counts[file])
    #expect(accepted > 0)
  }
}

@Suite struct `JOSE cookbook` {
  @Test(
    .enabled(if: Vectors.available),
    arguments: [
      "jws/4_1.rsa_v15_signature", "jws/4_3.ecdsa_signature", "jws/4_4.hmac-sha2_integrity_protection",
      "curve25519/jws",
    ])
  func `signed examples verify, and fail with one octet changed`(_ name: String) throws {
    let example = try object("jose/cookbook/\(name).json")
    let input = try #require(example["input"] as? [String: Any])
    let key = try #require(input["key"])
    let output = try #require(example["output"] as? [String: Any])
    let token = try #require(output["compact"] as? String)
    let set = try keySet(try setText(key))
    #expect(isSigned(token, set))
    #expect(!isSigned(String(token.dropLast(6)) + "AAAAAA", set))
  }

  @Test(.enabled(if: Vectors.available))
  func `figure 20 is refused: its key is for PS256, its token says PS384`() throws {
    let example = try object("jose/cookbook/jws/4_2.rsa-pss_signature.json")
    let input = try #require(example["input"] as? [String: Any])
    var key = try #require(input["key"] as? [String: Any])
    let output = try #require(example["output"] as? [String: Any])
    let token = try #require(output["compact"] as? String)
    #expect(!isSigned(token, try keySet(try setText(key.merging(["alg": "PS256"]) { $1 }))))
    key["alg"] = nil
    #expect(isSigned(token, try keySet(try setText(key))))
  }

  @Test(
    .enabled(if: Vectors.available),
    arguments: [
      "jws/4_5.signature_with_detached_content", "jws/4_6.protecting_specific_header_fields",
      "jws/4_7.protecting_content_only", "jws/4_8.multiple_signatures", "rfc7797/4.2.hmac-sha2_b64_false",
      "rfc7797/hmac-sha2_b64_false", "6.nesting_signatures_and_encryption",
    ])
  func `detached, JSON-serialised, unencoded and nested examples are refused`(_ name: String) throws {
    let example = try object("jose/cookbook/\(name).json")
    var outputs: [Any] = []
    // A nested token's inner signature is a token of its own; what travels is the encrypted one.
    collect(example["encrypt"] ?? example, &outputs)
    #expect(!outputs.isEmpty)
    for output in outputs {
      let token = try output as? String ?? text(output)
      #expect(refusal(token) != nil, "\(token.prefix(80))")
    }
  }

  /// Everything called `compact`, `json` or `json_flat`, at any depth.
  private func collect(_ value: Any, _ found: inout [Any]) {
    guard let object = value as? [String: Any] else { return }
    for (name, member) in object {
      if ["compact", "json", "json_flat"].contains(name) { found.append(member) }
      collect(member, &found)
    }
  }

  @Test(.enabled(if: Vectors.available))
  func `the token inside the nested example verifies as claims`() throws {
    let example = try object("jose/cookbook/6.nesting_signatures_and_encryption.json")
    let part = try #require(example["sign"] as? [String: Any])
    let key = try #require((part["input"] as? [String: Any])?["key"])
    let token = try #require((part["output"] as? [String: Any])?["compact"] as? String)
    #expect(try verdict(token, keys: try setText(key)) == nil)
    #expect(try Reading(token).issuer == "hobbiton.example")
  }

  @Test(.enabled(if: Vectors.available))
  func `keys are read, private ones with a warning, the one for encryption not`() throws {
    for (name, warns) in [
      ("3_1.ec_public_key", false), ("3_2.ec_private_key", true), ("3_3.rsa_public_key", false),
      ("3_4.rsa_private_key", true), ("3_5.symmetric_key_mac_computation", false),
    ] {
      let set = try keySet(try setText(try object("jose/cookbook/jwk/\(name).json")))
      #expect(set.keys.count == 1)
      #expect(set.warnings.count == (warns ? 1 : 0), "\(name)")
    }
    let encryption = try text(try object("jose/cookbook/jwk/3_6.symmetric_key_encryption.json"))
    #expect(
      keyRefusal(encryption) == .forEncryption || keyRefusal(encryption) == .unknownAlgorithm("A256GCM"))
  }
}

@Suite struct `Istio's tokens` {
  @Test(.enabled(if: Vectors.available))
  func `verify against Istio's key set, and not against another`() throws {
    let folder = "istio/tests/common/jwt"
    var ring = KeyRing(try fileSet("\(folder)/jwks.json", .remote))
    var other = KeyRing(
      try fileSet("istio/security/tools/jwt/samples/jwks.json", .remote))
    let names = try Vectors.list("\(folder)/tokens")
    #expect(names.count == 14)
    for name in names {
      let token = String(decoding: try Vectors.read("\(folder)/tokens/\(name)"), as: UTF8.self)
        .trimmingCharacters(in: .whitespacesAndNewlines)
      let result = verdict(token, &ring)
      #expect((result == nil) == (name != "TokenInvalid.jwt"), "\(name): \(String(describing: result))")
      #expect(verdict(token, &other) != nil, "\(name)")
    }
  }

  @Test(.enabled(if: Vectors.available))
  func `of the samples verify against the samples' key set`() throws {
    let folder = "istio/security/tools/jwt/samples"
    var ring = KeyRing(try fileSet("\(folder)/jwks.json", .inline))
    for name in ["demo.jwt", "groups-scope.jwt"] {
      let token = String(decoding: try Vectors.read("\(folder)/\(name)"), as: UTF8.self)
        .trimmingCharacters(in: .whitespacesAndNewlines)
      #expect(verdict(token, &ring) == nil, "\(name)")
      #expect(try Reading(token).issuer == "testing@secure.istio.io")
    }
  }
}
