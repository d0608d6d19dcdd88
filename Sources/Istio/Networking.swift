/// `networking.istio.io` ServiceEntry: where hosts are that the mesh does not know by itself (semantics, section
/// 1.9). Only what a fetch of keys needs is kept.
public struct ServiceEntry: Sendable {
  public enum Resolution: Sendable { case none, fixed, dns, dynamic }

  public struct Port: Sendable {
    public var number: UInt16
    public var name: String
    /// Where an endpoint listens that names no port of its own; nil: at `number`.
    public var targetPort: UInt16?
  }

  public struct Endpoint: Sendable {
    /// A name or an address; `unix://` for a socket.
    public var address: Located<String>
    /// By the entry's port names.
    public var ports: [String: UInt16]
  }

  public var metadata: ObjectMetadata
  public var hosts: [Located<String>]
  /// Virtual addresses, without those that are ranges.
  public var addresses: [Located<String>]
  public var ports: [Port]
  public var resolution: Resolution
  public var endpoints: [Endpoint]
  /// Endpoints are the workloads with these labels, which only a cluster knows.
  public var selectsWorkloads: Bool
  public var subjectAltNames: [String]
  public var exportTo: [String]
}

/// `networking.istio.io` DestinationRule: how a host is talked to. Only its TLS is kept.
public struct DestinationRule: Sendable {
  public var metadata: ObjectMetadata
  /// In lower case; a short name has its namespace and `svc.cluster.local` behind it.
  public var host: Located<String>
  /// Nil: no policy for it is given.
  public var tls: ClientTLS?
  /// By port; such a one stands for the outer one wholly, also where it is nil.
  public var portTLS: [UInt16: ClientTLS?]
  public var exportTo: [String]
  /// It is for some workloads alone.
  public var selectsWorkloads: Bool
}

/// A DestinationRule's `tls`.
public struct ClientTLS: Sendable {
  public enum Mode: Sendable { case disable, simple, mutual, istioMutual }
  public var mode = Mode.disable
  /// Files.
  public var caCertificates: String?
  public var clientCertificate: String?
  public var privateKey: String?
  public var revocationList: String?
  /// A Secret's name.
  public var credentialName: String?
  public var subjectAltNames: [String] = []
  public var serverName: String?
  public var skipsVerification = false
  public var position: SourcePosition
}
