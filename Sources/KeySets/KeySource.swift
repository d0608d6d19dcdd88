public import Fetch

/// Where the keys of one or more rules come from.
public struct KeySource: Sendable {
  public enum Place: Sendable, Hashable {
    /// A JWK Set.
    case address(String)
    /// OpenID Connect discovery (semantics, section 1.8).
    case issuer(String)
  }

  public var place: Place
  /// For logs and metrics: `namespace/name[0]` of a rule that uses it.
  public var name: String
  /// Milliseconds for each fetch.
  public var timeoutMilliseconds = 5_000

  public init(_ place: Place, name: String) {
    self.place = place
    self.name = name
  }

  /// Where the first fetch goes.
  var firstURL: String {
    switch place {
    case .address(let url): url
    case .issuer(let issuer):
      (issuer.hasSuffix("/") ? String(issuer.dropLast()) : issuer) + "/.well-known/openid-configuration"
    }
  }
}

/// How hosts are reached, by what ServiceEntries and DestinationRules say; the rest is as the URL says.
public struct KeyRoutes: Sendable {
  public struct Host: Sendable, Hashable {
    /// In lower case.
    public var name: String
    public var port: UInt16
    public init(name: String, port: UInt16) {
      self.name = name
      self.port = port
    }
  }

  public struct Route: Sendable {
    public var endpoints: [FetchRequest.Endpoint] = []
    public var trust = FetchTrust()
    public init() {}
  }

  public var hosts: [Host: Route] = [:]
  public var addressGuard = AddressGuard()
  public var maximumBytes = 1 << 20

  public init() {}

  func request(_ url: String, timeoutMilliseconds: Int, entityTag: String?) -> FetchRequest {
    var request = FetchRequest(url: url)
    request.timeoutMilliseconds = timeoutMilliseconds
    request.entityTag = entityTag
    request.addressGuard = addressGuard
    request.maximumBytes = maximumBytes
    if let (host, port) = FetchRequest.hostAndPort(of: url), let route = hosts[Host(name: host, port: port)] {
      request.endpoints = route.endpoints
      request.trust = route.trust
    }
    return request
  }
}
