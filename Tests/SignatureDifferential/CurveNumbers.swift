import COpenSSL
import Signatures

/// Numbers and points of one curve for making signatures by hand, chosen ones too. Nothing here is fast or safe
/// against being watched.
@safe
final class CurveNumbers {
  let curve: Curve
  private let group: OpaquePointer
  private let order: OpaquePointer
  private let context: OpaquePointer

  init(_ curve: Curve) {
    self.curve = curve
    let identifier =
      switch curve {
      case .p256: NID_X9_62_prime256v1
      case .p384: NID_secp384r1
      case .p521: NID_secp521r1
      }
    guard let group = unsafe EC_GROUP_new_by_curve_name(identifier),
      let order = unsafe EC_GROUP_get0_order(group), let context = unsafe BN_CTX_new()
    else { fatalError("no memory") }
    unsafe self.group = group
    unsafe self.order = unsafe order
    unsafe self.context = context
  }

  deinit {
    unsafe EC_GROUP_free(group)
    unsafe BN_CTX_free(context)
  }

  /// A number that frees itself.
  @safe
  final class Number {
    let value: OpaquePointer
    init() {
      guard let made = unsafe BN_new() else { fatalError("no memory") }
      unsafe value = made
    }
    deinit { unsafe BN_free(value) }
  }

  func number(_ octets: [UInt8]) -> Number {
    let result = Number()
    _ = unsafe BN_bin2bn(octets, Int32(octets.count), result.value)
    return result
  }

  func number(_ small: Int) -> Number {
    let result = Number()
    _ = unsafe BN_set_word(result.value, UInt(small))
    return result
  }

  /// Octets of the curve's length.
  func octets(_ number: Number) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: curve.octets)
    precondition(unsafe BN_bn2binpad(number.value, &result, Int32(result.count)) == Int32(result.count))
    return result
  }

  var orderNumber: Number { unsafe copy(order) }
  var fieldNumber: Number {
    guard let field = unsafe EC_GROUP_get0_field(group) else { fatalError("no field") }
    return unsafe copy(field)
  }

  private func copy(_ value: OpaquePointer) -> Number {
    let result = Number()
    _ = unsafe BN_copy(result.value, value)
    return result
  }

  /// Sums, differences, products and quotients modulo the order.
  func add(_ a: Number, _ b: Number) -> Number {
    let result = Number()
    _ = unsafe BN_mod_add(result.value, a.value, b.value, order, context)
    return result
  }

  func negative(_ a: Number) -> Number {
    let (result, zero) = (Number(), number(0))
    withExtendedLifetime(zero) {
      _ = unsafe BN_mod_sub(result.value, zero.value, a.value, order, context)
    }
    return result
  }

  func multiply(_ a: Number, _ b: Number) -> Number {
    let result = Number()
    _ = unsafe BN_mod_mul(result.value, a.value, b.value, order, context)
    return result
  }

  func divide(_ a: Number, _ b: Number) -> Number {
    let inverse = Number()
    _ = unsafe BN_mod_inverse(inverse.value, b.value, order, context)
    return multiply(a, inverse)
  }

  /// Without a modulus.
  func plain(_ a: Number, plus b: Number) -> Number {
    let result = Number()
    _ = unsafe BN_add(result.value, a.value, b.value)
    return result
  }

  func isBelow(_ a: Number, _ b: Number) -> Bool { unsafe BN_cmp(a.value, b.value) < 0 }

  /// The affine coordinates of a multiple of the generator.
  func multipleOfGenerator(_ scalar: Number) -> (x: Number, y: Number) {
    guard let point = unsafe EC_POINT_new(group) else { fatalError("no memory") }
    defer { unsafe EC_POINT_free(point) }
    let (x, y) = (Number(), Number())
    _ = unsafe EC_POINT_mul(group, point, scalar.value, nil, nil, context)
    _ = unsafe EC_POINT_get_affine_coordinates(group, point, x.value, y.value, context)
    return (x, y)
  }

  /// x modulo the order.
  func reduced(_ x: Number) -> Number { add(x, number(0)) }

  /// The key whose private part is this.
  func key(_ scalar: Number) throws -> VerificationKey {
    let (x, y) = multipleOfGenerator(scalar)
    return try VerificationKey(curve: curve, x: octets(x), y: octets(y))
  }
}
