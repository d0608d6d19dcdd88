import CLinux
import Glibc

/// The service manager that started the process (systemd, `sd_notify(3)`): told when the service is ready and when it
/// stops. Without one nothing is told to nobody.
public struct ServiceManager: Sendable {
  /// The socket's path; one that begins with `@` is in the abstract namespace.
  private let path: String?

  /// The one that the environment names.
  public init() { path = Surroundings.variable("NOTIFY_SOCKET") }

  /// - Parameter path: of the manager's datagram socket.
  init(path: String?) { self.path = path }

  /// Requests begin to be answered.
  /// - Parameter status: a line for `systemctl status`.
  public func tellReady(_ status: String) { tell("READY=1\nSTATUS=\(Self.line(status))") }

  /// Something to show, no change of state.
  public func tellStatus(_ status: String) { tell("STATUS=\(Self.line(status))") }

  /// The service ends.
  public func tellStopping() { tell("STOPPING=1") }

  private static func line(_ text: String) -> String { String(text.map { $0.isNewline ? " " : $0 }) }

  /// A manager that does not listen is no reason to fail.
  private func tell(_ text: String) {
    guard let path, !path.isEmpty else { return }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let name = Array(path.utf8)
    guard name.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: name) }
    if name[0] == 0x40 { unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0[0] = 0 } }
    let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
    let number = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    if number < 0 { return }
    let descriptor = FileDescriptor(owning: number)
    let octets = Array(text.utf8)
    unsafe withUnsafePointer(to: &address) { start in
      unsafe start.withMemoryRebound(to: sockaddr.self, capacity: 1) { start in
        _ = unsafe octets.withUnsafeBytes {
          unsafe sendto(
            descriptor.rawValue, $0.baseAddress, $0.count,
            Int32(MSG_NOSIGNAL | MSG_DONTWAIT),
            start, length)
        }
      }
    }
  }
}
