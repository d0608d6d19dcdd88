public import Bytes

/// Reads an X.509 certificate (RFC 5280 section 4.1) for its names: strict DER, bytes in, ranges out.
///
/// Stricter than TLS libraries: every length is definite and minimal, nothing follows the certificate, no
/// extension is there twice, versions are spelled as DER demands, URI and DNS names are ASCII without NUL, and
/// X.400 and EDI names are refused. Whatever passes is a certificate for OpenSSL too, with the same names.
public enum CertificateReader {
  public enum NameKind: Sendable, Hashable { case uri, dns }

  /// Reads one certificate, which `der` must be as a whole.
  ///
  /// No recursion, no allocation. Cost: linear in the bytes, but for extensions, which are compared with each
  /// other.
  /// - Parameter take: called with each URI and DNS name of the subject alternative name, in order. When this
  ///   throws later, what it was called with means nothing.
  /// - Returns: the content of the subject, for `SubjectText`.
  public static func read(
    _ der: Span<UInt8>, _ take: (NameKind, ByteRange) -> Void
  ) throws(CertificateError) -> ByteRange {
    // Ranges have 32 bits; the limit of the text keeps honest input far below.
    if der.count > CertificateLimits.textBytes { throw .textSize }
    let whole = try DERCursor.only(DERTag.sequence, in: ByteRange(0..<der.count), der)
    var certificate = DERCursor(whole)
    let body = try certificate.next(DERTag.sequence, der)
    try checkAlgorithm(try certificate.next(DERTag.sequence, der), der)
    try DERValue.bitString(try certificate.next(DERTag.bitString, der), der)
    try certificate.finish()
    return try readBody(body, der, take)
  }

  private static func readBody(
    _ body: ByteRange, _ der: Span<UInt8>, _ take: (NameKind, ByteRange) -> Void
  ) throws(CertificateError) -> ByteRange {
    var cursor = DERCursor(body)
    let version = try readVersion(&cursor, der)
    try DERValue.integer(try cursor.next(DERTag.integer, der), der)
    try checkAlgorithm(try cursor.next(DERTag.sequence, der), der)
    try DistinguishedName.check(try cursor.next(DERTag.sequence, der), der)
    try checkValidity(try cursor.next(DERTag.sequence, der), der)
    let subject = try cursor.next(DERTag.sequence, der)
    try DistinguishedName.check(subject, der)
    var key = DERCursor(try cursor.next(DERTag.sequence, der))
    try checkAlgorithm(try key.next(DERTag.sequence, der), der)
    try DERValue.bitString(try key.next(DERTag.bitString, der), der)
    try key.finish()
    for number in 1...2 {
      let tag = DERTag.context(UInt8(number))
      if version > 1, cursor.isNext(tag, der) { try DERValue.bitString(try cursor.next(tag, der), der) }
    }
    if version == 3, cursor.isNext(DERTag.constructed(3), der) {
      let list = try cursor.next(DERTag.constructed(3), der)
      try readExtensions(try DERCursor.only(DERTag.sequence, in: list, der), der, take)
    }
    try cursor.finish()
    return subject
  }

  /// 1 when the field is absent, as DER demands for the default.
  private static func readVersion(_ cursor: inout DERCursor, _ der: Span<UInt8>) throws(CertificateError)
    -> Int
  {
    if !cursor.isNext(DERTag.constructed(0), der) { return 1 }
    let field = try cursor.next(DERTag.constructed(0), der)
    let number = try DERCursor.only(DERTag.integer, in: field, der)
    guard number.count == 1, 1...2 ~= der[Int(number.start)] else { throw .structure(at: Int(number.start)) }
    return Int(der[Int(number.start)]) + 1
  }

  /// An object identifier and perhaps one element.
  private static func checkAlgorithm(_ range: ByteRange, _ der: Span<UInt8>) throws(CertificateError) {
    var cursor = DERCursor(range)
    try DERValue.objectIdentifier(try cursor.next(DERTag.objectIdentifier, der), der)
    if !cursor.isAtEnd { try DERValue.check(try cursor.next(der), der) }
    try cursor.finish()
  }

