/// Why a key is not used. `description` is text for the operator; it never holds key material.
public enum KeyError: Error, Sendable, Hashable, CustomStringConvertible {
  case rsaModulusTooShort(bits: Int)
  case rsaModulusTooLong(bits: Int)
  case rsaModulusEven
  /// Divisible by a prime below 168: whoever made it, it is no product of two large primes.
  case rsaModulusHasSmallFactor
  /// CVE-2017-15361: made by a library whose primes can be guessed from the modulus.
  case rsaModulusWeakByROCA
  case rsaExponentTooSmall
  case rsaExponentEven
  case rsaExponentTooLarge(bits: Int)
  case coordinateEmpty
  case coordinateTooLong(bytes: Int)
  case coordinateNotBelowPrime(Curve)
  case pointNotOnCurve
  case ed25519Length(actual: Int)
  case ed25519NotCanonical
  case ed25519SmallOrder
  case secretEmpty
  /// The key's kind, curve or length is not one the algorithm takes.
  case algorithmDoesNotFit
  /// A private part that is not the one of the public part, or has a length that cannot be right.
  case privatePartDoesNotFit
  /// libcrypto failed where it should not: out of memory, or a provider is missing.
  case libraryFailure

  public var description: String {
    switch self {
    case .rsaModulusTooShort(let bits):
      "RSA modulus of \(bits) bits: at least \(VerificationKey.rsaModulusBits.lowerBound) are needed"
    case .rsaModulusTooLong(let bits):
      "RSA modulus of \(bits) bits: at most \(VerificationKey.rsaModulusBits.upperBound) are taken"
    case .rsaModulusEven: "RSA modulus is even"
    case .rsaModulusHasSmallFactor: "RSA modulus has a small prime factor"
    case .rsaModulusWeakByROCA: "RSA modulus has the ROCA weakness (CVE-2017-15361): replace the key"
    case .rsaExponentTooSmall: "RSA exponent is below 3"
    case .rsaExponentEven: "RSA exponent is even"
    case .rsaExponentTooLarge(let bits):
      "RSA exponent of \(bits) bits: at most \(VerificationKey.rsaExponentBits) are taken"
    case .coordinateEmpty: "EC coordinate is empty: it must be a number"
    case .coordinateTooLong(let bytes):
      "EC coordinate of \(bytes) bytes: at most \(VerificationKey.longestCoordinateBytes) are read"
    case .coordinateNotBelowPrime(let curve):
      "EC coordinate is not below the prime of \(curve.name): check that [crv] names the key's curve"
    case .pointNotOnCurve: "public key is not a point of its curve"
    case .ed25519Length(let actual): "Ed25519 key of \(actual) octets: it must have 32"
    case .ed25519NotCanonical: "Ed25519 public key is not canonically encoded"
    case .ed25519SmallOrder: "Ed25519 public key is a point of small order"
    case .secretEmpty: "HMAC secret is empty"
    case .algorithmDoesNotFit: "the key's type, curve or length does not fit the algorithm"
    case .privatePartDoesNotFit: "private part does not belong to the public part"
    case .libraryFailure: "libcrypto failed"
    }
  }
}
