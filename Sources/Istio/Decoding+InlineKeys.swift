internal import Bytes
internal import JSON
internal import JWT

extension Decoding {
  /// Reads an inline key set as the service will read it. A set that cannot be read is an error. A key that is
  /// left out is a warning, or a note when the issuer published it for encryption. Key material that does not
  /// belong into a resource is a warning (semantics, section 1.3).
  mutating func checkInlineKeys(_ jwks: Located<String>) {
    let octets = Array(jwks.value.utf8)
    do throws(JWKSetError) {
      let set = try JWKSet.parse(octets.span, source: .inline)
      for key in set.skipped where key.isForEncryption {
        note(.skippedKey, jwks.position, "`jwks`: \(key.name) is for encryption and is not used")
      }
      for key in set.skipped where !key.isForEncryption {
        warning(.skippedKey, jwks.position, "`jwks` has a key that is left out: \(key)")
      }
      for text in set.warnings {
        warning(.privateKey, jwks.position, "`jwks` contains private key material: \(text)")
      }
      for index in Self.secretKeys(in: octets) {
        let message =
          "`jwks` contains private key material: key \(index) is symmetric: whoever reads it can sign"
        warning(.privateKey, jwks.position, message)
      }
    } catch {
      self.error(.invalidKeys, jwks.position, "`jwks` is no usable key set: \(error)")
    }
  }

  /// The indexes of the symmetric keys of a set that was read before.
  private static func secretKeys(in octets: [UInt8]) -> [Int] {
    var document = JSONDocument()
    do throws(JSONError) { try document.parse(octets.span) } catch { return [] }
    guard let list = document.member("keys", of: document.root), document.kind(of: list) == .array else {
      return []
    }
    var result: [Int] = []
    var index = 0
    var elements = document.elements(of: list)
    while let element = elements.next(in: document) {
      if document.kind(of: element) == .object, let type = document.member("kty", of: element),
        document.kind(of: type) == .string, document.octets.span[document.text(of: type)].equals("oct")
      {
        result.append(index)
      }
      index += 1
    }
    return result
  }
}
