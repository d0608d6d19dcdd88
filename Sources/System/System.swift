// System: the process's own window on Linux, and the only caller of libc (EventLoop calls epoll and eventfd
// itself). Paths, addresses and octets flow in; octets, owned descriptors, times and typed `SystemError`s
// flow out. Nothing here knows a protocol, a policy or a setting's name, and nothing here keeps state between
// calls except what the caller owns: descriptors, threads, clocks.

/// What went wrong when the system was asked for something: which call, why, and about what.
public struct SystemError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What was tried, as a verb a person understands: `read`, `listen on`, `start thread`.
  public let operation: String
  /// Why it failed.
  public let errno: Errno
  /// What it was about: a path, an address, a name; empty when there is nothing to name.
  public let subject: String
  /// What a person may do about it or should know besides; empty when the reason says it all.
  public let hint: String

  public init(_ operation: String, _ errno: Errno, _ subject: String = "", hint: String = "") {
    self.operation = operation
    self.errno = errno
    self.subject = subject
    self.hint = hint
  }

  /// One line: `cannot read /etc/x.yaml: No such file or directory (hint)`.
  public var description: String {
    var text = "cannot \(operation)"
    if !subject.isEmpty { text += " \(subject)" }
    text += ": \(errno)"
    if !hint.isEmpty { text += " (\(hint))" }
    return text
  }
}
