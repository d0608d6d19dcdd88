import Bytes
import PolicyOracle
import Signatures

/// Makes the text of tokens.
struct Mint {
  private let keys: [SigningKey]

  /// The key that no rule has.
  private static let stranger = 9

  init() throws {
    keys = try (0...Self.stranger).map { try SigningKey(.secret(Mesh.Key.secret($0))) }
  }

  func text(of token: Token) throws -> String {
    var text = ByteBuffer(capacity: 512)
    let keyID = token.keyID.map { ",\"kid\":\"\($0)\"" } ?? ""
    Base64.encodeURL(Array("{\"alg\":\"HS256\"\(keyID)}".utf8).span, into: &text)
    text.append(UInt8(ascii: "."))
    Base64.encodeURL(Array(token.payload.utf8).span, into: &text)
    let key = keys[token.isForged ? Self.stranger : token.key]
    let signature = try key.sign(text.span, algorithm: .hs256)
    text.append(UInt8(ascii: "."))
    Base64.encodeURL(signature.span, into: &text)
    return String(decoding: text.span.copy(), as: UTF8.self)
  }
}
