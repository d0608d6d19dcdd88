// Signatures: is this signature by that key? Key material and octets flow in, yes or no flows out, all
// arithmetic by OpenSSL. It knows no tokens, no JSON and no policy, and it is one of the few targets that see
// a C library.

internal import Bytes

/// The signature algorithms of JSON Web Signature that are supported (RFC 7518 section 3.1, RFC 8037 section
/// 3.1). There is no `none`, and there never will be.
public enum Algorithm: UInt8, Sendable, CaseIterable {
  case es256, es384, es512, hs256, hs384, hs512, rs256, rs384, rs512, ps256, ps384, ps512, edDSA

  /// The algorithm of exactly this name: case counts, blanks count (RFC 7515 section 4.1.1).
  public init?(name: Span<UInt8>) {
    for algorithm in Algorithm.allCases where name.equals(algorithm.name) {
      self = algorithm
      return
    }
    return nil
  }

  /// The kind of key an algorithm takes.
  public enum Family: Sendable { case ecdsa, hmac, rsaPKCS1, rsaPSS, edDSA }

  public var family: Family {
    switch self {
    case .es256, .es384, .es512: .ecdsa
    case .hs256, .hs384, .hs512: .hmac
    case .rs256, .rs384, .rs512: .rsaPKCS1
    case .ps256, .ps384, .ps512: .rsaPSS
    case .edDSA: .edDSA
    }
  }

  /// The value of `alg` in a header or a key, spelled exactly so.
  public var name: StaticString {
    switch self {
    case .es256: "ES256"
    case .es384: "ES384"
    case .es512: "ES512"
    case .hs256: "HS256"
    case .hs384: "HS384"
    case .hs512: "HS512"
    case .rs256: "RS256"
    case .rs384: "RS384"
    case .rs512: "RS512"
    case .ps256: "PS256"
    case .ps384: "PS384"
    case .ps512: "PS512"
    case .edDSA: "EdDSA"
    }
  }

  /// The names of all algorithms with blanks between them, for messages.
  public static let names = allCases.map { "\($0.name)" }.joined(separator: " ")

  /// The hash the algorithm signs. EdDSA hashes inside, with SHA-512 (RFC 8032 section 5.1).
  public var hash: HashFunction {
    switch self {
    case .es256, .hs256, .rs256, .ps256: .sha256
    case .es384, .hs384, .rs384, .ps384: .sha384
    case .es512, .hs512, .rs512, .ps512, .edDSA: .sha512
    }
  }

  /// The one curve an ECDSA algorithm takes (RFC 7518 section 3.4); nil for the other families.
  public var curve: Curve? {
    switch self {
    case .es256: .p256
    case .es384: .p384
    case .es512: .p521
    default: nil
    }
  }
}
