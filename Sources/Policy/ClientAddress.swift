import Bytes
import Check

/// The trusted address of the client (semantics, section 2.8).
enum ClientAddress {
  /// The entry of `x-forwarded-for` that is `trustedProxies` places left of the right-most one, if it is a
  /// bare IP address; nil, with no search further left, if it is anything else or missing. Lines count as one
  /// list; empty lines do not count.
  static func forwarded(
    _ check: borrowing Check, _ message: Span<UInt8>, trustedProxies: Int
  ) -> IPAddress? {
    var left = trustedProxies
    var line = check.headers.count
    while line > 0 {
      line -= 1
      if !isForwardedFor(message[check.headers[line].name]) { continue }
      let value = message[check.headers[line].value]
      if trimmed(value, 0..<value.count).isEmpty { continue }
      var end = value.count
      while true {
        let comma = value[0..<end].lastIndex(of: UInt8(ascii: ","))
        if left == 0 {
          return IPAddress(value[trimmed(value, (comma.map { $0 + 1 } ?? 0)..<end)])
        }
        left -= 1
        guard let comma else { break }
        end = comma
      }
    }
    return nil
  }

  /// The part of `text` without blanks at its ends.
  private static func trimmed(_ text: Span<UInt8>, _ part: Range<Int>) -> Range<Int> {
    var start = part.lowerBound
    var end = part.upperBound
    while start < end, isBlank(text[start]) { start += 1 }
    while end > start, isBlank(text[end - 1]) { end -= 1 }
    return start..<end
  }

  private static func isForwardedFor(_ name: Span<UInt8>) -> Bool {
    name.count == lowered.count && name.equalsIgnoringCase(lowered.span)
  }

  private static let lowered = Array("x-forwarded-for".utf8)

  private static func isBlank(_ octet: UInt8) -> Bool { octet == 0x20 || octet == 0x09 }
}
