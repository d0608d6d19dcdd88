import Bytes
import Istio

/// Turns one policy's rules into rows. Whatever it cannot turn is an error with its position: leaving a value
/// out would widen one kind of policy or narrow another.
struct RuleCompiler {
  private typealias Clause = TableBuilder.Clause

  let policy: AuthorizationPolicy
  let trustDomains: TrustDomains
  let maximumClauses: Int
  private(set) var errors: [Diagnostic] = []

  init(_ policy: AuthorizationPolicy, _ settings: PolicySettings) {
    self.policy = policy
    trustDomains = TrustDomains(names: settings.trustDomains)
    maximumClauses = settings.maximumClauses
  }

  mutating func compile(_ rule: Rule, into builder: inout TableBuilder) {
    var sources: [[Clause]] = []
    for (index, source) in rule.sources.enumerated() {
      sources.append(clauses(of: source, at: index, &builder))
    }
    var operations: [[Clause]] = []
    for (index, operation) in rule.operations.enumerated() {
      operations.append(clauses(of: operation, at: index, &builder))
    }
    var conditions: [Clause] = []
    for (index, condition) in rule.conditions.enumerated() {
      conditions += clauses(of: condition, at: index, &builder)
    }
    let firstEntry = builder.entries.count
    guard fits(sources, operations, conditions, beside: builder.literals.count + firstEntry) else {
      refuse(
        rule.position,
        "the rules of one workload have more than \(maximumClauses) clauses, counted for each combination of "
          + "a source and an operation")
      return
    }
    let hasSources = !sources.isEmpty
    let hasOperations = !operations.isEmpty
    for (source, ofSource) in (hasSources ? sources : [[]]).enumerated() {
      for (operation, ofOperation) in (hasOperations ? operations : [[]]).enumerated() {
        builder.addEntry(
          ofSource + ofOperation + conditions, source: hasSources ? source : nil,
          operation: hasOperations ? operation : nil)
      }
    }
    builder.addRule(from: firstEntry)
  }

  /// Whether the combinations of one more rule stay within the limit. A combination counts as one more
  /// clause.
  private func fits(
    _ sources: [[Clause]], _ operations: [[Clause]], _ conditions: [Clause], beside count: Int
  ) -> Bool {
    let (width, height) = (max(1, sources.count), max(1, operations.count))
    let (combinations, overflow) = width.multipliedReportingOverflow(by: height)
    if overflow || combinations > maximumClauses - count { return false }
    // A source or operation has at most fourteen clauses: from here on nothing overflows.
    let ofSources = height * sources.reduce(0) { $0 + $1.count }
    let ofOperations = width * operations.reduce(0) { $0 + $1.count }
    let (ofConditions, conditionsOverflow) = combinations.multipliedReportingOverflow(
      by: conditions.count + 1)
    return !conditionsOverflow && ofConditions <= maximumClauses - count - ofSources - ofOperations
  }

  // MARK: Sources, operations, conditions

  private mutating func clauses(of source: Source, at index: Int, _ builder: inout TableBuilder) -> [Clause] {
    let place = ClauseDescription.Place.source(index)
    if !source.serviceAccounts.isEmpty, !source.principals.isEmpty || !source.namespaces.isEmpty {
      refuse(source.position, "a source with serviceAccounts has neither principals nor namespaces")
    }
    let fields: [(String, ConditionKey, MatchList)] = [
      ("principals", .sourcePrincipal, source.principals),
      ("requestPrincipals", .requestPrincipal, source.requestPrincipals),
      ("namespaces", .sourceNamespace, source.namespaces),
      ("serviceAccounts", .sourceServiceAccount, source.serviceAccounts),
      ("trustDomains", .sourceTrustDomain, source.trustDomains),
      ("ipBlocks", .sourceIP, source.ipBlocks),
      ("remoteIpBlocks", .remoteIP, source.remoteIPBlocks),
    ]
    var all: [Clause] = []
    for (name, key, list) in fields {
      all += clauses(place, name, list, &builder) { compiler, value throws(InvalidValue) in
        try compiler.predicate(for: key, value)
      }
    }
    if all.isEmpty { refuseEmpty(source.position, "a source with no field set matches everything") }
    return all
  }

