public import Bytes
import CLinux
import Glibc

extension Socket {
  /// A socket for a library that will own it; -1 when there is none to be had.
  public static func openForLibrary(family: Int32, kind: Int32, protocolNumber: Int32) -> Int32 {
    socket(family, kind | Int32(SOCK_CLOEXEC.rawValue), protocolNumber)
  }
}

extension IPAddress {
  /// The address in a `sockaddr`; nil for another family than IPv4 and IPv6, and for one cut short.
  public init?(socketAddress octets: UnsafeRawBufferPointer) {
    guard octets.count >= 2 else { return nil }
    let family = unsafe octets.loadUnaligned(as: sa_family_t.self)
    let (start, size) = family == sa_family_t(AF_INET6) ? (8, 16) : (4, 4)
    guard family == sa_family_t(AF_INET) || family == sa_family_t(AF_INET6), octets.count >= start + size
    else {
      return nil
    }
    var bits: UInt128 = 0
    for index in start..<(start + size) { bits = bits << 8 | UInt128(unsafe octets[index]) }
    self.init(family: size == 4 ? .v4 : .v6, bits: bits)
  }
}
