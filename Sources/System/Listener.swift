import CLinux
import Glibc

/// How a listener is opened.
public struct ListenerSettings: Sendable, Hashable {
  /// Connections that may wait for `accept`; the kernel cuts it to `net.core.somaxconn`. A proxy that
  /// restarts opens a connection per worker thread at once, from every node.
  public var backlog: Int32 = 4_096
  /// The permissions of a UNIX socket file: who may connect. The owner and the group by default: the proxy
  /// shares the group, other accounts on the machine do not ask the gate.
  public var socketFileMode: UInt32 = 0o660
  /// Who owns a UNIX socket file, by number; nil: whoever runs the service. Giving it to another user takes the
  /// right to (CAP_CHOWN); to a group of one's own it does not.
  public var socketFileOwner: UInt32?
  public var socketFileGroup: UInt32?

  public init() {}
}

/// A socket that takes connections, nonblocking. Its owner closes it and removes its socket file.
public struct Listener: ~Copyable, Sendable {
  private let owner: FileDescriptor
  private let socketFile: SocketFile?

  /// The address it really has: port 0 is replaced by the port the kernel chose.
  public let address: ListenAddress

  /// The number, for a poller's registration.
  public var descriptor: Int32 { owner.rawValue }

  /// Opens, binds and listens. `[::]` also takes IPv4 connections. A socket file that nobody listens on any
  /// more (a crash left it) is replaced; anything else at the path is an error.
  /// - Throws: also for `off` (`invalidArgument`): the caller decides before.
  public init(_ address: ListenAddress, settings: ListenerSettings = ListenerSettings()) throws(SystemError) {
    guard let target = SocketAddress(address) else {
      throw SystemError("listen on", .invalidArgument, address.description)
    }
    let isSocketFile = if case .unix = address { true } else { false }
    if case .unix(let path) = address { try SocketFile.removeStale(path, address) }
    let owner = try Self.bound(to: target, address, settings)
    var file: SocketFile?
    if case .unix(let path) = address { file = try SocketFile(path, settings) }
    do {
      let real = try Self.listen(owner.rawValue, settings)
      self.init(owner: owner, socketFile: file, address: isSocketFile ? address : real)
    } catch {
      file?.remove()
      throw SystemError("listen on", error, address.description, hint: Self.hint(for: error, address))
    }
  }

  private init(owner: consuming FileDescriptor, socketFile: SocketFile?, address: ListenAddress) {
    self.owner = owner
    self.socketFile = socketFile
    self.address = address
  }

  private static func bound(
    to target: SocketAddress, _ address: ListenAddress, _ settings: ListenerSettings
  ) throws(SystemError) -> FileDescriptor {
    let owner = try openStreamSocket(target.family, address)
    let descriptor = owner.rawValue
    if target.family == AF_UNIX {
      // The file is born with these permissions less the umask: never wider than asked, not even for a
      // moment.
      _ = fchmod(descriptor, mode_t(settings.socketFileMode))
    } else {
      set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
      if target.family == AF_INET6 { set(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 0) }
    }
    do {
      _ = try systemCall { unsafe target.with { unsafe bind(descriptor, $0, $1) } }
    } catch {
      throw SystemError("listen on", error, address.description, hint: hint(for: error, address))
    }
    return owner
  }

  private static func listen(_ descriptor: Int32, _ settings: ListenerSettings) throws(Errno) -> ListenAddress
  {
    _ = try systemCall { Glibc.listen(descriptor, settings.backlog) }
    return unsafe try SocketAddress { pointer, length throws(Errno) in
      _ = try systemCall { unsafe getsockname(descriptor, pointer, length) }
    }.listenAddress
  }

  /// What a person may do about an address that cannot be had.
  private static func hint(for errno: Errno, _ address: ListenAddress) -> String {
    guard case .tcp = address else { return "" }
    return switch errno {
    case .addressInUse: "another process listens there: stop it, or choose another address"
    case .addressNotAvailable: "no interface of this machine has that address"
    case .accessDenied: "ports below 1024 take CAP_NET_BIND_SERVICE"
    default: ""
    }
  }

