import COpenSSL

/// What a listener shows and whom it believes, read once and never changed: another set of files makes another
/// context, and connections keep the one they began with.
@safe
public final class TLSContext: Sendable {
  /// When the server's certificate ends: seconds since 1970.
  public let certificateEnd: Int64
  /// Who may connect.
  let rules: ClientRules
  private let handle: Handle
  private let authorities: TLSMaterial.PEM?

  /// libssl counts its references, and nothing else of it is written after the making.
  @safe
  private struct Handle: @unchecked Sendable {
    let pointer: OpaquePointer
  }

  /// - Throws: what is wrong with the material, and in which file.
  public init(_ settings: TLSSettings, _ material: TLSMaterial) throws(TLSError) {
    guard let made = unsafe SSL_CTX_new(TLS_server_method()) else { throw .outOfMemory }
    unsafe handle = Handle(pointer: made)
    rules = ClientRules(settings)
    authorities = settings.clientCertificates == .off ? nil : material.clientAuthorities
    do throws(TLSError) {
      certificateEnd = unsafe try Self.fill(made, settings, material)
    } catch {
      unsafe SSL_CTX_free(made)
      throw error
    }
    unsafe Self.setCallbacks(made, rules)
  }

  deinit { unsafe SSL_CTX_free(handle.pointer) }

  /// The handle, for sessions.
  @unsafe var pointer: OpaquePointer { unsafe handle.pointer }

  /// Whether a client that this context let in would be let in by `other`, by the same authorities and names.
  public func trusts(as other: TLSContext) -> Bool {
    rules.settings == other.rules.settings && authorities?.octets == other.authorities?.octets
  }

  @unsafe
  private static func fill(
    _ context: OpaquePointer, _ settings: TLSSettings, _ material: TLSMaterial
  ) throws(TLSError) -> Int64 {
    ERR_clear_error()
    unsafe countersign_tls_restrict(
      context, settings.minimumVersion == .tls13 ? TLS1_3_VERSION : TLS1_2_VERSION)
    // RFC 9113 section 9.2.2: forward secrecy and authenticated encryption only. Those of TLS 1.3 are all like that.
    guard unsafe SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 else {
      throw .outOfMemory
    }
    let end = unsafe try useCertificate(context, material)
    if settings.clientCertificates == .off { return end }
    guard let authorities = material.clientAuthorities else { throw .noAuthorities }
    guard let store = unsafe SSL_CTX_get_cert_store(context) else { throw .outOfMemory }
    for certificate in try PEMReader.certificates(authorities) {
      guard unsafe X509_STORE_add_cert(store, certificate.pointer) == 1,
        // Clients choose a certificate by these names.
        unsafe SSL_CTX_add_client_CA(context, certificate.pointer) == 1
      else { throw .unusable(path: authorities.path, reason: lastReason()) }
    }
    // What stands in the file is believed, be it a root's certificate or not.
    unsafe X509_STORE_set_flags(store, UInt(X509_V_FLAG_PARTIAL_CHAIN))
    return end
  }

  @unsafe
  private static func useCertificate(
    _ context: OpaquePointer, _ material: TLSMaterial
  ) throws(TLSError) -> Int64 {
    let chain = try PEMReader.certificates(material.certificate)
    let key = try PEMReader.key(material.key)
    guard unsafe SSL_CTX_use_certificate(context, chain[0].pointer) == 1 else {
      throw .unusable(path: material.certificate.path, reason: lastReason())
    }
    for certificate in chain.dropFirst() {
      guard unsafe countersign_tls_add_chain(context, certificate.pointer) == 1 else {
        throw .unusable(path: material.certificate.path, reason: lastReason())
      }
    }
    // libssl takes a key of another kind for a change of mind: the two are compared before.
    guard unsafe X509_check_private_key(chain[0].pointer, key.pointer) == 1 else {
      ERR_clear_error()
      throw .keyOfAnother(certificate: material.certificate.path, key: material.key.path)
    }
    guard unsafe SSL_CTX_use_PrivateKey(context, key.pointer) == 1 else {
      throw .unusable(path: material.key.path, reason: lastReason())
    }
    return chain[0].end
  }

  @unsafe
  private static func setCallbacks(_ context: OpaquePointer, _ rules: ClientRules) {
    // Good as long as the rules are, which the context owns, which each session owns.
    _ = unsafe countersign_ssl_ctx_set_app_data(context, Unmanaged.passUnretained(rules).toOpaque())
    unsafe SSL_CTX_set_msg_callback(context, countMessage)
    unsafe SSL_CTX_set_client_hello_cb(context, demandALPN, nil)
    unsafe SSL_CTX_set_alpn_select_cb(context, chooseHTTP2, nil)
    switch rules.settings.clientCertificates {
    case .off: unsafe SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nil)
    case .optional: unsafe SSL_CTX_set_verify(context, SSL_VERIFY_PEER, judgeClient)
    case .required:
      unsafe SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, judgeClient)
    }
  }
}

/// The reason that libssl left last on this thread; its queue is empty afterwards.
func lastReason() -> String {
  defer { ERR_clear_error() }
  guard let text = unsafe ERR_reason_error_string(ERR_peek_last_error()) else { return "no reason given" }
  return unsafe String(cString: text)
}
