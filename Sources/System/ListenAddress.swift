public import Bytes
import Glibc

/// Where a service listens, or connects to: the four forms of the command line.
///
///     127.0.0.1:9191    [::1]:9191    unix:/run/countersign.sock    off
///
/// Numbers only: a name would ask a resolver at start and could mean several addresses. Port 0 takes a free
/// one.
public enum ListenAddress: Sendable, Hashable, CustomStringConvertible {
  /// Nothing listens.
  case off
  case tcp(IPAddress, port: UInt16)
  /// A socket file; the path has 1 to 107 octets (what `sockaddr_un` holds) and no NUL.
  case unix(path: String)

  /// Octets of path that `sockaddr_un` holds, its final NUL excluded.
  static let maximumPathOctets = 107

  /// Reads an address.
  public init(_ text: String) throws(ListenAddressError) {
    if text == "off" {
      self = .off
    } else if text.hasPrefix("unix:") {
      let path = String(text.dropFirst(5))
      if path.isEmpty { throw .emptyPath }
      if path.utf8.contains(0) { throw .badPath(path) }
      if path.utf8.count > Self.maximumPathOctets { throw .pathTooLong(path) }
      self = .unix(path: path)
    } else {
      let (host, port) = try Self.split(text)
      guard let address = IPAddress(host) else { throw .badHost(host) }
      // Brackets belong to IPv6 and to nothing else: `::1:80` could be read two ways.
      if (address.family == .v6) != text.hasPrefix("[") { throw .badForm(text) }
      guard let number = port.utf8.count <= 5 ? Array(port.utf8).span.decimalValue() : nil, number <= 65_535
      else { throw .badPort(port) }
      self = .tcp(address, port: UInt16(number))
    }
  }

  private static func split(_ text: String) throws(ListenAddressError) -> (host: String, port: String) {
    if text.hasPrefix("[") {
      guard let close = text.firstIndex(of: "]") else { throw .badForm(text) }
      let rest = text[text.index(after: close)...]
      guard rest.hasPrefix(":") else { throw .badForm(text) }
      return (String(text[text.index(after: text.startIndex)..<close]), String(rest.dropFirst()))
    }
    guard let colon = text.lastIndex(of: ":") else { throw .badForm(text) }
    return (String(text[..<colon]), String(text[text.index(after: colon)...]))
  }

  /// The text that `init` reads back, IPv6 in its canonical form (RFC 5952).
  public var description: String {
    switch self {
    case .off: "off"
    case .unix(let path): "unix:\(path)"
    case .tcp(let address, let port):
      address.family == .v4 ? "\(address.text):\(port)" : "[\(address.text)]:\(port)"
    }
  }
}

/// Why a text is no address to listen on.
public enum ListenAddressError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Not one of the four forms.
  case badForm(String)
  /// The part before the port is not an IP address.
  case badHost(String)
  /// The port is not a number of 0 to 65535.
  case badPort(String)
  /// `unix:` without a path.
  case emptyPath
  /// A path with a NUL in it.
  case badPath(String)
  /// A path longer than a socket address can hold.
  case pathTooLong(String)

  public var description: String {
    let forms = "write 127.0.0.1:9191, [::1]:9191, unix:/run/name.sock or off"
    return switch self {
    case .badForm(let text): "'\(text)' is not an address: \(forms)"
    case .badHost(let host):
      host == "localhost"
        ? "'localhost' is a name: write 127.0.0.1 or [::1]" : "'\(host)' is not an IP address: \(forms)"
    case .badPort(let port): "'\(port)' is not a port: a number from 0 (any free one) to 65535"
    case .emptyPath: "'unix:' names no path"
    case .badPath: "a socket path cannot hold a NUL"
    case .pathTooLong(let path):
      "the socket path has \(path.utf8.count) octets, \(ListenAddress.maximumPathOctets) fit: \(path)"
    }
  }
}

extension IPAddress {
  /// The address as text: dotted quad, or RFC 5952. Allocates: for messages to people.
  public var text: String {
    let octets = networkOctets
    return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { buffer in
      guard let start = buffer.baseAddress,
        let text = unsafe octets.withUnsafeBytes({ source in
          unsafe inet_ntop(
            family == .v4 ? AF_INET : AF_INET6, source.baseAddress, start, socklen_t(buffer.count))
        })
      else { return "?" }
      return unsafe String(cString: text)
    }
  }

  /// The address in network order: 4 or 16 octets.
  var networkOctets: [UInt8] {
    let count = family == .v4 ? 4 : 16
    return (0..<count).map { UInt8(truncatingIfNeeded: bits >> UInt128(8 * (count - 1 - $0))) }
  }
}
