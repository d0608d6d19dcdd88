import Bytes

/// A distinguished name: sets of attributes, each a type and a string (RFC 5280 section 4.1.2.4).
enum DistinguishedName {
  struct Attribute {
    /// Which set it stands in, counted from 0.
    var set: Int
    var type: ByteRange
    var value: DERElement
  }

  /// Checks the content of a name.
  static func check(_ name: ByteRange, _ der: Span<UInt8>) throws(CertificateError) {
    try walk(name, der) { _ in }
  }

  /// Calls `body` with each attribute in order.
  static func walk(
    _ name: ByteRange, _ der: Span<UInt8>, _ body: (Attribute) -> Void
  ) throws(CertificateError) {
    var sets = DERCursor(name)
    var (set, count) = (0, 0)
    while !sets.isAtEnd {
      var attributes = DERCursor(try sets.next(DERTag.set, der))
      if attributes.isAtEnd { throw .structure(at: attributes.index) }
      while !attributes.isAtEnd {
        if count == CertificateLimits.attributes { throw .count(at: attributes.index) }
        count += 1
        var parts = DERCursor(try attributes.next(DERTag.sequence, der))
        let type = try parts.next(DERTag.objectIdentifier, der)
        try DERValue.objectIdentifier(type, der)
        let value = try parts.next(der)
        try DERValue.string(value, der)
        try parts.finish()
        body(Attribute(set: set, type: type, value: value))
      }
      set += 1
    }
  }
}
