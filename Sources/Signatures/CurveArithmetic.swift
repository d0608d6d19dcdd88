internal import COpenSSL

/// What all checks on one curve share: libcrypto's group and numbers, and the table of the generator. Made
/// once per process at the first use, and only read from then on.
@safe
final class CurveArithmetic: @unchecked Sendable {
  let curve: Curve
  let group: OpaquePointer
  /// Of the group; owned by it.
  let order: OpaquePointer
  let field: OpaquePointer
  /// The field's prime less the order: below it, an x coordinate has a second form as r.
  let gap: OpaquePointer
  /// `BN_MONT_CTX` of the order.
  let montgomery: OpaquePointer
  let inverse: InverseModulo
  /// Products of the generator; nil for P-256, whose own implementation has them built in.
  let generator: PointTable?

  // One by one: the generator's table of a curve that nobody uses would take megabytes.
  private static let p256 = CurveArithmetic(.p256)
  private static let p384 = CurveArithmetic(.p384)
  private static let p521 = CurveArithmetic(.p521)

  /// Nil when libcrypto could not make its objects, or the generator's table failed its check: nothing on
  /// this curve is then fast.
  static func of(_ curve: Curve) -> CurveArithmetic? {
    switch curve {
    case .p256: p256
    case .p384: p384
    case .p521: p521
    }
  }

  private init?(_ curve: Curve) {
    self.curve = curve
    guard let group = unsafe EC_GROUP_new_by_curve_name(curve.identifier) else { return nil }
    guard let order = unsafe EC_GROUP_get0_order(group), let field = unsafe EC_GROUP_get0_field(group),
      let gap = unsafe BN_new(), let montgomery = unsafe BN_MONT_CTX_new(),
      let context = unsafe BN_CTX_new()
    else { return nil }
    defer { unsafe BN_CTX_free(context) }
    guard unsafe BN_sub(gap, field, order) == 1, unsafe BN_MONT_CTX_set(montgomery, order, context) == 1
    else { return nil }
    var octets = [UInt8](repeating: 0, count: curve.octets)
    guard unsafe BN_bn2binpad(order, &octets, Int32(octets.count)) == Int32(octets.count) else { return nil }
    // Never freed: one for each curve, for ever.
    unsafe self.group = group
    unsafe self.order = unsafe order
    unsafe self.field = unsafe field
    unsafe self.gap = gap
    unsafe self.montgomery = montgomery
    inverse = InverseModulo(modulus: octets)
    if curve == .p256 {
      generator = nil
    } else {
      guard let base = unsafe EC_GROUP_get0_generator(group),
        let table = unsafe PointTable(of: base, group, curve, context)
      else { return nil }
      generator = table
    }
  }
}
