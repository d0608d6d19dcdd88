/// Times for people.
public enum TimeWords {
  /// `2026-01-02 03:04:05 UTC, in 3 hours 5 minutes`; `now` and the time in seconds since 1970.
  public static func text(_ seconds: UInt64, now: UInt64) -> String {
    guard let date = date(seconds) else { return "\(seconds), beyond the year 9999" }
    if seconds == now { return "\(date), now" }
    return seconds > now
      ? "\(date), in \(duration(seconds - now))" : "\(date), \(duration(now - seconds)) ago"
  }

  /// `2026-01-02 03:04:05 UTC`; nil beyond the year 9999.
  public static func date(_ seconds: UInt64) -> String? {
    if seconds >= 253_402_300_800 { return nil }
    let (year, month, day) = civil(days: Int(seconds / 86_400))
    let rest = Int(seconds % 86_400)
    let time = [rest / 3_600, rest / 60 % 60, rest % 60].map(two).joined(separator: ":")
    return "\(year)-\(two(month))-\(two(day)) \(time) UTC"
  }

  /// The two largest units: `3 hours 5 minutes`.
  public static func duration(_ seconds: UInt64) -> String {
    let units: [(UInt64, String)] = [
      (31_557_600, "year"), (86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"),
    ]
    guard let first = units.firstIndex(where: { seconds >= $0.0 }) else { return "0 seconds" }
    var text = counted(seconds / units[first].0, units[first].1)
    if first + 1 < units.count {
      let rest = seconds % units[first].0 / units[first + 1].0
      if rest > 0 { text += " " + counted(rest, units[first + 1].1) }
    }
    return text
  }

  private static func counted(_ count: UInt64, _ unit: String) -> String {
    "\(count) \(unit)\(count == 1 ? "" : "s")"
  }

  private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

  /// The date of a day counted from 1970-01-01, in the Gregorian calendar: counted in eras of 400 years that
  /// begin in March, so that the leap day is the last of its year.
  private static func civil(days: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = days + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (year, month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
  }
}
