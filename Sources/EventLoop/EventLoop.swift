// EventLoop: one thread's view of readiness. Descriptors with 64-bit tokens flow in, events with those tokens
// flow out, into storage that is reused; other threads flow in as wake-ups. Nothing here reads or writes a
// connection's octets, owns a descriptor that is not its own, or knows a protocol.
import CLinux
import Glibc
public import System

/// What a registration waits for. Hang-ups and errors are always reported.
@frozen
public struct Interest: OptionSet, Sendable, Hashable {
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  public static let read = Interest(rawValue: 1)
  public static let write = Interest(rawValue: 2)
}

/// One registration is ready.
@frozen
public struct Event: Sendable, Hashable {
  /// The token it was registered under.
  public let token: UInt64
  let flags: UInt32

  /// Reading will not block: octets wait, or the end or an error does. True also on a hang-up, so that the
  /// reader finds out by reading.
  public var isReadable: Bool { flags & (EPOLLIN.rawValue | EPOLLRDHUP.rawValue | Self.lost) != 0 }
  /// Writing will not block, or will fail at once.
  public var isWritable: Bool { flags & (EPOLLOUT.rawValue | Self.lost) != 0 }
  /// The peer has said that it sends no more, or has gone. Octets may still wait to be read.
  public var peerHasFinished: Bool { flags & (EPOLLRDHUP.rawValue | Self.lost) != 0 }
  /// The connection is dead in both directions.
  public var isLost: Bool { flags & Self.lost != 0 }

  private static let lost = EPOLLERR.rawValue | EPOLLHUP.rawValue
}

/// An epoll instance with one owner, used by one thread.
///
/// **Level-triggered**: what is not read or written now is reported again. A worker may thus read a bounded
/// slice per turn, so that one loud connection does not starve the rest, and a forgotten read costs a
/// wake-up, not a stall. The price, a change of registration when a write blocks and again when it drains, is
/// paid only by peers that do not read.
@safe
public struct Poller: ~Copyable {
  private let owner: FileDescriptor
  private let events: UnsafeMutableBufferPointer<epoll_event>
  private var ready = 0

  /// - Parameter capacity: events a single `wait` can bring; more wait for the next. 12 octets each.
  public init(capacity: Int = 256) throws(SystemError) {
    owner = FileDescriptor(owning: try call("open poller") { epoll_create1(Int32(EPOLL_CLOEXEC)) })
    unsafe events = .allocate(capacity: max(1, capacity))
    unsafe events.initialize(repeating: epoll_event())
  }

  deinit { unsafe events.deallocate() }

  /// Watches a descriptor. The caller keeps it open until `remove`, or closes it: a closed one leaves by
  /// itself.
  /// - Parameter token: comes back in events; a slot number with its generation, so that a late event of a
  ///   connection that has gone is known as such.
  public func add(_ descriptor: Int32, token: UInt64, for interest: Interest) throws(SystemError) {
    try control(EPOLL_CTL_ADD, descriptor, token, interest)
  }

  /// Changes what a watched descriptor waits for, or its token. An empty interest still reports loss.
  public func change(_ descriptor: Int32, token: UInt64, to interest: Interest) throws(SystemError) {
    try control(EPOLL_CTL_MOD, descriptor, token, interest)
  }

  /// Watches a descriptor no longer. One that is not watched is no error.
  public func remove(_ descriptor: Int32) {
    var unused = unsafe epoll_event()
    _ = unsafe epoll_ctl(owner.rawValue, EPOLL_CTL_DEL, descriptor, &unused)
  }

  /// Waits for events, at most so long. They are read by `event(_:)` until the next `wait`.
  /// - Parameter timeoutMilliseconds: 0 only looks; negative waits for ever.
  /// - Returns: how many; 0 when the time is over or a signal came first.
  public mutating func wait(timeoutMilliseconds: Int32) throws(SystemError) -> Int {
    let count = unsafe waitOnce(owner.rawValue, events, timeoutMilliseconds)
    ready = max(0, Int(count))
    if count >= 0 { return ready }
    let errno = Errno(rawValue: -count)
    if errno == .interrupted { return 0 }
    throw SystemError("wait for events", errno)
  }

  /// One event of the last `wait`.
  /// - Precondition: `index` is below the number that it returned.
  public func event(_ index: Int) -> Event {
    precondition(index >= 0 && index < ready)
    return unsafe Event(token: events[index].data.u64, flags: events[index].events)
  }

  private func control(
    _ operation: Int32, _ descriptor: Int32, _ token: UInt64, _ interest: Interest
  ) throws(SystemError) {
    var flags: UInt32 = 0
    if interest.contains(.read) { flags |= EPOLLIN.rawValue | EPOLLRDHUP.rawValue }
    if interest.contains(.write) { flags |= EPOLLOUT.rawValue }
    var event = unsafe epoll_event(events: flags, data: epoll_data_t(u64: token))
    _ = try call("watch descriptor") { unsafe epoll_ctl(owner.rawValue, operation, descriptor, &event) }
  }
}

// It may be made by one thread and moved into another; being noncopyable, it is never in two.
extension Poller: @unchecked Sendable {}

/// The number of events, or the negative error number, read right behind the call.
@inline(never)
private func waitOnce(
  _ poller: Int32, _ events: UnsafeMutableBufferPointer<epoll_event>, _ timeout: Int32
) -> Int32 {
  let count = unsafe epoll_wait(poller, events.baseAddress, Int32(clamping: events.count), timeout)
  return count >= 0 ? count : -errno
}

@inline(never)
func call(_ operation: String, _ body: () -> Int32) throws(SystemError) -> Int32 {
  let result = body()
  if result >= 0 { return result }
  throw SystemError(operation, Errno(rawValue: errno))
}
