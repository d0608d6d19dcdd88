public import JSON
public import Signatures

/// Why a key could not be read or a token not be made. `description` is text for a terminal; it holds no key
/// material.
public enum IssuerError: Error, Sendable, Equatable, CustomStringConvertible {
  case keyNotJSON(JSONError)
  /// Neither an object with `kty` nor one with a list of such objects under `keys`.
  case notKeyOrKeySet
  case noKeys
  case memberMissing(String)
  case memberNotText(String)
  case memberNotBase64URL(String)
  case keyTypeUnknown
  case curveUnknown
  case algorithmUnknown
  /// `oth`: an RSA key of more than two primes.
  case tooManyPrimes
  case key(KeyError)
  case noSuchKey
  case claimsNotJSON(JSONError)
  case claimsNotObject

  public var description: String {
    switch self {
    case .keyNotJSON(let error): "the key is not JSON: \(error)"
    case .notKeyOrKeySet: "neither a JSON Web Key nor a JSON Web Key Set"
    case .noKeys: "the key set holds no key"
    case .memberMissing(let name): "the key has no member \"\(name)\": is it a private one?"
    case .memberNotText(let name): "member \"\(name)\" of the key is not a string"
    case .memberNotBase64URL(let name): "member \"\(name)\" of the key is not base64url"
    case .keyTypeUnknown: "the key's type is none of RSA, EC, OKP and oct"
    case .curveUnknown: "the key's curve is none of P-256, P-384, P-521 and Ed25519"
    case .algorithmUnknown: "the key's algorithm is none of the thirteen that are supported"
    case .tooManyPrimes: "an RSA key of more than two primes is not supported"
    case .key(let error): "\(error)"
    case .noSuchKey: "no key has that ID"
    case .claimsNotJSON(let error): "the claims are not JSON: \(error)"
    case .claimsNotObject: "the claims are not a JSON object"
    }
  }
}
