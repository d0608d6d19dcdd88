import Glibc

/// One open descriptor and its owner: it closes when the owner goes, once, wherever that is.
public struct FileDescriptor: ~Copyable, Sendable {
  /// The number, for a call or a registration that does not outlive this owner.
  public let rawValue: Int32

  /// Becomes the owner of an open descriptor.
  public init(owning rawValue: Int32) { self.rawValue = rawValue }

  deinit {
    // Linux releases the number even when close fails: trying again could close another thread's new
    // descriptor.
    _ = close(rawValue)
  }

  /// Gives the descriptor up without closing it, to be owned again elsewhere.
  public consuming func release() -> Int32 {
    let number = rawValue
    discard self
    return number
  }
}

/// How an attempt to move octets over a nonblocking descriptor ended.
@frozen
public enum Transfer: Sendable, Hashable {
  /// So many octets went; at least one unless none were asked for.
  case moved(Int)
  /// Nothing can move now: wait for readiness.
  case wouldBlock
  /// The peer has said it sends no more (reading only).
  case ended
  /// The descriptor is of no more use.
  case failed(Errno)
}
