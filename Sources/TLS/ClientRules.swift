import COpenSSL

/// Who may connect: asked by libssl in the middle of a handshake.
final class ClientRules: Sendable {
  let settings: TLSSettings
  private let spiffeIDs: Set<String>
  private let dnsNames: Set<String>

  init(_ settings: TLSSettings) {
    self.settings = settings
    var spiffeIDs: Set<String> = []
    var dnsNames: Set<String> = []
    for name in settings.allowedClients {
      switch name {
      case .spiffe(let id): spiffeIDs.insert(id)
      case .dns(let name): dnsNames.insert(name)
      }
    }
    self.spiffeIDs = spiffeIDs
    self.dnsNames = dnsNames
  }

  /// Whether a certificate with these names is one of those that may ask.
  func allow(_ names: CertificateNames) -> Bool {
    if settings.allowedClients.isEmpty { return true }
    // A certificate with two identities has none (X.509-SVID, section 5.2).
    if names.uris.count == 1, spiffeIDs.contains(names.uris[0]) { return true }
    return names.dns.contains { dnsNames.contains($0.lowercased()) }
  }
}

/// The subject alternative names that identities are made of. One with a NUL or a letter outside of ASCII in it names
/// nobody.
struct CertificateNames {
  var uris: [String] = []
  var dns: [String] = []

  @unsafe
  init(of certificate: OpaquePointer) {
    guard let list = unsafe countersign_x509_names(certificate) else { return }
    defer { unsafe GENERAL_NAMES_free(list) }
    for index in 0..<(unsafe countersign_names_count(list)) {
      guard let name = unsafe countersign_names_value(list, index) else { continue }
      let kind = unsafe countersign_name_kind(name)
      guard kind == GEN_DNS || kind == GEN_URI, let text = unsafe countersign_name_text(name),
        let start = unsafe ASN1_STRING_get0_data(text)
      else { continue }
      let octets = unsafe UnsafeBufferPointer(start: start, count: Int(ASN1_STRING_length(text)))
      let isNamed = unsafe octets.allSatisfy { $0 > 0x20 && $0 < 0x7F }
      let value = isNamed ? unsafe String(decoding: octets, as: UTF8.self) : ""
      // A URI that names nobody still is a second one.
      if kind == GEN_URI { uris.append(value) } else if isNamed { dns.append(value) }
    }
  }

  var text: String {
    let all = uris.filter { !$0.isEmpty } + dns
    return all.isEmpty ? "nobody" : all.joined(separator: ", ")
  }
}

// MARK: What libssl calls

/// The channel of the session that is at work.
@unsafe
private func channel(of session: OpaquePointer) -> TLSChannel? {
  guard let bio = unsafe SSL_get_rbio(session) else { return nil }
  return unsafe TLSChannel.of(bio)
}

/// For each certificate of a client's chain, its own last.
func judgeClient(_ passed: Int32, _ store: OpaquePointer?) -> Int32 {
  guard let store = unsafe store,
    let user = unsafe X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx())
  else { return 0 }
  let session = OpaquePointer(user)
  guard let context = unsafe SSL_get_SSL_CTX(session),
    let data = unsafe countersign_ssl_ctx_get_app_data(context),
    let certificate = unsafe X509_STORE_CTX_get_current_cert(store)
  else { return 0 }
  let depth = unsafe X509_STORE_CTX_get_error_depth(store)
  let channel = unsafe channel(of: session)
  if passed == 0 {
    let text = unsafe X509_verify_cert_error_string(Int(X509_STORE_CTX_get_error(store)))
    let reason = unsafe text.map { unsafe String(cString: $0) } ?? "unknown"
    channel?.refusal = .clientCertificate("\(reason) (certificate \(depth) of its chain)")
    return 0
  }
  if depth > 0 { return 1 }
  let rules = unsafe Unmanaged<ClientRules>.fromOpaque(data).takeUnretainedValue()
  let names = unsafe CertificateNames(of: certificate)
  if rules.allow(names) { return 1 }
  channel?.refusal = .clientCertificate("it names \(names.text), not among allowedClients")
  unsafe X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION)
  return 0
}

/// For each message and record: alerts and handshake messages (21, 22) count against the session's allowance.
func countMessage(
  _ isWritten: Int32, _ version: Int32, _ type: Int32, _ octets: UnsafeRawPointer?, _ count: Int,
  _ session: OpaquePointer?, _ user: UnsafeMutableRawPointer?
) {
  guard type == SSL3_RT_HANDSHAKE || type == SSL3_RT_ALERT, let session = unsafe session else { return }
  unsafe channel(of: session)?.allowance -= 1
}

/// HTTP/2 over TLS is spoken by those who name it in ALPN (RFC 9113 section 3.2): one who does not might mean another
/// protocol, to another server with the same certificate.
func demandALPN(
  _ session: OpaquePointer?, _ alert: UnsafeMutablePointer<Int32>?, _ user: UnsafeMutableRawPointer?
) -> Int32 {
  guard let session = unsafe session else { return SSL_CLIENT_HELLO_ERROR }
  var octets: UnsafePointer<UInt8>?
  var count = 0
  let type = UInt32(TLSEXT_TYPE_application_layer_protocol_negotiation)
  if unsafe SSL_client_hello_get0_ext(session, type, &octets, &count) == 1 { return SSL_CLIENT_HELLO_SUCCESS }
  unsafe channel(of: session)?.refusal = .noHTTP2
  unsafe alert?.pointee = SSL_AD_NO_APPLICATION_PROTOCOL
  return SSL_CLIENT_HELLO_ERROR
}

/// Takes `h2` from the client's list, whatever else stands there.
func chooseHTTP2(
  _ session: OpaquePointer?, _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
  _ chosenCount: UnsafeMutablePointer<UInt8>?, _ list: UnsafePointer<UInt8>?, _ count: UInt32,
  _ user: UnsafeMutableRawPointer?
) -> Int32 {
  guard let session = unsafe session, let list = unsafe list else { return SSL_TLSEXT_ERR_ALERT_FATAL }
  let octets = unsafe UnsafeBufferPointer(start: list, count: Int(count))
  var index = 0
  while index < octets.count {
    let length = unsafe Int(octets[index])
    let start = index + 1
    if start + length > octets.count { break }
    if unsafe length == 2 && octets[start] == 0x68 && octets[start + 1] == 0x32 {
      unsafe chosen?.pointee = list + start
      unsafe chosenCount?.pointee = 2
      return SSL_TLSEXT_ERR_OK
    }
    index = start + length
  }
  unsafe channel(of: session)?.refusal = .noHTTP2
  return SSL_TLSEXT_ERR_ALERT_FATAL
}
