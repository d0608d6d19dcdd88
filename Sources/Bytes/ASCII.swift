/// Comparisons over octets. Text in protocols is octets: nothing here knows Unicode beyond UTF-8's shape.
extension Span where Element == UInt8 {
  /// Octet for octet equality.
  @inlinable
  public func equals(_ other: Span<UInt8>) -> Bool {
    if count != other.count { return false }
    var index = 0
    while index < count {
      if self[index] != other[index] { return false }
      index += 1
    }
    return true
  }

  /// Equality, 32 octets at a time: for texts of hundreds of octets, most of which are equal. It does not stop
  /// at the first that differs.
  public func isSame(as other: Span<UInt8>) -> Bool {
    if count != other.count { return false }
    return unsafe withUnsafeBytes { one in
      unsafe other.withUnsafeBytes { two in
        var index = 0
        var wide = SIMD4<UInt64>()
        while index + 32 <= one.count {
          unsafe wide |=
            one.loadUnaligned(fromByteOffset: index, as: SIMD4<UInt64>.self)
            ^ two.loadUnaligned(fromByteOffset: index, as: SIMD4<UInt64>.self)
          index += 32
        }
        if index > 0, index < one.count {
          // The last 32, some of them for the second time.
          unsafe wide |=
            one.loadUnaligned(fromByteOffset: one.count - 32, as: SIMD4<UInt64>.self)
            ^ two.loadUnaligned(fromByteOffset: one.count - 32, as: SIMD4<UInt64>.self)
          index = one.count
        }
        var difference = wide[0] | wide[1] | wide[2] | wide[3]
        while index < one.count {
          difference |= unsafe UInt64(one[index] ^ two[index])
          index += 1
        }
        return difference == 0
      }
    }
  }

  /// Equality with text known at compile time.
  @inlinable
  public func equals(_ text: StaticString) -> Bool {
    if count != text.utf8CodeUnitCount { return false }
    var index = 0
    while index < count {
      if unsafe self[index] != text.utf8Start[index] { return false }
      index += 1
    }
    return true
  }

  /// Equality that ignores the case of ASCII letters.
  @inlinable
  public func equalsIgnoringCase(_ other: Span<UInt8>) -> Bool {
    if count != other.count { return false }
    var index = 0
    while index < count {
      if self[index].asciiLowercased != other[index].asciiLowercased { return false }
      index += 1
    }
    return true
  }

  @inlinable
  public func hasPrefix(_ prefix: Span<UInt8>) -> Bool {
    count >= prefix.count && extracting(0..<prefix.count).equals(prefix)
  }

  @inlinable
  public func hasPrefix(_ prefix: StaticString) -> Bool {
    count >= prefix.utf8CodeUnitCount && extracting(0..<prefix.utf8CodeUnitCount).equals(prefix)
  }

  @inlinable
  public func hasSuffix(_ suffix: Span<UInt8>) -> Bool {
    count >= suffix.count && extracting((count - suffix.count)..<count).equals(suffix)
  }

  /// Where `octet` first stands at or after `start`.
  @inlinable
  public func firstIndex(of octet: UInt8, from start: Int = 0) -> Int? {
    var index = start
    while index < count {
      if self[index] == octet { return index }
      index += 1
    }
    return nil
  }

  /// Where `pattern` first stands at or after `start`; an empty pattern stands everywhere. Cost: the product
  /// of both lengths.
  @inlinable
  public func firstIndex(of pattern: Span<UInt8>, from start: Int = 0) -> Int? {
    if pattern.isEmpty { return start <= count ? start : nil }
    var index = start
    while index + pattern.count <= count {
      if self[index] == pattern[0], extracting(index..<(index + pattern.count)).equals(pattern) {
        return index
      }
      index += 1
    }
    return nil
  }

  /// Where `octet` last stands.
  @inlinable
  public func lastIndex(of octet: UInt8) -> Int? {
    var index = count - 1
    while index >= 0 {
      if self[index] == octet { return index }
      index -= 1
    }
    return nil
  }

  /// A copy. Allocates: not for the request path.
  public func copy() -> [UInt8] {
    unsafe withUnsafeBufferPointer { unsafe [UInt8]($0) }
  }

  /// A copy as text, invalid UTF-8 replaced. Allocates: for messages to people.
  public func text() -> String {
    unsafe withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
  }

  /// Whether an ASCII letter is upper case.
  @inlinable
  public var hasUppercaseASCII: Bool {
    var index = 0
    while index < count {
      if self[index] >= 0x41 && self[index] <= 0x5A { return true }
      index += 1
    }
    return false
  }

  /// Whether the octets are well-formed UTF-8 (no overlong form, no surrogate, nothing above U+10FFFF).
  public var isValidUTF8: Bool {
    (try? UTF8Span(validating: self)) != nil
  }
}

extension UInt8 {
  /// The ASCII letter in lower case; every other octet unchanged.
  @inlinable public var asciiLowercased: UInt8 { self >= 0x41 && self <= 0x5A ? self | 0x20 : self }
  @inlinable public var isASCIIDigit: Bool { self >= 0x30 && self <= 0x39 }
  /// The value of a hexadecimal digit in either case, or nil.
  @inlinable public var hexDigitValue: UInt8? {
    switch self {
    case 0x30...0x39: self - 0x30
    case 0x41...0x46: self - 0x41 + 10
    case 0x61...0x66: self - 0x61 + 10
    default: nil
    }
  }
}

/// A set of octets, for scanning. A test costs one shift and one mask.
@frozen
public struct ASCIISet: Sendable {
  @usableFromInline let low: UInt64
  @usableFromInline let high: UInt64

  /// The octets of `members`.
  /// - Precondition: all below 128.
  public init(_ members: String) {
    var low: UInt64 = 0
    var high: UInt64 = 0
    for octet in members.utf8 {
      precondition(octet < 128)
      if octet < 64 { low |= 1 << UInt64(octet) } else { high |= 1 << UInt64(octet - 64) }
    }
    self.low = low
    self.high = high
  }

  @inlinable
  public func contains(_ octet: UInt8) -> Bool {
    if octet < 64 { return low & (1 << UInt64(octet)) != 0 }
    if octet < 128 { return high & (1 << UInt64(octet & 63)) != 0 }
    return false
  }

  /// RFC 9110 section 5.6.2: what a header name is made of.
  public static let headerName = ASCIISet(
    "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
}