  deinit { socketFile?.remove() }

  /// Takes one connection that waits, ready for use: nonblocking, not inherited, sending without delay, and kept
  /// alive.
  public func accept() -> Accepted {
    switch acceptOnce(descriptor) {
    case .success(let number):
      let socket = Socket(owning: number)
      if case .tcp = address {
        socket.sendWithoutDelay()
        socket.keepAlive()
      }
      return .connection(socket)
    case .failure(let errno): return Self.outcome(of: errno)
    }
  }

  private static func outcome(of errno: Errno) -> Accepted {
    if errno == .wouldBlock { return .none }
    if errno.isExhaustion { return .exhausted(errno) }
    // accept(2): errors of the new connection itself are reported here, and the listener is as good as
    // before.
    let passing: [Int32] = [
      ECONNABORTED, ENETDOWN, EPROTO, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH,
      EPERM,
      ETIMEDOUT,
    ]
    return passing.contains(errno.rawValue) ? .gone : .failed(errno)
  }

  private static func set(_ descriptor: Int32, _ level: Int32, _ option: Int32, _ value: Int32) {
    var value = value
    _ = unsafe setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
  }
}

/// How an `accept` ended.
public enum Accepted: ~Copyable, Sendable {
  case connection(Socket)
  /// None waits.
  case none
  /// One waited and has gone; try again.
  case gone
  /// Descriptors or memory have run out: stop polling the listener for a while (security checklist, 2.5), go
  /// on with the connections there are.
  case exhausted(Errno)
  /// The listener itself is of no more use.
  case failed(Errno)
}

@inline(never)
private func acceptOnce(_ descriptor: Int32) -> Result<Int32, Errno> {
  while true {
    let number = countersign_accept(descriptor)
    if number >= 0 { return .success(number) }
    let failure = errno
    if failure != EINTR { return .failure(Errno(rawValue: failure)) }
  }
}

/// The file of a UNIX listener, known by its inode: a successor's file at the same path is never removed.
private struct SocketFile: Sendable {
  private let path: String
  private let device: UInt64
  private let inode: UInt64

  /// The file that `bind` has just made, with its final permissions.
  init(_ path: String, _ settings: ListenerSettings) throws(SystemError) {
    let status: stat
    do {
      status = try named("set owner and permissions of", path) { () throws(Errno) -> stat in
        // The number that says "as it is".
        let (owner, group) = (settings.socketFileOwner ?? .max, settings.socketFileGroup ?? .max)
        if owner != .max || group != .max { _ = try systemCall { unsafe chown(path, owner, group) } }
        _ = try systemCall { unsafe chmod(path, mode_t(settings.socketFileMode)) }
        return try Self.status(path)
      }
    } catch {
      // Nobody listens yet, and whom it should belong to it does not.
      _ = unsafe unlink(path)
      throw error
    }
    self.path = path
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
  }

  func remove() {
    guard let status = try? Self.status(path), status.st_dev == device, status.st_ino == inode else { return }
    _ = unsafe unlink(path)
  }

  /// Removes a socket file whose listener has gone.
  static func removeStale(_ path: String, _ address: ListenAddress) throws(SystemError) {
    guard let status = try? Self.status(path) else { return }
    guard status.st_mode & S_IFMT == S_IFSOCK else {
      throw SystemError(
        "listen on", .exists, address.description, hint: "the path is not a socket; it is left alone")
    }
    do {
      _ = try Socket.connect(to: address, timeoutMilliseconds: 1_000)
    } catch {
      if error.errno == .connectionRefused {
        _ = unsafe unlink(path)
        return
      }
      if error.errno == .noSuchFile { return }
      // A full backlog answers EAGAIN, a foreign socket EACCES: somebody is there, or it is not ours to
      // judge.
    }
    throw SystemError(
      "listen on", .addressInUse, address.description, hint: "another process uses the socket")
  }

  private static func status(_ path: String) throws(Errno) -> stat {
    var status = stat()
    _ = try systemCall { unsafe lstat(path, &status) }
    return status
  }
}
