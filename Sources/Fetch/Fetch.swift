// Fetch: what stands at this address? A URL flows in with everything that may be trusted, connected to and read;
// one answer or the reason that there is none flows out, on the fetch thread. It parses no key, remembers
// nothing between two fetches but connections, and follows no advice of a server that its caller has not
// bounded. libcurl does the talking.

/// One GET.
public struct FetchRequest: Sendable, Hashable {
  /// `http` or `https`.
  public var url: String
  /// Connect there, in this order, instead of the URL's host; Host and TLS server name stay those of the URL.
  public var endpoints: [Endpoint] = []
  public var trust = FetchTrust()
  /// The whole of it, redirects included.
  public var timeoutMilliseconds = 5_000
  /// Longest body in octets, decoded. What is longer is cut off and refused.
  public var maximumBytes = 1 << 20
  /// Redirects that are followed: to the same host, never from https to http.
  public var maximumRedirects = 3
  /// Sent as `If-None-Match`.
  public var entityTag: String?
  public var addressGuard = AddressGuard()

  public init(url: String) { self.url = url }

  public struct Endpoint: Sendable, Hashable {
    /// A name or an address.
    public var host: String
    public var port: UInt16

    public init(host: String, port: UInt16) {
      self.host = host
      self.port = port
    }
  }
}

/// Whom to believe in TLS: a DestinationRule's `tls` (semantics, section 1.9).
public struct FetchTrust: Sendable, Hashable {
  /// TLS although the URL says `http`: the rule, not the URL, decides. The port stays the URL's.
  public var forcesTLS = false
  /// A file of certificates; nil: the system's.
  public var authorities: String?
  /// For mutual TLS: files of the client's certificate and key.
  public var clientCertificate: String?
  public var clientKey: String?
  /// The server's certificate must name one of these, to the letter; empty: the URL's host, as usual.
  public var subjectAltNames: [String] = []
  /// The server name that is sent; nil: the URL's host.
  public var serverName: String?
  /// Believes anybody. Never without a loud warning.
  public var skipsVerification = false

  public init() {}
}

/// What came.
public struct FetchAnswer: Sendable {
  /// 200 to 299, with a body that is not empty; or 304 for an entity that has not changed.
  public var status: Int
  public var body: [UInt8]
  public var entityTag: String?
  public var freshness: Freshness
  public var contentType: String?
  public var connection: FetchConnection
}

/// To whom a fetch was connected, for people.
public struct FetchConnection: Sendable, Equatable {
  /// The address that answered; empty when none did.
  public var address = ""
  /// The leaf certificate's subject and issuer; empty without TLS.
  public var peerSubject = ""
  public var peerIssuer = ""
  public var redirects = 0
}

/// Why there is no answer.
public enum FetchError: Error, Sendable, Equatable {
  /// Not an http or https URL that can be fetched.
  case url(String)
  case resolve(host: String)
  case connect(String)
  /// The address guard forbids it.
  case blockedAddress(String)
  /// TLS failed; what is wrong with the certificate or the handshake.
  case tls(String)
  case timeout
  /// Neither 2xx nor a redirect, nor a 304 that was asked for.
  case status(Int)
  /// A 2xx without the document.
  case emptyBody(status: Int)
  case tooLong(limit: Int)
  case redirect(String)
  /// The transfer broke off.
  case broken(String)
  /// The fetch thread has ended.
  case stopped
  /// There is no libcurl that can be used.
  case library(String)
}

extension FetchError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .url(let why): "no URL that can be fetched: \(why)"
    case .resolve(let host): "the name `\(host)` has no address"
    case .connect(let why): "no connection: \(why)"
    case .blockedAddress(let address):
      "`\(address)` is link-local or a cloud's metadata service, which are never asked for keys "
        + "(setting jwks.allowedAddresses)"
    case .tls(let why): "TLS: \(why)"
    case .timeout: "no answer in time"
    case .status(let status): "status \(status) where 200 to 299 is expected"
    case .emptyBody(let status): "status \(status) with an empty body where a JSON document is expected"
    case .tooLong(let limit): "more than \(limit) octets"
    case .redirect(let why): "a redirect that is not followed: \(why)"
    case .broken(let why): "the transfer broke off: \(why)"
    case .stopped: "the fetch thread has ended"
    case .library(let why): "libcurl cannot be used (Debian package libcurl4): \(why)"
    }
  }

  /// A word for metrics.
  public var label: String {
    switch self {
    case .url: "url"
    case .resolve: "resolve"
    case .connect: "connect"
    case .blockedAddress: "blocked"
    case .tls: "tls"
    case .timeout: "timeout"
    case .status: "status"
    case .emptyBody: "no_key_set"
    case .tooLong: "too_long"
    case .redirect: "redirect"
    case .broken: "broken"
    case .stopped: "stopped"
    case .library: "library"
    }
  }
}
