internal import COpenSSL

/// Multiples of one public key, by which signatures of it are checked several times faster than libcrypto does without
/// them. Made once a process and key (milliseconds to tens of them), immutable, shared by all threads. It has
/// passed its own check, or it does not exist.
@safe
public final class ECDSATable: @unchecked Sendable {
  /// The key that it is for.
  public let fingerprint: KeyFingerprint
  public let curve: Curve
  let arithmetic: CurveArithmetic
  /// For P-256: a group whose generator is the key, with libcrypto's own table of it.
  let group: OpaquePointer?
  /// For the others.
  let points: PointTable?

  /// About the memory that a table takes, in octets.
  public static func octets(_ curve: Curve) -> Int {
    // 37 windows of 64 affine points of 64 octets, and libcrypto's objects around them.
    curve == .p256 ? 2 * 37 * 64 * 64 : PointTable.octets(curve)
  }

  /// Builds the table of an elliptic-curve key. Cost: about 25 ms for P-256, 20 to 60 for the others.
  /// - Returns: nil for another kind of key, and when libcrypto fails or the table fails its check.
  public static func build(for key: VerificationKey) -> ECDSATable? { ECDSATable(key, corrupted: nil) }

  /// - Parameter corrupted: spoils one point of the table, for the test that it is caught.
  init?(_ key: VerificationKey, corrupted: Int?) {
    guard case .ec(let curve, let x, let y) = key.material, let arithmetic = CurveArithmetic.of(curve),
      let context = unsafe BN_CTX_new()
    else { return nil }
    self.curve = curve
    self.arithmetic = arithmetic
    fingerprint = key.fingerprint
    defer {
      unsafe BN_CTX_free(context)
      // A failure leaves entries in the thread's error queue.
      ERR_clear_error()
    }
    guard let point = unsafe EC_POINT_new(arithmetic.group) else { return nil }
    defer { unsafe EC_POINT_free(point) }
    let encoded = CurvePoint.uncompressed(x: x, y: y)
    guard unsafe EC_POINT_oct2point(arithmetic.group, point, encoded, encoded.count, context) == 1 else {
      return nil
    }
    if curve == .p256 {
      points = nil
      guard let group = unsafe Self.group(with: point, arithmetic, context, isCorrupted: corrupted != nil)
      else { return nil }
      unsafe self.group = group
    } else {
      unsafe group = nil
      guard
        let table = unsafe PointTable(of: point, arithmetic.group, curve, context, corrupted: corrupted)
      else { return nil }
      points = table
    }
  }

  deinit { unsafe EC_GROUP_free(group) }

  /// A copy of the group whose generator is the point, with its table.
  private static func group(
    with point: OpaquePointer, _ arithmetic: CurveArithmetic, _ context: OpaquePointer, isCorrupted: Bool
  ) -> OpaquePointer? {
    guard let group = unsafe EC_GROUP_dup(arithmetic.group), let base = unsafe EC_POINT_dup(point, group)
    else { return nil }
    defer { unsafe EC_POINT_free(base) }
    // Another point's table, for the test: the same as a point that a bit has changed in.
    let isSpoilt =
      isCorrupted
      ? unsafe EC_POINT_add(group, base, base, EC_GROUP_get0_generator(arithmetic.group), context) : 1
    let isMade =
      unsafe isSpoilt == 1 && EC_GROUP_set_generator(group, base, arithmetic.order, BN_value_one()) == 1
      && EC_GROUP_precompute_mult(group, context) == 1
      && isRight(group, point, arithmetic, context)
    if isMade { return unsafe group }
    unsafe EC_GROUP_free(group)
    return nil
  }

  /// Compares products by the table with libcrypto's general ones. The scalars have the same digit in each of the
  /// table's windows of seven bits: every entry is used once.
  private static func isRight(
    _ group: OpaquePointer, _ point: OpaquePointer, _ arithmetic: CurveArithmetic, _ context: OpaquePointer
  ) -> Bool {
    guard let fast = unsafe EC_POINT_new(arithmetic.group), let slow = unsafe EC_POINT_new(arithmetic.group),
      let scalar = unsafe BN_new()
    else { return false }
    defer {
      unsafe EC_POINT_free(fast)
      unsafe EC_POINT_free(slow)
      unsafe BN_free(scalar)
    }
    for digit in 1...64 as ClosedRange<UInt> {
      guard unsafe BN_set_word(scalar, 0) == 1 else { return false }
      for _ in 0..<36 {
        guard unsafe BN_lshift(scalar, scalar, 7) == 1, unsafe BN_add_word(scalar, digit) == 1 else {
          return false
        }
      }
      guard unsafe EC_POINT_mul(group, fast, scalar, nil, nil, context) == 1,
        unsafe EC_POINT_mul(arithmetic.group, slow, nil, point, scalar, context) == 1,
        unsafe EC_POINT_cmp(arithmetic.group, fast, slow, context) == 0
      else { return false }
    }
    return true
  }
}
