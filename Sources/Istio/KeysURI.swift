/// What a `jwksUri` must be: `http` or `https`, a host, and a port in range when there is one.
enum KeysURI {
  /// What is wrong, or nil.
  static func problem(in text: String) -> String? {
    let octets = Array(text.utf8)
    if octets.contains(where: { $0 <= 0x20 || $0 == 0x7F }) {
      return "it holds a blank or a control character"
    }
    guard let colon = octets.firstIndex(of: 0x3A) else { return missingScheme }
    let scheme = String(decoding: octets[..<colon], as: UTF8.self).lowercased()
    guard scheme == "http" || scheme == "https" else {
      return isScheme(octets[..<colon])
        ? "the scheme must be `http` or `https`, not `\(scheme)`" : missingScheme
    }
    let rest = octets[(colon + 1)...]
    guard rest.starts(with: [0x2F, 0x2F]) else { return "the scheme must be followed by `//` and a host" }
    var authority = rest.dropFirst(2).prefix { $0 != 0x2F && $0 != 0x3F && $0 != 0x23 }
    if let at = authority.lastIndex(of: 0x40) { authority = authority[(at + 1)...] }
    return hostProblem(authority)
  }

  private static let missingScheme = "it must begin with `https://` (or `http://`)"

  private static func hostProblem(_ authority: ArraySlice<UInt8>) -> String? {
    var port: ArraySlice<UInt8>?
    var host = authority
    if authority.first == 0x5B {
      guard let bracket = authority.firstIndex(of: 0x5D) else {
        return "the address lacks its closing bracket"
      }
      host = authority[...bracket]
      let tail = authority[(bracket + 1)...]
      if let first = tail.first {
        guard first == 0x3A else { return "after the address only a port may follow" }
        port = tail.dropFirst()
      }
      if host.count <= 2 { return "it has no host" }
    } else if let colon = authority.firstIndex(of: 0x3A) {
      host = authority[..<colon]
      port = authority[(colon + 1)...]
    }
    if host.isEmpty { return "it has no host" }
    if host.contains(where: { [0x22, 0x3C, 0x3E, 0x5C, 0x5E, 0x60, 0x7B, 0x7C, 0x7D].contains($0) }) {
      return "the host has a character that no host has"
    }
    guard let port, !port.isEmpty else { return nil }
    let digits = String(decoding: port, as: UTF8.self)
    guard port.allSatisfy({ 0x30...0x39 ~= $0 }), let number = Int(digits), (1...65535).contains(number)
    else {
      return "`\(digits)` is no port"
    }
    return nil
  }

  private static func isScheme(_ octets: ArraySlice<UInt8>) -> Bool {
    !octets.isEmpty && octets.allSatisfy { 0x61...0x7A ~= $0 | 0x20 || 0x30...0x39 ~= $0 || $0 == 0x2B }
  }
}
