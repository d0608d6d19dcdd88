import Bytes
import CCurl
import System

/// One hop of a fetch on a curl handle of its own. Everything that a server could abuse is off: no connection
/// or TLS session is reused, so that trust and addresses are checked each time; no redirect is followed by the
/// library.
@safe
final class Transfer {
  let request: FetchRequest
  private(set) var body: [UInt8] = []
  private(set) var headers: [(name: String, value: String)] = []
  private(set) var isTooLong = false
  private(set) var blockedAddress: String?
  var tlsProblem: String?
  var peerSubject = ""
  var peerIssuer = ""
  /// What libcurl knows it by.
  let handle: UnsafeMutableRawPointer
  /// Where libcurl writes what went wrong: 256 octets (CURL_ERROR_SIZE).
  private let errorBuffer: UnsafeMutablePointer<CChar>
  private var lists: [UnsafeMutablePointer<curl_slist>] = unsafe []

  init(_ request: FetchRequest, to address: WebAddress, endpoint: FetchRequest.Endpoint?, milliseconds: Int)
    throws(FetchError)
  {
    guard let handle = unsafe Library.curl.easy_init() else { throw .broken("no memory") }
    unsafe self.handle = handle
    unsafe errorBuffer = UnsafeMutablePointer<CChar>.allocate(capacity: 256)
    unsafe errorBuffer.initialize(repeating: 0, count: 256)
    self.request = request
    setCallbacks()
    setLimits(milliseconds)
    setAddress(address, endpoint)
    setTrust()
  }

  deinit {
    unsafe Library.curl.easy_cleanup(handle)
    unsafe errorBuffer.deallocate()
    unsafe lists.forEach { unsafe Library.curl.slist_free_all($0) }
  }

  // MARK: Options

  private func set(_ option: CURLoption, _ value: Int) {
    _ = unsafe countersign_curl_set_long(Library.curl.easy_setopt, handle, option, value)
  }

  private func set(_ option: CURLoption, _ value: String) {
    // libcurl copies text.
    _ = unsafe countersign_curl_set_text(Library.curl.easy_setopt, handle, option, value)
  }

  private func set(_ option: CURLoption, list: [String]) {
    var head: UnsafeMutablePointer<curl_slist>?
    for text in list { unsafe head = unsafe Library.curl.slist_append(head, text) }
    guard let made = unsafe head else { return }
    unsafe lists.append(made)
    _ = unsafe countersign_curl_set_list(Library.curl.easy_setopt, handle, option, made)
  }

  private func setCallbacks() {
    let context = unsafe Unmanaged.passUnretained(self).toOpaque()
    _ = unsafe countersign_curl_set_sink(Library.curl.easy_setopt, handle, CURLOPT_WRITEFUNCTION, bodySink)
    _ = unsafe countersign_curl_set_pointer(Library.curl.easy_setopt, handle, CURLOPT_WRITEDATA, context)
    _ = unsafe countersign_curl_set_sink(Library.curl.easy_setopt, handle, CURLOPT_HEADERFUNCTION, headerSink)
    _ = unsafe countersign_curl_set_pointer(Library.curl.easy_setopt, handle, CURLOPT_HEADERDATA, context)
    _ = unsafe countersign_curl_set_opener(Library.curl.easy_setopt, handle, openGuarded)
    _ = unsafe countersign_curl_set_pointer(Library.curl.easy_setopt, handle, CURLOPT_OPENSOCKETDATA, context)
    _ = unsafe countersign_curl_set_tls(Library.curl.easy_setopt, handle, prepareTLS)
    _ = unsafe countersign_curl_set_pointer(Library.curl.easy_setopt, handle, CURLOPT_SSL_CTX_DATA, context)
    _ = unsafe countersign_curl_set_pointer(
      Library.curl.easy_setopt, handle, CURLOPT_ERRORBUFFER, errorBuffer)
  }

  private func setLimits(_ milliseconds: Int) {
    set(CURLOPT_NOSIGNAL, 1)
    set(CURLOPT_PROTOCOLS_STR, "http,https")
    set(CURLOPT_FOLLOWLOCATION, 0)
    set(CURLOPT_TIMEOUT_MS, max(1, milliseconds))
    set(CURLOPT_MAXFILESIZE, request.maximumBytes)
    set(CURLOPT_FRESH_CONNECT, 1)
    set(CURLOPT_FORBID_REUSE, 1)
    set(CURLOPT_SSL_SESSIONID_CACHE, 0)
    set(CURLOPT_ACCEPT_ENCODING, "")
    set(CURLOPT_USERAGENT, "countersign")
  }

