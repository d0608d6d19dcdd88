import System

/// CPU time of another process on this machine.
enum ServerTime {
  /// User and system time of all its threads so far, in nanoseconds, as exact as the kernel's tick (10 ms).
  static func nanoseconds(_ pid: Int32) -> UInt64? {
    guard let octets = try? Files.read("/proc/\(pid)/stat", limit: 4_096) else { return nil }
    let text = String(decoding: octets, as: UTF8.self)
    // The name in parentheses may hold blanks.
    guard let end = text.lastIndex(of: ")") else { return nil }
    let fields = text[text.index(after: end)...].split(separator: " ")
    guard fields.count > 13, let user = UInt64(fields[11]), let system = UInt64(fields[12]) else {
      return nil
    }
    return (user + system) * 10_000_000
  }
}
