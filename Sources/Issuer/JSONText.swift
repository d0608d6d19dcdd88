internal import Bytes
internal import JSON

/// JSON and base64url as text, for writing. Nothing here is fast, and nothing needs to be.
enum JSONText {
  /// Text in quotes, escaped.
  static func string(_ text: String) -> String {
    var output = ByteBuffer()
    let octets = Array(text.utf8)
    JSONWriter.writeString(octets.span, into: &output)
    return output.span.text()
  }

  /// An object of names and values; the values are JSON already.
  static func object(_ members: [(String, String)]) -> String {
    "{" + members.map { string($0.0) + ":" + $0.1 }.joined(separator: ",") + "}"
  }

  static func base64URL(_ octets: [UInt8]) -> String {
    var output = ByteBuffer()
    Base64.encodeURL(octets.span, into: &output)
    return output.span.text()
  }
}
