/// Names of headers.
enum HeaderName {
  /// A token (RFC 9110, section 5.6.2).
  static func isToken(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { isAlphanumeric($0) || "!#$%&'*+-.^_`|~".utf8.contains($0) }
  }

  /// `[-_A-Za-z0-9]+`, as Istio takes for headers that it sets.
  static func isStrict(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { isAlphanumeric($0) || $0 == 0x2D || $0 == 0x5F }
  }

  /// A token, or a pseudo header such as `:authority`: what Envoy can look up.
  static func canBeMatched(_ text: String) -> Bool {
    isToken(text.hasPrefix(":") ? String(text.dropFirst()) : text)
  }

  private static func isAlphanumeric(_ octet: UInt8) -> Bool {
    0x30...0x39 ~= octet || 0x41...0x5A ~= octet || 0x61...0x7A ~= octet
  }
}
