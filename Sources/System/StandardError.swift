import Glibc

/// The process's standard error: diagnostics for whoever started it.
public enum StandardError {
  /// Writes all of `text`; what a closed or full stream does not take is lost. It may block: never on a worker.
  public static func write(_ text: String) {
    let octets = Array(text.utf8)
    var sent = 0
    while sent < octets.count {
      let count = unsafe octets.withUnsafeBufferPointer { buffer -> Int in
        guard let start = buffer.baseAddress else { return -1 }
        return unsafe Glibc.write(STDERR_FILENO, start + sent, buffer.count - sent)
      }
      if count > 0 { sent += count } else if errno != EINTR { return }
    }
  }
}

/// The end of this process.
public enum ProcessExit {
  /// Ends the process at once with this code, output written before is flushed.
  public static func now(_ code: Int32) -> Never { exit(code) }
}
