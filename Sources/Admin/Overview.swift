/// What is loaded and what becomes of checks, at one moment: what `/config`, `/keys` and the page show. Plain values,
/// made by whoever knows them.
public struct Overview: Sendable {
  public struct Rule: Sendable {
    /// Counted from 0 within its policy.
    public var index: Int
    /// `file:line:column`.
    public var position: String
    /// How often it decided; of AUDIT and dry-run rules, how often it matched.
    public var hits: UInt64
    public init(index: Int, position: String, hits: UInt64) {
      self.index = index
      self.position = position
      self.hits = hits
    }
  }

  public struct Policy: Sendable {
    public var namespace: String
    public var name: String
    /// `ALLOW`, `DENY` or `AUDIT`; in dry-run mode with `DRY_RUN_` in front.
    public var action: String
    public var rules: [Rule]
    public var hits: UInt64 { rules.reduce(0) { $0 + $1.hits } }
    public init(namespace: String, name: String, action: String, rules: [Rule]) {
      self.namespace = namespace
      self.name = name
      self.action = action
      self.rules = rules
    }
  }

  public struct Workload: Sendable {
    public var name: String
    /// Of the token rules that apply to it, in Envoy's order; empty text: any issuer.
    public var issuers: [String]
    public var policies: [Policy]
    public init(name: String, issuers: [String], policies: [Policy]) {
      self.name = name
      self.issuers = issuers
      self.policies = policies
    }
  }

  public struct Key: Sendable {
    /// Empty: it has none.
    public var keyID: String
    /// What it may verify.
    public var algorithms: [String]
    public init(keyID: String, algorithms: [String]) {
      self.keyID = keyID
      self.algorithms = algorithms
    }
  }

  /// A key that is published and not used.
  public struct SkippedKey: Sendable {
    /// Its position in the set, from 0.
    public var index: Int
    /// Empty: it has none.
    public var keyID: String
    public var reason: String
    public init(index: Int, keyID: String, reason: String) {
      self.index = index
      self.keyID = keyID
      self.reason = reason
    }
  }

  public struct Provider: Sendable {
    public var name: String
    /// A URL, an issuer, or `inline`.
    public var source: String
    public var state: String
    /// Seconds since the keys were confirmed, and until the next fetch; nil where there is none.
    public var age: Int64?
    public var nextFetch: Int64?
    public var keys: [Key]
    public var skipped: [SkippedKey]
    public var lastError: String?
    public init(
      name: String, source: String, state: String, age: Int64?, nextFetch: Int64?, keys: [Key],
      skipped: [SkippedKey] = [], lastError: String?
    ) {
      self.name = name
      self.source = source
      self.state = state
      self.age = age
      self.nextFetch = nextFetch
      self.keys = keys
      self.skipped = skipped
      self.lastError = lastError
    }
  }

  public struct Denial: Sendable {
    /// Wall clock seconds.
    public var time: Int64
    public var status: Int
    public var reason: String
    public var detail: String
    public var request: String
    /// What decided, in words; empty where `reason` and `detail` say it all.
    public var why: String
    /// `file:line:column` of the deciding rule; empty where no single rule decided.
    public var position: String
    public init(
      time: Int64, status: Int, reason: String, detail: String, request: String, why: String = "",
      position: String = ""
    ) {
      self.time = time
      self.status = status
      self.reason = reason
      self.detail = detail
      self.request = request
      self.why = why
      self.position = position
    }
  }

  public var version: String
  public var generation: UInt64
  /// Wall clock seconds.
  public var loadedAt: Int64
  public var reloads: UInt64
  public var failedReloads: UInt64
  /// Checks answered, by reason; the first is what was allowed.
  public var checks: [(reason: String, count: UInt64)]
  /// The last minute of `checks`, in the same order; empty where nobody samples.
  public var history = RateHistory()
  public var workloads: [Workload]
  public var providers: [Provider]
  /// The newest first.
  public var denials: [Denial]

  public init(
    version: String, generation: UInt64, loadedAt: Int64, reloads: UInt64, failedReloads: UInt64,
    checks: [(reason: String, count: UInt64)], workloads: [Workload], providers: [Provider],
    denials: [Denial]
  ) {
    self.version = version
    self.generation = generation
    self.loadedAt = loadedAt
    self.reloads = reloads
    self.failedReloads = failedReloads
    self.checks = checks
    self.workloads = workloads
    self.providers = providers
    self.denials = denials
  }
}
