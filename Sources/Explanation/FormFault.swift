import JSON
import JWT
import Signatures

/// Why a text has not the form of a token: what its reader's error does not say.
enum FormFault {
  static func words(for error: TokenError, _ text: String, limit: Int) -> String {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    switch error {
    case .malformed: return malformed(text, parts)
    case .tooLarge: return "\(text.utf8.count) bytes: the limit is \(limit) bytes (`limits.tokenBytes`)"
    case .headerNotBase64URL, .headerNotJSON: return scheme(text) ?? "header: " + fault(in: parts.first ?? "")
    case .payloadNotBase64URL, .payloadNotJSON: return "payload: " + fault(in: parts.dropFirst().first ?? "")
    case .signatureNotBase64URL:
      return "signature: " + JSONFault.words(for: .notBase64URL, encoded: parts.last ?? "")
    case .verificationFailed:
      return "the header has `crit` or `b64`: what must be understood is not ignored"
    case .algorithmNotSupported: return "\(error.text): \(algorithm(parts.first ?? ""))"
    case .keyIDNotString, .algorithmMissing:
      return MemberFault.words(for: error, in: parts.first ?? "") ?? "\(error.text)"
    default: return MemberFault.words(for: error, in: parts.dropFirst().first ?? "") ?? "\(error.text)"
    }
  }

  /// A scheme in front of the token: the place where it is has no prefix, or the scheme is there twice.
  private static func scheme(_ text: String) -> String? {
    guard text.lowercased().hasPrefix("bearer ") else { return nil }
    return
      "it begins with `\(text.prefix(7))`, which is no part of a token: the place needs that as its prefix "
      + "(`prefix: \"Bearer \"`), and the request needs it once"
  }

  private static func malformed(_ text: String, _ parts: [Substring]) -> String {
    if text.isEmpty { return "it is empty" }
    if let scheme = scheme(text) { return scheme }
    if text.contains(",") { return "a comma: two values joined, perhaps of two header lines" }
    if parts.count == 5 { return "5 parts: an encrypted token (JWE); only signed ones are read" }
    if parts.count != 3 {
      return "\(parts.count) \(parts.count == 1 ? "part" : "parts") where 3 are expected"
    }
    if let empty = parts.firstIndex(where: \.isEmpty) {
      return "the \(["header", "payload", "signature"][empty]) is empty"
    }
    return "\(TokenError.malformed.text)"
  }

  private static func fault(in part: Substring) -> String {
    var document = JSONDocument()
    do throws(JSONError) {
      try document.parseBase64URL(Array(part.utf8).span)
      return document.kind(of: document.root) == .object ? "invalid" : "JSON, but no object"
    } catch {
      return JSONFault.words(for: error, encoded: part)
    }
  }

  private static func algorithm(_ part: Substring) -> String {
    let key = Array("alg".utf8)
    var document = JSONDocument()
    guard (try? document.parseBase64URL(Array(part.utf8).span)) != nil,
      let value = document.member(key.span, of: document.root)
    else { return "it is none of \(Algorithm.names)" }
    return "\(JSONDocumentText(value, of: document).text()) is none of \(Algorithm.names)"
  }
}
