internal import Bytes
internal import COpenSSL

/// ECDSA verification (FIPS 186-5, section 6.4.2) with tables of the key and of the generator, one thread's
/// own: scratch numbers and points are made once, so that a check allocates nothing of ours. Its answer is
/// `EVP_DigestVerify`'s, which the tests hold it to; where libcrypto fails it says so, and EVP is asked
/// instead.
@safe
final class FastECDSA: @unchecked Sendable {
  private let table: ECDSATable
  private let shared: CurveArithmetic
  private let context: OpaquePointer
  /// r, s, the hash, the inverse of s, u1, u2, x, y, z, and one to spare.
  private let numbers: UnsafeMutableBufferPointer<OpaquePointer?>
  /// Two sums, or two products.
  private let points: UnsafeMutableBufferPointer<OpaquePointer?>

  private enum Number: Int, CaseIterable { case r, s, hash, inverse, u1, u2, x, y, z, spare }

  /// Nil when libcrypto has no memory.
  init?(_ table: ECDSATable) {
    self.table = table
    shared = table.arithmetic
    guard let context = unsafe BN_CTX_new() else { return nil }
    unsafe self.context = context
    unsafe numbers = .allocate(capacity: Number.allCases.count)
    unsafe numbers.initialize(repeating: nil)
    unsafe points = .allocate(capacity: 2)
    unsafe points.initialize(repeating: nil)
    for index in 0..<Number.allCases.count {
      unsafe numbers[index] = unsafe BN_new()
      if unsafe numbers[index] == nil { return nil }
    }
    for index in 0..<2 {
      unsafe points[index] = unsafe EC_POINT_new(shared.group)
      if unsafe points[index] == nil { return nil }
    }
  }

  deinit {
    for index in 0..<Number.allCases.count { unsafe BN_free(numbers[index]) }
    for index in 0..<2 { unsafe EC_POINT_free(points[index]) }
    unsafe numbers.deallocate()
    unsafe points.deallocate()
    unsafe BN_CTX_free(context)
  }

  private func number(_ number: Number) -> OpaquePointer? { unsafe numbers[number.rawValue] }

  /// Whether the signature is the key's over the digest; nil when libcrypto failed and nothing is known.
  /// - Parameters:
  ///   - signature: r and s, each of the curve's length.
  ///   - digest: in its first `digestOctets` octets; never longer than the order.
  func check(_ signature: Span<UInt8>, _ digest: Digest, digestOctets: Int) -> Bool? {
    let half = shared.curve.octets
    let areRead = unsafe signature.withUnsafeBufferPointer { octets -> Bool in
      guard let start = octets.baseAddress else { return false }
      return unsafe BN_bin2bn(start, Int32(half), number(.r)) != nil
        && BN_bin2bn(start + half, Int32(half), number(.s)) != nil
    }
    if !areRead { return nil }
    for value in [Number.r, .s] {
      if unsafe BN_is_zero(number(value)) == 1 || BN_cmp(number(value), shared.order) >= 0 { return false }
    }
    guard invert(signature.extracting(half..<(2 * half))), multiply(digest, digestOctets), addProducts()
    else {
      return nil
    }
    let sum = unsafe points[0]
    if unsafe EC_POINT_is_at_infinity(shared.group, sum) == 1 { return false }
    return matches()
  }

  /// The inverse of s, times the Montgomery factor, into `inverse`.
  private func invert(_ s: Span<UInt8>) -> Bool {
    var octets = InlineArray<66, UInt8>(repeating: 0)
    let half = shared.curve.octets
    var output = octets.mutableSpan
    shared.inverse.inverse(of: s, octets: half, into: &output)
    let isRead = unsafe octets.span.withUnsafeBufferPointer {
      unsafe BN_bin2bn($0.baseAddress, Int32(half), number(.inverse)) != nil
    }
    guard isRead, unsafe BN_cmp(number(.inverse), shared.order) < 0, toMontgomery(.inverse) else {
      return false
    }
    // The product with s must be 1: whatever else were believed would be a mistake of ours.
    guard product(.s, .inverse, .spare) else { return false }
    if unsafe BN_is_one(number(.spare)) == 1 { return true }
    return unsafe BN_mod_inverse(number(.inverse), number(.s), shared.order, context) != nil
      && toMontgomery(.inverse)
  }

