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

  /// Where the first octet from 128 on stands at or after `start`; `count` when there is none. Cost: about one
  /// step for 32 octets.
  /// - Precondition: `start` is within `0...count`.
  @inlinable
  public func firstNonASCII(from start: Int) -> Int {
    precondition(start >= 0 && start <= count)
    return unsafe withUnsafeBufferPointer { octets in
      let high: UInt64 = 0x8080_8080_8080_8080
      let count = octets.count
      guard let base = unsafe UnsafeRawPointer(octets.baseAddress) else { return 0 }
      var index = start
      while index <= count - 32 {
        let wide = unsafe base.loadUnaligned(fromByteOffset: index, as: SIMD4<UInt64>.self)
        if (wide[0] | wide[1] | wide[2] | wide[3]) & high != 0 { break }
        index += 32
      }
      while index <= count - 8 {
        let word = UInt64(littleEndian: unsafe base.loadUnaligned(fromByteOffset: index, as: UInt64.self))
        if word & high != 0 { return index + (word & high).trailingZeroBitCount / 8 }
        index += 8
      }
      while index < count, unsafe octets[index] < 0x80 { index += 1 }
      return index
    }
  }
}

/// Numbers of several octets, the lowest first, wherever they stand.
extension Span where Element == UInt8 {
  /// - Precondition: four octets stand at `index`.
  @inlinable
  public func littleEndian32(at index: Int) -> UInt32 {
    precondition(index >= 0 && index <= count - 4)
    return unsafe withUnsafeBytes {
      UInt32(littleEndian: unsafe $0.loadUnaligned(fromByteOffset: index, as: UInt32.self))
    }
  }

  /// - Precondition: two octets stand at `index`.
  @inlinable
  public func littleEndian16(at index: Int) -> UInt16 {
    precondition(index >= 0 && index <= count - 2)
    return unsafe withUnsafeBytes {
      UInt16(littleEndian: unsafe $0.loadUnaligned(fromByteOffset: index, as: UInt16.self))
    }
  }
}
