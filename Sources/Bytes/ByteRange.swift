// Bytes: what every reader and writer stands on. Octets flow in as `Span<UInt8>`, results flow out as ranges,
// numbers or appended octets. Nothing here knows a protocol, performs I/O or reads a clock.

/// A part of some octets, by position. The stored form of everything read from a message: it borrows nothing,
/// so it can be kept beside the octets and resolved against them later. Eight octets in size.
@frozen
public struct ByteRange: Sendable, Hashable {
  public let start: UInt32
  public let count: UInt32

  /// - Precondition: both fit in 32 bits; messages are bounded far below that by their readers' limits.
  @inlinable
  public init(start: Int, count: Int) {
    self.start = UInt32(start)
    self.count = UInt32(count)
  }

  /// For readers of messages, who know already that positions fit in 32 bits.
  @inlinable
  public init(start: UInt32, count: UInt32) {
    self.start = start
    self.count = count
  }

  @inlinable
  public init(_ range: Range<Int>) {
    self.init(start: range.lowerBound, count: range.count)
  }

  /// The empty range at the beginning.
  public static let empty = ByteRange(start: 0, count: 0)

  @inlinable public var isEmpty: Bool { count == 0 }
  @inlinable public var end: Int { Int(start) + Int(count) }
  @inlinable public var indices: Range<Int> { Int(start)..<end }

  /// The sub-range that starts `offset` octets in.
  /// - Precondition: `offset <= count`.
  @inlinable
  public func dropFirst(_ offset: Int) -> ByteRange {
    precondition(offset <= Int(count))
    return ByteRange(start: Int(start) + offset, count: Int(count) - offset)
  }
}

extension Span where Element == UInt8 {
  /// The octets a range names.
  /// - Precondition: the range lies within the span (checked, also in release builds).
  @inlinable
  public subscript(_ range: ByteRange) -> Span<UInt8> {
    @_lifetime(copy self)
    get { extracting(range.indices) }
  }

  /// The octets from `start` up to `end`.
  @inlinable
  public subscript(_ range: Range<Int>) -> Span<UInt8> {
    @_lifetime(copy self)
    get { extracting(range) }
  }
}
