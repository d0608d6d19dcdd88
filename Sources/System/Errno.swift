import Glibc

/// A reason for failure as Linux numbers it. Every number is a value: one this code has no name for survives
/// as it is.
@frozen
public struct Errno: Error, RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  public let rawValue: Int32

  public init(rawValue: Int32) { self.rawValue = rawValue }

  public static let notPermitted = Errno(rawValue: EPERM)
  public static let noSuchFile = Errno(rawValue: ENOENT)
  public static let interrupted = Errno(rawValue: EINTR)
  public static let inputOutput = Errno(rawValue: EIO)
  public static let wouldBlock = Errno(rawValue: EAGAIN)
  public static let noMemory = Errno(rawValue: ENOMEM)
  public static let accessDenied = Errno(rawValue: EACCES)
  public static let exists = Errno(rawValue: EEXIST)
  public static let notFolder = Errno(rawValue: ENOTDIR)
  public static let isFolder = Errno(rawValue: EISDIR)
  public static let invalidArgument = Errno(rawValue: EINVAL)
  public static let systemDescriptorLimit = Errno(rawValue: ENFILE)
  public static let processDescriptorLimit = Errno(rawValue: EMFILE)
  public static let fileTooLarge = Errno(rawValue: EFBIG)
  public static let brokenPipe = Errno(rawValue: EPIPE)
  public static let nameTooLong = Errno(rawValue: ENAMETOOLONG)
  public static let tooManyLinks = Errno(rawValue: ELOOP)
  public static let overflow = Errno(rawValue: EOVERFLOW)
  public static let addressInUse = Errno(rawValue: EADDRINUSE)
  public static let addressNotAvailable = Errno(rawValue: EADDRNOTAVAIL)
  public static let connectionAborted = Errno(rawValue: ECONNABORTED)
  public static let connectionReset = Errno(rawValue: ECONNRESET)
  public static let noBufferSpace = Errno(rawValue: ENOBUFS)
  public static let notConnected = Errno(rawValue: ENOTCONN)
  public static let timedOut = Errno(rawValue: ETIMEDOUT)
  public static let connectionRefused = Errno(rawValue: ECONNREFUSED)
  public static let inProgress = Errno(rawValue: EINPROGRESS)

  /// Whether it says that descriptors, buffers or memory have run out: a state that passes, not a fault of
  /// the call.
  public var isExhaustion: Bool {
    self == .processDescriptorLimit || self == .systemDescriptorLimit || self == .noBufferSpace
      || self == .noMemory
  }

  /// The C library's text for it (`No such file or directory`).
  public var description: String {
    // strerror_r (the POSIX form is the one imported) never touches a shared buffer.
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
      guard let start = buffer.baseAddress, unsafe strerror_r(rawValue, start, buffer.count) == 0 else {
        return "Unknown error \(rawValue)"
      }
      return unsafe String(cString: start)
    }
  }
}
