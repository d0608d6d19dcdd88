extension Generator {
  private static let gatewayName = "gateway.networking.k8s.io/gateway-name"
  private static let managed = "gateway.istio.io/managed"

  /// Resources for a few workloads, and how they are meant.
  public mutating func mesh() -> Mesh {
    var mesh = Mesh()
    mesh.trustDomain = pick(["cluster.local", "td", "td.example"])
    for alias in ["old.example", "td.old", "td"] where chance(25) && alias != mesh.trustDomain {
      mesh.trustDomainAliases.append(alias)
    }
    mesh.trustedProxies = pick([0, 0, 1, 2])
    mesh.pathNormalization = pick([.none, .none, .base, .mergeSlashes, .decodeAndMergeSlashes])
    let hasWaypoint = chance(30)
    mesh.workloads = workloads(withWaypoint: hasWaypoint)
    mesh.defaultWorkload = chance(95) ? "web" : nil
    var tokenNames = ["tokens", "tokens-a", "a", "z", "tokens.b"]
    for _ in 0..<pick([0, 1, 1, 1, 1, 2, 2, 3]) {
      mesh.authentications.append(
        Mesh.Authentication(
          name: tokenNames.remove(at: number(0...(tokenNames.count - 1))),
          namespace: pick(["foo", "foo", "foo", "foo", "bar", "istio-system", "istio-system", "istio-system"]
          ),
          attachment: chance(80) ? .allWorkloads : attachment(withWaypoint: hasWaypoint),
          created: chance(40) ? nil : pick(Words.times),
          rules: (0..<pick([1, 1, 1, 2, 2, 3])).map { _ in tokenRule() }))
    }
    var names = ["p", "p-a", "a", "z", "p.b", "p0", "policy"]
    for _ in 0..<number(1...5) {
      let name = names.remove(at: number(0...(names.count - 1)))
      mesh.policies.append(policy(name, withWaypoint: hasWaypoint))
    }
    return mesh
  }

  private mutating func workloads(withWaypoint: Bool) -> [Mesh.Workload] {
    var all = [
      Mesh.Workload(
        name: "web", namespace: "foo", labels: ["app": "web", "version": "1"], serviceAccount: "web-sa")
    ]
    if chance(40) {
      all.append(Mesh.Workload(name: "api", namespace: "bar", labels: ["app": "api"], serviceAccount: "api"))
    }
    if chance(25) {
      all.append(Mesh.Workload(name: "system", namespace: "istio-system", labels: ["app": "web"]))
    }
    if chance(40) {
      all.append(
        Mesh.Workload(
          name: "edge", namespace: "foo",
          labels: [
            "app": "edge", Self.gatewayName: "edge", Self.managed: "istio.io-gateway-controller",
          ]))
    }
    if withWaypoint {
      all.append(
        Mesh.Workload(
          name: "way", namespace: "foo",
          labels: ["app": "web", Self.gatewayName: "way", Self.managed: "istio.io-mesh-controller"]))
    }
    return all
  }

  private mutating func attachment(withWaypoint: Bool) -> Mesh.Attachment {
    switch number(0...99) {
    case 0..<65: return .allWorkloads
    case 65..<82:
      var labels = ["app": pick(["web", "web", "api", "edge"])]
      if chance(30) { labels["version"] = pick(["1", "2"]) }
      return .selector(labels)
    default:
      return .targets((0..<pick([1, 1, 2])).map { _ in target(withWaypoint: withWaypoint) })
    }
  }

  /// Labels do not tell which services a waypoint serves: with one, Gateways alone are targets.
  private mutating func target(withWaypoint: Bool) -> Mesh.Target {
    if withWaypoint || chance(70) {
      return Mesh.Target(
        group: "gateway.networking.k8s.io", kind: "Gateway", name: pick(["edge", "edge", "way", "other"]))
    }
    return pick([
      Mesh.Target(group: "", kind: "Service", name: "edge"),
      Mesh.Target(group: "networking.istio.io", kind: "ServiceEntry", name: "edge"),
      Mesh.Target(group: "gateway.networking.k8s.io", kind: "GatewayClass", name: "edge"),
    ])
  }

  // MARK: Policies

  private mutating func policy(_ name: String, withWaypoint: Bool) -> Mesh.Policy {
    var policy = Mesh.Policy(
      name: name, namespace: pick(["foo", "foo", "foo", "bar", "istio-system", "istio-system"]),
      attachment: attachment(withWaypoint: withWaypoint),
      action: pick([.allow, .allow, .allow, .allow, .deny, .deny, .deny, .audit, .audit]))
    if chance(2) {
      policy.action = .custom
      policy.rules = [Mesh.Rule(to: [[Mesh.Field(term: .paths, isNegated: false, values: ["/a"])]])]
      return policy
    }
    policy.isDryRun = policy.action != .audit && chance(30)
    if policy.action == .allow, chance(5) {
      policy.rules = chance(50) ? [] : nil
      return policy
    }
    let isLong = chance(2)
    let count = isLong ? number(11...13) : pick([1, 1, 2, 2, 3])
    policy.rules = (0..<count).map { _ in rule(terms: isLong ? 1 : pick([0, 1, 1, 1, 1, 2, 2, 2, 3, 3, 5])) }
    if count > 1 || chance(80) {
      policy.rules?.removeAll { $0.from.isEmpty && $0.to.isEmpty && $0.when.isEmpty }
    }
    if policy.rules?.isEmpty == true { policy.rules = [rule(terms: 1)] }
    return policy
  }

  private mutating func rule(terms: Int) -> Mesh.Rule {
    var rule = Mesh.Rule()
    for _ in 0..<terms {
      switch number(0...9) {
      case 0..<4: add(pick(Mesh.Term.ofSource), to: &rule.from)
      case 4..<6: add(pick(Mesh.Term.ofOperation), to: &rule.to)
      default:
        rule.when.append(
          condition(
            chance(45)
              ? pick([.requestClaims, .requestClaims, .requestHeaders, .requestHeaders, .filterMetadata])
              : pick(Mesh.Term.ofCondition)))
      }
    }
    return rule
  }

  /// Puts a field into the last source or operation, or into a new one where it cannot stand there.
  private mutating func add(_ term: Mesh.Term, to entries: inout [[Mesh.Field]]) {
    let field = Mesh.Field(term: term, isNegated: chance(35), values: values(of: term, rest: ""))
    guard let last = entries.last, chance(60), Self.fits(field, beside: last) else {
      entries.append([field])
      return
    }
    entries[entries.count - 1].append(field)
  }

  /// A field stands once; `serviceAccounts` stand neither beside `principals` nor beside `namespaces`.
  private static func fits(_ field: Mesh.Field, beside others: [Mesh.Field]) -> Bool {
    others.allSatisfy { other in
      if other.term == field.term { return other.isNegated != field.isNegated }
      let terms = [other.term, field.term]
      return !terms.contains(.serviceAccounts)
        || !(terms.contains(.principals) || terms.contains(.namespaces))
    }
  }

  private mutating func condition(_ term: Mesh.Term) -> Mesh.Condition {
    var condition = Mesh.Condition(term: term)
    switch term {
    case .requestHeaders:
      condition.rest = "[\(pick(Self.headerNames))]"
    case .requestClaims: condition.rest = pick(Self.claimKeys)
    case .filterMetadata:
      condition.rest =
        pick(Words.filters) + (chance(65) ? "[\(pick(Words.metadataKeys))]" : pick(Words.nestedKeys))
    default: break
    }
    let kind = number(0...9)
    if kind < 6 || kind == 9 { condition.values = values(of: term, rest: condition.rest) }
    if kind >= 6 { condition.notValues = values(of: term, rest: condition.rest) }
    return condition
  }

  private static let headerNames = [
    "x-one", "x-two", "X-One", "x-one", "x-two", "x-one", "x-two", "x-out", "x-out", "x-user", "x-user",
    "authorization",
    "User-Agent", "user-agent", "accept", "cookie", "x-out",
    "x-user", "x-payload", "x-token", ":authority", "host", ":method", ":path", ":path", ":scheme",
    "x-forwarded-for",
  ]
  private static let claimKeys = [
    "[groups]", "[groups]", "[scope]", "[scope]", "[permission]", "[o][g]", "[o][g]", "[o][d][x]", "[o]",
    "[sub]", "[iss]", "[aud]", "[a.b]", "[https://x/y]", "[n]", "[flag]", "[lists]", "[roles]", "[o]x[g]",
    "[groups][0]", "[none]", "[o][roles]",
  ]

  // MARK: Values

  private mutating func values(of term: Mesh.Term, rest: String) -> [String] {
    (0..<pick([1, 1, 1, 1, 2, 2, 3])).map { _ in value(of: term, rest: rest) }
  }

  private mutating func value(of term: Mesh.Term, rest: String) -> String {
    switch term {
    case .principals, .sourcePrincipal:
      let domain = chance(75) ? pick(Words.domains) : pick(["*example", "td*", "*", "*d", "*d", "*old"])
      return pattern(["\(domain)/ns/\(pick(Words.namespaces))/sa/\(pick(Words.accounts))"])
    case .namespaces, .sourceNamespace:
      return chance(75)
        ? pattern(Words.namespaces) : pick(["b*r", "*foo*", "fo*-*", "foo/y", "ns", "f*o", "*-x"])
    case .serviceAccounts, .sourceServiceAccount:
      return (chance(50) ? "\(pick(Words.namespaces))/" : "") + pick(Words.accounts)
    case .trustDomains, .sourceTrustDomain:
      return chance(60)
        ? pick(Words.domains) : pick(["*", "td*", "*.example", "*example", "t*", "*d", "clus*"])
    case .requestPrincipals, .requestPrincipal:
      return chance(80)
        ? pick(Words.principals) : pattern(["\(pick(Words.issuers))/\(pick(Words.subjects))"])
    case .ipBlocks, .sourceIP, .remoteIpBlocks, .remoteIP, .destinationIP: return pick(Words.blocks)
    case .ports, .destinationPort: return pick(Words.ports)
    case .hosts: return pattern(Words.hosts)
    case .methods: return pattern(Words.methods)
    case .paths:
      if chance(30) { return pick(Words.templates) }
      return pattern(chance(75) ? Words.paths : Words.normalizedPaths)
    case .connectionSNI: return pattern(Words.names)
    case .requestAudiences: return pattern(Words.audiences)
    case .requestPresenter: return pattern(Words.claimPatterns)
    case .requestClaims:
      if rest == "[iss]" { return pattern(Words.issuers) }
      if rest == "[sub]" { return pattern(Words.subjects) }
      if rest == "[aud]" { return pattern(Words.audiences) }
      return pattern(Words.claimPatterns)
    case .requestHeaders: return headerPattern(rest)
    case .filterMetadata:
      // Brackets have a meaning for a single key alone.
      if rest.contains("][") { return chance(70) ? pattern(Words.claimPatterns) : pick(Words.nestedValues) }
      return chance(60) ? pattern(Words.claimPatterns) : "[\(pattern(Words.claimPatterns))]"
    }
  }

  private mutating func headerPattern(_ rest: String) -> String {
    switch rest {
    case "[:authority]", "[host]": pattern(Words.hosts)
    case "[:method]": pattern(Words.methods)
    case "[:path]": pattern(Words.paths + ["/a?x=1"])
    case "[:scheme]": pattern(["https", "http"])
    case "[authorization]": pick(["*", "Bearer *", "Basic*", "Bearer x", "*x", "Basic x"])
    case "[User-Agent]", "[user-agent]", "[accept]": pattern(Words.agents)
    case "[cookie]": pattern(["z=1", "z=1; c=d", "c="])
    case "[x-forwarded-for]": pattern(Words.addresses)
    default: pattern(Words.headers)
    }
  }
}
