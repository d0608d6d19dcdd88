internal import COpenSSL

/// The elliptic curves of JSON Web Keys (RFC 7518 section 6.2.1.1). secp256k1 is not among them.
public enum Curve: UInt8, Sendable, Hashable, CaseIterable {
  case p256, p384, p521

  /// The value of `crv` in a key, spelled exactly so.
  public var name: StaticString {
    switch self {
    case .p256: "P-256"
    case .p384: "P-384"
    case .p521: "P-521"
    }
  }

  /// Octets of a coordinate, of a private value and of each half of a signature.
  public var octets: Int {
    switch self {
    case .p256: 32
    case .p384: 48
    case .p521: 66
    }
  }

  /// The algorithm that takes keys on this curve.
  public var algorithm: Algorithm {
    switch self {
    case .p256: .es256
    case .p384: .es384
    case .p521: .es512
    }
  }

  /// libcrypto's number for the curve.
  var identifier: Int32 {
    switch self {
    case .p256: NID_X9_62_prime256v1
    case .p384: NID_secp384r1
    case .p521: NID_secp521r1
    }
  }
}
