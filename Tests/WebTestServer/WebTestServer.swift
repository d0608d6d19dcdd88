import COpenSSL
import Foundation
import Glibc
import Synchronization

/// A web server of the tests' own on 127.0.0.1: it answers each request as a script says, well or badly, without
/// TLS or with it.
@safe
public final class WebTestServer: Sendable {
  /// What it does with one request, step by step; then it closes.
  public enum Step: Sendable {
    case send([UInt8])
    case wait(milliseconds: Int)
    /// Sends these octets again and again until the peer has enough.
    case flood([UInt8])
    /// Breaks off without a word.
    case reset
  }

  /// One request's head.
  public struct Request: Sendable {
    public var method: String
    public var target: String
    /// Names in lower case.
    public var headers: [String: String]
  }

  /// TLS by files; clients must show a certificate of `clientAuthority` where there is one.
  public struct TLS: Sendable {
    public var certificate: String
    public var key: String
    public var clientAuthority: String?
    public init(certificate: String, key: String, clientAuthority: String? = nil) {
      self.certificate = certificate
      self.key = key
      self.clientAuthority = clientAuthority
    }
  }

  public let port: UInt16
  private let listener: Int32
  private let seen = Mutex<[Request]>([])
  private let isStopped = Atomic<Bool>(false)
  private let handler: @Sendable (Request) -> [Step]
  private let context: Context?

  /// OpenSSL's settings; only read once they are made.
  @safe
  private final class Context: @unchecked Sendable {
    let pointer: OpaquePointer
    init(_ tls: TLS) throws {
      guard let made = unsafe SSL_CTX_new(TLS_server_method()),
        unsafe SSL_CTX_use_certificate_chain_file(made, tls.certificate) == 1,
        unsafe SSL_CTX_use_PrivateKey_file(made, tls.key, SSL_FILETYPE_PEM) == 1
      else { throw WebTestServerError() }
      if let authority = tls.clientAuthority {
        guard unsafe SSL_CTX_load_verify_locations(made, authority, nil) == 1 else {
          throw WebTestServerError()
        }
        unsafe SSL_CTX_set_verify(made, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
      }
      unsafe pointer = made
    }
    deinit { unsafe SSL_CTX_free(pointer) }
  }

  public struct WebTestServerError: Error {}

  public init(tls: TLS? = nil, _ handler: @escaping @Sendable (Request) -> [Step]) throws {
    self.handler = handler
    context = try tls.map(Context.init)
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = listener
    let ready = unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { rebound in
        unsafe bind(descriptor, rebound, length) == 0 && listen(descriptor, 128) == 0
          && getsockname(descriptor, rebound, &length) == 0
      }
    }
    guard ready else { throw WebTestServerError() }
    port = UInt16(bigEndian: address.sin_port)
    let server = self
    Thread.detachNewThread { server.acceptAll() }
  }

  /// No new connections; those that are open go on to their end.
  public func stop() {
    isStopped.store(true, ordering: .relaxed)
    shutdown(listener, Int32(SHUT_RDWR))
  }

  /// The requests so far, in the order they came.
  public var requests: [Request] { seen.withLock { $0 } }

  private func acceptAll() {
    while !isStopped.load(ordering: .relaxed) {
      let connection = accept(listener, nil, nil)
      if connection < 0 { break }
      Thread.detachNewThread { self.serve(connection) }
    }
    close(listener)
  }

  private func serve(_ connection: Int32) {
    signal(SIGPIPE, SIG_IGN)
    let peer = unsafe Peer(connection, context.map { unsafe $0.pointer })
    defer { peer.end() }
    guard peer.greet(), let request = readRequest(peer) else { return }
    seen.withLock { $0.append(request) }
    for step in handler(request) {
      switch step {
      case .send(let octets): if !peer.send(octets) { return }
      case .wait(let milliseconds): usleep(UInt32(milliseconds) * 1_000)
      case .flood(let octets): while peer.send(octets) {}
      case .reset:
        var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
        unsafe setsockopt(
          connection, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
        return
      }
    }
  }

  private func readRequest(_ peer: borrowing Peer) -> Request? {
    var octets: [UInt8] = []
    while !octets.suffix(4).elementsEqual([13, 10, 13, 10]) {
      guard octets.count < 65_536, let octet = peer.receive() else { return nil }
      octets.append(octet)
    }
    let lines = String(decoding: octets, as: UTF8.self).components(separatedBy: "\r\n")
    let words = lines[0].split(separator: " ").map(String.init)
    guard words.count == 3 else { return nil }
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { continue }
      headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(
        in: .whitespaces)
    }
    return Request(method: words[0], target: words[1], headers: headers)
  }

  // MARK: Answers

  /// A whole answer with this body.
  public static func answer(
    _ body: String, status: String = "200 OK", headers: [String] = ["Content-Type: application/json"]
  ) -> [Step] {
    let head = (["HTTP/1.1 \(status)", "Content-Length: \(body.utf8.count)", "Connection: close"] + headers)
      .joined(separator: "\r\n")
    return [.send(Array((head + "\r\n\r\n" + body).utf8))]
  }
}

/// One connection, without TLS or with it.
@safe
private struct Peer: ~Copyable {
  private let descriptor: Int32
  private let tls: OpaquePointer?

  init(_ descriptor: Int32, _ context: OpaquePointer?) {
    self.descriptor = descriptor
    unsafe tls = unsafe context.flatMap { unsafe SSL_new($0) }
    if let tls = unsafe tls { unsafe SSL_set_fd(tls, descriptor) }
  }

  func greet() -> Bool {
    guard let tls = unsafe tls else { return true }
    return unsafe SSL_accept(tls) == 1
  }

  func receive() -> UInt8? {
    var octet: UInt8 = 0
    let count =
      if let tls = unsafe tls { unsafe Int(SSL_read(tls, &octet, 1)) } else {
        unsafe read(descriptor, &octet, 1)
      }
    return count == 1 ? octet : nil
  }

  func send(_ octets: [UInt8]) -> Bool {
    var sent = 0
    while sent < octets.count {
      let rest = Array(octets[sent...])
      let count =
        if let tls = unsafe tls {
          unsafe Int(SSL_write(tls, rest, Int32(rest.count)))
        } else {
          unsafe write(descriptor, rest, rest.count)
        }
      if count <= 0 { return false }
      sent += count
    }
    return true
  }

  func end() {
    if let tls = unsafe tls {
      unsafe SSL_shutdown(tls)
      unsafe SSL_free(tls)
    }
    close(descriptor)
  }
}
