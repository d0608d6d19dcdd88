/// Base64url without padding (RFC 4648 section 5, RFC 7515 section 2), strict, and standard base64 for output.
public enum Base64 {
  /// Decodes base64url and appends the octets.
  ///
  /// Refused: padding, blanks and line ends, `+` and `/`, a length of 1 modulo 4, and unused bits that are set (two
  /// spellings of one token would verify). Nothing stays appended after a refusal. An empty input is empty output.
  /// - Returns: whether the input was well-formed.
  public static func decodeURL(_ input: Span<UInt8>, into output: inout ByteBuffer) -> Bool {
    let tail = input.count & 3
    if tail == 1 { return false }
    let start = output.count
    let size = input.count / 4 * 3 + (tail == 0 ? 0 : tail - 1)
    var bad: UInt8 = 0
    unsafe output.appendUnsafely(atMost: size) { target in
      var read = 0
      var write = 0
      let whole = input.count - tail
      while read < whole {
        let a = urlValue(input[read])
        let b = urlValue(input[read + 1])
        let c = urlValue(input[read + 2])
        let d = urlValue(input[read + 3])
        bad |= a | b | c | d
        unsafe target[write] = a << 2 | (b & 63) >> 4
        unsafe target[write + 1] = b << 4 | (c & 63) >> 2
        unsafe target[write + 2] = c << 6 | (d & 63)
        read += 4
        write += 3
      }
      if tail >= 2 {
        let a = urlValue(input[read])
        let b = urlValue(input[read + 1])
        bad |= a | b
        unsafe target[write] = a << 2 | (b & 63) >> 4
        var unused = b << 4
        if tail == 3 {
          let c = urlValue(input[read + 2])
          bad |= c
          unsafe target[write + 1] = b << 4 | (c & 63) >> 2
          unused = c << 6
        }
        if unused != 0 { bad |= 0x80 }
      }
      return size
    }
    if bad & 0x80 != 0 {
      output.truncate(to: start)
      return false
    }
    return true
  }

  /// Appends `input` as base64url without padding.
  public static func encodeURL(_ input: Span<UInt8>, into output: inout ByteBuffer) {
    encode(input, alphabet: urlAlphabet, padded: false, into: &output)
  }

  /// Appends `input` as standard base64 with padding (RFC 4648 section 4).
  public static func encode(_ input: Span<UInt8>, into output: inout ByteBuffer) {
    encode(input, alphabet: standardAlphabet, padded: true, into: &output)
  }

  /// The six bits of a base64url character; 0x80 set for anything else.
  @inline(__always)
  private static func urlValue(_ octet: UInt8) -> UInt8 { urlValues[Int(octet)] }

  private static let urlAlphabet: StaticString =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
  private static let standardAlphabet: StaticString =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

  private static let urlValues: InlineArray<256, UInt8> = {
    var table = InlineArray<256, UInt8>(repeating: 0x80)
    for value in 0..<64 { table[Int(unsafe urlAlphabet.utf8Start[value])] = UInt8(value) }
    return table
  }()

  private static func encode(
    _ input: Span<UInt8>, alphabet: StaticString, padded: Bool, into output: inout ByteBuffer
  ) {
    output.reserve((input.count + 2) / 3 * 4)
    var index = 0
    while index < input.count {
      let left = input.count - index
      let a = input[index]
      let b = left > 1 ? input[index + 1] : 0
      let c = left > 2 ? input[index + 2] : 0
      unsafe output.append(alphabet.utf8Start[Int(a >> 2)])
      unsafe output.append(alphabet.utf8Start[Int((a & 3) << 4 | b >> 4)])
      if left > 1 {
        unsafe output.append(alphabet.utf8Start[Int((b & 15) << 2 | c >> 6)])
      } else if padded {
        output.append(0x3D)
      }
      if left > 2 {
        unsafe output.append(alphabet.utf8Start[Int(c & 63)])
      } else if padded {
        output.append(0x3D)
      }
      index += 3
    }
  }
}
