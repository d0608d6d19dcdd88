// PolicyOracle: what the specification says about a request, slowly and obviously, and random requests and
// policies to ask it about. It imports nothing of Countersign: policies are plain values here, which are also
// written as YAML, so that whatever reads and evaluates that text can be compared with the oracle.

/// Everything that decides besides the request: resources, workloads and what Istio calls the mesh.
public struct Mesh: Sendable {
  public enum PathNormalization: String, Sendable, CaseIterable {
    case none
    case base
    case mergeSlashes = "merge-slashes"
    case decodeAndMergeSlashes = "decode-and-merge-slashes"
  }

  public var workloads: [Workload] = []
  /// The workload of requests that nothing else decides.
  public var defaultWorkload: String?
  public var rootNamespace = "istio-system"
  public var trustDomain = "cluster.local"
  public var trustDomainAliases: [String] = []
  public var trustedProxies = 0
  public var pathNormalization = PathNormalization.none
  public var authentications: [Authentication] = []
  public var policies: [Policy] = []

  public init() {}

  public struct Workload: Sendable {
    public var name: String
    public var namespace: String
    public var labels: [String: String]
    public var serviceAccount: String?
  }

  public enum Attachment: Sendable {
    case allWorkloads
    case selector([String: String])
    case targets([Target])
  }

  public struct Target: Sendable {
    public var group: String
    public var kind: String
    public var name: String
  }
}

// MARK: AuthorizationPolicy

extension Mesh {
  public struct Policy: Sendable {
    public enum Action: String, Sendable {
      case allow = "ALLOW"
      case deny = "DENY"
      case audit = "AUDIT"
      /// The proxy asks a provider: nothing of it is decided here.
      case custom = "CUSTOM"
    }

    public var name: String
    public var namespace: String
    public var attachment = Attachment.allWorkloads
    public var action: Action
    public var isDryRun = false
    /// Nil: the field is absent.
    public var rules: [Rule]?
  }

  public struct Rule: Sendable {
    /// Each source and each operation is a list of fields.
    public var from: [[Field]] = []
    public var to: [[Field]] = []
    public var when: [Condition] = []
  }

  /// One field of a source or an operation, such as `notPaths`.
  public struct Field: Sendable {
    public var term: Term
    public var isNegated: Bool
    public var values: [String]

    /// As YAML spells it.
    public var name: String {
      isNegated ? "not" + term.rawValue.prefix(1).uppercased() + term.rawValue.dropFirst() : term.rawValue
    }
  }

  public struct Condition: Sendable {
    public var term: Term
    /// What follows the term in the key: the brackets, and the filter's name.
    public var rest = ""
    public var values: [String] = []
    public var notValues: [String] = []

    public var key: String { term.rawValue + rest }
  }

  /// What a value is compared with: the fields of sources and operations, and the keys of conditions.
  public enum Term: String, Sendable, CaseIterable {
    case principals, requestPrincipals, namespaces, serviceAccounts, trustDomains, ipBlocks, remoteIpBlocks
    case hosts, ports, methods, paths
    case sourceIP = "source.ip"
    case sourceNamespace = "source.namespace"
    case sourcePrincipal = "source.principal"
    case sourceServiceAccount = "source.serviceAccount"
    case sourceTrustDomain = "source.trustDomain"
    case remoteIP = "remote.ip"
    case requestPrincipal = "request.auth.principal"
    case requestAudiences = "request.auth.audiences"
    case requestPresenter = "request.auth.presenter"
    case requestClaims = "request.auth.claims"
    case requestHeaders = "request.headers"
    case destinationIP = "destination.ip"
    case destinationPort = "destination.port"
    case connectionSNI = "connection.sni"
    case filterMetadata = "experimental.envoy.filters"

    public static let ofSource: [Term] = [
      .principals, .requestPrincipals, .namespaces, .serviceAccounts, .trustDomains, .ipBlocks,
      .remoteIpBlocks,
    ]
    public static let ofOperation: [Term] = [.hosts, .ports, .methods, .paths]
    public static let ofCondition: [Term] = allCases.filter {
      !ofSource.contains($0) && !ofOperation.contains($0)
    }
  }
}

// MARK: RequestAuthentication

extension Mesh {
  public struct Authentication: Sendable {
    public var name: String
    public var namespace: String
    public var attachment = Attachment.allWorkloads
    /// When the object was created; nil: the text does not say.
    public var created: Time?
    public var rules: [TokenRule]
  }

  /// A time as a resource spells it, and what it means.
  public struct Time: Sendable, Hashable {
    public var text: String
    /// Since some year.
    public var seconds: Double
  }

  /// One entry of `jwtRules`.
  public struct TokenRule: Sendable {
    public var issuer: String
    public var audiences: [String] = []
    public var keys: [Key]
    public var fromHeaders: [HeaderLocation] = []
    public var fromParams: [String] = []
    public var fromCookies: [String] = []
    public var outputPayloadToHeader: String?
    public var outputClaimToHeaders: [ClaimHeader] = []
    public var forwardOriginalToken = false
    public var spaceDelimitedClaims: [String] = []
    public var isRequired = false

    /// Looks where Istio looks when no place is given.
    public var usesDefaultLocations: Bool {
      fromHeaders.isEmpty && fromParams.isEmpty && fromCookies.isEmpty
    }
  }

  /// An HMAC key, by its number.
  public struct Key: Sendable {
    public var number: Int
    public var id: String?

    /// The secret with this number.
    public static func secret(_ number: Int) -> [UInt8] {
      [UInt8](repeating: UInt8(0xA0 + number), count: 32)
    }
  }

  public struct HeaderLocation: Sendable {
    public var name: String
    /// Empty: the whole value is the token.
    public var prefix: String
  }

  public struct ClaimHeader: Sendable {
    public var header: String
    public var claim: String
  }
}
