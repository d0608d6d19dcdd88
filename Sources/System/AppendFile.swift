import Bytes
import Glibc

/// A file that lines are added to: made when it is not there, never cut, each write at its end, whoever else writes.
public struct AppendFile: ~Copyable, Sendable {
  private let owner: FileDescriptor

  /// - Parameter mode: of a new file.
  public init(_ path: String, mode: UInt32 = 0o640) throws(SystemError) {
    owner = try named("open", path) { () throws(Errno) -> FileDescriptor in
      FileDescriptor(
        owning: try systemCall { unsafe open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, mode) })
    }
  }

  /// The process's standard output.
  public static func standardOutput() throws(SystemError) -> AppendFile {
    AppendFile(
      try named("use standard output") { () throws(Errno) -> FileDescriptor in
        FileDescriptor(owning: try systemCall { fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3) })
      })
  }

  private init(_ owner: consuming FileDescriptor) {
    self.owner = owner
  }

  /// Writes all octets; waits for a slow reader of a pipe.
  /// - Returns: how many were written, and why not all.
  public func write(_ octets: Span<UInt8>) -> (written: Int, failure: Errno?) {
    var written = 0
    while written < octets.count {
      do throws(Errno) {
        let rest = octets[written..<octets.count]
        let count = try unsafe rest.withUnsafeBytes { buffer throws(Errno) in
          try systemCall { unsafe Glibc.write(owner.rawValue, buffer.baseAddress, buffer.count) }
        }
        if count == 0 { return (written, .inputOutput) }
        written += count
      } catch {
        if error == .wouldBlock {
          var entry = pollfd(fd: owner.rawValue, events: Int16(POLLOUT), revents: 0)
          _ = try? systemCall { unsafe poll(&entry, 1, 1_000) }
          continue
        }
        return (written, error)
      }
    }
    return (written, nil)
  }
}