  private mutating func clauses(
    of operation: Operation, at index: Int, _ builder: inout TableBuilder
  ) -> [Clause] {
    let place = ClauseDescription.Place.operation(index)
    var all: [Clause] = []
    all += clauses(place, "hosts", operation.hosts, &builder) { _, value throws(InvalidValue) in
      .init(attribute: .host, matchers: [ValueReader.pattern(value, any: .present, ignoringCase: true)])
    }
    all += clauses(place, "ports", operation.ports, &builder) { _, value throws(InvalidValue) in
      .init(attribute: .destinationPort, matchers: [try ValueReader.port(value)])
    }
    all += clauses(place, "methods", operation.methods, &builder) { _, value throws(InvalidValue) in
      .init(attribute: .method, matchers: [ValueReader.pattern(value, any: .present)])
    }
    all += clauses(place, "paths", operation.paths, &builder) { _, value throws(InvalidValue) in
      .init(attribute: .path, matchers: [try ValueReader.path(value)])
    }
    if all.isEmpty { refuseEmpty(operation.position, "an operation with no field set matches everything") }
    return all
  }

  private mutating func clauses(
    of condition: Condition, at index: Int, _ builder: inout TableBuilder
  ) -> [Clause] {
    if condition.match.isEmpty {
      refuse(condition.position, "a condition needs values or notValues")
      return []
    }
    let key = condition.key
    switch key {
    case .requestClaim(let path) where path.isEmpty || path.contains(""):
      refuse(condition.position, "a claim's name is empty")
    case .requestHeader(let name) where name.isEmpty:
      refuse(condition.position, "a header's name is empty")
    case .filterMetadata(let namespace, let path)
    where namespace.isEmpty || path.isEmpty || path.contains(""):
      refuse(condition.position, "a metadata namespace or key is empty")
    default: break
    }
    return clauses(.condition(index), key.text, condition.match, &builder) {
      compiler, value throws(InvalidValue) in try compiler.predicate(for: key, value)
    }
  }

  // MARK: Values

  /// One field: a clause for its values and one for its notValues. `read` compiles one value.
  private mutating func clauses(
    _ place: ClauseDescription.Place, _ field: String, _ list: MatchList, _ builder: inout TableBuilder,
    _ read: (RuleCompiler, String) throws(InvalidValue) -> TableBuilder.PredicateKey
  ) -> [Clause] {
    var all: [Clause] = []
    for isNegated in [false, true] {
      let values = isNegated ? list.notValues : list.values
      if values.isEmpty { continue }
      var key: TableBuilder.PredicateKey?
      for value in values {
        do throws(InvalidValue) {
          if value.value.isEmpty { throw InvalidValue("an empty value matches nothing") }
          let one = try read(self, value.value)
          if key == nil { key = one } else { key?.matchers += one.matchers }
        } catch {
          refuse(value.position, "`\(value.value)` in \(field): \(error.reason)")
        }
      }
      guard var key else { continue }
      if key.attribute == .header { key.reading = reading(isNegated: isNegated) }
      var name = field
      if isNegated, case .condition = place {
      } else if isNegated {
        name = "not" + field.prefix(1).uppercased() + field.dropFirst()
      }
      let description = ClauseDescription(place: place, field: name, isNegated: isNegated, values: values)
      all.append(
        Clause(
          literal: Literal(predicate: builder.intern(key), isNegated: isNegated),
          description: builder.add(description)))
    }
    return all
  }

  /// A match of what a rule demands brings its policy's action nearer; of what it excludes, keeps it off.
  /// AUDIT reads as DENY does: it shall rather report too much.
  private func reading(isNegated: Bool) -> Reading {
    (policy.action == .allow) == isNegated ? .wide : .narrow
  }

