// Certificates: the names of a peer's certificate. The text that a proxy sends (percent-encoded PEM) flows in;
// the names that Envoy's RBAC filter compares with `principals` flow out: URI and DNS names of the subject
// alternative name extension, and the subject. It does no I/O, verifies no signature and trusts nothing: the
// proxy has verified the certificate, or has decided not to.

/// What a certificate may hold at most. Constants: whatever the proxy's TLS library takes fits in, with room.
public enum CertificateLimits {
  /// Bytes of PEM text after percent-decoding. A certificate with an RSA key of 4096 bits and twenty names has
  /// about 4 KiB; TLS libraries stop at 16 KiB for the whole handshake message by default.
  public static let textBytes = 16 << 10
  /// URI and DNS names. Certificate authorities of meshes write one; each name costs a comparison in every rule.
  public static let names = 64
  /// Extensions, each compared with all before it so that none is there twice. Certificates have about ten.
  public static let extensions = 64
  /// Attributes of one distinguished name. Certificates have fewer than ten.
  public static let attributes = 64
}

/// Why a certificate was not read. Offsets count from the start of the text after percent-decoding for
/// `armor` and `base64`, of the text as sent for `escape`, and of the DER encoding for the rest.
public enum CertificateError: Error, Equatable, Sendable, CustomStringConvertible {
  /// More than `CertificateLimits.textBytes`.
  case textSize
  /// A `%` without two hexadecimal digits.
  case escape(at: Int)
  /// No `-----BEGIN CERTIFICATE-----` line at the start, or no matching end, or something else behind it.
  case armor(at: Int)
  /// Not standard base64 with padding in lines.
  case base64(at: Int)
  /// Not the DER encoding of an X.509 certificate (RFC 5280 section 4.1, X.690 section 10).
  case structure(at: Int)
  /// An extension that is there twice (RFC 5280 section 4.2).
  case repeatedExtension(at: Int)
  /// A URI or DNS name with a byte outside 0x01...0x7F.
  case nameText(at: Int)
  /// More names, extensions or attributes than `CertificateLimits`.
  case count(at: Int)

  /// What is wrong, for the operator; without the offset.
  public var text: StaticString {
    switch self {
    case .textSize: "the certificate has more than 16384 bytes of PEM text"
    case .escape: "the certificate has a percent sign without two hexadecimal digits"
    case .armor: "the certificate does not stand between BEGIN CERTIFICATE and END CERTIFICATE lines"
    case .base64: "the certificate is not standard base64 with padding"
    case .structure: "the certificate is not the DER encoding of an X.509 certificate"
    case .repeatedExtension: "the certificate has an extension twice"
    case .nameText: "the certificate has a name that is not ASCII text, or that holds a NUL"
    case .count: "the certificate has more than 64 names, extensions or attributes of one name"
    }
  }

  /// The same with the offset.
  public var description: String {
    switch self {
    case .textSize: "\(text)"
    case .escape(let offset), .armor(let offset), .base64(let offset), .structure(let offset),
      .repeatedExtension(let offset), .nameText(let offset), .count(let offset):
      "\(text), at byte \(offset)"
    }
  }
}
