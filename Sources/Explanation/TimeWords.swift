import System

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
    let time = CivilTime(secondsSince1970: Int64(seconds))
    return
      "\(time.year)-\(CivilTime.padded(time.month, 2))-\(CivilTime.padded(time.day, 2)) \(time.clock) UTC"
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
}
