public import Bytes

/// The text form of a certificate: PEM (RFC 7468), percent-encoded as Envoy sends it in `source.certificate`.
public enum CertificateText {
  /// Appends the DER encoding of the first certificate in `text`.
  ///
  /// The text begins with the BEGIN line. Line ends (LF or CRLF) may stand between any two characters of the
  /// base64, blanks may not. Behind the END line may stand another certificate, which is not looked at: the first
  /// one is the peer's own.
  /// - Parameters:
  ///   - text: as sent. Escapes may be missing: `+` is itself.
  ///   - plain: storage for the text after percent-decoding; what it held is forgotten.
  /// - Throws: `CertificateError`; `der` is as it was then. Cost: linear, stops at `CertificateLimits.textBytes`.
  public static func decode(
    _ text: Span<UInt8>, plain: inout ByteBuffer, into der: inout ByteBuffer
  ) throws(CertificateError) {
    plain.removeAll()
    try unescape(text, into: &plain)
    let start = der.count
    do {
      try readBlock(plain.span, into: &der)
    } catch {
      der.truncate(to: start)
      throw error
    }
  }

  private static let begin: StaticString = "-----BEGIN CERTIFICATE-----"
  private static let end: StaticString = "-----END CERTIFICATE-----"

  private static func unescape(
    _ text: Span<UInt8>, into plain: inout ByteBuffer
  ) throws(CertificateError) {
    var index = 0
    while index < text.count {
      if plain.count == CertificateLimits.textBytes { throw .textSize }
      if text[index] != UInt8(ascii: "%") {
        plain.append(text[index])
        index += 1
        continue
      }
      guard index + 2 < text.count, let high = text[index + 1].hexDigitValue,
        let low = text[index + 2].hexDigitValue
      else { throw .escape(at: index) }
      plain.append(high << 4 | low)
      index += 3
    }
  }

  private static func readBlock(
    _ text: Span<UInt8>, into der: inout ByteBuffer
  ) throws(CertificateError) {
    guard text.hasPrefix(begin) else { throw .armor(at: 0) }
    var index = begin.utf8CodeUnitCount
    guard skipLineEnd(text, &index) else { throw .armor(at: index) }
    try readBase64(text, &index, into: &der)
    guard text[index..<text.count].hasPrefix(end) else { throw .armor(at: index) }
    index += end.utf8CodeUnitCount
    while skipLineEnd(text, &index) {}
    guard index == text.count || text[index..<text.count].hasPrefix(begin) else { throw .armor(at: index) }
  }

  /// Moves behind a line end, if one is there.
  private static func skipLineEnd(_ text: Span<UInt8>, _ index: inout Int) -> Bool {
    var next = index
    if next < text.count, text[next] == 0x0D { next += 1 }
    guard next < text.count, text[next] == 0x0A else { return false }
    index = next + 1
    return true
  }

  /// Reads groups of four characters up to the first `-`, which is no character of base64.
  private static func readBase64(
    _ text: Span<UInt8>, _ index: inout Int, into der: inout ByteBuffer
  ) throws(CertificateError) {
    var group: UInt32 = 0
    var count = 0
    var padding = 0
    while index < text.count, text[index] != UInt8(ascii: "-") {
      if skipLineEnd(text, &index) { continue }
      if text[index] == UInt8(ascii: "=") {
        // Only the last one or two characters of the last group are padding.
        guard count >= 2, count + padding < 4 else { throw .base64(at: index) }
        padding += 1
      } else {
        guard padding == 0, let bits = value(of: text[index]) else { throw .base64(at: index) }
        group = group << 6 | UInt32(bits)
        count += 1
      }
      index += 1
      if count == 4 {
        append(group, 3, to: &der)
        (group, count) = (0, 0)
      }
    }
    if count == 0 { return }
    guard count + padding == 4 else { throw .base64(at: index) }
    // Bits that no byte uses must be zero: one certificate has one spelling.
    let unused: UInt32 = count == 2 ? 0xF : 0x3
    guard group & unused == 0 else { throw .base64(at: index) }
    append(group << UInt32(6 * padding), count - 1, to: &der)
  }

  private static func append(_ group: UInt32, _ count: Int, to der: inout ByteBuffer) {
    der.append(UInt8(truncatingIfNeeded: group >> 16))
    if count > 1 { der.append(UInt8(truncatingIfNeeded: group >> 8)) }
    if count > 2 { der.append(UInt8(truncatingIfNeeded: group)) }
  }

  private static func value(of character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - 0x41
    case UInt8(ascii: "a")...UInt8(ascii: "z"): character - 0x61 + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - 0x30 + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