  private func toMontgomery(_ value: Number) -> Bool {
    unsafe BN_to_montgomery(number(value), number(value), shared.montgomery, context) == 1
  }

  private func product(_ one: Number, _ other: Number, _ result: Number) -> Bool {
    unsafe BN_mod_mul_montgomery(number(result), number(one), number(other), shared.montgomery, context) == 1
  }

  /// u1 and u2: the hash and r, divided by s.
  private func multiply(_ digest: Digest, _ octets: Int) -> Bool {
    let isRead = unsafe digest.span.withUnsafeBufferPointer {
      unsafe BN_bin2bn($0.baseAddress, Int32(octets), number(.hash)) != nil
    }
    // Above the order once in 2^32 on P-256: the number counts modulo the order.
    if unsafe isRead && BN_cmp(number(.hash), shared.order) >= 0 {
      guard unsafe BN_sub(number(.hash), number(.hash), shared.order) == 1 else { return false }
    }
    return isRead && product(.hash, .inverse, .u1) && product(.r, .inverse, .u2)
  }

  /// u1 times the generator plus u2 times the key, into the first point.
  private func addProducts() -> Bool {
    let (first, second) = unsafe (points[0], points[1])
    guard let plus = unsafe first, let minus = unsafe second else { return false }
    if let group = unsafe table.group {
      return unsafe EC_POINT_mul(shared.group, plus, number(.u1), nil, nil, context) == 1
        && EC_POINT_mul(group, minus, number(.u2), nil, nil, context) == 1
        && EC_POINT_add(shared.group, plus, plus, minus, context) == 1
    }
    guard let generator = shared.generator, let key = table.points,
      unsafe EC_POINT_set_to_infinity(shared.group, plus) == 1,
      unsafe EC_POINT_set_to_infinity(shared.group, minus) == 1
    else { return false }
    guard unsafe add(generator, .u1, plus, minus), unsafe add(key, .u2, plus, minus) else { return false }
    return unsafe EC_POINT_invert(shared.group, minus, context) == 1
      && EC_POINT_add(shared.group, plus, plus, minus, context) == 1
  }

  private func add(
    _ points: PointTable, _ scalar: Number, _ plus: OpaquePointer, _ minus: OpaquePointer
  ) -> Bool {
    // One octet more than the order has: the windows' last carry.
    var octets = InlineArray<68, UInt8>(repeating: 0)
    var output = octets.mutableSpan
    let isWritten = unsafe output.withUnsafeMutableBufferPointer {
      unsafe BN_bn2lebinpad(number(scalar), $0.baseAddress, 68) == 68
    }
    return unsafe isWritten && points.add(octets.span, to: plus, minus: minus, shared.group, context)
  }

  /// Whether r is the sum's x modulo the order, without the inversion that an affine x would take: X = r·Z²
  /// or X = (r + n)·Z², where that is below the field's prime.
  private func matches() -> Bool? {
    guard
      unsafe EC_POINT_get_Jprojective_coordinates_GFp(
        shared.group, points[0], number(.x), number(.y), number(.z), context) == 1,
      unsafe BN_mod_sqr(number(.z), number(.z), shared.field, context) == 1,
      unsafe BN_mod_mul(number(.y), number(.r), number(.z), shared.field, context) == 1
    else { return nil }
    if unsafe BN_cmp(number(.x), number(.y)) == 0 { return true }
    if unsafe BN_cmp(number(.r), shared.gap) >= 0 { return false }
    guard unsafe BN_add(number(.spare), number(.r), shared.order) == 1,
      unsafe BN_mod_mul(number(.y), number(.spare), number(.z), shared.field, context) == 1
    else { return nil }
    return unsafe BN_cmp(number(.x), number(.y)) == 0
  }
}
