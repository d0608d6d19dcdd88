import Istio
public import System
public import TLS

/// TLS of the check listener, by the files that hold what it shows and whom it believes.
public struct ListenerTLS: Sendable, Hashable {
  /// PEM: the server's certificate first, then those between it and the root. Nil: the listener speaks no TLS.
  public var certificate: String?
  /// PEM, without a passphrase.
  public var key: String?
  /// PEM: who makes clients' certificates.
  public var clientAuthorities: String?
  public var settings = TLSSettings()

  public init() {}

  public var isOn: Bool { certificate != nil }

  /// All files, in the order of the keys.
  public var paths: [String] { [certificate, key, clientAuthorities].compactMap { $0 } }

  /// A certificate chain of ten links is 20 KiB; a bundle of public authorities 220.
  private static let maximumFileOctets = 1 << 20

  /// What the files hold now.
  /// - Throws: `SystemError`, when one cannot be read.
  public func read() throws(SystemError) -> TLSMaterial? {
    guard let certificate, let key else { return nil }
    func pem(_ path: String) throws(SystemError) -> TLSMaterial.PEM {
      TLSMaterial.PEM(path: path, octets: try Files.read(path, limit: Self.maximumFileOctets))
    }
    var material = TLSMaterial(certificate: try pem(certificate), key: try pem(key))
    if let clientAuthorities { material.clientAuthorities = try pem(clientAuthorities) }
    return material
  }

  /// The keys of the section. Files, names and versions may change at a reload; whether the listener speaks TLS at all
  /// may not.
  static var keys: [Setting] {
    let effect = Setting.Effect.atReloadWhileUnchanged(\.tls.isOn)
    return [
      .text("certificate", \.tls.certificate, effect),
      .text("key", \.tls.key, effect),
      .word("minimumVersion", \.tls.settings.minimumVersion, "TLS version", effect),
      .word(
        "clientCertificates", \.tls.settings.clientCertificates, "way to ask for certificates", effect),
      .text("clientAuthorities", \.tls.clientAuthorities, effect),
      Setting(
        "allowedClients", .parsedTexts(parseClients),
        writes: [Setting.Property(\.tls.settings.allowedClients)], effect),
    ]
  }

  private static func parseClients(_ target: inout ServiceConfiguration, _ texts: [String]) -> String? {
    target.tls.settings.allowedClients = []
    for text in texts {
      guard let name = ClientName(text) else {
        return
          "`\(text)` is no name of a client: write spiffe://trust-domain/path, or a DNS name without wildcards"
      }
      target.tls.settings.allowedClients.append(name)
    }
    return nil
  }

  /// What the keys together do not say, or say in vain.
  var contradiction: String? {
    if certificate == nil && key == nil {
      let isEmpty = self == ListenerTLS()
      return isEmpty ? nil : "`certificate` and `key` are missing: without them the listener speaks no TLS"
    }
    if certificate == nil { return "`certificate` is missing" }
    if key == nil { return "`key` is missing" }
    if settings.clientCertificates == .off {
      if clientAuthorities != nil || !settings.allowedClients.isEmpty {
        return "clients are not asked for certificates: say `clientCertificates: required`, or leave out "
          + "`clientAuthorities` and `allowedClients`"
      }
    } else if clientAuthorities == nil {
      return "`clientAuthorities` is missing: who makes the clients' certificates"
    }
    return nil
  }
}
