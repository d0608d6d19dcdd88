import CCurl
import COpenSSL

// The server's certificate: what libcurl checks itself, and the names that a DestinationRule demands beside.

/// Called with each connection's TLS context before the handshake.
func prepareTLS(
  _ handle: UnsafeMutableRawPointer?, _ tls: UnsafeMutableRawPointer?, _ context: UnsafeMutableRawPointer?
) -> CURLcode {
  guard let tls = unsafe tls, let context = unsafe context else { return CURLE_SSL_CONNECT_ERROR }
  let settings = OpaquePointer(tls)
  _ = unsafe countersign_ssl_ctx_set_app_data(settings, context)
  let mode =
    unsafe Transfer.from(context).request.trust.skipsVerification ? SSL_VERIFY_NONE : SSL_VERIFY_PEER
  unsafe SSL_CTX_set_verify(settings, mode, judgePeer)
  return CURLE_OK
}

/// OpenSSL asks for each certificate of the chain, the server's own last.
private func judgePeer(_ passed: Int32, _ store: OpaquePointer?) -> Int32 {
  guard let store = unsafe store,
    let tls = unsafe X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()),
    let settings = unsafe SSL_get_SSL_CTX(OpaquePointer(tls)),
    let context = unsafe countersign_ssl_ctx_get_app_data(settings)
  else { return 0 }
  let transfer = unsafe Transfer.from(context)
  let depth = unsafe X509_STORE_CTX_get_error_depth(store)
  guard let certificate = unsafe X509_STORE_CTX_get_current_cert(store) else { return passed }
  if depth == 0 {
    transfer.peerSubject = unsafe oneLine(X509_get_subject_name(certificate))
    transfer.peerIssuer = unsafe oneLine(X509_get_issuer_name(certificate))
  }
  if passed == 0 {
    let error = unsafe X509_STORE_CTX_get_error(store)
    let text =
      unsafe X509_verify_cert_error_string(Int(error)).map { unsafe String(cString: $0) } ?? "unknown"
    if transfer.tlsProblem == nil {
      transfer.tlsProblem = "the server's certificate: \(text) (certificate \(depth) of its chain)"
    }
    return transfer.request.trust.skipsVerification ? 1 : 0
  }
  let wanted = transfer.request.trust.subjectAltNames
  if depth > 0 || wanted.isEmpty || transfer.request.trust.skipsVerification { return 1 }
  let names = unsafe names(of: certificate)
  if names.contains(where: wanted.contains) { return 1 }
  transfer.tlsProblem =
    "the server's certificate names \(names.isEmpty ? "nobody" : names.joined(separator: ", ")), and the "
    + "DestinationRule wants \(wanted.joined(separator: ", "))"
  unsafe X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH)
  return 0
}

/// The DNS names, e-mail addresses and URIs of a certificate. A name with a NUL in it names nobody.
private func names(of certificate: OpaquePointer) -> [String] {
  guard let list = unsafe countersign_x509_names(certificate) else { return [] }
  defer { unsafe GENERAL_NAMES_free(list) }
  var found: [String] = []
  for index in 0..<(unsafe countersign_names_count(list)) {
    guard let name = unsafe countersign_names_value(list, index) else { continue }
    let kind = unsafe countersign_name_kind(name)
    guard kind == GEN_DNS || kind == GEN_URI || kind == GEN_EMAIL,
      let text = unsafe countersign_name_text(name), let start = unsafe ASN1_STRING_get0_data(text)
    else { continue }
    let octets = unsafe UnsafeBufferPointer(start: start, count: Int(ASN1_STRING_length(text)))
    if unsafe octets.contains(0) { continue }
    found.append(unsafe String(decoding: octets, as: UTF8.self))
  }
  return found
}

private func oneLine(_ name: OpaquePointer?) -> String {
  guard let name = unsafe name, let text = unsafe X509_NAME_oneline(name, nil, 0) else { return "" }
  defer { unsafe countersign_openssl_free(text) }
  return unsafe String(cString: text)
}
