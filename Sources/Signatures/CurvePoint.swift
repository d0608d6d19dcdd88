internal import COpenSSL

/// Whether coordinates are a point of a curve.
enum CurvePoint {
  /// The prime curves have cofactor 1: a point on the curve other than infinity, which has no coordinates,
  /// has the full order. Coordinates not below the field's prime are refused too.
  static func check(curve: Curve, x: [UInt8], y: [UInt8]) throws(KeyError) {
    guard let group = unsafe EC_GROUP_new_by_curve_name(curve.identifier) else { throw .libraryFailure }
    defer { unsafe EC_GROUP_free(group) }
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
