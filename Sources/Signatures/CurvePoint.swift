internal import COpenSSL

/// Whether coordinates are a point of a curve.
enum CurvePoint {
  /// The full-length form of a coordinate that was spelled in any length.
  /// - Throws: `.coordinateEmpty`, `.coordinateTooLong`, or `.coordinateNotBelowPrime` for a number of more
  ///   bytes than the prime has. `check` compares the others with the prime.
  static func coordinate(_ bytes: [UInt8], of curve: Curve) throws(KeyError) -> [UInt8] {
    if bytes.isEmpty { throw .coordinateEmpty }
    if bytes.count > VerificationKey.longestCoordinateBytes { throw .coordinateTooLong(bytes: bytes.count) }
    guard let full = bytes.filled(to: curve.octets) else { throw .coordinateNotBelowPrime(curve) }
    return full
  }

  /// The prime curves have cofactor 1: a point on the curve other than infinity, which has no coordinates,
  /// has the full order.
  /// - Parameters:
  ///   - x, y: of the curve's full length.
  /// - Throws: `.coordinateNotBelowPrime`, `.pointNotOnCurve`, `.libraryFailure`.
  static func check(curve: Curve, x: [UInt8], y: [UInt8]) throws(KeyError) {
    guard let group = unsafe EC_GROUP_new_by_curve_name(curve.identifier) else { throw .libraryFailure }
    defer { unsafe EC_GROUP_free(group) }
    guard let prime = unsafe EC_GROUP_get0_field(group) else { throw .libraryFailure }
    for coordinate in [x, y] {
      guard let number = unsafe BN_bin2bn(coordinate, Int32(coordinate.count), nil) else {
        throw .libraryFailure
      }
      defer { unsafe BN_free(number) }
      if unsafe BN_cmp(number, prime) >= 0 { throw .coordinateNotBelowPrime(curve) }
    }
    guard let point = unsafe EC_POINT_new(group) else { throw .libraryFailure }
    defer { unsafe EC_POINT_free(point) }
    let encoded = uncompressed(x: x, y: y)
    let outcome = unsafe EC_POINT_oct2point(group, point, encoded, encoded.count, nil)
    if outcome != 1 {
      ERR_clear_error()
      throw .pointNotOnCurve
    }
    // The conversion checks this already; the answer matters too much to rest on one function.
    if unsafe EC_POINT_is_on_curve(group, point, nil) != 1 {
      ERR_clear_error()
      throw .pointNotOnCurve
    }
  }

  /// SEC 1 section 2.3.3.
  static func uncompressed(x: [UInt8], y: [UInt8]) -> [UInt8] { [4] + x + y }
}
