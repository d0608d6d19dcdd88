import Issuer
import Signatures

/// An issuer of tokens with one key.
struct TestIssuer: Sendable {
  let name: String
  let key: IssuerKey

  /// - Parameter seed: issuers of different seeds have different secrets.
  init(_ name: String, seed: UInt8, keyID: String) {
    do {
      let secret = try SigningKey(.secret([UInt8](repeating: seed, count: 32)))
      key = try IssuerKey(secret, algorithm: .hs256, keyID: keyID)
    } catch {
      fatalError("no test key: \(error)")
    }
    self.name = name
  }

  var keySet: String { "{\"keys\":[\(key.publicJWK)]}" }

  /// A `jwtRules` entry for this issuer.
  /// - Parameter more: other fields.
  /// - Parameter other: whose keys the entry holds; nil: its own.
  func rule(_ more: String = "", keysOf other: TestIssuer? = nil) -> String {
    "{issuer: \"\(name)\", jwks: '\((other ?? self).keySet)'\(more.isEmpty ? "" : ", ")\(more)}"
  }

  /// A token; `iss` is this issuer's unless the claims name one.
  func token(_ claims: String = #"{"sub":"me"}"#) throws -> String {
    try DevelopmentIssuer(name: name, keys: [key]).token(claims: Claims(json: claims))
  }

  /// A token of this issuer that somebody else has signed.
  func forged(_ claims: String = #"{"sub":"me"}"#) throws -> String {
    try TestIssuer(name, seed: 0xEE, keyID: key.keyID).token(claims)
  }

  static let a = TestIssuer("https://a", seed: 0xA0, keyID: "key-a")
  static let b = TestIssuer("https://b", seed: 0xB0, keyID: "key-b")
  static let c = TestIssuer("https://c", seed: 0xC0, keyID: "key-c")
}

/// Long past at `Gate.now`.
let past = #"{"sub":"me","exp":1000000000}"#

let malformed = "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections"
