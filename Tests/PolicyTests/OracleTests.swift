import Bytes
import Check
import Istio
import JWT
import Policy
import TestSupport
import Testing

/// Random policies against random requests, both drawn from few values so that they meet.
struct PolicyGenerator {
  var random: SeededGenerator

  mutating func pick<Value>(_ values: [Value]) -> Value {
    values[Int.random(in: 0..<values.count, using: &random)]
  }
  mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

  static let paths = [
    "/a", "/a/b", "/a//b", "/", "/a/b/c", "/a?b", "/A", "/a|b", "/a/[b", "/x=y/*z", "/a#/b", "", "/a/",
    "/b/a/b/c",
  ]
  static let pathPatterns = [
    "/a", "/a*", "*", "*b", "/a/{*}", "/a/{**}", "/{**}/c", "/{*}/b", "/{*}/{**}", "*/b/c", "/{*}/", "/{**}",
    "/b",
    "/a*b", "/{*}/{*}/{**}/c",
  ]
  static let identities = [
    "", "spiffe://td/ns/foo/sa/a", "spiffe://td/ns/bar/sa/a/x", "spiffe://td.x/ns/foo/y/sa/b", "CN=a",
    "spiffe://td/ns/foo/ns/bar/sa/a", "spiffe://td/ns/foo/sa/a\n", "spiffe:///ns/foo/sa/a",
    "spiffe://td/ns/ns/ns/foo/",
    "spiffe://other/sa/a", "spiffe://td/ns/foo//sa/a",
  ]
  static let words = ["a", "b", "ab", "ba", "*", "a*", "*b", "abc", "a,b", "b*", "*,b", "a,*"]
  static let headerNames = ["x-one", "x-two", "authorization"]
  static let headerValues = [
    "a", "b", "a,b", "ab, b", "", "b,a", "a ,b", "abc", "a,b,ab", "A", " b", "a\tb", ",a",
  ]
  static let addresses = ["10.0.0.1", "10.0.1.1", "192.168.0.1", "", "10.0.0.01", "::1"]
  static let blocks = [
    "10.0.0.0/24", "10.0.0.1", "0.0.0.0/0", "10.0.0.0/23", "192.168.0.0/16", "10.0.0.77/8",
  ]
  static let principals = [
    "*", "i/s", "i/*", "*/s", "*s", "i*", "i", "j/ab*", "*j/s", "*/*", "a/b/s", "i/s*", "https://i/s",
  ]

  mutating func list(_ values: [String], count: Int = 3) -> MatchList {
    var list = MatchList()
    let kind = Int.random(in: 0..<4, using: &random)
    if kind != 1 { list.values = draw(values, count) }
    if kind == 1 || kind == 3 { list.notValues = draw(values, count) }
    return list
  }

  private mutating func draw(_ values: [String], _ count: Int) -> [Located<String>] {
    (0..<Int.random(in: 1...count, using: &random)).map { _ in Located(pick(values), at: here) }
  }

  mutating func source() -> Source {
    var source = Source(position: here)
    switch Int.random(in: 0..<7, using: &random) {
    case 0:
      source.principals = list([
        "*", "td/ns/foo/sa/a", "td/*", "*/sa/a", "*a", "*/ns/foo/sa/a", "*\u{3A}//td", "other/sa/a",
      ])
    case 1: source.namespaces = list(["foo", "*", "f*", "*o", "bar", "b*r", "*foo*", "ns"])
    case 2: source.serviceAccounts = list(["a", "b", "bar/a", "foo/a", "foo/b"])
    case 3: source.trustDomains = list(["td", "td*", "*x", "*", "other"])
    case 4: source.ipBlocks = list(Self.blocks)
    case 5: source.remoteIPBlocks = list(Self.blocks)
    default: source.requestPrincipals = list(Self.principals)
    }
    if chance(25), source.requestPrincipals.isEmpty { source.requestPrincipals = list(Self.principals) }
    return source
  }

  mutating func operation() -> Istio.Operation {
    var operation = Istio.Operation(position: here)
    operation.paths = list(Self.pathPatterns)
    if chance(30) { operation.methods = list(["GET", "P*", "*", "*T", "POST"]) }
    if chance(30) { operation.hosts = list(["a.com", "*.com", "A.*", "*", "a.com:80"]) }
    if chance(15) { operation.ports = list(["80", "8080"]) }
    return operation
  }

  mutating func condition() -> Condition {
    let key: ConditionKey
    var values = Self.words
    switch Int.random(in: 0..<11, using: &random) {
    case 0, 1, 2, 3: key = .requestHeader(pick(Self.headerNames + ["X-One"]))
    case 4: key = .requestClaim(pick([["g"], ["scope"], ["o", "g"], ["o"], ["sub"]]))
    case 5: key = pick([.requestAudiences, .requestPresenter])
    case 6: (key, values) = (.requestPrincipal, Self.principals)
    case 7: (key, values) = (pick([.sourceIP, .remoteIP, .destinationIP]), Self.blocks)
    case 8: key = .connectionSNI
    case 9: (key, values) = (.sourceNamespace, ["foo", "*", "f*"])
    default: (key, values) = (.destinationPort, ["80", "8080"])
    }
    return Condition(key: key, match: list(values), position: here)
  }

