import Testing

@testable import PolicyOracle

/// The oracle's own answers, held by hand against sentences of the specification: two evaluators may agree
/// and both be wrong.
@Suite("The oracle, sentence by sentence")
struct OracleTests {
  private let now = 1_800_000_000
  private let alice = "spiffe://td/ns/foo/sa/alice"

  /// One workload and no policy.
  private var mesh: Mesh {
    var mesh = Mesh()
    mesh.trustDomain = "td"
    mesh.trustDomainAliases = ["old"]
    mesh.workloads = [Mesh.Workload(name: "web", namespace: "foo", labels: ["app": "web"])]
    mesh.defaultWorkload = "web"
    return mesh
  }

  private func answer(_ request: ProxyRequest, in mesh: Mesh) -> Answer {
    Oracle.answer(to: request, in: mesh, now: now, recorder: CoverageRecorder())
  }

  /// Whether the one rule of an ALLOW policy matches.
  private func matches(
    _ rule: Mesh.Rule, in mesh: Mesh? = nil, action: Mesh.Policy.Action = .allow,
    _ change: (inout ProxyRequest) -> Void
  ) -> Bool {
    var request = ProxyRequest()
    change(&request)
    var mesh = mesh ?? self.mesh
    mesh.policies = [Mesh.Policy(name: "p", namespace: "foo", action: action, rules: [rule])]
    return answer(request, in: mesh).isAllowed == (action == .allow)
  }

  private func from(_ term: Mesh.Term, _ values: String..., isNegated: Bool = false) -> Mesh.Rule {
    Mesh.Rule(from: [[Mesh.Field(term: term, isNegated: isNegated, values: values)]])
  }

  private func to(_ term: Mesh.Term, _ values: String..., isNegated: Bool = false) -> Mesh.Rule {
    Mesh.Rule(to: [[Mesh.Field(term: term, isNegated: isNegated, values: values)]])
  }

  private func when(_ term: Mesh.Term, _ rest: String, _ values: String...) -> Mesh.Rule {
    Mesh.Rule(when: [Mesh.Condition(term: term, rest: rest, values: values)])
  }

  private func whenNot(_ term: Mesh.Term, _ rest: String, _ values: String...) -> Mesh.Rule {
    Mesh.Rule(when: [Mesh.Condition(term: term, rest: rest, notValues: values)])
  }

  // MARK: Sources

