/// The inverse of a number modulo an odd prime, by the division steps of Bernstein and Yang (2019) in the
/// variable-time form of libsecp256k1: six times as fast as `BN_mod_inverse` for 256 bits. For public numbers
/// only. Whoever uses a result checks it by one product; a wrong one would refuse or be caught, never be
/// believed.
struct InverseModulo: Sendable {
  /// Limbs of 62 bits, the lowest first; the top one carries the sign. Nine are enough for 521 bits.
  typealias Limbs = InlineArray<9, Int64>

  private static let mask = Int64(bitPattern: UInt64.max >> 2)

  private let count: Int
  private let modulus: Limbs
  /// The modulus's own inverse modulo 2^62.
  private let modulusInverse: Int64

  /// - Parameter modulus: big-endian, an odd prime of at most 521 bits.
  init(modulus octets: [UInt8]) {
    // Two bits of room: values lie between -2m and m.
    count = (octets.count * 8 + 2 + 61) / 62
    modulus = Self.limbs(octets.span)
    // Newton's iteration doubles the right bits: 3, 6, 12, 24, 48, 96.
    let low = UInt64(bitPattern: modulus[0])
    var inverse = low &* 3 ^ 2
    for _ in 0..<4 { inverse = inverse &* (2 &- low &* inverse) }
    modulusInverse = Int64(bitPattern: inverse) & Self.mask
  }

  /// What one round of 62 division steps does to two numbers: a matrix, times 2^62.
  private struct Transition {
    var u: Int64 = 1
    var v: Int64 = 0
    var q: Int64 = 0
    var r: Int64 = 1
  }

  /// The inverse of a number from 1 to the modulus less 1.
  /// - Parameters:
  ///   - number: big-endian, at most as long as the modulus.
  ///   - octets: how many of `output` get the inverse, big-endian.
  func inverse(of number: Span<UInt8>, octets: Int, into output: inout MutableSpan<UInt8>) {
    var d = Limbs(repeating: 0)
    var e = Limbs(repeating: 0)
    e[0] = 1
    var f = modulus
    var g = Self.limbs(number)
    var length = count
    var eta: Int64 = -1
    // 62 steps a round; 521 bits take about 24 rounds. The bound is far above what theory allows.
    for _ in 0..<64 {
      var transition = Transition()
      eta = Self.steps(eta, f[0], g[0], &transition)
      updateInverse(&d, &e, transition)
      Self.update(&f, &g, length, transition)
      if Self.isZero(g, length) { break }
      Self.shorten(&f, &g, &length)
    }
    normalize(&d, isNegative: f[length - 1] < 0)
    Self.write(d, octets, into: &output)
  }

  /// 62 division steps on the low limbs.
  private static func steps(_ eta: Int64, _ f0: Int64, _ g0: Int64, _ t: inout Transition) -> Int64 {
    var eta = eta
    var (u, v, q, r) = (1 as UInt64, 0 as UInt64, 0 as UInt64, 1 as UInt64)
    var f = UInt64(bitPattern: f0)
    var g = UInt64(bitPattern: g0)
    var left = 62
    while true {
      let zeros = (g | (UInt64.max << UInt64(left))).trailingZeroBitCount
      g >>= UInt64(zeros)
      u <<= UInt64(zeros)
      v <<= UInt64(zeros)
      eta &-= Int64(zeros)
      left &-= zeros
      if left == 0 { break }
      let multiple: UInt64
      if eta < 0 {
        eta = -eta
        (f, g) = (g, 0 &- f)
        (u, q) = (q, 0 &- u)
        (v, r) = (r, 0 &- v)
        // Up to six zeros at the bottom of g at once.
        let limit = min(Int(eta) + 1, left)
        let mask = (UInt64.max >> UInt64(64 - limit)) & 63
        multiple = (f &* g &* (f &* f &- 2)) & mask
      } else {
        let limit = min(Int(eta) + 1, left)
        let mask = (UInt64.max >> UInt64(64 - limit)) & 15
        let inverse = f &+ (((f &+ 1) & 4) << 1)
        multiple = ((0 &- inverse) &* g) & mask
      }
      g = g &+ f &* multiple
      q = q &+ u &* multiple
      r = r &+ v &* multiple
    }
    t.u = Int64(bitPattern: u)
    t.v = Int64(bitPattern: v)
    t.q = Int64(bitPattern: q)
    t.r = Int64(bitPattern: r)
    return eta
  }

  @inline(__always)
  private static func product(_ a: Int64, _ b: Int64) -> Int128 { Int128(a) &* Int128(b) }

  @inline(__always)
  private static func low(_ value: Int128) -> Int64 { Int64(truncatingIfNeeded: value) }

