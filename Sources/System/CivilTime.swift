/// A moment as people write it, in UTC.
public struct CivilTime: Sendable, Hashable {
  public let year, month, day, hour, minute, second: Int
  /// Monday is 0.
  public let weekday: Int

  /// - Parameter seconds: since 1970; before that and after 9999 the nearest bound is taken.
  public init(secondsSince1970 seconds: Int64) {
    let seconds = min(max(seconds, 0), 253_402_300_799)
    let days = Int(seconds / 86_400)
    let rest = Int(seconds % 86_400)
    // Days to a civil date: years that begin in March, in eras of 400 years (146,097 days).
    let shifted = days + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60)
    weekday = (days + 3) % 7
  }

  /// RFC 3339 with milliseconds, such as `2026-11-27T15:04:05.678Z`.
  /// - Parameter nanoseconds: since 1970.
  public static func rfc3339(nanoseconds: Int64) -> String {
    let time = CivilTime(secondsSince1970: nanoseconds / 1_000_000_000)
    let milliseconds = Int(max(0, nanoseconds) / 1_000_000 % 1_000)
    return "\(padded(time.year, 4))-\(padded(time.month, 2))-\(padded(time.day, 2))T\(time.clock)."
      + "\(padded(milliseconds, 3))Z"
  }

  /// `15:04:05`.
  public var clock: String {
    [hour, minute, second].map { Self.padded($0, 2) }.joined(separator: ":")
  }

  /// A number with zeros in front, so many digits at least.
  public static func padded(_ number: Int, _ digits: Int) -> String {
    let text = "\(number)"
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }
}
