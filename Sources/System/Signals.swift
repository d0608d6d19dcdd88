import CLinux
import Glibc

/// A signal by its number.
@frozen
public struct Signal: RawRepresentable, Hashable, Sendable {
  public let rawValue: Int32
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// SIGTERM: finish and go.
  public static let terminate = Signal(rawValue: SIGTERM)
  /// SIGINT: a person pressed Ctrl-C.
  public static let interrupt = Signal(rawValue: SIGINT)
  /// SIGHUP: read the configuration again.
  public static let hangUp = Signal(rawValue: SIGHUP)
  /// SIGUSR1, free for operators.
  public static let user1 = Signal(rawValue: SIGUSR1)

  /// Sends this signal to a process, or to this very one.
  public func send(to process: Int32? = nil) throws(SystemError) {
    let process = process ?? getpid()
    _ = try named("signal process", "\(process)") { () throws(Errno) -> Int32 in
      try systemCall { kill(process, rawValue) }
    }
  }
}

/// Signals as events to read instead of handlers that interrupt.
public struct SignalSource: ~Copyable, Sendable {
  private let owner: FileDescriptor

  /// Readable when a signal waits: for a poller.
  public var descriptor: Int32 { owner.rawValue }

  /// Blocks the signals for the calling thread and every thread it starts from now on, and opens their queue.
  /// Also ignores SIGPIPE: a peer that has gone is an error of a write, not the end of the process.
  /// - Precondition: called before any other thread starts, else a thread of old would die of the signal.
  public init(_ signals: [Signal] = [.terminate, .interrupt, .hangUp]) throws(SystemError) {
    var set = sigset_t()
    unsafe sigemptyset(&set)
    for signal in signals { unsafe sigaddset(&set, signal.rawValue) }
    let number = unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    if number != 0 { throw SystemError("block signals", Errno(rawValue: number)) }
    Self.ignoreBrokenPipes()
    let mask = set
    owner = try named("open signal queue") { () throws(Errno) -> FileDescriptor in
      FileDescriptor(
        owning: try systemCall {
          var mask = mask
          return unsafe signalfd(-1, &mask, Int32(SFD_CLOEXEC | SFD_NONBLOCK))
        })
    }
  }

  /// SIGPIPE ignored, process-wide.
  public static func ignoreBrokenPipes() { _ = signal(SIGPIPE, SIG_IGN) }

  /// The next signal that waits, or nil when none does. Does not block. The same signal sent twice may count
  /// once.
  public func next() -> Signal? {
    var info = signalfd_siginfo()
    let size = MemoryLayout<signalfd_siginfo>.size
    let got = try? systemCall { unsafe read(descriptor, &info, size) }
    guard got == size else { return nil }
    return Signal(rawValue: Int32(bitPattern: info.ssi_signo))
  }

  /// The next signal; waits for it, at most so long.
  /// - Parameter timeoutMilliseconds: nil waits for ever.
  public func wait(timeoutMilliseconds: Int32? = nil) -> Signal? {
    if let signal = next() { return signal }
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    _ = try? systemCall { unsafe poll(&entry, 1, timeoutMilliseconds ?? -1) }
    return next()
  }

  /// The same, and ends the wait also when something happens in the watched folders, which the caller then asks.
  public func wait(timeoutMilliseconds: Int32, or watch: borrowing FolderWatch) -> Signal? {
    if let signal = next() { return signal }
    var entries = InlineArray<2, pollfd>(repeating: pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0))
    entries[1].fd = watch.descriptor
    var span = entries.mutableSpan
    unsafe span.withUnsafeMutableBufferPointer { buffer in
      _ = try? systemCall { unsafe poll(buffer.baseAddress, 2, timeoutMilliseconds) }
    }
    return next()
  }
}