  private func predicate(
    for key: ConditionKey, _ value: String
  ) throws(InvalidValue) -> TableBuilder.PredicateKey {
    let namespace = policy.metadata.namespace
    switch key {
    case .sourceIP: return .init(attribute: .sourceIP, matchers: [try ValueReader.address(value)])
    case .remoteIP: return .init(attribute: .remoteIP, matchers: [try ValueReader.address(value)])
    case .destinationIP: return .init(attribute: .destinationIP, matchers: [try ValueReader.address(value)])
    case .destinationPort: return .init(attribute: .destinationPort, matchers: [try ValueReader.port(value)])
    case .sourceNamespace:
      return .init(attribute: .sourceIdentity, matchers: [try ValueReader.namespace(value)])
    case .sourceServiceAccount:
      let matcher = try ValueReader.serviceAccount(value, policyNamespace: namespace)
      return .init(attribute: .sourceIdentity, matchers: [matcher])
    case .sourcePrincipal:
      var matchers: [MatcherSpec] = []
      for one in trustDomains.principals(for: value) { matchers.append(try ValueReader.principal(one)) }
      return .init(attribute: .sourceIdentity, matchers: matchers)
    case .sourceTrustDomain:
      var matchers: [MatcherSpec] = []
      for one in trustDomains.domains(for: value) { matchers.append(try ValueReader.trustDomain(one)) }
      return .init(attribute: .sourceIdentity, matchers: matchers)
    case .requestPrincipal:
      return .init(attribute: .requestPrincipal, matchers: [ValueReader.requestPrincipal(value)])
    case .requestAudiences: return claim(["aud"], value)
    case .requestPresenter: return claim(["azp"], value)
    case .requestClaim(let path): return claim(path, value)
    case .requestHeader(let name): return header(name, value)
    case .connectionSNI: return .init(attribute: .serverName, matchers: [ValueReader.pattern(value)])
    case .filterMetadata(let space, let path):
      // The brackets of a list's element belong to Envoy's rule for one key.
      return .init(
        attribute: .filterMetadata, names: [Array(space.utf8)] + path.map { Array($0.utf8) },
        matchers: [path.count > 1 ? ValueReader.pattern(value) : ValueReader.filterMetadata(value)])
    }
  }

  private func claim(_ path: [String], _ value: String) -> TableBuilder.PredicateKey {
    .init(attribute: .claim, names: path.map { Array($0.utf8) }, matchers: [ValueReader.pattern(value)])
  }

  private func header(_ name: String, _ value: String) -> TableBuilder.PredicateKey {
    let lowered = name.utf8.map(\.asciiLowercased)
    return .init(
      attribute: .header, place: HeaderPlace(of: lowered), names: [lowered],
      matchers: [ValueReader.pattern(value, any: .present)])
  }

  private mutating func refuseEmpty(_ position: SourcePosition, _ message: String) {
    // A value that was refused has its own message.
    if errors.isEmpty { refuse(position, message) }
  }

  private mutating func refuse(_ position: SourcePosition, _ message: String) {
    errors.append(
      Diagnostic(
        .error, "invalid-policy", at: position,
        "AuthorizationPolicy `\(policy.metadata.namespace)/\(policy.metadata.name)`: \(message)"))
  }
}

extension HeaderPlace {
  /// Envoy keeps these in fixed slots and joins their lines itself; it knows `host` as `:authority`.
  private static let fixedSlots: Set<String> = [
    "authorization", "user-agent", "content-type", "accept", "accept-encoding", "referer", "origin",
    "x-forwarded-for", "x-request-id",
  ]

  init(of name: [UInt8]) {
    switch String(decoding: name, as: UTF8.self) {
    case ":authority", "host": self = .authority
    case ":method": self = .method
    case ":path": self = .path
    case ":scheme": self = .scheme
    case let other: self = Self.fixedSlots.contains(other) ? .fixedSlot : .ordinary
    }
  }
}

extension ConditionKey {
  /// As policies write it.
  var text: String {
    switch self {
    case .sourceIP: "source.ip"
    case .sourceNamespace: "source.namespace"
    case .sourcePrincipal: "source.principal"
    case .sourceServiceAccount: "source.serviceAccount"
    case .sourceTrustDomain: "source.trustDomain"
    case .remoteIP: "remote.ip"
    case .requestPrincipal: "request.auth.principal"
    case .requestAudiences: "request.auth.audiences"
    case .requestPresenter: "request.auth.presenter"
    case .requestClaim(let path): "request.auth.claims" + path.map { "[\($0)]" }.joined()
    case .requestHeader(let name): "request.headers[\(name)]"
    case .destinationIP: "destination.ip"
    case .destinationPort: "destination.port"
    case .connectionSNI: "connection.sni"
    case .filterMetadata(let namespace, let path):
      "experimental.\(namespace)" + path.map { "[\($0)]" }.joined()
    }
  }
}