  /// Two times. The proxy has compared them with the clock.
  private static func checkValidity(_ range: ByteRange, _ der: Span<UInt8>) throws(CertificateError) {
    var cursor = DERCursor(range)
    for _ in 0..<2 {
      let time = try cursor.next(der)
      if time.tag != DERTag.utcTime, time.tag != DERTag.generalizedTime { throw .structure(at: time.start) }
    }
    try cursor.finish()
  }

  // MARK: Extensions

  private static func readExtensions(
    _ list: ByteRange, _ der: Span<UInt8>, _ take: (NameKind, ByteRange) -> Void
  ) throws(CertificateError) {
    var seen = InlineArray<64, ByteRange>(repeating: .empty)
    var count = 0
    var cursor = DERCursor(list)
    if cursor.isAtEnd { throw .structure(at: cursor.index) }
    while !cursor.isAtEnd {
      let start = cursor.index
      if count == CertificateLimits.extensions { throw .count(at: start) }
      var one = DERCursor(try cursor.next(DERTag.sequence, der))
      let identifier = try one.next(DERTag.objectIdentifier, der)
      try DERValue.objectIdentifier(identifier, der)
      for index in 0..<count where der[seen[index]].equals(der[identifier]) {
        throw .repeatedExtension(at: start)
      }
      seen[count] = identifier
      count += 1
      if one.isNext(DERTag.boolean, der) {
        // Only `TRUE`: the default is left out.
        let critical = try one.next(DERTag.boolean, der)
        guard critical.count == 1, der[Int(critical.start)] == 0xFF else { throw .structure(at: start) }
      }
      let value = try one.next(DERTag.octetString, der)
      try one.finish()
      if isSubjectAlternativeName(der[identifier]) {
        try readNames(try DERCursor.only(DERTag.sequence, in: value, der), der, take)
      }
    }
  }

  /// 2.5.29.17
  private static func isSubjectAlternativeName(_ identifier: Span<UInt8>) -> Bool {
    identifier.count == 3 && identifier[0] == 0x55 && identifier[1] == 0x1D && identifier[2] == 0x11
  }

  private static func readNames(
    _ list: ByteRange, _ der: Span<UInt8>, _ take: (NameKind, ByteRange) -> Void
  ) throws(CertificateError) {
    var cursor = DERCursor(list)
    if cursor.isAtEnd { throw .structure(at: cursor.index) }
    var count = 0
    while !cursor.isAtEnd {
      let name = try cursor.next(der)
      switch name.tag {
      case DERTag.context(2), DERTag.context(6):
        let text = der[name.content]
        for index in text.indices where text[index] == 0 || text[index] >= 0x80 {
          throw .nameText(at: Int(name.content.start) + index)
        }
        if count == CertificateLimits.names { throw .count(at: name.start) }
        count += 1
        take(name.tag == DERTag.context(6) ? .uri : .dns, name.content)
      case DERTag.constructed(0): try checkOtherName(name.content, der)
      case DERTag.context(1), DERTag.context(7): break
      case DERTag.constructed(4):
        try DistinguishedName.check(try DERCursor.only(DERTag.sequence, in: name.content, der), der)
      case DERTag.context(8): try DERValue.objectIdentifier(name.content, der)
      default: throw .structure(at: name.start)
      }
    }
  }

  /// An object identifier and `[0]` around one element.
  private static func checkOtherName(_ range: ByteRange, _ der: Span<UInt8>) throws(CertificateError) {
    var cursor = DERCursor(range)
    try DERValue.objectIdentifier(try cursor.next(DERTag.objectIdentifier, der), der)
    var value = DERCursor(try cursor.next(DERTag.constructed(0), der))
    try DERValue.check(try value.next(der), der)
    try value.finish()
    try cursor.finish()
  }
}
