import Bytes
public import Istio
import JWT
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
    diagnostics = distinct(diagnostics)
    if diagnostics.contains(where: { $0.severity == .error }) {
      return Compilation(snapshot: nil, diagnostics: diagnostics)
    }
    let snapshot = PolicySnapshot(
      workloads: plans, keySets: keySets.take(),
      finder: WorkloadFinder(input.workloads, defaultWorkload: input.defaultWorkload), settings: settings)
    return Compilation(snapshot: snapshot, diagnostics: diagnostics)
  }

  /// A resource that applies to several workloads is compiled for each; what is wrong with it is said once.
  private static func distinct(_ diagnostics: [Diagnostic]) -> [Diagnostic] {
    var seen: Set<Diagnostic> = []
    return diagnostics.filter { seen.insert($0).inserted }
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
      name: policies.workload.name, rules: rules, requiresToken: requiresToken, octets: octets,
      outputHeaders: ranges, table: table, ruleNames: ruleNames)
  }
}

/// The key sets of all rules, each text parsed once.
private struct KeySetPool: ~Copyable {
  private var sets = OwnedArray<JWKSet>()
  private var indexByText: [String: Int] = [:]
  private(set) var diagnostics: [Diagnostic] = []

  /// The index of a rule's key set; nil, with a diagnostic, when it has no usable one.
  mutating func index(of rule: JWTRule) -> Int? {
    guard case .inline(let text) = rule.keys else {
      diagnostics.append(
        Diagnostic(
          .error, "unsupported-remote-keys", at: rule.position,
          "keys from the network are not supported in this version; give the JWK Set inline as `jwks`"))
      return nil
    }
    if let known = indexByText[text.value] { return known }
    do throws(JWKSetError) {
      sets.append(try JWKSet.parse(Array(text.value.utf8).span, source: .inline))
      indexByText[text.value] = sets.count - 1
      return sets.count - 1
    } catch {
      diagnostics.append(
        Diagnostic(.error, "invalid-jwks", at: text.position, "\(error)"))
      return nil
    }
  }

  consuming func take() -> OwnedArray<JWKSet> { sets }
}