  @Test(arguments: [
    (Mesh.Term.principals, "td/ns/foo/sa/alice", true), (.principals, "old/ns/foo/sa/alice", true),
    (.principals, "cluster.local/ns/foo/sa/alice", true), (.principals, "other/ns/foo/sa/alice", false),
    (.principals, "spiffe://td/ns/foo/sa/alice", false), (.principals, "td/*", true),
    (.principals, "*alice", true), (.principals, "*", true), (.principals, "*/sa/alic", false),
    (.namespaces, "foo", true), (.namespaces, "fo", false), (.namespaces, "f*", true),
    (.namespaces, "*o", true), (.namespaces, "f*/sa", true), (.serviceAccounts, "alice", true),
    (.serviceAccounts, "foo/alice", true), (.serviceAccounts, "bar/alice", false),
    (.serviceAccounts, "ali", false), (.trustDomains, "td", true), (.trustDomains, "old", true),
    (.trustDomains, "t*", true), (.trustDomains, "*d", true), (.trustDomains, "*ld", false),
  ])
  func `an identity is compared as section 2.5 says`(term: Mesh.Term, value: String, expected: Bool) {
    #expect(matches(from(term, value)) { $0.source.principal = alice } == expected)
    #expect(!matches(from(term, value)) { $0.source.principal = "" })
    #expect(
      matches(from(term, value, isNegated: true)) { $0.source.principal = alice } == !expected)
  }

  @Test func `remote.ip counts trusted proxies from the right, and takes the peer for what is no address`() {
    let rule = from(.remoteIpBlocks, "10.0.0.0/8")
    for (header, proxies, expected) in [
      ("1.1.1.1, 10.0.0.1", 0, true), ("10.0.0.1, 1.1.1.1", 0, false), ("10.0.0.1, 1.1.1.1", 1, true),
      ("10.0.0.1", 1, false), ("10.0.0.1,", 0, false), ("10.0.0.01", 0, false),
    ] {
      var mesh = mesh
      mesh.trustedProxies = proxies
      #expect(
        matches(rule, in: mesh) {
          $0.source.address = "2.2.2.2"
          $0.headers = [ProxyRequest.Header(name: "x-forwarded-for", value: header)]
        } == expected, "\(header) behind \(proxies)")
    }
    #expect(matches(from(.ipBlocks, "2001:db8::/32")) { $0.source.address = "2001:db8:1::1" })
    #expect(!matches(from(.ipBlocks, "0.0.0.0/0")) { $0.source.address = "::ffff:1.2.3.4" })
  }

  // MARK: Operations

  @Test(arguments: [
    ("/a", "/a?x", true), ("/a", "/a#x", true), ("/a", "/a/", false), ("/a*", "/abc", true),
    ("/a/{*}", "/a/b", true), ("/a/{*}", "/a/", false), ("/a/{**}", "/a/", true), ("/a/{**}", "/a", false),
    ("/s/{**}/c", "/s//c", true), ("/s/{**}/c", "/s/c", false), ("/{*}", "/a[", false),
    ("/{*}", "/a=*", true), ("/a*b", "/axb", false),
  ])
  func `a path is compared as section 2.6 says`(pattern: String, path: String, expected: Bool) {
    #expect(matches(to(.paths, pattern)) { $0.path = path } == expected)
    #expect(matches(to(.paths, pattern, isNegated: true)) { $0.path = path } == !expected)
  }

  @Test(arguments: [
    (Mesh.PathNormalization.none, "/a/../b", "/a/../b"), (.base, "/a/../b", "/b"),
    (.base, "/a/%2e%2e/b", "/b"),
    (.base, "/%41\\x", "/A/x"), (.base, "/a//b", "/a//b"), (.base, "/a%2Fb", "/a%2Fb"),
    (.base, "/a/..;x/b", "/b"), (.base, "/a/%2e%2e;/b", "/a/..;/b"), (.base, "/%2541", "/%2541"),
    (.base, "/a|", "/a%7C"), (.mergeSlashes, "/a//b", "/a/b"),
    (.decodeAndMergeSlashes, "/a%2F%5cb", "/a/b"),
    (.decodeAndMergeSlashes, "/a%2f../b", "/b"),
  ])
  func `a path is normalised as section 2.7 says`(
    mode: Mesh.PathNormalization, path: String, expected: String
  ) {
    var mesh = mesh
    mesh.pathNormalization = mode
    #expect(matches(to(.paths, expected), in: mesh) { $0.path = path })
  }

  @Test func `hosts ignore case and keep their port, and methods keep their case`() {
    #expect(matches(to(.hosts, "A.example")) { $0.host = "a.EXAMPLE" })
    #expect(!matches(to(.hosts, "a.example")) { $0.host = "a.example:80" })
    #expect(matches(to(.hosts, "a.example:*")) { $0.host = "a.example:80" })
    #expect(!matches(to(.methods, "get")) { $0.method = "GET" })
  }

  // MARK: Headers

  @Test func `a joined header never allows what lines of their own would not`() {
    let one = when(.requestHeaders, "[X-One]", "a")
    let both = when(.requestHeaders, "[x-one]", "a,b")
    for (value, encoding, rule, allows, denies) in [
      ("a", ProxyRequest.HeaderEncoding.joined, one, true, true), ("a,b", .joined, one, false, true),
      ("a,b", .raw, one, false, false), ("a,b", .joined, both, false, true), ("a,b", .raw, both, true, true),
    ] {
      let change = { (request: inout ProxyRequest) in
        request.encoding = encoding
        request.headers = [ProxyRequest.Header(name: "x-one", value: value)]
      }
      #expect(matches(rule, change) == allows)
      #expect(matches(rule, action: .deny, change) == denies)
    }
    #expect(matches(when(.requestHeaders, "[x]", "*")) { $0.headers = [.init(name: "x", value: "")] })
    #expect(matches(whenNot(.requestHeaders, "[x]", "*")) { _ in })
  }

  // MARK: Tokens

  private func token(_ claims: String...) -> Token {
    var token = Token(claims: [.init(name: "iss", value: .text("idp"))], keyID: nil, key: 0)
    for claim in claims {
      let parts = claim.split(separator: "=", maxSplits: 1).map(String.init)
      let isNumber = Int(parts[1]) != nil
      token.claims.append(.init(name: parts[0], value: isNumber ? .number(parts[1]) : .text(parts[1])))
    }
    return token
  }

  private func asking(_ mesh: Mesh, with token: Token?) -> Answer {
    var request = ProxyRequest()
    if let token {
      request.tokens = ["t": token]
      request.headers = [.init(name: "authorization", value: "Bearer t")]
    }
    return answer(request, in: mesh)
  }

  private func guarded(_ change: (inout Mesh.TokenRule) -> Void = { _ in }) -> Mesh {
    var mesh = mesh
    var rule = Mesh.TokenRule(issuer: "idp", keys: [Mesh.Key(number: 0, id: nil)])
    change(&rule)
    mesh.authentications = [Mesh.Authentication(name: "t", namespace: "foo", rules: [rule])]
    return mesh
  }

  @Test func `times have a skew of sixty seconds`() {
    for (claim, fault) in [
      ("exp=\(now - 60)", nil), ("exp=\(now - 61)", TokenFault.expired), ("exp=0", .expired),
      ("nbf=\(now + 60)", nil), ("nbf=\(now + 61)", .notYetValid), ("exp=x", .malformed),
    ] {
      #expect(asking(guarded(), with: token(claim)).outcome == (fault.map { .token($0) } ?? .allowed))
    }
  }

  @Test func `audience comes before signature, and after issuer`() {
    let guarded = guarded { $0.audiences = ["https://one/"] }
    var bad = token("aud=two")
    bad.isForged = true
    #expect(asking(guarded, with: bad).outcome == .token(.audience))
    #expect(asking(guarded, with: bad).status == 403)
    bad.claims[1].value = .text("http://one")
    #expect(asking(guarded, with: bad).outcome == .token(.signature))
    bad.claims[0].value = .text("other")
    #expect(asking(guarded, with: bad).outcome == .token(.issuer))
    #expect(asking(guarded, with: nil).outcome == .allowed)
    #expect(asking(self.guarded { $0.isRequired = true }, with: nil).outcome == .token(.missing))
  }

  @Test(arguments: [
    ("*", true), ("idp/alice", true), ("idp/*", true), ("*/alice", true), ("*lice", true), ("id*", true),
    ("idp", false), ("*idp/alice", true), ("*/*", false), ("alice", false), ("idp/al*", true),
    ("*idp", false),
  ])
  func `a request principal is issuer and subject apart`(value: String, expected: Bool) {
    var mesh = guarded()
    mesh.policies = [
      Mesh.Policy(name: "p", namespace: "foo", action: .allow, rules: [from(.requestPrincipals, value)])
    ]
    #expect(asking(mesh, with: token("sub=alice")).isAllowed == expected)
    #expect(!asking(mesh, with: nil).isAllowed)
    // Without subject there is no principal.
    #expect(!asking(mesh, with: token()).isAllowed)
  }

  @Test func `claims are text, words or lists of text`() {
    func allows(_ rest: String, _ value: String, _ claim: Claim) -> Bool {
      var mesh = guarded { $0.spaceDelimitedClaims = ["roles"] }
      mesh.policies = [
        Mesh.Policy(name: "p", namespace: "foo", action: .allow, rules: [when(.requestClaims, rest, value)])
      ]
      var token = token()
      token.claims.append(.init(name: rest.contains("][") ? "o" : "roles", value: claim))
      return asking(mesh, with: token).isAllowed
    }
    #expect(allows("[roles]", "a", .text("a b")))
    #expect(!allows("[roles]", "a b", .text("a b")))
    #expect(allows("[roles]", "a", .list([.number("7"), .text("a")])))
    #expect(!allows("[roles]", "a", .list([.list([.text("a")])])))
    #expect(!allows("[roles]", "*", .number("7")))
    #expect(allows("[o][g]", "a b", .object([.init(name: "g", value: .text("a b"))])))
    #expect(!allows("[o][0]", "a", .list([.text("a")])))
  }

  // MARK: Decision

  @Test func `DENY comes first, dry-run and AUDIT change nothing, and an ALLOW without rules shuts`() {
    func policy(_ name: String, _ action: Mesh.Policy.Action, isDryRun: Bool = false) -> Mesh.Policy {
      Mesh.Policy(name: name, namespace: "foo", action: action, isDryRun: isDryRun, rules: [Mesh.Rule()])
    }
    var mesh = mesh
    mesh.policies = [policy("audit", .audit), policy("dry", .deny, isDryRun: true)]
    var answer = answer(ProxyRequest(), in: mesh)
    #expect(answer.outcome == .allowed)
    #expect(answer.audit == "ns[foo]-policy[audit]-rule[0]")
    #expect(answer.dryRunDeny == .matched("ns[foo]-policy[dry]-rule[0]"))
    mesh.policies.append(Mesh.Policy(name: "shut", namespace: "istio-system", action: .allow, rules: nil))
    #expect(self.answer(ProxyRequest(), in: mesh).outcome == .noRuleMatched)
    mesh.policies.append(policy("open", .allow))
    #expect(
      self.answer(ProxyRequest(), in: mesh).outcome == .allowedByRule("ns[foo]-policy[open]-rule[0]"))
    mesh.policies.append(policy("deny", .deny))
    answer = self.answer(ProxyRequest(), in: mesh)
    #expect(answer.outcome == .deniedByRule("ns[foo]-policy[deny]-rule[0]"))
    #expect(answer.status == 403)
  }

  @Test func `policies of other namespaces apply from the root namespace alone`() {
    for (namespace, attachment, applies) in [
      ("foo", Mesh.Attachment.allWorkloads, true), ("bar", .allWorkloads, false),
      ("istio-system", .allWorkloads, true), ("foo", .selector(["app": "web"]), true),
      ("foo", .selector(["app": "web", "version": "1"]), false),
      (
        "foo", .targets([Mesh.Target(group: "gateway.networking.k8s.io", kind: "Gateway", name: "web")]),
        false
      ),
    ] {
      var mesh = mesh
      mesh.policies = [
        Mesh.Policy(name: "p", namespace: namespace, attachment: attachment, action: .allow, rules: [])
      ]
      #expect(answer(ProxyRequest(), in: mesh).isAllowed == !applies)
    }
  }
}
