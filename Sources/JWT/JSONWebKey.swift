public import Signatures

/// A usable key of a key set.
public struct JSONWebKey: Sendable, Hashable {
  /// `kid`, never empty.
  public let keyID: [UInt8]?
  /// `alg`: the one algorithm the key is for. Nil when the key names none; it serves all that it fits then.
  public let algorithm: Algorithm?
  public let key: VerificationKey

  /// - Precondition: `algorithm` is nil or fits `key`; `keyID` is nil or not empty (reading a set sees to
  ///   both).
  public init(keyID: [UInt8]?, algorithm: Algorithm?, key: VerificationKey) {
    self.keyID = keyID
    self.algorithm = algorithm
    self.key = key
  }

  /// Whether the key may verify signatures of `algorithm`: by `alg`, by its type, curve and length.
  public func fits(_ algorithm: Algorithm) -> Bool {
    (self.algorithm == nil || self.algorithm == algorithm) && key.fits(algorithm)
  }
}

/// Why a key of a set is left out (RFC 7517 section 5: the others work on). The text says what would be
/// right.
public enum KeyRefusal: Error, Sendable, Equatable, CustomStringConvertible {
  case notObject
  case memberMissing(Member)
  case memberNotString(Member)
  case memberNotBase64URL(Member)
  case unknownType(String)
  case unknownCurve(String)
  case unknownAlgorithm(String)
  case algorithmDoesNotFit
  case forEncryption
  case operationsOfEncryption
  case secretFromRemote
  case secretTooShort(octets: Int)
  case key(KeyError)

  /// The members whose absence or form makes a key unusable.
  public enum Member: String, Sendable, Equatable {
    case kty, crv, x, y, n, e, k
  }

  public var description: String {
    switch self {
    case .notObject: "is no object: a key is {\"kty\": ...}"
    case .memberMissing(let name): "[\(name.rawValue)] is missing"
    case .memberNotString(let name): "[\(name.rawValue)] is not a string"
    case .memberNotBase64URL(let name):
      "[\(name.rawValue)] is not base64url: no padding, no blanks, - and _ instead of + and /"
    case .unknownType(let name): "[kty] is \(ForeignText.quoted(name)), none of RSA, EC, OKP, oct"
    case .unknownCurve(let name):
      "[crv] is \(ForeignText.quoted(name)), none of P-256, P-384, P-521 (EC) or Ed25519 (OKP)"
    case .unknownAlgorithm(let name):
      "[alg] is \(ForeignText.quoted(name)), no supported signature algorithm: \(Algorithm.names)"
    case .algorithmDoesNotFit: "[alg] does not fit the key's type, curve or length"
    case .forEncryption: "[use] is enc: a key for signatures has sig, or no [use]"
    case .operationsOfEncryption:
      "[key_ops] names operations of encryption alone: a key for signatures has verify, or no [key_ops]"
    case .secretFromRemote:
      "a shared secret must not come from a remote key set, where whoever reads it can sign: use a public key"
    case .secretTooShort(let octets):
      "HMAC secret of \(octets) octets: HS256 takes at least 32, HS384 48, HS512 64 (RFC 7518 section 3.2)"
    case .key(let error): error.description
    }
  }
}
