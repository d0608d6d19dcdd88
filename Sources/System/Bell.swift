import CLinux
import Glibc

/// Wakes one thread that waits, from any other.
public final class Bell: Sendable {
  private let descriptor: FileDescriptor

  @inline(never)
  public init() throws(SystemError) {
    let number = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    if number < 0 { throw SystemError("make a bell", Errno(rawValue: errno)) }
    descriptor = FileDescriptor(owning: number)
  }

  public func ring() {
    var one: UInt64 = 1
    _ = unsafe write(descriptor.rawValue, &one, 8)
  }

  /// Waits until somebody rings, or the time is over.
  public func wait(milliseconds: Int32) {
    var poll = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
    if unsafe Glibc.poll(&poll, 1, milliseconds) > 0 {
      var count: UInt64 = 0
      _ = unsafe read(descriptor.rawValue, &count, 8)
    }
  }
}
