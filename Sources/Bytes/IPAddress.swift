/// An IPv4 or IPv6 address as a number. The families stay apart: `::ffff:1.2.3.4` is an IPv6 address, as
/// Envoy sees it.
@frozen
public struct IPAddress: Sendable, Hashable {
  public enum Family: Sendable { case v4, v6 }
  public let family: Family
  /// The address's bits; those of IPv4 in the low 32.
  public let bits: UInt128

  public init(family: Family, bits: UInt128) {
    self.family = family
    self.bits = bits
  }

  /// Reads a bare address: dotted quad without leading zeros, or RFC 4291 text without zone, port or
  /// brackets.
  public init?(_ text: Span<UInt8>) {
    if text.firstIndex(of: 0x3A) != nil {
      guard let bits = Self.readV6(text) else { return nil }
      self.init(family: .v6, bits: bits)
    } else {
      guard let bits = Self.readV4(text) else { return nil }
      self.init(family: .v4, bits: UInt128(bits))
    }
  }

  public init?(_ text: String) {
    self.init(Array(text.utf8).span)
  }

  private static func readV4(_ text: Span<UInt8>) -> UInt32? {
    var bits: UInt32 = 0
    var parts = 0
    var start = 0
    while true {
      let end = text.firstIndex(of: 0x2E, from: start) ?? text.count
      let part = text[start..<end]
      guard part.count >= 1, part.count <= 3, part.count == 1 || part[0] != 0x30,
        let value = part.decimalValue(), value <= 255
      else { return nil }
      bits = bits << 8 | UInt32(value)
      parts += 1
      if end == text.count { break }
      if parts == 4 { return nil }
      start = end + 1
    }
    return parts == 4 ? bits : nil
  }

  private static func readV6(_ text: Span<UInt8>) -> UInt128? {
    guard text.count >= 2, text.count <= 45 else { return nil }
    var groups = InlineArray<8, UInt16>(repeating: 0)
    var filled = 0
    var gap: Int?
    var index = 0
    if text.hasPrefix("::") {
      gap = 0
      index = 2
    } else if text[0] == 0x3A {
      return nil
    }
    while index < text.count {
      if filled == 8 { return nil }
      let end = text.firstIndex(of: 0x3A, from: index) ?? text.count
      let part = text[index..<end]
      if part.firstIndex(of: 0x2E) != nil {
        guard end == text.count, filled <= 6, let quad = readV4(part) else { return nil }
        groups[filled] = UInt16(quad >> 16)
        groups[filled + 1] = UInt16(quad & 0xFFFF)
        filled += 2
        index = end
        break
      }
      guard part.count >= 1, part.count <= 4 else { return nil }
      var value: UInt16 = 0
      for position in part.indices {
        guard let digit = part[position].hexDigitValue else { return nil }
        value = value << 4 | UInt16(digit)
      }
      groups[filled] = value
      filled += 1
      if end == text.count {
        index = end
        break
      }
      index = end + 1
      if index == text.count { return nil }
      if text[index] == 0x3A {
        if gap != nil { return nil }
        gap = filled
        index += 1
      }
    }
    return assemble(groups, filled: filled, gap: gap)
  }

  private static func assemble(_ groups: InlineArray<8, UInt16>, filled: Int, gap: Int?) -> UInt128? {
    if gap == nil && filled != 8 { return nil }
    if gap != nil && filled > 7 { return nil }
    var bits: UInt128 = 0
    let split = gap ?? filled
    for index in 0..<split { bits = bits << 16 | UInt128(groups[index]) }
    for _ in filled..<8 { bits <<= 16 }
    for index in split..<filled { bits = bits << 16 | UInt128(groups[index]) }
    return bits
  }
}

/// A range of addresses in CIDR form. Bits beyond the length are ignored, as Envoy does.
@frozen
public struct IPPrefix: Sendable, Hashable {
  public let family: IPAddress.Family
  public let bits: UInt128
  public let length: UInt8

  /// Reads `address` or `address/length`; a bare address is one of full length.
  public init?(_ text: String) {
    let octets = Array(text.utf8)
    let slash = octets.firstIndex(of: 0x2F)
    guard let address = IPAddress(octets.span[0..<(slash ?? octets.count)]) else { return nil }
    let width: UInt8 = address.family == .v4 ? 32 : 128
    var length = width
    if let slash {
      let digits = octets.span[(slash + 1)..<octets.count]
      guard digits.count <= 3, digits.count == 1 || (digits.count > 1 && digits[0] != 0x30),
        let value = digits.decimalValue(), value <= UInt64(width)
      else { return nil }
      length = UInt8(value)
    }
    family = address.family
    self.length = length
    bits = address.bits & Self.mask(width: width, length: length)
  }

  public func contains(_ address: IPAddress) -> Bool {
    guard address.family == family else { return false }
    return address.bits & Self.mask(width: family == .v4 ? 32 : 128, length: length) == bits
  }

  private static func mask(width: UInt8, length: UInt8) -> UInt128 {
    if length == 0 { return 0 }
    let all: UInt128 = width == 32 ? 0xFFFF_FFFF : .max
    return all & ~((UInt128(1) << UInt128(width - length)) &- 1)
  }
}
