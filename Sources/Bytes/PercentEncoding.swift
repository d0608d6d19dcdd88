/// Percent-encoding of URIs (RFC 3986 section 2.1).
public enum PercentEncoding {
  /// Appends `text` with each `%XX` replaced by its octet. What is no complete escape stays as it is, as in Envoy;
  /// `+` is no blank. Cost: one pass.
  public static func decode(_ text: Span<UInt8>, into output: inout ByteBuffer) {
    var index = 0
    while index < text.count {
      if text[index] == 0x25, index + 2 < text.count,
        let high = text[index + 1].hexDigitValue, let low = text[index + 2].hexDigitValue
      {
        output.append(high << 4 | low)
        index += 3
      } else {
        output.append(text[index])
        index += 1
      }
    }
  }
}
