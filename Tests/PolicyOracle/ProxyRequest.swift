import Foundation

/// One question of a proxy.
public struct ProxyRequest: Sendable {
  /// How header lines of one name arrive: joined with a comma into one value, or each on its own.
  public enum HeaderEncoding: Sendable { case joined, raw }

  public struct Peer: Sendable {
    /// Empty where the connection has no IP address.
    public var address = ""
    public var port = 0
    public var principal = ""
    /// Nil: the proxy sent none.
    public var certificate: Certificate?

    /// Every name that a rule may match: what the proxy took for the principal, and all names of the certificate.
    var identities: [String] {
      let subject = certificate?.commonName.map { "CN=\($0)" }
      let names = (certificate?.uris ?? []) + (certificate?.dnsNames ?? []) + [subject].compactMap { $0 }
      return ([principal] + names).filter { !$0.isEmpty }
    }
  }

  /// The names of a client certificate.
  public struct Certificate: Sendable {
    public var uris: [String]
    public var dnsNames: [String]
    /// Of the subject; nil: the subject is empty.
    public var commonName: String?
  }

  public struct Header: Sendable {
    public var name: String
    public var value: String
  }

  public struct Metadata: Sendable {
    public var filter: String
    public var members: [Claim.Member]
  }

  /// What the proxy's configuration says which workload this is.
  public var workload: String?
  public var method = "GET"
  public var path = "/"
  public var host = "a.example"
  public var scheme = "https"
  public var headers: [Header] = []
  public var encoding = HeaderEncoding.joined
  public var source = Peer()
  public var destination = Peer()
  /// Nil: the proxy sent no TLS session.
  public var serverName: String?
  public var metadata: [Metadata] = []
  /// The tokens that stand in the request, by their text; any other text is no token.
  public var tokens: [String: Token] = [:]

  public init() {}
}

/// A JSON value.
public enum Claim: Sendable {
  public struct Member: Sendable {
    public var name: String
    public var value: Claim
  }

  case text(String)
  /// As it is written.
  case number(String)
  case truth(Bool)
  case null
  case list([Claim])
  case object([Member])

  /// Compact JSON.
  public var json: String {
    switch self {
    case .text(let text): Mesh.quoted(text)
    case .number(let literal): literal
    case .truth(let value): value ? "true" : "false"
    case .null: "null"
    case .list(let elements): "[\(elements.map(\.json).joined(separator: ","))]"
    case .object(let members):
      "{\(members.map { "\(Mesh.quoted($0.name)):\($0.value.json)" }.joined(separator: ","))}"
    }
  }
}

/// A token as whoever minted it knows it: nothing has to be decoded or verified.
public struct Token: Sendable {
  public var claims: [Claim.Member]
  /// `kid` of the header.
  public var keyID: String?
  /// The number of the key that signed it.
  public var key: Int
  /// The signature is another text's.
  public var isForged = false

  func claim(_ name: String) -> Claim? { claims.first { $0.name == name }?.value }

  public var payload: String { Claim.object(claims).json }

  /// The payload's segment of the token's text.
  var payloadSegment: String {
    Data(payload.utf8).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
      .replacing("=", with: "")
  }
}
