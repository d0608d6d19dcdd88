/// What every resource has: `metadata`.
public struct ObjectMetadata: Sendable {
  public var name: String
  /// `default` when the text names none, as kubectl does.
  public var namespace: String
  /// False when the text names no namespace, so that `default` was taken.
  public var hasNamespace: Bool
  public var annotations: [String: String]
  /// When the API server made the object; nil when the text does not say.
  public var creationTimestamp: Timestamp?
  /// Where the resource begins.
  public var position: SourcePosition

  public init(
    name: String, namespace: String, hasNamespace: Bool = true, annotations: [String: String] = [:],
    creationTimestamp: Timestamp? = nil, position: SourcePosition
  ) {
    self.name = name
    self.namespace = namespace
    self.hasNamespace = hasNamespace
    self.annotations = annotations
    self.creationTimestamp = creationTimestamp
    self.position = position
  }

  /// Istio's order of objects of one kind: by creation time, objects without one first, then by name, then by
  /// namespace;
  /// texts compare by their bytes (semantics, section 1.1; configCompareByCreationTime in Istio). Where an object
  /// is in
  /// files decides nothing.
  public func isOrdered(before other: ObjectMetadata) -> Bool {
    if creationTimestamp != other.creationTimestamp {
      guard let time = creationTimestamp else { return true }
      guard let otherTime = other.creationTimestamp else { return false }
      return time < otherTime
    }
    let (left, right) = (Array(name.utf8), Array(other.name.utf8))
    if left != right { return left.lexicographicallyPrecedes(right) }
    return Array(namespace.utf8).lexicographicallyPrecedes(Array(other.namespace.utf8))
  }
}

/// To which workloads of its namespace a policy is attached (semantics, section 2.1).
public enum Attachment: Sendable {
  case allWorkloads
  /// All labels must be equal. Never empty: an empty selector is `allWorkloads`.
  case selector([String: String], SourcePosition)
  /// Any one of these suffices.
  case targets([TargetReference])
}

public struct TargetReference: Sendable {
  public var group: String
  public var kind: String
  public var name: String
  public var position: SourcePosition

  public init(group: String, kind: String, name: String, position: SourcePosition) {
    self.group = group
    self.kind = kind
    self.name = name
    self.position = position
  }
}

/// `security.istio.io` RequestAuthentication: which tokens are accepted (semantics, section 1).
public struct RequestAuthentication: Sendable {
  public var metadata: ObjectMetadata
  public var attachment: Attachment
  public var jwtRules: [JWTRule]

  public init(metadata: ObjectMetadata, attachment: Attachment, jwtRules: [JWTRule]) {
    self.metadata = metadata
    self.attachment = attachment
    self.jwtRules = jwtRules
  }
}

/// One issuer's tokens: where they are found, what they must say, what is done with them (semantics, section
/// 1.2).
public struct JWTRule: Sendable {
  /// Where the issuer's keys come from.
  public enum Keys: Sendable {
    /// The text of a JWK Set.
    case inline(Located<String>)
    /// Fetched from here.
    case uri(Located<String>)
    /// Found by OpenID Connect discovery from the issuer.
    case discovery
  }

  public struct HeaderLocation: Sendable, Equatable {
    public var name: String
    /// Empty: the whole value is the token.
    public var prefix: String
    public init(name: String, prefix: String) {
      self.name = name
      self.prefix = prefix
    }
  }

  public struct ClaimHeader: Sendable, Equatable {
    public var header: String
    public var claim: String
    public init(header: String, claim: String) {
      self.header = header
      self.claim = claim
    }
  }

  public enum Presence: Sendable { case optional, required }

  /// Empty: any issuer.
  public var issuer = ""
  public var audiences: [String] = []
  public var keys = Keys.discovery
  public var fromHeaders: [HeaderLocation] = []
  public var fromParams: [String] = []
  public var fromCookies: [String] = []
  public var outputPayloadToHeader: String?
  public var outputClaimToHeaders: [ClaimHeader] = []
  public var forwardOriginalToken = false
  /// How long a fetch of keys may take, in milliseconds.
  public var timeoutMilliseconds = 5000
  /// As written; `scope` and `permission` always count too.
  public var spaceDelimitedClaims: [String] = []
  public var presence = Presence.optional
  public var position: SourcePosition

  public init(position: SourcePosition) { self.position = position }
}

/// `security.istio.io` AuthorizationPolicy: who may do what (semantics, section 2).
public struct AuthorizationPolicy: Sendable {
  public enum Action: Sendable, Equatable {
    case allow, deny, audit
    /// Another provider decides; its name.
    case custom(String)
  }

