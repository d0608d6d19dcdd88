import Bytes
import JSON
public import System

/// One line of the log, being written. Members in the order of the calls; nothing is allocated once the buffer
/// has grown.
public struct DecisionLine: ~Copyable {
  private var octets = ByteBuffer(capacity: 1_024)
  private var isFirst = true

  public init() {}

  /// Hands the line to the log's thread.
  /// - Returns: false when there is no room for it.
  public func append(to ring: ByteRing) -> Bool { ring.append(octets.span) }

  /// The line so far. It allocates.
  public var octetsCopy: [UInt8] { octets.copy() }

  public mutating func begin() {
    octets.removeAll()
    octets.append("{")
    isFirst = true
  }

  public mutating func end() { octets.append("}\n") }

  /// A text; nothing when it is empty. What is no UTF-8 is written as blanks, and a long one is cut at `most` octets.
  public mutating func add(_ name: StaticString, _ value: Span<UInt8>, most: Int = 256) {
    if value.isEmpty { return }
    key(name)
    var end = min(value.count, most)
    // Not through a character.
    while end < value.count, end > 0, value[end] & 0xC0 == 0x80 { end -= 1 }
    JSONWriter.writeString(value[0..<end], into: &octets)
  }

  public mutating func add(_ name: StaticString, _ value: StaticString) {
    key(name)
    octets.append("\"")
    octets.append(value)
    octets.append("\"")
  }

  public mutating func add(_ name: StaticString, _ number: UInt64) {
    key(name)
    octets.append(decimal: number)
  }

  public mutating func add(_ name: StaticString, _ value: Bool) {
    key(name)
    octets.append(value ? "true" : "false")
  }

  /// Hexadecimal digits of octets.
  public mutating func add(_ name: StaticString, hexadecimal value: Span<UInt8>) {
    key(name)
    octets.append("\"")
    for index in value.indices {
      octets.append(Self.digit(value[index] >> 4))
      octets.append(Self.digit(value[index] & 15))
    }
    octets.append("\"")
  }

  private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }

  /// `2026-11-27T15:04:05.678Z`.
  /// - Parameter nanoseconds: since 1970.
  public mutating func addTime(_ name: StaticString, nanoseconds: Int64) {
    let time = CivilTime(secondsSince1970: nanoseconds / 1_000_000_000)
    key(name)
    octets.append("\"")
    pad(time.year, 4)
    octets.append("-")
    pad(time.month, 2)
    octets.append("-")
    pad(time.day, 2)
    octets.append("T")
    pad(time.hour, 2)
    octets.append(":")
    pad(time.minute, 2)
    octets.append(":")
    pad(time.second, 2)
    octets.append(".")
    pad(Int(max(0, nanoseconds) / 1_000_000 % 1_000), 3)
    octets.append("Z\"")
  }

  private mutating func pad(_ number: Int, _ digits: Int) {
    var bound = 10
    for _ in 1..<digits {
      if number < bound { octets.append(0x30) }
      bound *= 10
    }
    octets.append(decimal: UInt64(number))
  }

  private mutating func key(_ name: StaticString) {
    if !isFirst { octets.append(",") }
    isFirst = false
    octets.append("\"")
    octets.append(name)
    octets.append("\":")
  }
}