  private func setAddress(_ address: WebAddress, _ endpoint: FetchRequest.Endpoint?) {
    var address = address
    var headers = ["Accept: application/json, application/jwk-set+json"]
    var target = endpoint.map { (Self.bracketed($0.host), $0.port) }
    // The URI's own, whatever the rule makes of the way there.
    let authority = address.authority
    if request.trust.forcesTLS { address.scheme = "https" }
    if let name = request.trust.serverName, name.lowercased() != address.host {
      headers.append("Host: \(authority)")
      target = target ?? (address.host, address.port)
      address.host = name
    } else if request.trust.forcesTLS {
      headers.append("Host: \(authority)")
    }
    if let tag = request.entityTag { headers.append("If-None-Match: \(tag)") }
    set(CURLOPT_URL, address.text)
    set(CURLOPT_HTTPHEADER, list: headers)
    if let target { set(CURLOPT_CONNECT_TO, list: ["::\(target.0):\(target.1)"]) }
    // Who says where a host is means that place, not a proxy's idea of it. Elsewhere the environment's proxies
    // (http_proxy, HTTPS_PROXY, ALL_PROXY, NO_PROXY) are the library's to honour.
    if endpoint != nil { set(CURLOPT_PROXY, "") }
  }

  private static func bracketed(_ host: String) -> String {
    host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
  }

  private func setTrust() {
    let trust = request.trust
    set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
    if let file = trust.authorities { set(CURLOPT_CAINFO, file) }
    if let file = trust.clientCertificate { set(CURLOPT_SSLCERT, file) }
    if let file = trust.clientKey { set(CURLOPT_SSLKEY, file) }
    set(CURLOPT_SSL_VERIFYPEER, trust.skipsVerification ? 0 : 1)
    // Names that the rule gives take the place of the host's.
    set(CURLOPT_SSL_VERIFYHOST, trust.skipsVerification || !trust.subjectAltNames.isEmpty ? 0 : 2)
  }

  // MARK: What libcurl tells

  /// - Returns: whether it was taken; else the transfer ends.
  fileprivate func takeBody(_ octets: UnsafeRawBufferPointer) -> Bool {
    if octets.count > request.maximumBytes - body.count {
      isTooLong = true
      return false
    }
    unsafe body.append(contentsOf: octets)
    return true
  }

  fileprivate func takeHeader(_ line: String) {
    // A new status line: what came before was an interim answer's.
    if line.hasPrefix("HTTP/") {
      headers = []
      return
    }
    guard headers.count < 200, let colon = line.firstIndex(of: ":") else { return }
    let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
    headers.append(
      (line[..<colon].lowercased(), String(value.prefix { $0 != "\r" && $0 != "\n" && $0 != "\r\n" })))
  }

  fileprivate func permits(_ address: IPAddress?) -> Bool {
    guard let address else {
      blockedAddress = "an address of another family"
      return false
    }
    if request.addressGuard.permits(address) { return true }
    blockedAddress = "\(address)"
    return false
  }

  /// The values of a header, joined with commas.
  func header(_ name: String) -> String? {
    let values = headers.filter { $0.name == name }.map(\.value)
    return values.isEmpty ? nil : values.joined(separator: ",")
  }

  func number(_ info: CURLINFO) -> Int {
    var value = 0
    return unsafe countersign_curl_long(Library.curl.easy_getinfo, handle, info, &value) == CURLE_OK
      ? value : 0
  }

  func text(_ info: CURLINFO) -> String? {
    var value: UnsafeMutablePointer<CChar>?
    guard unsafe countersign_curl_text(Library.curl.easy_getinfo, handle, info, &value) == CURLE_OK,
      let found = unsafe value
    else {
      return nil
    }
    return unsafe String(cString: found)
  }

  /// What the library says of a failure, in the words that fit best.
  func failure(_ result: CURLcode) -> String {
    let said = unsafe String(cString: errorBuffer)
    if !said.isEmpty { return said }
    return unsafe Library.curl.easy_strerror(result).map { unsafe String(cString: $0) } ?? "unknown"
  }

  static func from(_ context: UnsafeMutableRawPointer) -> Transfer {
    unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
  }
}

private func bodySink(
  _ octets: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
  guard let octets = unsafe octets, let context = unsafe context else { return 0 }
  let length = size * count
  let taken = unsafe Transfer.from(context).takeBody(UnsafeRawBufferPointer(start: octets, count: length))
  return taken ? length : 0
}

private func headerSink(
  _ octets: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
  guard let octets = unsafe octets, let context = unsafe context else { return 0 }
  let length = size * count
  let line = unsafe String(decoding: UnsafeRawBufferPointer(start: octets, count: length), as: UTF8.self)
  unsafe Transfer.from(context).takeHeader(line)
  return length
}

/// Every connection passes here, with the address that will be connected to: after DNS, for each hop.
private func openGuarded(
  _ context: UnsafeMutableRawPointer?, _ purpose: curlsocktype,
  _ address: UnsafeMutablePointer<curl_sockaddr>?
) -> curl_socket_t {
  guard let context = unsafe context, let address = unsafe address else {
    return countersign_curl_bad_socket()
  }
  let found = unsafe withUnsafePointer(to: &address.pointee.addr) { start in
    unsafe IPAddress(
      socketAddress: UnsafeRawBufferPointer(start: start, count: Int(address.pointee.addrlen)))
  }
  guard unsafe Transfer.from(context).permits(found) else { return countersign_curl_bad_socket() }
  return unsafe Socket.openForLibrary(
    family: address.pointee.family, kind: address.pointee.socktype, protocolNumber: address.pointee.protocol)
}
