import Bytes
public import Istio
import JWT
import KeySets
import Policy

extension PolicySnapshot {
  /// What a snapshot is made from.
  public struct Input: Sendable {
    public var resources: Resources
    public var workloads: [Workload]
    /// The name of the workload of checks that nothing else decides; nil: those are denied.
    public var defaultWorkload: String?

    public init(resources: Resources, workloads: [Workload], defaultWorkload: String?) {
      self.resources = resources
      self.workloads = workloads
      self.defaultWorkload = defaultWorkload
    }
  }

  /// A snapshot, unless something forbids to serve it, and everything there is to say about it.
  public struct Compilation: Sendable {
    public var snapshot: PolicySnapshot?
    public var diagnostics: [Diagnostic]
  }

  /// Compiles resources for the configured workloads. Cold: it may allocate and take its time.
  ///
  /// - Returns: no snapshot when any diagnostic is an error: a half-understood set of policies is never
  ///   served (design, invariant 4).
  public static func compile(_ input: Input, settings: AuthorizerSettings) -> Compilation {
    let selected = PolicyPlan(input.resources, workloads: input.workloads, settings: settings.policy)
    var diagnostics = selected.diagnostics
    var keySets = KeySetPool()
    var plans = OwnedArray<WorkloadPlan>(capacity: max(1, selected.workloads.count))
    for workload in selected.workloads {
      do throws(CompilationError) {
        plans.append(try plan(workload, settings: settings, keySets: &keySets))
      } catch {
        diagnostics += error.diagnostics
      }
    }
    diagnostics += keySets.diagnostics
    let keyHosts = MeshHosts(
      input.resources, namespaces: Set(input.workloads.map(\.namespace)),
      rootNamespace: settings.policy.rootNamespace)
    for source in keySets.sources { diagnostics += keyHosts.findings(for: source) }
    diagnostics = distinct(diagnostics)
    if diagnostics.contains(where: { $0.severity == .error }) {
      return Compilation(snapshot: nil, diagnostics: diagnostics)
    }
    keySets.name(ruleNames(of: input.resources))
    let (sources, inline) = (keySets.sources, keySets.inlineSets)
    let snapshot = PolicySnapshot(
      workloads: plans, keySets: keySets.take(), keySources: sources, inlineKeySets: inline,
      keyHosts: keyHosts,
      finder: WorkloadFinder(input.workloads, defaultWorkload: input.defaultWorkload), settings: settings)
    return Compilation(snapshot: snapshot, diagnostics: diagnostics)
  }

  /// A resource that applies to several workloads is compiled for each; what is wrong with it is said once.
  private static func distinct(_ diagnostics: [Diagnostic]) -> [Diagnostic] {
    var seen: Set<Diagnostic> = []
    return diagnostics.filter { seen.insert($0).inserted }
  }

  /// `namespace/name[i]` of each jwtRule, by its position.
  private static func ruleNames(of resources: Resources) -> [SourcePosition: String] {
    var names: [SourcePosition: String] = [:]
    for resource in resources.requestAuthentications {
      for (index, rule) in resource.jwtRules.enumerated() {
        names[rule.position] = "\(resource.metadata.namespace)/\(resource.metadata.name)[\(index)]"
      }
    }
    return names
  }

  private static func plan(
    _ policies: WorkloadPolicies, settings: AuthorizerSettings, keySets: inout KeySetPool
  ) throws(CompilationError) -> WorkloadPlan {
    let jwtRules = policies.jwtRules
    var rules = OwnedArray<TokenRule>(capacity: max(1, jwtRules.count))
    var outputHeaders: Set<String> = []
    var requiresToken = false
    for rule in jwtRules {
      // Without a key set there is an error among the diagnostics, and the whole snapshot is refused.
      guard let keySet = keySets.index(of: rule) else { continue }
      let compiled = TokenRule(rule, keySet: keySet)
      if let name = rule.outputPayloadToHeader { outputHeaders.insert(name.lowercased()) }
      outputHeaders.formUnion(rule.outputClaimToHeaders.map { $0.header.lowercased() })
      requiresToken = requiresToken || compiled.isRequired
      rules.append(compiled)
    }
    let table = try DecisionTable(compiling: policies.authorizationPolicies, settings: settings.policy)
    let ruleNames = table.allRules.map { Array(table.describe($0).id.utf8) }
    var octets = ByteBuffer(capacity: 64)
    let ranges = outputHeaders.sorted().map { name in
      let start = octets.count
      octets.append(Array(name.utf8))
      return ByteRange(start..<octets.count)
    }
    return WorkloadPlan(
      name: policies.workload.name, nameOctets: Array(policies.workload.name.utf8), rules: rules,
      issuers: IssuerIndex(jwtRules),
      requiresToken: requiresToken, octets: octets,
      outputHeaders: ranges, table: table, ruleNames: ruleNames)
  }
}

/// The key sets of all rules, each text parsed once and each address kept once.
private struct KeySetPool: ~Copyable {
  private var sets = OwnedArray<KeySetPlace>()
  private(set) var sources: [KeySource] = []
  private(set) var inlineSets: [(name: String, set: JWKSet)] = []
  private var indexByText: [String: Int] = [:]
  private var indexByPlace: [KeySource.Place: Int] = [:]
  private(set) var diagnostics: [Diagnostic] = []

  /// The index of a rule's key set; nil, with a diagnostic, when it has no usable one.
  mutating func index(of rule: JWTRule) -> Int? {
    switch rule.keys {
    case .inline(let text): inline(text, rule)
    case .uri(let uri): remote(.address(uri.value), rule)
    case .discovery: remote(.issuer(rule.issuer), rule)
    }
  }

  private mutating func inline(_ text: Located<String>, _ rule: JWTRule) -> Int? {
    if let known = indexByText[text.value] { return known }
    do throws(JWKSetError) {
      let set = try JWKSet.parse(Array(text.value.utf8).span, source: .inline)
      sets.append(.inline(set))
      inlineSets.append(("\(rule.position)", set))
      indexByText[text.value] = sets.count - 1
      return sets.count - 1
    } catch {
      diagnostics.append(Diagnostic(.error, "invalid-jwks", at: text.position, "\(error)"))
      return nil
    }
  }

  /// Rules with one address share one fetcher, and its longest time-out.
  private mutating func remote(_ place: KeySource.Place, _ rule: JWTRule) -> Int {
    if let known = indexByPlace[place], case .remote(let provider) = sets[known] {
      sources[provider].timeoutMilliseconds = max(
        sources[provider].timeoutMilliseconds, rule.timeoutMilliseconds)
      if !rule.issuer.isEmpty, !sources[provider].issuers.contains(rule.issuer) {
        sources[provider].issuers.append(rule.issuer)
      }
      return known
    }
    var source = KeySource(place, name: "\(rule.position)")
    source.timeoutMilliseconds = rule.timeoutMilliseconds
    if !rule.issuer.isEmpty { source.issuers = [rule.issuer] }
    sources.append(source)
    sets.append(.remote(sources.count - 1))
    indexByPlace[place] = sets.count - 1
    return sets.count - 1
  }

  /// Gives the sets the names of the rules at whose positions they were met.
  mutating func name(_ names: [SourcePosition: String]) {
    let byText = Dictionary(names.map { ("\($0)", $1) }, uniquingKeysWith: { first, _ in first })
    for index in sources.indices { sources[index].name = byText[sources[index].name] ?? sources[index].name }
    for index in inlineSets.indices {
      inlineSets[index].name = byText[inlineSets[index].name] ?? inlineSets[index].name
    }
  }

  consuming func take() -> OwnedArray<KeySetPlace> { sets }
}
