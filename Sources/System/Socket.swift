public import Bytes
import CLinux
import Glibc

/// One stream connection, nonblocking, closed when its owner goes. One thread at a time uses it.
public struct Socket: ~Copyable, Sendable {
  private let owner: FileDescriptor

  /// The number, for a poller's registration.
  public var descriptor: Int32 { owner.rawValue }

  /// Becomes the owner of a connected descriptor that is already nonblocking.
  public init(owning descriptor: Int32) { owner = FileDescriptor(owning: descriptor) }

  init(_ owner: consuming FileDescriptor) { self.owner = owner }

  /// Gives the descriptor up, to be owned by another thread.
  public consuming func release() -> Int32 { owner.release() }

  /// Reads what has arrived, at most so many octets, and appends it. `.ended` when the peer sends no more.
  public func receive(into buffer: inout ByteBuffer, atMost: Int) -> Transfer {
    var transfer = Transfer.ended
    if atMost <= 0 { return .moved(0) }
    unsafe buffer.appendUnsafely(atMost: atMost) { (storage: UnsafeMutableBufferPointer<UInt8>) -> Int in
      transfer = unsafe receiveOnce(descriptor, storage)
      if case .moved(let count) = transfer { return count }
      return 0
    }
    return transfer
  }

  /// Writes as many octets as the kernel takes now, from `start` on. A peer that has gone is
  /// `.failed(.brokenPipe)` or `.failed(.connectionReset)`, never a signal.
  /// - Precondition: `start` is within `0...octets.count`.
  public func send(_ octets: Span<UInt8>, from start: Int = 0) -> Transfer {
    let rest = octets[start..<octets.count]
    if rest.isEmpty { return .moved(0) }
    return unsafe rest.withUnsafeBufferPointer { unsafe sendOnce(descriptor, $0) }
  }

  /// Says that nothing more will be sent (a FIN); reading goes on.
  public func finishSending() { _ = shutdown(descriptor, Int32(SHUT_WR)) }

  /// Makes closing throw away what was not sent and reset the connection, so that a hostile peer holds no
  /// kernel memory after the close.
  public func resetOnClose() {
    var value = linger(l_onoff: 1, l_linger: 0)
    _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &value, socklen_t(MemoryLayout<linger>.size))
  }

  /// Sends small writes at once: a server that writes whole batches gains nothing from waiting for more (RFC
  /// 896's delay). Does nothing on UNIX sockets.
  func sendWithoutDelay() {
    var on: Int32 = 1
    _ = unsafe setsockopt(
      descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
  }

  /// Lets the kernel ask a silent peer whether it is still there: after a minute, then every 15 seconds, four
  /// times. A host that vanished without a word, or that a NAT has forgotten, gives its connection back in two
  /// minutes instead of never (security checklist, 2.5).
  func keepAlive() {
    func set(_ level: Int32, _ option: Int32, _ value: Int32) {
      var value = value
      _ = unsafe setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }
    set(SOL_SOCKET, SO_KEEPALIVE, 1)
    set(Int32(IPPROTO_TCP), TCP_KEEPIDLE, 60)
    set(Int32(IPPROTO_TCP), TCP_KEEPINTVL, 15)
    set(Int32(IPPROTO_TCP), TCP_KEEPCNT, 4)
  }

  /// Whether the kernel watches over the peer.
  var isKeptAlive: Bool {
    var value: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    return unsafe getsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &value, &size) == 0 && value != 0
  }

  /// The peer's address; nil when the connection has gone. A UNIX peer is usually unnamed: an empty path.
  public var peer: ListenAddress? {
    let descriptor = descriptor
    return unsafe try? SocketAddress { pointer, length throws(Errno) in
      _ = try systemCall { unsafe getpeername(descriptor, pointer, length) }
    }.listenAddress
  }

  /// Connects, waiting at most so long; the connection is nonblocking from then on. For tools and tests: it
  /// blocks.
  public static func connect(
    to address: ListenAddress, timeoutMilliseconds: Int32 = 5_000
  ) throws(SystemError) -> Socket {
    guard let target = SocketAddress(address) else {
      throw SystemError("connect to", .invalidArgument, address.description)
    }
    let socket = Socket(try openStreamSocket(target.family, address))
    socket.sendWithoutDelay()
    do {
      _ = try systemCallOnce { unsafe target.with { unsafe Glibc.connect(socket.descriptor, $0, $1) } }
    } catch {
      guard error == .inProgress || error == .interrupted else {
        throw SystemError("connect to", error, address.description)
      }
      try socket.finishConnecting(to: address, timeoutMilliseconds: timeoutMilliseconds)
    }
    return socket
  }

  private func finishConnecting(to address: ListenAddress, timeoutMilliseconds: Int32) throws(SystemError) {
    guard waitUntilReady(forWriting: true, timeoutMilliseconds: timeoutMilliseconds) else {
      throw SystemError("connect to", .timedOut, address.description)
    }
    var failure: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    _ = unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &size)
    if failure != 0 { throw SystemError("connect to", Errno(rawValue: failure), address.description) }
  }

  /// Waits until something can be read (or the peer has ended), or be written; false when the time is over.
  /// It blocks: for tools and tests, never on a worker.
  public func waitUntilReady(forWriting: Bool = false, timeoutMilliseconds: Int32) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(forWriting ? POLLOUT : POLLIN), revents: 0)
    let ready = (try? systemCall { unsafe poll(&entry, 1, timeoutMilliseconds) }) ?? 0
    return ready > 0
  }
}

/// Opens a nonblocking stream socket that no child process inherits.
func openStreamSocket(_ family: Int32, _ address: ListenAddress) throws(SystemError) -> FileDescriptor {
  let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
  return try named("open socket for", address.description) { () throws(Errno) -> FileDescriptor in
    FileDescriptor(owning: try systemCall { socket(family, kind, 0) })
  }
}

// The two calls of the data path, without closures: the error number is read right behind the call.

@inline(never)
private func receiveOnce(_ descriptor: Int32, _ storage: UnsafeMutableBufferPointer<UInt8>) -> Transfer {
  while true {
    let count = unsafe recv(descriptor, storage.baseAddress, storage.count, 0)
    if count > 0 { return .moved(count) }
    if count == 0 { return .ended }
    let number = errno
    if number == EINTR { continue }
    return number == EAGAIN ? .wouldBlock : .failed(Errno(rawValue: number))
  }
}

@inline(never)
private func sendOnce(_ descriptor: Int32, _ octets: UnsafeBufferPointer<UInt8>) -> Transfer {
  while true {
    let count = unsafe send(descriptor, octets.baseAddress, octets.count, Int32(MSG_NOSIGNAL))
    if count >= 0 { return .moved(count) }
    let number = errno
    if number == EINTR { continue }
    return number == EAGAIN ? .wouldBlock : .failed(Errno(rawValue: number))
  }
}
