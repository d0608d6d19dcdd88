import Signatures

// RFC 7518 section 6.2: elliptic-curve keys.
extension OddKeySetRows {
  private static let primes: [Algorithm: [UInt8]] = [
    .es256: [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 1] + zeros(12) + ones(12),
    .es384: ones(31) + [0xFE] + ones(4) + zeros(8) + ones(4), .es512: [1] + ones(65),
  ]

  private static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }
  private static func ones(_ count: Int) -> [UInt8] { [UInt8](repeating: 0xFF, count: count) }

  /// The sum of two big-endian numbers, one byte longer.
  private static func sum(_ one: [UInt8], _ other: [UInt8]) -> [UInt8] {
    var result = zeros(one.count + 1)
    var carry = 0
    for index in one.indices.reversed() {
      carry += Int(one[index]) + Int(other[index])
      result[index + 1] = UInt8(carry & 0xFF)
      carry >>= 8
    }
    result[0] = UInt8(carry)
    return Array(result.drop { $0 == 0 })
  }

  mutating func addCoordinates() throws {
    for (algorithm, prime) in Self.primes.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      let key = try OddKey.short(algorithm)
      let curve = key.algorithm
      func spelled(_ change: @escaping ([UInt8]) -> [UInt8]) -> String {
        Self.set(key.jwk("") { OddKey.base64URL(change($1)) })
      }
      func one(_ name: String, _ change: @escaping ([UInt8]) -> [UInt8]) -> String {
        Self.set(key.jwk("") { OddKey.base64URL($0 == name ? change($1) : $1) })
      }
      add("\(curve), full coordinates", Self.set(key.jwk()), key)
      add("\(curve), minimal coordinates", spelled { Array($0.drop { $0 == 0 }) }, key)
      add("\(curve), coordinates with a sign byte", spelled { [0] + $0 }, key)
      add("\(curve), coordinates of 72 bytes", spelled { Self.zeros(72 - $0.count) + $0 }, key)
      add("\(curve), coordinates of 128 bytes", spelled { Self.zeros(128 - $0.count) + $0 }, key)
      add(
        "\(curve), coordinates of 129 bytes", spelled { Self.zeros(129 - $0.count) + $0 }, key,
        ours: (Self.noKeys, "an EC coordinate of more than 128 bytes"))
      add("\(curve), another byte in front", spelled { [1] + $0 }, key, "", Self.noKeys)
      add("\(curve), the last byte is missing", spelled { $0.dropLast() }, key, "", Self.noKeys)
      add(
        "\(curve), a bit of y is wrong", one("y") { $0.dropLast() + [$0[$0.count - 1] ^ 1] }, key, "",
        Self.noKeys)
      add("\(curve), x is congruent and not below p", one("x") { Self.sum($0, prime) }, key, "", Self.noKeys)
      add("\(curve), x is p", one("x") { _ in prime }, key, "", Self.noKeys)
      add("\(curve), x is empty", one("x") { _ in [] }, key, "", Self.noKeys)
      add("\(curve), y is empty", one("y") { _ in [] }, key, "", Self.noKeys)
    }
  }

  mutating func addCurves() throws {
    let p256 = try OddKey(.es256)
    let p384 = try OddKey(.es384)
    func bare(_ key: OddKey, _ more: String) -> String {
      Self.set("{\"kty\":\"EC\",\(key.members())\(more)}")
    }
    add("EC without crv and alg", bare(p256, ""), p256)
    add("EC without crv, alg ES384", bare(p384, #","alg":"ES384""#), p384)
    add("EC P-384 without crv and alg", bare(p384, ""), p384, "", Self.noKeys)
    add("EC, crv empty", bare(p256, #","crv":"""#), p256)
    add("EC, crv empty, alg ES384", bare(p384, #","crv":"","alg":"ES384""#), p384)
    for value in ["null", "1", "[]", "{}"] {
      add("EC, crv \(value)", bare(p256, ",\"crv\":\(value)"), p256, "", Self.noKeys)
      add(
        "EC, crv \(value), alg ES384", bare(p384, ",\"crv\":\(value),\"alg\":\"ES384\""), p384, "",
        Self.noKeys)
    }
    for name in ["p-256", "P256", "secp256r1", "P-384", "Ed25519"] {
      add("EC, crv \(name)", bare(p256, ",\"crv\":\"\(name)\""), p256, "", Self.noKeys)
    }
    add("EC, alg of another curve", Self.set(p256.jwk(#""alg":"ES384""#)), p256, "", Self.noKeys)
    add("EC, alg of RSA", Self.set(p256.jwk(#""alg":"RS256""#)), p256, "", Self.noKeys)
    add(
      "EC, x and y padded", Self.set(p256.jwk("") { OddKey.base64URL($1) + "=" }), p256,
      ours: (Self.noKeys, Self.padding))
    // Without one of + and / the alphabets agree: here each has some.
    var odd = p256
    while !"+/".contains(where: OddKey.standard(odd.numbers["x"] ?? []).contains) { odd = try OddKey(.es256) }
    add(
      "EC, x and y in standard base64", Self.set(odd.jwk("") { OddKey.standard($1) }), odd, "", Self.noKeys)
    add("EC, x is a number", Self.set(p256.jwk(#""x":1"#)), p256, "", Self.noKeys)
  }
}