  mutating func policy() -> AuthorizationPolicy {
    var rules: [Rule] = []
    for _ in 0..<Int.random(in: 0...3, using: &random) {
      var rule = Rule(position: here)
      if chance(50) { for _ in 0..<Int.random(in: 1...2, using: &random) { rule.sources.append(source()) } }
      if chance(50) {
        for _ in 0..<Int.random(in: 1...2, using: &random) { rule.operations.append(operation()) }
      }
      if chance(55) {
        for _ in 0..<Int.random(in: 1...2, using: &random) { rule.conditions.append(condition()) }
      }
      rules.append(rule)
    }
    return AuthorizationPolicy(
      metadata: .init(name: pick(["p", "q", "r"]), namespace: pick(["foo", "bar"]), position: here),
      attachment: .allWorkloads, action: pick([.allow, .allow, .deny, .deny, .audit]), rules: rules,
      isDryRun: chance(8))
  }

  mutating func request() -> Request {
    var request = Request()
    request.path = pick(Self.paths)
    request.method = pick(["GET", "POST", "PUT", "get"])
    request.host = pick(["a.com", "A.COM", "a.com:80", "b.a.Com", ""])
    request.encoding = chance(50) ? .joined : .raw
    for name in Self.headerNames where chance(60) {
      request.headers.append((name, pick(Self.headerValues)))
      if request.encoding == .raw, chance(30) { request.headers.append((name, pick(Self.headerValues))) }
    }
    if chance(40) {
      request.headers.append(
        ("x-forwarded-for", pick(["10.0.0.1", "1.1.1.1, 10.0.1.1", "x", "", "10.0.0.1,"])))
    }
    request.source.address = pick(Self.addresses)
    request.source.principal = pick(Self.identities)
    request.destination = .init(address: pick(["10.0.0.1", "192.168.0.1"]), port: pick([80, 8080]))
    request.serverName = chance(50) ? pick(["a", "ab", "", "b"]) : nil
    if chance(15) { request.removedHeaders = [pick(Self.headerNames)] }
    if chance(15) { request.setHeaders = [(pick(Self.headerNames), pick(Self.headerValues))] }
    return request
  }

  mutating func claims() -> [(String, Oracle.Claim)] {
    var claims: [(String, Oracle.Claim)] = []
    let text = ["a", "b", "ab", "", "a b", "  ", "b  ab", "a\nb", "*"]
    if chance(85) { claims.append(("iss", .text(pick(["i", "j", "a/b", "https://i", "", "ij"])))) }
    if chance(85) { claims.append(("sub", .text(pick(["s", "ab", "", "*", "b/s", "xs"])))) }
    for name in ["g", "scope", "aud", "azp"] where chance(70) {
      let isText = name == "azp" || chance(50)
      let element = name == "aud" ? Oracle.Claim.text("b") : pick([.number, .list([.text("a")]), .text("b")])
      claims.append((name, isText ? .text(pick(text)) : .list([element, .text(pick(text))])))
    }
    if chance(50) {
      claims.append(
        ("o", pick([.object([("g", .text(pick(text))), ("h", .number)]), .number, .text(pick(text))])))
    }
    return claims
  }

  static func json(_ claim: Oracle.Claim) -> String {
    switch claim {
    case .text(let text): "\"\(text.replacing("\n", with: "\\n"))\""
    case .number: "7"
    case .list(let elements): "[\(elements.map(json).joined(separator: ","))]"
    case .object(let members): "{\(members.map { "\"\($0.0)\":\(json($0.1))" }.joined(separator: ","))}"
    }
  }
}

@Suite("Against a slow evaluator written from the specification")
struct OracleTests {
  @Test func `50,000 random pairs of policies and requests get the same answer`() throws {
    let seed: UInt64 = 20_263
    print("seed \(seed)")
    var generator = PolicyGenerator(random: SeededGenerator(seed: seed))
    var scratch = PolicyScratch()
    var passed = 0
    var pairs = 0
    var failures = 0
    // Signing is the slow part: tokens are drawn from a stock, each paired with many requests.
    for _ in 0..<100 {
      let claims = generator.chance(75) ? generator.claims() : nil
      var verified = VerifiedClaims()
      if let claims { try TokenMint.fill(&verified, PolicyGenerator.json(.object(claims)), []) }
      for _ in 0..<50 {
        let policies = (0..<Int.random(in: 1...3, using: &generator.random)).map { _ in generator.policy() }
        let table = try DecisionTable(compiling: policies)
        for _ in 0..<11 {
          let request = generator.request()
          let expected = Oracle(policies: policies, request: request, claims: claims).answer()
          let decision = try request.read { check, octets, changes, _ in
            table.evaluate(check, in: octets.span, changes: changes, claims: verified, scratch: &scratch)
          }
          pairs += 1
          if decision.isAllowed { passed += 1 }
          if decision.isAllowed != (expected == .pass), failures < 3 {
            failures += 1
            Issue.record(
              "\(decision), expected \(expected): \(policies)\n\(request)\n\(String(describing: claims))")
          }
        }
      }
    }
    print("\(passed) of \(pairs) passed")
    #expect(pairs >= 50_000)
    // Both answers are common, or the test would show little.
    #expect(passed > pairs / 10 && passed < pairs * 9 / 10)
  }
}
