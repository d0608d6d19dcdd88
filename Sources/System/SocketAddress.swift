import Bytes
import CLinux
import Glibc

/// A socket address as the kernel wants it, and back.
struct SocketAddress {
  private var storage: sockaddr_storage
  private var length: socklen_t

  /// The family for `socket(2)`.
  var family: Int32 { Int32(storage.ss_family) }

  /// - Returns: nil for `off`, and for a path that does not fit.
  init?(_ address: ListenAddress) {
    storage = sockaddr_storage()
    switch address {
    case .off: return nil
    case .tcp(let ip, let port):
      let octets = ip.networkOctets
      if ip.family == .v4 {
        var v4 = sockaddr_in()
        v4.sin_family = sa_family_t(AF_INET)
        v4.sin_port = port.bigEndian
        unsafe withUnsafeMutableBytes(of: &v4.sin_addr) { unsafe $0.copyBytes(from: octets) }
        unsafe withUnsafeMutableBytes(of: &storage) { target in
          unsafe withUnsafeBytes(of: v4) { unsafe target.copyMemory(from: $0) }
        }
        length = socklen_t(MemoryLayout<sockaddr_in>.size)
      } else {
        var v6 = sockaddr_in6()
        v6.sin6_family = sa_family_t(AF_INET6)
        v6.sin6_port = port.bigEndian
        unsafe withUnsafeMutableBytes(of: &v6.sin6_addr) { unsafe $0.copyBytes(from: octets) }
        unsafe withUnsafeMutableBytes(of: &storage) { target in
          unsafe withUnsafeBytes(of: v6) { unsafe target.copyMemory(from: $0) }
        }
        length = socklen_t(MemoryLayout<sockaddr_in6>.size)
      }
    case .unix(let path):
      let octets = Array(path.utf8)
      guard octets.count <= ListenAddress.maximumPathOctets else { return nil }
      storage.ss_family = sa_family_t(AF_UNIX)
      unsafe withUnsafeMutableBytes(of: &storage) { target in
        let start = Self.pathOffset
        unsafe UnsafeMutableRawBufferPointer(rebasing: target[start..<(start + octets.count)]).copyBytes(
          from: octets)
      }
      length = socklen_t(Self.pathOffset + octets.count + 1)
    }
  }

  /// What `body` (a `getsockname`, an `accept4`) writes as an address.
  init(
    filledBy body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) throws(Errno) -> Void
  ) throws(Errno) {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    try unsafe withUnsafeMutablePointer(to: &storage) { pointer throws(Errno) in
      try unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { rebound throws(Errno) in
        try unsafe body(rebound, &length)
      }
    }
    self.storage = storage
    self.length = min(length, socklen_t(MemoryLayout<sockaddr_storage>.size))
  }

  /// Lends the address to a `bind` or `connect`.
  func with<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    unsafe withUnsafePointer(to: storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, length) }
    }
  }

  /// As a value; `off` for a family that is none of ours. An unnamed UNIX peer has an empty path.
  var listenAddress: ListenAddress {
    unsafe withUnsafeBytes(of: storage) { raw in
      switch Int32(storage.ss_family) {
      case AF_INET:
        let v4 = unsafe raw.loadUnaligned(as: sockaddr_in.self)
        let bits = UInt128(UInt32(bigEndian: v4.sin_addr.s_addr))
        return .tcp(IPAddress(family: .v4, bits: bits), port: UInt16(bigEndian: v4.sin_port))
      case AF_INET6:
        let v6 = unsafe raw.loadUnaligned(as: sockaddr_in6.self)
        let octets = unsafe withUnsafeBytes(of: v6.sin6_addr) { unsafe [UInt8]($0) }
        let bits = octets.reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
        return .tcp(IPAddress(family: .v6, bits: bits), port: UInt16(bigEndian: v6.sin6_port))
      case AF_UNIX:
        let end = max(Self.pathOffset, min(Int(length), raw.count))
        let path = unsafe raw[Self.pathOffset..<end].prefix { $0 != 0 }
        return .unix(path: unsafe String(decoding: path, as: UTF8.self))
      default: return .off
      }
    }
  }

  /// Where the path begins in `sockaddr_un`, behind the family.
  private static let pathOffset = MemoryLayout<sa_family_t>.size
}
