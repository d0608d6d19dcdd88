internal import COpenSSL

/// Whether 32 octets are a usable Ed25519 public key (RFC 8032 section 5.1.3). libcrypto takes any.
enum EdwardsPoint {
  static func check(_ encoded: [UInt8]) throws(KeyError) {
    if encoded.count != 32 { throw .ed25519Length(actual: encoded.count) }
    // The top bit is the sign of x; the rest is y, least octet first.
    var y = encoded
    y[31] &= 0x7F
    let bigEndianY = [UInt8](y.reversed())
    if !bigEndianY.lexicographicallyPrecedes(prime) { throw .ed25519NotCanonical }
    if smallOrder.contains(bigEndianY) { throw .ed25519SmallOrder }
    if try !hasX(bigEndianY) { throw .pointNotOnCurve }
  }

  /// 2^255 - 19, big-endian.
  private static let prime: [UInt8] = [0x7F] + [UInt8](repeating: 0xFF, count: 30) + [0xED]

  /// The y of the eight points whose order divides 8, big-endian: 0 (order 4, both signs), 1 (the neutral
  /// point), -1 (order 2), and the two y of the four points of order 8. The spellings of 1 and -1 with the
  /// sign bit set are not canonical; they fall under the same refusal.
  private static let smallOrder: [[UInt8]] = [
    [UInt8](repeating: 0, count: 32),
    [UInt8](repeating: 0, count: 31) + [1],
    [0x7F] + [UInt8](repeating: 0xFF, count: 30) + [0xEC],
    [
      0x05, 0xFC, 0x53, 0x6D, 0x88, 0x02, 0x38, 0xB1, 0x39, 0x33, 0xC6, 0xD3, 0x05, 0xAC, 0xDF, 0xD5,
      0xF0, 0x98, 0xEF, 0xF2, 0x89, 0xF4, 0xC3, 0x45, 0xB0, 0x27, 0xB2, 0xC2, 0x8F, 0x95, 0xE8, 0x26,
    ],
    [
      0x7A, 0x03, 0xAC, 0x92, 0x77, 0xFD, 0xC7, 0x4E, 0xC6, 0xCC, 0x39, 0x2C, 0xFA, 0x53, 0x20, 0x2A,
      0x0F, 0x67, 0x10, 0x0D, 0x76, 0x0B, 0x3C, 0xBA, 0x4F, 0xD8, 0x4D, 0x3D, 0x70, 0x6A, 0x17, 0xC7,
    ],
  ]

  /// -121665/121666 modulo the prime, big-endian.
  private static let d: [UInt8] = [
    0x52, 0x03, 0x6C, 0xEE, 0x2B, 0x6F, 0xFE, 0x73, 0x8C, 0xC7, 0x40, 0x79, 0x77, 0x79, 0xE8, 0x98,
    0x00, 0x70, 0x0A, 0x4D, 0x41, 0x41, 0xD8, 0xAB, 0x75, 0xEB, 0x4D, 0xCA, 0x13, 0x59, 0x78, 0xA3,
  ]

  /// Whether some x goes with this y: x^2 = (y^2 - 1) / (d y^2 + 1) must be a square. A quotient is one when
  /// the product is, and the denominator is never 0. (y^2 = 1 was refused before.)
  private static func hasX(_ bigEndianY: [UInt8]) throws(KeyError) -> Bool {
    guard let context = unsafe BN_CTX_new() else { throw .libraryFailure }
    defer { unsafe BN_CTX_free(context) }
    guard
      let p = unsafe BN_bin2bn(prime, 32, nil), let d = unsafe BN_bin2bn(d, 32, nil),
      let y = unsafe BN_bin2bn(bigEndianY, 32, nil), let product = unsafe BN_new()
    else { throw .libraryFailure }
    defer {
      unsafe BN_free(p)
      unsafe BN_free(d)
      unsafe BN_free(y)
      unsafe BN_free(product)
    }
    // y becomes y^2, d becomes d y^2 + 1, product becomes (y^2 - 1)(d y^2 + 1).
    let computed =
      unsafe BN_mod_sqr(y, y, p, context) == 1 && BN_mod_mul(d, d, y, p, context) == 1
      && BN_add_word(d, 1) == 1 && BN_sub_word(y, 1) == 1 && BN_mod_mul(product, y, d, p, context) == 1
    if !computed {
      ERR_clear_error()
      throw .libraryFailure
    }
    return unsafe BN_kronecker(product, p, context) == 1
  }
}
