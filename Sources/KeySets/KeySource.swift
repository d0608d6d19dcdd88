public import Fetch
public import Istio

/// Where the keys of one or more rules come from.
public struct KeySource: Sendable, Hashable {
  public enum Place: Sendable, Hashable {
    /// A JWK Set.
    case address(String)
    /// OpenID Connect discovery (semantics, section 1.8).
    case issuer(String)
  }

  public var place: Place
  /// For logs and metrics: `namespace/name[0]` of a rule that uses it.
  public var name: String
  /// The issuers of the rules that use it, for logs; empty: any issuer.
  public var issuers: [String] = []
  /// Milliseconds for each fetch.
  public var timeoutMilliseconds = 5_000

  public init(_ place: Place, name: String) {
    self.place = place
    self.name = name
  }

  /// The issuers for one line of a log.
  var issuerText: String {
    if case .issuer(let issuer) = place { return issuer }
    let more = issuers.count > 4 ? ", and \(issuers.count - 4) more" : ""
    return issuers.isEmpty ? "any" : issuers.prefix(4).joined(separator: ", ") + more
  }

  /// An address for a log: without the user and the password that a URL can have.
  static func withoutSecrets(_ url: String) -> String {
    guard let start = url.firstRange(of: "://")?.upperBound else { return url }
    let authority = url[start...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    guard let at = authority.lastIndex(of: "@") else { return url }
    return url[..<start] + "***" + url[at...]
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

/// How addresses of keys are fetched: where their hosts are, whom to believe, and what no fetch may do.
public struct KeyRoutes: Sendable {
  public var mesh = MeshHosts()
  public var addressGuard = AddressGuard()
  public var maximumBytes = 1 << 20
  /// A discovery document that came over TLS may name keys that are fetched without TLS. Off: the keys would be only as
  /// safe as the worse of both ways.
  public var allowsHTTPFromDiscovery = false

  public init() {}

  /// Whether `keys`, which the discovery document at `document` names, would be fetched without TLS although
  /// the document came over TLS, and that is not allowed. A DestinationRule can make either of them TLS
  /// (`FetchTrust.forcesTLS`).
  func loses(tlsOf document: String, for keys: String) -> Bool {
    !allowsHTTPFromDiscovery && usesTLS(document) == true && usesTLS(keys) == false
  }

  /// Nil: the URL is none that can be fetched, or there is no way to it; the fetch says so.
  private func usesTLS(_ url: String) -> Bool? {
    guard let place = FetchRequest.place(of: url),
      let request = try? request(url, timeoutMilliseconds: 0, entityTag: nil)
    else { return nil }
    return place.isSecure || request.trust.forcesTLS
  }

  func request(
    _ url: String, timeoutMilliseconds: Int, entityTag: String?
  ) throws(MeshHosts.Refusal) -> FetchRequest {
    var request = FetchRequest(url: url)
    request.timeoutMilliseconds = timeoutMilliseconds
    request.entityTag = entityTag
    request.addressGuard = addressGuard
    request.maximumBytes = maximumBytes
    // An address that cannot be taken apart is the fetch's to refuse.
    if let place = FetchRequest.place(of: url) {
      let route = try mesh.route(to: place.host, port: place.port, isSecure: place.isSecure)
      request.endpoints = route.endpoints
      request.trust = route.trust
    }
    return request
  }
}

extension MeshHosts {
  /// What is wrong with the way to a source's first address, or should be known of it.
  public func findings(for source: KeySource) -> [Diagnostic] {
    guard let place = FetchRequest.place(of: source.firstURL) else { return [] }
    do throws(Refusal) {
      return try route(to: place.host, port: place.port, isSecure: place.isSecure).warnings
    } catch {
      return [error.diagnostic]
    }
  }
}
