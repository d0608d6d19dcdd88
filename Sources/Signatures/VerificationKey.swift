internal import Bytes

/// What a signature is checked with: a public key, or an HMAC secret, as plain octets that have passed every
/// check. A weak or malformed key cannot be made, so nothing later needs to look at
/// one again. It holds no handle of a library: it is cheap to copy, and equal when its octets
/// are.
public struct VerificationKey: Sendable, Hashable {
  /// The octets, as a JSON Web Key has them (RFC 7518 section 6, RFC 8037 section 2).
  public enum Material: Sendable, Hashable {
    /// Big-endian, without leading zeros.
    case rsa(modulus: [UInt8], exponent: [UInt8])
    /// Affine coordinates, each of the curve's full length.
    case ec(Curve, x: [UInt8], y: [UInt8])
    /// The 32 octets of the compressed point.
    case ed25519(x: [UInt8])
    case secret([UInt8])
  }

  /// Modulus lengths that are used. Below is within reach of an attacker; above costs more than a check may.
  public static let rsaModulusBits = 2048...8192
  /// Longest public exponent that is used: 2^32 + 15 has 33 bits; longer ones only slow every check down.
  public static let rsaExponentBits = 33

  /// Longest spelling of an elliptic-curve coordinate in bytes, leading zeros included. A coordinate of P-521
  /// has 66 bytes. Serialisers put a sign byte in front (67) or fill up to machine words (68 or 72). A longer
  /// run of zeros comes from no serialiser that is known, and only costs work.
  public static let longestCoordinateBytes = 128

  public let material: Material
  /// A stable identity: SHA-256 over the kind and the octets.
  public let fingerprint: KeyFingerprint

  /// An RSA key. Leading zeros, which some issuers leave there, do not count.
  /// - Throws: when the modulus is not of 2048 to 8192 bits, is even, has a small factor or the ROCA
  ///   weakness, or the exponent is even, below 3 or longer than 33 bits. Cost: some microseconds, no library
  ///   call.
  public init(rsaModulus modulus: [UInt8], exponent: [UInt8]) throws(KeyError) {
    let modulus = modulus.withoutLeadingZeros
    let exponent = exponent.withoutLeadingZeros
    try RSAChecks.check(modulus: modulus)
    try RSAChecks.check(exponent: exponent)
    self.init(checked: .rsa(modulus: modulus, exponent: exponent))
  }

  /// An elliptic-curve key.
  /// - Parameters:
  ///   - x, y: unsigned big-endian numbers. RFC 7518 section 6.2.1.2 wants the curve's full length, but honest
  ///     issuers leave leading zeros out or add a sign byte, so length does not matter up to
  ///     `longestCoordinateBytes`. The key holds them in full length: all spellings of a point are equal keys.
  /// - Throws: when a coordinate is empty, is longer than `longestCoordinateBytes`, or is not below the field's
  ///   prime, or when the point is not on the curve.
  public init(curve: Curve, x: [UInt8], y: [UInt8]) throws(KeyError) {
    let x = try CurvePoint.coordinate(x, of: curve)
    let y = try CurvePoint.coordinate(y, of: curve)
    try CurvePoint.check(curve: curve, x: x, y: y)
    self.init(checked: .ec(curve, x: x, y: y))
  }

  /// An Ed25519 key.
  /// - Throws: when it has not 32 octets, is not canonical, not on the curve, or one of the eight points of
  ///   small order, for which a signature proves nothing.
  public init(ed25519 x: [UInt8]) throws(KeyError) {
    try EdwardsPoint.check(x)
    self.init(checked: .ed25519(x: x))
  }

  /// An HMAC secret.
  /// - Throws: when it is empty. A short one is made, but fits no algorithm whose hash is longer (`fits`).
  public init(secret: [UInt8]) throws(KeyError) {
    if secret.isEmpty { throw .secretEmpty }
    self.init(checked: .secret(secret))
  }

  private init(checked material: Material) {
    self.material = material
    fingerprint = KeyFingerprint(of: material)
  }

  /// Whether the key may verify signatures of `algorithm`: by its kind, by its curve, and an HMAC secret by
  /// its length, which must be at least the hash's (RFC 7518 section 3.2).
  public func fits(_ algorithm: Algorithm) -> Bool {
    switch material {
    case .rsa: algorithm.family == .rsaPKCS1 || algorithm.family == .rsaPSS
    case .ec(let curve, _, _): algorithm == curve.algorithm
    case .ed25519: algorithm == .edDSA
    case .secret(let secret): algorithm.family == .hmac && secret.count >= algorithm.hash.octets
    }
  }

  public func hash(into hasher: inout Hasher) { hasher.combine(fingerprint) }
}

/// The kind and size alone: a secret must not reach a log because a value was interpolated.
extension VerificationKey: CustomStringConvertible, CustomReflectable {
  public var description: String {
    switch material {
    case .rsa(let modulus, _): "RSA key of \(modulus.bitCount) bits"
    case .ec(let curve, _, _): "EC key on \(curve.name)"
    case .ed25519: "Ed25519 key"
    case .secret(let secret): "HMAC secret of \(secret.count) octets"
    }
  }

  public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Identity of a key: two keys have the same one exactly when their kind and octets are the same (as far as
/// SHA-256 has no collisions). It reveals no secret of proper length, but keep it out of logs for `oct` keys
/// all the same.
public struct KeyFingerprint: Sendable, Hashable {
  /// The digest as four big-endian words: 32 octets in place.
  public let words: InlineArray<4, UInt64>

  init(of material: VerificationKey.Material) {
    var state = HashState(.sha256)
    switch material {
    case .rsa(let modulus, let exponent): state.update(kind: 1, modulus, exponent)
    case .ec(let curve, let x, let y): state.update(kind: 2 + curve.rawValue, x, y)
    case .ed25519(let x): state.update(kind: 5, x, [])
    case .secret(let secret): state.update(kind: 6, secret, [])
    }
    let digest = state.finish()
    var words = InlineArray<4, UInt64>(repeating: 0)
    for index in 0..<32 { words[index >> 3] = words[index >> 3] << 8 | UInt64(digest[index]) }
    self.words = words
  }

  public static func == (one: KeyFingerprint, other: KeyFingerprint) -> Bool {
    one.words[0] == other.words[0] && one.words[1] == other.words[1]
      && one.words[2] == other.words[2] && one.words[3] == other.words[3]
  }

  public func hash(into hasher: inout Hasher) { hasher.combine(words[0]) }
}

extension HashState {
  /// Kind, both lengths, both parts: no two materials give the same input.
  fileprivate mutating func update(kind: UInt8, _ first: [UInt8], _ second: [UInt8]) {
    var head = [kind]
    for count in [first.count, second.count] {
      for shift in [24, 16, 8, 0] { head.append(UInt8(truncatingIfNeeded: count >> shift)) }
    }
    update(head.span)
    update(first.span)
    update(second.span)
  }
}

extension [UInt8] {
  /// A big-endian number in its shortest form; zero is empty.
  var withoutLeadingZeros: [UInt8] {
    first == 0 ? Array(drop { $0 == 0 }) : self
  }

  /// A big-endian number with leading zeros up to `length`; nil when it needs more bytes.
  func filled(to length: Int) -> [UInt8]? {
    let digits = withoutLeadingZeros
    if digits.count > length { return nil }
    return [UInt8](repeating: 0, count: length - digits.count) + digits
  }

  /// Bits of a big-endian number in its shortest form.
  var bitCount: Int {
    guard let first else { return 0 }
    return count * 8 - first.leadingZeroBitCount
  }
}
