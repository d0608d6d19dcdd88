import Bytes

/// What is done to a path before policies see it (semantics, section 2.7). The query is never touched; a
/// fragment is dropped in every mode but `none`.
public enum PathNormalization: String, Sendable, CaseIterable {
  /// Nothing: the proxy has done it.
  case none
  /// RFC 3986: dot segments go, `\` becomes `/`, percent escapes of unreserved characters are decoded, and
  /// `" < > ^ { | }`, the back quote and the blank are escaped.
  case base
  /// `base`, then several slashes in a row become one.
  case mergeSlashes = "merge-slashes"
  /// Escaped slashes and backslashes are decoded first, then `merge-slashes`.
  case decodeAndMergeSlashes = "decode-and-merge-slashes"

  /// Appends the normalised path and the untouched query to an empty `output`.
  ///
  /// Cost: linear, with nothing allocated once `output` has grown.
  /// - Returns: how many octets of `output` are the path; nil when the path is malformed: a control
  ///   character, DEL, an octet outside ASCII, an escaped NUL, or no leading slash (`*` alone passes).
  func apply(to input: Span<UInt8>, into output: inout ByteBuffer) -> Int? {
    output.removeAll()
    var end = 0
    while end < input.count, input[end] != UInt8(ascii: "?"), input[end] != UInt8(ascii: "#") { end += 1 }
    let path = input[0..<end]
    let isAsterisk = path.count == 1 && path[0] == UInt8(ascii: "*")
    if isAsterisk || self == .none {
      output.append(path)
    } else {
      guard !path.isEmpty, path[0] == UInt8(ascii: "/") || path[0] == UInt8(ascii: "\\") else { return nil }
      guard appendSegments(of: path, to: &output) else { return nil }
      if self != .base { mergeSlashes(in: &output) }
    }
    let length = output.count
    if end < input.count, input[end] == UInt8(ascii: "?") {
      output.append(input[end..<(input.firstIndex(of: UInt8(ascii: "#"), from: end) ?? input.count)])
    }
    return length
  }

  /// Reads segment by segment. At the start of each the output ends with a slash.
  private func appendSegments(of path: Span<UInt8>, to output: inout ByteBuffer) -> Bool {
    output.append(UInt8(ascii: "/"))
    var index = 1
    while true {
      let start = output.count
      let raw = index
      guard let end = appendSegment(of: path, from: index, to: &output) else { return false }
      let isLast = end == path.count
      switch dots(in: output.span[start..<output.count], written: path[raw..<end]) {
      case 0:
        if isLast { return true }
        output.append(UInt8(ascii: "/"))
      case 1:
        output.truncate(to: start)
      default:
        output.truncate(to: startOfParent(of: output.span[0..<start]))
      }
      if isLast { return true }
      index = end + slashLength(path, at: end)
    }
  }

  /// Appends one segment with its escapes set right.
  /// - Returns: where it ends: at a slash or at the end; nil when it is malformed.
  private func appendSegment(of path: Span<UInt8>, from start: Int, to output: inout ByteBuffer) -> Int? {
    var index = start
    while index < path.count {
      if slashLength(path, at: index) > 0 { return index }
      let octet = path[index]
      if octet == UInt8(ascii: "%"), let value = escapedValue(path, at: index) {
        if value == 0 { return nil }
        if Self.unreserved.contains(value) {
          output.append(value)
        } else {
          output.append(path[index..<(index + 3)])
        }
        index += 3
        continue
      }
      if octet < 0x20 || octet > 0x7E { return nil }
      if Self.escaped.contains(octet) {
        output.append(UInt8(ascii: "%"))
        output.append(Self.hexDigit(octet >> 4))
        output.append(Self.hexDigit(octet & 15))
      } else {
        output.append(octet)
      }
      index += 1
    }
    return index
  }

  /// How many octets at `index` spell a slash: none, one, or three for an escape that this mode decodes.
  private func slashLength(_ path: Span<UInt8>, at index: Int) -> Int {
    if path[index] == UInt8(ascii: "/") || path[index] == UInt8(ascii: "\\") { return 1 }
    guard self == .decodeAndMergeSlashes, path[index] == UInt8(ascii: "%"),
      let value = escapedValue(path, at: index),
      value == UInt8(ascii: "/") || value == UInt8(ascii: "\\")
    else { return 0 }
    return 3
  }

  /// 1 for a segment that stays where it is, 2 for one that goes up, 0 for any other. Dots count escaped or
  /// not; in front of a `;` only dots that are written plainly count, as Envoy 1.40 has it.
  private func dots(in segment: Span<UInt8>, written: Span<UInt8>) -> Int {
    if segment.equals(".") || written.hasPrefix(".;") { return 1 }
    if segment.equals("..") || written.hasPrefix("..;") { return 2 }
    return 0
  }

  /// The length of `output`, which ends with a slash, without its last segment; the root is its own parent.
  private func startOfParent(of output: Span<UInt8>) -> Int {
    output[0..<(output.count - 1)].lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 1
  }

  private func mergeSlashes(in output: inout ByteBuffer) {
    var write = 0
    var read = 0
    let count = output.count
    while read < count {
      let octet = output[read]
      read += 1
      if octet == UInt8(ascii: "/"), write > 0, output[write - 1] == octet { continue }
      output[write] = octet
      write += 1
    }
    output.truncate(to: write)
  }

  private func escapedValue(_ path: Span<UInt8>, at index: Int) -> UInt8? {
    guard index + 2 < path.count, let high = path[index + 1].hexDigitValue,
      let low = path[index + 2].hexDigitValue
    else { return nil }
    return high << 4 | low
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
  }

  /// RFC 3986 section 2.3.
  private static let unreserved = ASCIISet(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
  private static let escaped = ASCIISet(" \"<>^`{|}")
}
