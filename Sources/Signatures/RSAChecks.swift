/// Checks of an RSA public key that need no library: what can be seen from its octets.
enum RSAChecks {
  /// - Parameter modulus: big-endian, shortest form.
  static func check(modulus: [UInt8]) throws(KeyError) {
    let bits = modulus.bitCount
    if bits < VerificationKey.rsaModulusBits.lowerBound { throw .rsaModulusTooShort(bits: bits) }
    if bits > VerificationKey.rsaModulusBits.upperBound { throw .rsaModulusTooLong(bits: bits) }
    if let last = modulus.last, last & 1 == 0 { throw .rsaModulusEven }
    var looksLikeROCA = true
    for prime in smallPrimes {
      let residue = remainder(of: modulus, by: prime)
      if residue == 0 { throw .rsaModulusHasSmallFactor }
      if looksLikeROCA, !isPower(residue, modulo: prime) { looksLikeROCA = false }
    }
    if looksLikeROCA { throw .rsaModulusWeakByROCA }
  }

  /// - Parameter exponent: big-endian, shortest form.
  static func check(exponent: [UInt8]) throws(KeyError) {
    let bits = exponent.bitCount
    if bits > VerificationKey.rsaExponentBits { throw .rsaExponentTooLarge(bits: bits) }
    guard let last = exponent.last, bits >= 2 else { throw .rsaExponentTooSmall }
    // Two is even, but what is wrong with it is its size.
    if exponent == [2] { throw .rsaExponentTooSmall }
    if last & 1 == 0 { throw .rsaExponentEven }
  }

  /// The odd primes up to 167: the moduli of the ROCA fingerprint. Every key of the flawed library, of 512
  /// bits or more, used the product of at least these.
  private static let smallPrimes: [UInt32] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
    107, 109,
    113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
  ]

  private static func remainder(of number: [UInt8], by divisor: UInt32) -> UInt32 {
    var remainder: UInt32 = 0
    for octet in number { remainder = (remainder << 8 | UInt32(octet)) % divisor }
    return remainder
  }

  /// Whether `residue` is a power of 65537 modulo `prime`. The flawed library made primes of the form `k * M
  /// + (65537^a mod M)`, so a modulus by it is such a power for every prime that divides M; a random modulus
  /// is one for all of these primes once in 2^27.8 (Nemec and others, "The Return of Coppersmith's Attack",
  /// 2017).
  private static func isPower(_ residue: UInt32, modulo prime: UInt32) -> Bool {
    var power: UInt32 = 1
    repeat {
      if power == residue { return true }
      power = power * (65537 % prime) % prime
    } while power != 1
    return false
  }
}
