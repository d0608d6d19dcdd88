// TLS: the check listener's TLS 1.2 and 1.3, without I/O. Octets from the wire flow into a session, what they hold
// flows out, and so back. It may not touch sockets, files, clocks or threads, and knows nothing of HTTP beyond its
// name in ALPN.
//
//   TLSSettings     what an operator says: which versions, whose certificates
//   TLSContext      certificate, key and authorities, read once: immutable, shared by all workers
//     ClientRules   who may connect, asked while a client's certificate is checked
//   TLSChannel      where the session at work finds its octets: one a worker, no memory a connection
//   TLSSession      one connection

/// Whose connections are taken.
public struct TLSSettings: Sendable, Hashable {
  /// What is asked of clients.
  public enum ClientCertificates: String, Sendable, CaseIterable {
    /// Nothing: whoever can connect may ask.
    case off
    /// A certificate is checked when there is one, and a client without one passes: for the time in which gateways
    /// get theirs.
    case optional
    /// No connection without a certificate of the authorities.
    case required
  }

  /// The oldest version that is spoken.
  public enum Version: String, Sendable, CaseIterable {
    case tls12 = "1.2"
    case tls13 = "1.3"
  }

  public var clientCertificates = ClientCertificates.off
  /// Of clients that show a certificate, those with one of these names: SPIFFE IDs and DNS names. Empty: whoever the
  /// authorities certify.
  public var allowedClients: [ClientName] = []
  public var minimumVersion = Version.tls12
  /// Messages of TLS itself (new keys, alerts, refused renegotiations) that a peer may cause once the handshake is
  /// over; one more for each `octetsPerControlMessage` of what it says. They cost thirty microseconds each and carry
  /// nothing, and libssl bounds none of them. Honest peers change keys after gigabytes.
  public var controlMessages = 64
  public var octetsPerControlMessage = 64 << 10

  public init() {}
}

/// A name that a certificate of a client must carry among its subject alternative names. The common name is never
/// looked at.
public enum ClientName: Sendable, Hashable {
  /// The certificate's only URI, to the octet (SPIFFE's X.509-SVID, section 2).
  case spiffe(String)
  /// One of its DNS names, whatever the case of its letters. Wildcards match nothing: neither here nor there.
  case dns(String)

  /// - Returns: nil when the text is neither `spiffe://trust-domain/path` nor a DNS name.
  public init?(_ text: String) {
    let isPrintable = text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    guard isPrintable, !text.isEmpty, text.utf8.count <= 2_048 else { return nil }
    if text.hasPrefix("spiffe://") {
      let rest = text.dropFirst(9)
      guard let first = rest.first, first != "/", !rest.contains("?"), !rest.contains("#"),
        !rest.contains("*")
      else { return nil }
      self = .spiffe(text)
      return
    }
    let labels = text.split(separator: ".", omittingEmptySubsequences: false)
    let isName = labels.allSatisfy { label in
      (1...63).contains(label.utf8.count)
        && label.utf8.allSatisfy {
          ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2D || $0 == 0x5F
        }
    }
    guard isName, text.utf8.count <= 253 else { return nil }
    self = .dns(text.lowercased())
  }
}

/// What a context is made of, as it stands in PEM files, and where: for messages.
public struct TLSMaterial: Sendable, Hashable {
  /// One file.
  public struct PEM: Sendable, Hashable {
    public var path: String
    public var octets: [UInt8]

    public init(path: String, octets: [UInt8]) {
      self.path = path
      self.octets = octets
    }
  }

  /// The server's certificate first, then those of the authorities between it and the root.
  public var certificate: PEM
  /// Its key, without a passphrase.
  public var key: PEM
  /// Whose certificates clients must show; nil when none are asked for.
  public var clientAuthorities: PEM?

  public init(certificate: PEM, key: PEM, clientAuthorities: PEM? = nil) {
    self.certificate = certificate
    self.key = key
    self.clientAuthorities = clientAuthorities
  }
}

/// Why there can be no context.
public enum TLSError: Error, Sendable, Hashable, CustomStringConvertible {
  /// A file holds no certificate.
  case noCertificate(path: String)
  /// A certificate cannot be read; the first is number 1.
  case badCertificate(path: String, number: Int, reason: String)
  /// The server's certificate or key is none that TLS can use.
  case unusable(path: String, reason: String)
  /// A file holds no private key that can be read.
  case badKey(path: String, reason: String)
  /// The key wants a passphrase.
  case encryptedKey(path: String)
  /// The key is not the certificate's.
  case keyOfAnother(certificate: String, key: String)
  /// Certificates of clients are asked for, and nobody is said who makes them.
  case noAuthorities
  /// libssl had no memory left.
  case outOfMemory

  public var description: String {
    switch self {
    case .noCertificate(let path): "\(path): no certificate; a PEM file with BEGIN CERTIFICATE is expected"
    case .badCertificate(let path, let number, let reason):
      "\(path): certificate \(number) cannot be read: \(reason)"
    case .unusable(let path, let reason): "\(path): cannot be used: \(reason)"
    case .badKey(let path, let reason): "\(path): no private key that can be read: \(reason)"
    case .encryptedKey(let path):
      "\(path): the private key wants a passphrase; write it without one, readable by the service alone"
    case .keyOfAnother(let certificate, let key):
      "\(key): not the key of the first certificate in \(certificate)"
    case .noAuthorities: "client certificates are asked for, and there are no clientAuthorities"
    case .outOfMemory: "no memory for TLS"
    }
  }
}
