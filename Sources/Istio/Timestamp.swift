/// A moment as Kubernetes writes it: RFC 3339 with an offset, such as `2026-11-28T15:04:05Z`.
public struct Timestamp: Sendable, Hashable, Comparable {
  /// Since 1970, rounded down.
  public let seconds: Int64
  /// Of the second, below a billion.
  public let nanoseconds: UInt32

  /// Reads a time as Go's `time.RFC3339` does: upper-case `T` and `Z`, a fraction of any length (cut after nine
  /// digits),
  /// an offset of hours and minutes, no leap second.
  /// - Returns: nil when the text is not such a time.
  public init?(_ text: String) {
    var reader = TimestampReader(Array(text.utf8))
    guard let year = reader.number(digits: 4), reader.take("-"), let month = reader.number(digits: 2),
      reader.take("-"), let day = reader.number(digits: 2), reader.take("T"),
      let hour = reader.number(digits: 2), reader.take(":"), let minute = reader.number(digits: 2),
      reader.take(":"), let second = reader.number(digits: 2), let fraction = reader.fraction(),
      let offset = reader.offset(), reader.isAtEnd,
      1...12 ~= month, 1...Self.lastDay(month, of: year) ~= day, hour < 24, minute < 60, second < 60
    else { return nil }
    seconds = Self.days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset
    nanoseconds = fraction
  }

  public static func < (left: Timestamp, right: Timestamp) -> Bool {
    (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
  }

  private static func lastDay(_ month: Int64, of year: Int64) -> Int64 {
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    return switch month {
    case 2: isLeap ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  /// Days since 1970. Years begin in March here, so that the leap day is the last of its year.
  private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    // A whole cycle of the calendar later, so that no division rounds a negative number.
    let shifted = (month <= 2 ? year - 1 : year) + 400
    let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
    return 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468 - 146_097
  }
}

/// Reads a time from left to right.
private struct TimestampReader {
  private let bytes: [UInt8]
  private var index = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { index == bytes.count }

  mutating func take(_ mark: Unicode.Scalar) -> Bool {
    guard index < bytes.count, bytes[index] == UInt8(ascii: mark) else { return false }
    index += 1
    return true
  }

  private mutating func digit() -> Int64? {
    guard index < bytes.count, 0x30...0x39 ~= bytes[index] else { return nil }
    index += 1
    return Int64(bytes[index - 1] - 0x30)
  }

  mutating func number(digits: Int) -> Int64? {
    var value: Int64 = 0
    for _ in 0..<digits {
      guard let digit = digit() else { return nil }
      value = value * 10 + digit
    }
    return value
  }

  /// The nanoseconds of a fraction; 0 where there is none.
  mutating func fraction() -> UInt32? {
    guard take(".") else { return 0 }
    guard var value = digit() else { return nil }
    var count = 1
    while let next = digit() {
      if count < 9 { value = value * 10 + next }
      count += 1
    }
    for _ in min(count, 9)..<9 { value *= 10 }
    return UInt32(value)
  }

  /// How far the clock is ahead of UTC, in seconds.
  mutating func offset() -> Int64? {
    if take("Z") { return 0 }
    let isAhead = take("+")
    guard isAhead || take("-") else { return nil }
    guard let hours = number(digits: 2), take(":"), let minutes = number(digits: 2), hours < 24, minutes < 60
    else { return nil }
    return (isAhead ? 1 : -1) * (hours * 3_600 + minutes * 60)
  }
}
