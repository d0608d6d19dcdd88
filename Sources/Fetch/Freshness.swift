/// How long an answer may be used, by its headers (RFC 9111).
public struct Freshness: Sendable, Equatable {
  /// Seconds that are left; nil when the server says nothing that counts.
  public var seconds: UInt64?

  public init(seconds: UInt64? = nil) { self.seconds = seconds }

  /// - Parameters:
  ///   - cacheControl: the values of `Cache-Control`, joined with commas.
  ///   - age: the value of `Age`.
  init(cacheControl: String?, age: String?) {
    guard let cacheControl else { return }
    var lifetime: UInt64?
    for directive in cacheControl.split(separator: ",") {
      let parts = directive.split(separator: "=", maxSplits: 1).map { part in
        String(part.filter { $0 != " " && $0 != "\t" && $0 != "\"" }).lowercased()
      }
      switch parts.first {
      case "no-store", "no-cache":
        seconds = 0
        return
      case "max-age", "s-maxage":
        // What is no number counts as stale (section 4.2.1), and the shorter of two counts.
        let value = parts.count == 2 ? Self.number(parts[1]) ?? 0 : 0
        lifetime = min(lifetime ?? value, value)
      default: break
      }
    }
    guard let lifetime else { return }
    let spent = age.flatMap { Self.number($0.filter { $0 != " " }) } ?? 0
    seconds = lifetime > spent ? lifetime - spent : 0
  }

  /// Digits alone; beyond 2^31 as 2^31 (RFC 9111 section 1.2.2).
  private static func number(_ text: String) -> UInt64? {
    guard !text.isEmpty, text.utf8.allSatisfy({ 0x30...0x39 ~= $0 }) else { return nil }
    return min(UInt64(text) ?? 1 << 31, 1 << 31)
  }
}
