import Bytes
import JSON

/// Text by others, made harmless for a terminal: in quotes, controls and invisible characters escaped, the
/// middle of long text left out.
public enum Quoted {
  /// Longest text shown in whole, in characters.
  static let longest = 200

  static func shortened(_ text: String) -> String {
    text.count > longest ? "\(text.prefix(longest * 3 / 4))…\(text.suffix(longest / 8))" : text
  }

  public static func text(_ text: String) -> String {
    var buffer = ByteBuffer(capacity: 64)
    JSONWriter.writeString(Array(shortened(text).utf8).span, into: &buffer)
    var octets: [UInt8] = []
    for index in buffer.span.indices { octets.append(buffer.span[index]) }
    return String(decoding: octets, as: UTF8.self)
  }

  /// `["a", "b"]`, at most eight of them.
  public static func list(_ values: [String]) -> String {
    let shown = values.prefix(8).map(text).joined(separator: ", ")
    return "[\(shown)\(values.count > 8 ? ", and \(values.count - 8) more" : "")]"
  }
}

extension Quoted {
  /// The same without quotes: those inside stay as they are.
  public static func bare(_ text: String) -> String {
    text.split(separator: "\"", omittingEmptySubsequences: false)
      .map { Self.text(String($0)).dropFirst().dropLast() }.joined(separator: "\"")
  }
}
