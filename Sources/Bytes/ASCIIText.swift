/// Text that nearly always is ASCII: told many octets at a time, before anything slower is asked.
extension Span where Element == UInt8 {
  /// Whether every octet is below 128. Cost: about one step for 32 octets, and nothing is called.
  @inlinable
  public var isASCII: Bool {
    unsafe withUnsafeBufferPointer { octets in
      let high: UInt64 = 0x8080_8080_8080_8080
      let count = octets.count
      guard count >= 8, let base = unsafe UnsafeRawPointer(octets.baseAddress) else {
        var seen: UInt8 = 0
        for index in 0..<count { unsafe seen |= octets[index] }
        return seen < 0x80
      }
      var seen: UInt64 = 0
      var index = 0
      if count >= 32 {
        var wide = SIMD4<UInt64>()
        while index <= count - 32 {
          unsafe wide |= base.loadUnaligned(fromByteOffset: index, as: SIMD4<UInt64>.self)
          index += 32
        }
        seen = wide[0] | wide[1] | wide[2] | wide[3]
      }
      while index < count - 8 {
        unsafe seen |= base.loadUnaligned(fromByteOffset: index, as: UInt64.self)
        index += 8
      }
      // The last eight, some of them for the second time.
      unsafe seen |= base.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
      return seen & high == 0
    }
  }

  /// `isValidUTF8`, quick for text that is ASCII.
  @inlinable
  public var isText: Bool { isASCII || isValidUTF8 }
}
