import COpenSSL

/// Certificates and keys from PEM texts.
enum PEMReader {
  /// A certificate that is freed with its owner.
  @safe
  final class Certificate {
    let pointer: OpaquePointer
    init(_ pointer: OpaquePointer) { unsafe self.pointer = pointer }
    deinit { unsafe X509_free(pointer) }

    /// When it ends: seconds since 1970, whatever the length of a day.
    var end: Int64 {
      var days: Int32 = 0
      var seconds: Int32 = 0
      guard let beginning = unsafe ASN1_TIME_set(nil, 0) else { return 0 }
      defer { unsafe ASN1_STRING_free(beginning) }
      guard unsafe ASN1_TIME_diff(&days, &seconds, beginning, X509_get0_notAfter(pointer)) == 1 else {
        return 0
      }
      return Int64(days) * 86_400 + Int64(seconds)
    }
  }

  /// A private key that is freed with its owner.
  @safe
  final class Key {
    let pointer: OpaquePointer
    init(_ pointer: OpaquePointer) { unsafe self.pointer = pointer }
    deinit { unsafe EVP_PKEY_free(pointer) }
  }

  /// All certificates of a file: at least one.
  static func certificates(_ file: TLSMaterial.PEM) throws(TLSError) -> [Certificate] {
    guard let source = unsafe source(file) else { throw .noCertificate(path: file.path) }
    defer { unsafe BIO_free(source) }
    var found: [Certificate] = []
    ERR_clear_error()
    while let certificate = unsafe PEM_read_bio_X509(source, nil, refusePassphrase, nil) {
      unsafe found.append(Certificate(certificate))
    }
    // The end of the text is told as an error too: no further beginning of an object.
    let isEnd = countersign_error_reason(ERR_peek_last_error()) == PEM_R_NO_START_LINE
    if !isEnd { throw .badCertificate(path: file.path, number: found.count + 1, reason: lastReason()) }
    ERR_clear_error()
    if found.isEmpty { throw .noCertificate(path: file.path) }
    return found
  }

  static func key(_ file: TLSMaterial.PEM) throws(TLSError) -> Key {
    guard let source = unsafe source(file) else { throw .badKey(path: file.path, reason: "it is empty") }
    defer { unsafe BIO_free(source) }
    ERR_clear_error()
    if let key = unsafe PEM_read_bio_PrivateKey(source, nil, refusePassphrase, nil) {
      return unsafe Key(key)
    }
    let text = String(decoding: file.octets, as: UTF8.self)
    if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
      ERR_clear_error()
      throw .encryptedKey(path: file.path)
    }
    throw .badKey(path: file.path, reason: lastReason())
  }

  @unsafe
  private static func source(_ file: TLSMaterial.PEM) -> OpaquePointer? {
    guard let made = unsafe BIO_new(BIO_s_mem()) else { return nil }
    let count = Int32(clamping: file.octets.count)
    if unsafe file.octets.isEmpty || BIO_write(made, file.octets, count) != count {
      unsafe BIO_free(made)
      return nil
    }
    return unsafe made
  }
}

/// Nobody sits at the terminal of a service: libcrypto would ask there.
private func refusePassphrase(
  _ buffer: UnsafeMutablePointer<CChar>?, _ size: Int32, _ isWriting: Int32, _ user: UnsafeMutableRawPointer?
) -> Int32 { -1 }