  /// (d, e) becomes the transition times (d, e), divided by 2^62, modulo the modulus.
  private func updateInverse(_ d: inout Limbs, _ e: inout Limbs, _ t: Transition) {
    let signD = d[count - 1] >> 63
    let signE = e[count - 1] >> 63
    var multipleD = (t.u & signD) &+ (t.v & signE)
    var multipleE = (t.q & signD) &+ (t.r & signE)
    var carryD = Self.product(t.u, d[0]) &+ Self.product(t.v, e[0])
    var carryE = Self.product(t.q, d[0]) &+ Self.product(t.r, e[0])
    // So many times the modulus that the low 62 bits vanish.
    multipleD &-= (modulusInverse &* Self.low(carryD) &+ multipleD) & Self.mask
    multipleE &-= (modulusInverse &* Self.low(carryE) &+ multipleE) & Self.mask
    carryD = (carryD &+ Self.product(modulus[0], multipleD)) >> 62
    carryE = (carryE &+ Self.product(modulus[0], multipleE)) >> 62
    for index in 1..<count {
      let (limbD, limbE) = (d[index], e[index])
      carryD = carryD &+ Self.product(t.u, limbD) &+ Self.product(t.v, limbE)
      carryE = carryE &+ Self.product(t.q, limbD) &+ Self.product(t.r, limbE)
      carryD = carryD &+ Self.product(modulus[index], multipleD)
      carryE = carryE &+ Self.product(modulus[index], multipleE)
      d[index - 1] = Self.low(carryD) & Self.mask
      e[index - 1] = Self.low(carryE) & Self.mask
      carryD >>= 62
      carryE >>= 62
    }
    d[count - 1] = Self.low(carryD)
    e[count - 1] = Self.low(carryE)
  }

  /// (f, g) becomes the transition times (f, g), divided by 2^62, which leaves no rest.
  private static func update(_ f: inout Limbs, _ g: inout Limbs, _ length: Int, _ t: Transition) {
    var carryF = (product(t.u, f[0]) &+ product(t.v, g[0])) >> 62
    var carryG = (product(t.q, f[0]) &+ product(t.r, g[0])) >> 62
    for index in 1..<length {
      let (limbF, limbG) = (f[index], g[index])
      carryF = carryF &+ product(t.u, limbF) &+ product(t.v, limbG)
      carryG = carryG &+ product(t.q, limbF) &+ product(t.r, limbG)
      f[index - 1] = low(carryF) & mask
      g[index - 1] = low(carryG) & mask
      carryF >>= 62
      carryG >>= 62
    }
    f[length - 1] = low(carryF)
    g[length - 1] = low(carryG)
  }

  private static func isZero(_ limbs: Limbs, _ length: Int) -> Bool {
    var sum: Int64 = 0
    for index in 0..<length { sum |= limbs[index] }
    return sum == 0
  }

  /// Top limbs that only repeat the sign are taken into the ones below.
  private static func shorten(_ f: inout Limbs, _ g: inout Limbs, _ length: inout Int) {
    if length < 2 { return }
    let (topF, topG) = (f[length - 1], g[length - 1])
    guard topF == 0 || topF == -1, topG == 0 || topG == -1 else { return }
    f[length - 2] |= topF << 62
    g[length - 2] |= topG << 62
    length -= 1
  }

  /// From between -2m and m, and of the sign of f, to between 0 and m.
  private func normalize(_ d: inout Limbs, isNegative: Bool) {
    if d[count - 1] < 0 { add(&d) }
    if isNegative { for index in 0..<count { d[index] = -d[index] } }
    carry(&d)
    if d[count - 1] < 0 {
      add(&d)
      carry(&d)
    }
  }

  private func add(_ d: inout Limbs) {
    for index in 0..<count { d[index] &+= modulus[index] }
  }

  private func carry(_ d: inout Limbs) {
    for index in 0..<(count - 1) {
      d[index + 1] &+= d[index] >> 62
      d[index] &= Self.mask
    }
  }

  // MARK: Octets

  private static func limbs(_ octets: Span<UInt8>) -> Limbs {
    var limbs = Limbs(repeating: 0)
    var bits: UInt64 = 0
    var held: UInt64 = 0
    var index = 0
    for position in stride(from: octets.count - 1, through: 0, by: -1) {
      let octet = UInt64(octets[position])
      held |= octet << bits
      bits += 8
      if bits >= 62 {
        limbs[index] = Int64(bitPattern: held) & mask
        index += 1
        bits -= 62
        // What did not fit: `bits` upper bits of the octet.
        held = octet >> (8 - bits)
      }
    }
    if index < 9 { limbs[index] = Int64(bitPattern: held) & mask }
    return limbs
  }

  private static func write(_ limbs: Limbs, _ octets: Int, into output: inout MutableSpan<UInt8>) {
    var bit = 0
    for position in stride(from: octets - 1, through: 0, by: -1) {
      let (index, shift) = (bit / 62, bit % 62)
      var octet = index < 9 ? UInt64(bitPattern: limbs[index]) >> UInt64(shift) : 0
      if shift > 54, index + 1 < 9 { octet |= UInt64(bitPattern: limbs[index + 1]) << UInt64(62 - shift) }
      output[position] = UInt8(truncatingIfNeeded: octet)
      bit += 8
    }
  }
}
