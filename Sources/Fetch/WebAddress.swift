import CCurl

/// A URL taken apart by the library that will fetch it, so that no two readers read two hosts.
struct WebAddress: Equatable {
  var scheme: String
  /// In lower case, an IPv6 address in its brackets.
  var host: String
  var port: UInt16
  /// Path and query.
  var target: String

  init(_ text: String) throws(FetchError) {
    try Library.load()
    guard let handle = unsafe Library.curl.url() else { throw .url("no memory") }
    defer { unsafe Library.curl.url_cleanup(handle) }
    guard unsafe Library.curl.url_set(handle, CURLUPART_URL, text, 0) == CURLUE_OK else {
      throw .url("`\(text)` is malformed")
    }
    func part(_ part: CURLUPart, _ flags: UInt32 = 0) -> String? {
      var value: UnsafeMutablePointer<CChar>?
      guard unsafe Library.curl.url_get(handle, part, &value, flags) == CURLUE_OK, let found = unsafe value
      else {
        return nil
      }
      defer { unsafe Library.curl.free(found) }
      return unsafe String(cString: found)
    }
    guard let scheme = part(CURLUPART_SCHEME)?.lowercased(), scheme == "http" || scheme == "https" else {
      throw .url("the scheme must be https or http")
    }
    if part(CURLUPART_USER) != nil { throw .url("it holds a user name, which has no business in a policy") }
    guard let host = part(CURLUPART_HOST)?.lowercased(), !host.isEmpty,
      let port = part(CURLUPART_PORT, UInt32(CURLU_DEFAULT_PORT)).flatMap(UInt16.init), port > 0
    else { throw .url("it has no host, or a port beyond 65535") }
    self.scheme = scheme
    self.host = host
    self.port = port
    target = (part(CURLUPART_PATH) ?? "/") + (part(CURLUPART_QUERY).map { "?" + $0 } ?? "")
  }

  var text: String { "\(scheme)://\(host):\(port)\(target)" }

  /// The `Host` header: without the port where it is the scheme's own.
  var authority: String {
    port == (scheme == "https" ? 443 : 80) ? host : "\(host):\(port)"
  }
}

extension FetchRequest {
  /// What a URL names, its host in lower case; nil when it cannot be fetched.
  public static func place(of url: String) -> (host: String, port: UInt16, isSecure: Bool)? {
    guard let address = try? WebAddress(url) else { return nil }
    return (address.host, address.port, address.scheme == "https")
  }
}
