// Policy: who may do what. Istio resources flow in when they are loaded and become decision tables, one for
// each workload; a check, what its answer changes and its verified claims flow in for every request, and a
// decision flows out. Nothing of the resources is read while a check is decided, nothing here does I/O,
// verifies a token or writes an answer.

/// What the mesh is like, as far as policies depend on it. Istio calls these `meshConfig`.
public struct PolicySettings: Sendable {
  /// Policies of this namespace apply to workloads of every namespace.
  public var rootNamespace = "istio-system"
  /// The local trust domain: what `cluster.local` in a principal stands for.
  public var trustDomain = "cluster.local"
  /// Other names of the local trust domain, such as the one before a migration.
  public var trustDomainAliases: [String] = []
  /// How many trusted proxies stand in front of the one that asks. The client's address is the entry of
  /// `x-forwarded-for` that many places left of the right-most one; without it, the peer's.
  public var trustedProxies = 0
  /// Behind Envoy the path has been normalised already, and doing it twice would read it differently.
  public var pathNormalization = PathNormalization.none
  /// Lets a policy stay that applies to no configured workload. Off: such a policy is an error, since most
  /// often its author believes that it protects something.
  public var allowUnused = false
  /// Lets a set of resources without any policy stay. Off: it is an error, since it opens every workload.
  public var allowEmpty = false
  /// How many clauses the rules of one workload may have in all, counted once for each combination of a
  /// source and an operation of a rule. A rule with 512 of each and three clauses in a combination has
  /// 786,432; the default keeps a table below about 150 MB.
  public var maximumClauses = 10_000_000

  /// A table with at least so many entries (sources times operations) finds those that a check can match by
  /// hash; below, walking all is as fast.
  public var indexedEntries = 12

  public init() {}

  /// The local trust domain and its other names, the local one first.
  var trustDomains: [String] { [trustDomain] + trustDomainAliases }
}
