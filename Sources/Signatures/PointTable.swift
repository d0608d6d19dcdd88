internal import COpenSSL

/// Multiples of one point for products by signed digits of eight bits: for each window i the points
/// j·2^(8i)·B, j from 1 to 128, in affine form. A product is then a sum of about as many points as the curve
/// has octets, without a doubling. Immutable once made.
@safe
final class PointTable: @unchecked Sendable {
  /// Points of a whole window.
  private static let width = 128

  private let points: UnsafeMutableBufferPointer<OpaquePointer?>
  private let windows: Int
  private let count: Int

  /// Windows of a curve's scalars: one for each octet, and one for the last carry where the top octet is
  /// full.
  private static func windows(_ curve: Curve) -> Int { curve == .p521 ? 66 : curve.octets + 1 }

  /// About what a table takes, measured with jemalloc: a point is five small objects.
  static func octets(_ curve: Curve) -> Int { windows(curve) * width * (curve == .p384 ? 435 : 500) }

  /// Nil when libcrypto has no memory, or when the table is not what it should be.
  /// - Parameter corrupted: a point that is spoilt before the check: for the test that it is caught.
  init?(
    of base: OpaquePointer, _ group: OpaquePointer, _ curve: Curve, _ context: OpaquePointer,
    corrupted: Int? = nil
  ) {
    windows = Self.windows(curve)
    count = windows * Self.width
    unsafe points = .allocate(capacity: count)
    unsafe points.initialize(repeating: nil)
    for index in 0..<count {
      guard let point = unsafe EC_POINT_new(group) else { return nil }
      unsafe points[index] = point
    }
    guard unsafe fill(base, group, context) else { return nil }
    if let corrupted {
      let other = (corrupted + 1) % count
      guard unsafe EC_POINT_copy(points[corrupted], points[other]) == 1 else { return nil }
    }
    guard unsafe isRight(base, group, context) else { return nil }
  }

  deinit {
    for index in 0..<count { unsafe EC_POINT_free(points[index]) }
    unsafe points.deallocate()
  }

  private func fill(_ base: OpaquePointer, _ group: OpaquePointer, _ context: OpaquePointer) -> Bool {
    for window in 0..<windows {
      let start = window * Self.width
      let first = unsafe points[start]
      if window == 0 {
        guard unsafe EC_POINT_copy(first, base) == 1 else { return false }
      } else {
        // Twice 128 times the window's before.
        guard unsafe EC_POINT_dbl(group, first, points[start - 1], context) == 1 else { return false }
      }
      for index in 1..<Self.width {
        let target = unsafe points[start + index]
        guard unsafe EC_POINT_add(group, target, points[start + index - 1], first, context) == 1 else {
          return false
        }
      }
    }
    guard unsafe EC_POINTs_make_affine(group, count, points.baseAddress, context) == 1 else { return false }
    // Numbers keep the room of what they were computed with, twice what they need: copies take what they hold.
    for index in 0..<count {
      guard let copy = unsafe EC_POINT_dup(points[index], group) else { return false }
      unsafe EC_POINT_free(points[index])
      unsafe points[index] = copy
    }
    return true
  }

  /// Every point counts once in the sum of all, which is a known multiple of the base: 8256 = 1 + … + 128
  /// times the sum of the windows' weights. One wrong point makes it another.
  private func isRight(_ base: OpaquePointer, _ group: OpaquePointer, _ context: OpaquePointer) -> Bool {
    guard let sum = unsafe EC_POINT_new(group), let wanted = unsafe EC_POINT_new(group),
      let factor = unsafe BN_new()
    else { return false }
    defer {
      unsafe EC_POINT_free(sum)
      unsafe EC_POINT_free(wanted)
      unsafe BN_free(factor)
    }
    guard unsafe EC_POINT_set_to_infinity(group, sum) == 1, unsafe BN_set_word(factor, 0) == 1 else {
      return false
    }
    for index in 0..<count {
      guard unsafe EC_POINT_is_on_curve(group, points[index], context) == 1,
        unsafe EC_POINT_add(group, sum, sum, points[index], context) == 1
      else { return false }
    }
    for _ in 0..<windows {
      guard unsafe BN_lshift(factor, factor, 8) == 1, unsafe BN_add_word(factor, 8_256) == 1 else {
        return false
      }
    }
    // By libcrypto's general product, which knows nothing of the table.
    guard unsafe EC_POINT_mul(group, wanted, nil, base, factor, context) == 1 else { return false }
    return unsafe EC_POINT_cmp(group, sum, wanted, context) == 0
  }

  /// Adds `scalar` times the base to two sums, of which the second counts negatively: points are never
  /// negated.
  /// - Parameter scalar: little-endian, one octet a window, and a spare one of zero.
  /// - Returns: false when libcrypto failed.
  func add(
    _ scalar: Span<UInt8>, to plus: OpaquePointer, minus: OpaquePointer, _ group: OpaquePointer,
    _ context: OpaquePointer
  ) -> Bool {
    var carry = 0
    for window in 0..<windows {
      var digit = Int(scalar[window]) + carry
      carry = 0
      if digit == 0 { continue }
      var target = unsafe plus
      if digit > Self.width {
        digit = 256 - digit
        carry = 1
        unsafe target = unsafe minus
        if digit == 0 { continue }
      }
      let point = unsafe points[window * Self.width + digit - 1]
      if unsafe EC_POINT_add(group, target, target, point, context) != 1 { return false }
    }
    return carry == 0
  }
}
