import COpenSSL

/// The client's side of TLS on one connection, without a socket: octets go in and come out.
@safe
public final class TLSTestClient {
  /// What it shows and asks for.
  public struct Settings: Sendable {
    /// A certificate and a key, as paths.
    public var identity: TestAuthority.Identity?
    /// Protocols for ALPN; empty: it does not speak of them.
    public var protocols = ["h2"]
    /// 0x0303 and 0x0304: TLS 1.2 and 1.3.
    public var maximumVersion: Int32 = 0x0304
    public init(identity: TestAuthority.Identity? = nil) { self.identity = identity }
  }

  private let context: OpaquePointer
  private let handle: OpaquePointer
  private let input: OpaquePointer
  private let output: OpaquePointer
  /// The handshake is over on this side.
  public private(set) var isOpen = false
  /// Why it is over.
  public private(set) var problem: String?
  public private(set) var hasEnded = false

  /// - Parameter authority: the PEM file whose authorities it believes.
  public init(_ authority: String, _ settings: Settings = Settings()) throws {
    guard let context = unsafe SSL_CTX_new(TLS_client_method()),
      unsafe SSL_CTX_load_verify_locations(context, authority, nil) == 1
    else { throw WebTestServer.WebTestServerError() }
    unsafe self.context = context
    unsafe SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
    // SSL_CTRL_SET_MAX_PROTO_VERSION
    unsafe SSL_CTX_ctrl(context, 124, Int(settings.maximumVersion), nil)
    if let identity = settings.identity {
      guard unsafe SSL_CTX_use_certificate_chain_file(context, identity.certificate) == 1,
        unsafe SSL_CTX_use_PrivateKey_file(context, identity.key, SSL_FILETYPE_PEM) == 1
      else { throw WebTestServer.WebTestServerError() }
    }
    guard let handle = unsafe SSL_new(context), let input = unsafe BIO_new(BIO_s_mem()),
      let output = unsafe BIO_new(BIO_s_mem())
    else { throw WebTestServer.WebTestServerError() }
    unsafe self.handle = handle
    unsafe self.input = input
    unsafe self.output = output
    unsafe SSL_set_bio(handle, input, output)
    unsafe SSL_set_connect_state(handle)
    let list = settings.protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
    if !list.isEmpty { unsafe SSL_set_alpn_protos(handle, list, UInt32(list.count)) }
  }

  deinit {
    unsafe SSL_free(handle)
    unsafe SSL_CTX_free(context)
  }

  /// The version that was agreed on, such as `TLSv1.3`.
  public var version: String { unsafe String(cString: SSL_get_version(handle)) }

  public var isResumed: Bool { unsafe SSL_session_reused(handle) == 1 }

  /// Takes octets from the wire; what they hold comes back.
  public func receive(_ octets: [UInt8]) -> [UInt8] {
    if !octets.isEmpty { unsafe BIO_write(input, octets, Int32(octets.count)) }
    ERR_clear_error()
    if !isOpen, problem == nil { isOpen = judge(unsafe SSL_do_handshake(handle)) }
    var plaintext: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 65_536)
    while isOpen, problem == nil {
      let count = unsafe SSL_read(handle, &part, Int32(part.count))
      if !judge(count) { break }
      plaintext += part[..<Int(count)]
    }
    return plaintext
  }

  /// Seals octets for the wire.
  public func send(_ octets: [UInt8]) {
    if !octets.isEmpty { _ = judge(unsafe SSL_write(handle, octets, Int32(octets.count))) }
  }

  /// The common name of the server's certificate.
  public var peerName: String? {
    guard let certificate = unsafe SSL_get1_peer_certificate(handle) else { return nil }
    defer { unsafe X509_free(certificate) }
    guard let text = unsafe X509_NAME_oneline(X509_get_subject_name(certificate), nil, 0) else { return nil }
    defer { unsafe countersign_openssl_free(text) }
    return unsafe String(cString: text).split(separator: "=").last.map(String.init)
  }

  /// Asks for another handshake on the same connection (TLS 1.2).
  public func renegotiate() {
    unsafe SSL_renegotiate(handle)
    unsafe SSL_do_handshake(handle)
  }

  /// Asks for new keys, and for new ones of the other side.
  public func updateKeys() { unsafe SSL_key_update(handle, SSL_KEY_UPDATE_REQUESTED) }

  public func end() { unsafe SSL_shutdown(handle) }

  /// What waits to be written to the wire.
  public func takeOutput() -> [UInt8] {
    var taken: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = unsafe BIO_read(output, &part, Int32(part.count))
      if count <= 0 { return taken }
      taken += part[..<Int(count)]
    }
  }

  private func judge(_ result: Int32) -> Bool {
    if result > 0 { return true }
    switch unsafe SSL_get_error(handle, result) {
    case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: break
    case SSL_ERROR_ZERO_RETURN: hasEnded = true
    default:
      let text = unsafe ERR_reason_error_string(ERR_peek_last_error())
      problem = unsafe text.map { unsafe String(cString: $0) } ?? "unknown"
    }
    return false
  }
}
