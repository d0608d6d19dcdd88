import Bytes
import JSON
import JWT

/// An issuer's configuration (OpenID Connect Discovery 1.0 section 3), as far as it is about keys.
struct DiscoveryDocument: Equatable {
  /// `jwks_uri`.
  var keysAddress: String
  /// `issuer`; nil where it is missing or no text.
  var issuer: String?

  /// Why a document does not lead to keys.
  enum Fault: Error, Equatable, CustomStringConvertible {
    case noKeysAddress(ForeignDocument)
    /// The document came over TLS, and the keys would not.
    case withoutTLS(issuer: String, document: String, keys: String)

    var description: String {
      switch self {
      case .noKeysAddress(let found):
        "the issuer's configuration has no text `jwks_uri`: it is \(found)"
      case .withoutTLS(let issuer, let document, let keys):
        "the discovery document of issuer `\(issuer)`, \(document), came over TLS and names the jwks_uri "
          + "`\(DiscoveryDocument.shortened(keys))`, which has no TLS: whoever is on the way there could replace the "
          + "keys. Make the provider publish an https address, or add a DestinationRule with TLS for that host, or "
          + "set `jwks.allowHTTPFromDiscovery: true`"
      }
    }
  }

  /// Reads a document as it came from the network.
  init(reading text: [UInt8]) throws(Fault) {
    var document = JSONDocument()
    guard (try? document.parse(text.span)) != nil, document.kind(of: document.root) == .object,
      let address = Self.text("jwks_uri", in: document)
    else { throw .noKeysAddress(ForeignDocument(text.span)) }
    keysAddress = address
    issuer = Self.text("issuer", in: document)
  }

  private static func text(_ name: String, in document: borrowing JSONDocument) -> String? {
    let key = Array(name.utf8)
    guard let value = document.member(key.span, of: document.root), document.kind(of: value) == .string else {
      return nil
    }
    var bytes: [UInt8] = []
    let span = document.octets.span[document.text(of: value)]
    for index in span.indices { bytes.append(span[index]) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// What an operator is told when the document names another issuer than the rule does; nil when it does not.
  /// - Parameter url: where the document is.
  func mismatch(withIssuer wanted: String, at url: String) -> String? {
    guard let issuer, issuer != wanted else { return nil }
    return
      "the discovery document \(url) says that its issuer is `\(Self.shortened(issuer))`, and the rule's issuer is "
      + "`\(wanted)`: tokens pass only with the rule's issuer as `iss`. Correct the rule unless the provider is known "
      + "for this; its keys are used"
  }

  /// Untrusted text for one line of a log.
  static func shortened(_ text: String) -> String {
    let printable = text.unicodeScalars.prefix(200).map {
      $0.value < 0x20 || $0.value == 0x7F ? "?" : String($0)
    }
    return printable.joined() + (text.unicodeScalars.count > 200 ? "…" : "")
  }
}