  public var metadata: ObjectMetadata
  public var attachment: Attachment
  public var action: Action
  /// An empty list matches nothing.
  public var rules: [Rule]
  /// Evaluated and counted, never enforced (annotation `istio.io/dry-run`).
  public var isDryRun: Bool
  /// Where `action` is written; nil when it is not, and the action is ALLOW.
  public var actionPosition: SourcePosition?

  public init(
    metadata: ObjectMetadata, attachment: Attachment, action: Action, rules: [Rule], isDryRun: Bool,
    actionPosition: SourcePosition? = nil
  ) {
    self.actionPosition = actionPosition
    self.metadata = metadata
    self.attachment = attachment
    self.action = action
    self.rules = rules
    self.isDryRun = isDryRun
  }
}

/// Any source and any operation and all conditions (semantics, section 2.2).
public struct Rule: Sendable {
  /// Empty: any source.
  public var sources: [Source]
  /// Empty: any operation.
  public var operations: [Operation]
  public var conditions: [Condition]
  public var position: SourcePosition

  public init(
    sources: [Source] = [], operations: [Operation] = [], conditions: [Condition] = [],
    position: SourcePosition
  ) {
    self.sources = sources
    self.operations = operations
    self.conditions = conditions
    self.position = position
  }
}

/// Any of the values (when there are some) and none of the others.
public struct MatchList: Sendable {
  public var values: [Located<String>]
  public var notValues: [Located<String>]

  public init(values: [Located<String>] = [], notValues: [Located<String>] = []) {
    self.values = values
    self.notValues = notValues
  }

  public var isEmpty: Bool { values.isEmpty && notValues.isEmpty }
}

/// Who asks. All fields that are set must match.
public struct Source: Sendable {
  public var principals = MatchList()
  public var requestPrincipals = MatchList()
  public var namespaces = MatchList()
  public var serviceAccounts = MatchList()
  public var trustDomains = MatchList()
  public var ipBlocks = MatchList()
  public var remoteIPBlocks = MatchList()
  public var position: SourcePosition

  public init(position: SourcePosition) { self.position = position }
}

/// What is asked. All fields that are set must match.
public struct Operation: Sendable {
  public var hosts = MatchList()
  public var ports = MatchList()
  public var methods = MatchList()
  public var paths = MatchList()
  public var position: SourcePosition

  public init(position: SourcePosition) { self.position = position }
}

/// One entry of `when`.
public struct Condition: Sendable {
  public var key: ConditionKey
  public var match: MatchList
  public var position: SourcePosition
  /// Where the key is written.
  public var keyPosition: SourcePosition

  /// - Parameter keyPosition: nil: where the entry is.
  public init(
    key: ConditionKey, match: MatchList, position: SourcePosition, keyPosition: SourcePosition? = nil
  ) {
    self.key = key
    self.match = match
    self.position = position
    self.keyPosition = keyPosition ?? position
  }
}

/// The closed list of condition keys (semantics, section 2.5).
public enum ConditionKey: Sendable, Hashable {
  case sourceIP, sourceNamespace, sourcePrincipal, sourceServiceAccount, sourceTrustDomain
  case remoteIP
  case requestPrincipal, requestAudiences, requestPresenter
  /// The names between the brackets of `request.auth.claims[a][b]`, at least one.
  case requestClaim([String])
  /// The name in `request.headers[Name]`, as written.
  case requestHeader(String)
  case destinationIP, destinationPort
  case connectionSNI
  /// `experimental.envoy.filters.a.b[key]`: the metadata's namespace `envoy.filters.a.b`, and the names between the
  /// brackets, at least one. Several are an extension: Istio takes `[a][b]` as one key that no filter writes.
  case filterMetadata(namespace: String, path: [String])
}

/// A workload as the configuration names it: what policies are attached to (design, section 2).
public struct Workload: Sendable, Equatable {
  public var name: String
  public var namespace: String
  public var labels: [String: String]
  public var serviceAccount: String?
  public var hosts: [String]

  public init(
    name: String, namespace: String, labels: [String: String], serviceAccount: String? = nil,
    hosts: [String] = []
  ) {
    self.name = name
    self.namespace = namespace
    self.labels = labels
    self.serviceAccount = serviceAccount
    self.hosts = hosts
  }
}

/// Everything that was loaded, in the order it was found.
public struct Resources: Sendable {
  public var requestAuthentications: [RequestAuthentication] = []
  public var authorizationPolicies: [AuthorizationPolicy] = []
  public var serviceEntries: [ServiceEntry] = []
  public var destinationRules: [DestinationRule] = []
  /// How many objects of kinds that are not used here were passed over, by kind.
  public var passedOver: [String: Int] = [:]
  /// Files of a folder that by their names are no resources, such as `kustomization.yaml`: how many, by name.
  public var passedOverFiles: [String: Int] = [:]

  public init() {}
}
