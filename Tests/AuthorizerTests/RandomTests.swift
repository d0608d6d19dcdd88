import JWT
import TestSupport
import Testing

/// Semantics 1.4, 1.5 and 1.7 once more, slowly and from the words of the specification: tokens are values here, places
/// are lists, and nothing is shared with the authorizer.
struct Oracle {
  struct Token {
    var text = ""
    /// Nil: the text is no token at all.
    var issuer: Int?
    var hasExpired = false
    var audience: String?
    var isForged = false
    /// Something stands in front of it that belongs to no token.
    var isSpoiled = false
    var subject = 0
  }

  struct Rule {
    var issuer: Int
    var audience: String?
    /// Name and prefix.
    var headers: [(name: String, prefix: String)] = []
    var parameters: [String] = []
    var cookies: [String] = []
    var forwards: Bool
    var isRequired = false
    var output: String?
  }

  /// One thing that a request holds.
  enum Part {
    case header(name: String, prefix: String, Token)
    case parameter(name: String, Token)
    case cookie(name: String, Token)
  }

  enum Result: Equatable { case passed, missing, failed(TokenError) }

  var rules: [Rule]
  var parts: [Part]
  var gone: Set<String> = []
  var goneParameters: Set<String> = []
  var set: [String: String] = [:]
  var subject: Int?

  init(_ rules: [Rule], _ parts: [Part]) {
    // Stable: of rules with one issuer the first written comes first.
    self.rules = rules.enumerated().sorted { ($0.element.issuer, $0.offset) < ($1.element.issuer, $1.offset) }
      .map(\.element)
    self.parts = parts
    gone = Set(rules.compactMap(\.output))
  }

  /// Nil: the request may go on to the policies.
  mutating func error() -> TokenError? {
    if rules.contains(where: \.isRequired) { return errorOfAll() }
    var results: [Result] = []
    for rule in rules {
      results.append(judge(rule))
      if results.last == .passed { return nil }
    }
    // ANY over the rules and, last, over ALL of them with each allowed to be missing.
    let failures = results.compactMap { if case .failed(let error) = $0 { error } else { nil } }
    guard let firstOfAll = failures.first else { return nil }
    var final = TokenError.missing
    for error in failures + [firstOfAll] {
      let isSpecific = error != .missing && error != .issuerNotConfigured
      if isSpecific || final == .missing { final = error }
    }
    return final
  }

  private mutating func errorOfAll() -> TokenError? {
    for rule in rules {
      switch judge(rule) {
      case .passed: break
      case .missing: if rule.isRequired { return .missing }
      case .failed(let error): return error
      }
    }
    return nil
  }

  private mutating func judge(_ rule: Rule) -> Result {
    let found = tokens(of: rule)
    if found.isEmpty { return .missing }
    for part in found.reversed() {
      let token =
        switch part {
        case .header(_, _, let token), .parameter(_, let token), .cookie(_, let token): token
        }
      if let error = Self.fault(of: token, rule) { return .failed(error) }
      subject = token.subject
      if let output = rule.output { set[output] = "s\(token.subject)" }
      if rule.forwards { continue }
      if case .header(let name, _, _) = part { gone.insert(name) }
      if case .parameter(let name, _) = part { goneParameters.insert(name) }
    }
    return .passed
  }

  static func fault(of token: Token, _ rule: Rule) -> TokenError? {
    guard let issuer = token.issuer else { return .malformed }
    if token.isSpoiled { return .headerNotBase64URL }
    if issuer != rule.issuer { return .issuerNotConfigured }
    if token.hasExpired { return .expired }
    if let audience = rule.audience, token.audience != audience { return .audienceNotAllowed }
    return token.isForged ? .verificationFailed : nil
  }

  private func tokens(of rule: Rule) -> [Part] {
    var found: [Part] = []
    for (name, prefix) in rule.headers.sorted(by: { $0.name + $0.prefix < $1.name + $1.prefix }) {
      if gone.contains(name) || set[name] != nil { continue }
      for part in parts {
        // Without a prefix the whole value is taken, and one with a prefix in it is no token.
        guard case .header(name, let written, var token) = part else { continue }
        if prefix.isEmpty {
          token.isSpoiled = !written.isEmpty
          found.append(.header(name: name, prefix: written, token))
        } else if written == prefix {
          found.append(part)
        }
      }
    }
    for name in rule.parameters.sorted() where !goneParameters.contains(name) {
      let first = parts.first { if case .parameter(name, _) = $0 { true } else { false } }
      if let first { found.append(first) }
    }
    for name in rule.cookies.sorted() {
      let first = parts.first { if case .cookie(name, _) = $0 { true } else { false } }
      if let first { found.append(first) }
    }
    return found
  }
}

@Suite("Random rules, places and tokens against a slow restatement")
struct RandomTests {
  static let issuers = [TestIssuer.a, TestIssuer.b, TestIssuer.c]
  static let outputs = ["x-out", "x-b"]

  /// Every kind of token of two issuers, and some of a third that no rule knows.
  static func tokens() throws -> [Oracle.Token] {
    var all: [Oracle.Token] = []
    for index in 0..<30 {
      var token = Oracle.Token(issuer: index % 5 == 4 ? 2 : index % 2, subject: index % 8)
      token.hasExpired = index % 7 == 3
      token.audience = index % 3 == 0 ? nil : index % 3 == 1 ? "one" : "two"
      token.isForged = index % 9 == 5
      var claims = "{\"sub\":\"s\(token.subject)\""
      if token.hasExpired { claims += ",\"exp\":1000" }
      if let audience = token.audience { claims += ",\"aud\":\"\(audience)\"" }
      let issuer = issuers[token.issuer ?? 0]
      token.text = try token.isForged ? issuer.forged(claims + "}") : issuer.token(claims + "}")
      all.append(token)
    }
    all.append(Oracle.Token(text: "rubbish"))
    return all
  }

  static func rule(_ random: inout SeededGenerator) -> Oracle.Rule {
    var rule = Oracle.Rule(
      issuer: Int.random(in: 0...1, using: &random), forwards: Bool.random(using: &random))
    if Int.random(in: 0..<3, using: &random) == 0 {
      rule.audience = Bool.random(using: &random) ? "one" : "two"
    }
    for name in ["x-a", "x-b"] where Int.random(in: 0..<3, using: &random) == 0 {
      rule.headers.append((name, Bool.random(using: &random) ? "" : "Tok "))
    }
    for name in ["p", "q"] where Int.random(in: 0..<4, using: &random) == 0 { rule.parameters.append(name) }
    for name in ["c", "d"] where Int.random(in: 0..<4, using: &random) == 0 { rule.cookies.append(name) }
    rule.isRequired = Int.random(in: 0..<6, using: &random) == 0
    if Bool.random(using: &random) {
      rule.output = outputs[Int.random(in: 0..<10, using: &random) == 0 ? 1 : 0]
    }
    return rule
  }

  static func yaml(_ rule: Oracle.Rule) -> String {
    var fields = ["forwardOriginalToken: \(rule.forwards)"]
    if let audience = rule.audience { fields.append("audiences: [\(audience)]") }
    let headers = rule.headers.reversed().map { "{name: \($0.name), prefix: \"\($0.prefix)\"}" }
    if !headers.isEmpty { fields.append("fromHeaders: [\(headers.joined(separator: ", "))]") }
    if !rule.parameters.isEmpty { fields.append("fromParams: [\(rule.parameters.joined(separator: ", "))]") }
    if !rule.cookies.isEmpty { fields.append("fromCookies: [\(rule.cookies.joined(separator: ", "))]") }
    if rule.isRequired { fields.append("presence: REQUIRED") }
    if let output = rule.output { fields.append("outputClaimToHeaders: [{header: \(output), claim: sub}]") }
    return issuers[rule.issuer].rule(fields.joined(separator: ", "))
  }

  static func parts(_ tokens: [Oracle.Token], _ random: inout SeededGenerator) -> [Oracle.Part] {
    var parts: [Oracle.Part] = []
    for _ in 0..<[0, 1, 1, 1, 2, 2, 3, 4][Int.random(in: 0..<8, using: &random)] {
      let token = tokens[Int.random(in: 0..<tokens.count, using: &random)]
      switch Int.random(in: 0..<5, using: &random) {
      case 0, 1, 2:
        let name = ["x-a", "x-b", "authorization"][Int.random(in: 0..<3, using: &random)]
        let prefix = name == "authorization" ? "Bearer " : Bool.random(using: &random) ? "" : "Tok "
        // Two lines of authorization are a malformed token; that has tests of its own.
        let isThere = parts.contains { if case .header("authorization", _, _) = $0 { true } else { false } }
        if name != "authorization" || !isThere { parts.append(.header(name: name, prefix: prefix, token)) }
      case 3:
        parts.append(
          .parameter(name: ["p", "q", "access_token"][Int.random(in: 0..<3, using: &random)], token))
      default: parts.append(.cookie(name: ["c", "d"][Int.random(in: 0..<2, using: &random)], token))
      }
    }
    return parts
  }

  static func request(_ parts: [Oracle.Part]) -> Request {
    var request = Request.get("/path").raw.with("x-out", "client")
    var separator = "?"
    for part in parts {
      switch part {
      case .header(let name, let prefix, let token): request = request.with(name, prefix + token.text)
      case .parameter(let name, let token):
        request.path += "\(separator)\(name)=\(token.text)"
        separator = "&"
      case .cookie(let name, let token): request = request.with("cookie", "z=1; \(name)=\(token.text)")
      }
    }
    return request
  }

  /// Which claims policies saw: rule i is for subject i, the last one for nobody.
  static let watchers =
    (0..<8).map { when("request.auth.claims[sub]", "values: [s\($0)]") }
    + [from(#"notRequestPrincipals: ["*"]"#)]

  @Test func `Six thousand random requests get the answer of the restatement`() throws {
    var random = SeededGenerator(announcing: "RandomTests")
    let tokens = try Self.tokens()
    var counts = (allowed: 0, anonymous: 0, refused: 0)
    for _ in 0..<300 {
      let rules = (0..<Int.random(in: 1...3, using: &random)).map { _ in Self.rule(&random) }
      let gate = try Gate(
        rules.enumerated().map { authentication(Self.yaml($0.element), name: "tokens-\($0.offset)") }.joined()
          + authorization("ALLOW", Self.watchers, name: "watch"))
      let completed = rules.map { rule in
        var rule = rule
        if rule.headers.isEmpty && rule.parameters.isEmpty && rule.cookies.isEmpty {
          rule.headers = [("authorization", "Bearer ")]
          rule.parameters = ["access_token"]
        }
        return rule
      }
      for _ in 0..<20 {
        let parts = Self.parts(tokens, &random)
        var oracle = Oracle(completed, parts)
        let error = oracle.error()
        let answer = gate.ask(Self.request(parts))
        let context = "\(rules)\n\(parts)\n\(answer)"
        #expect(answer.error == error, "\(context)")
        if error == nil {
          let seen = oracle.subject ?? 8
          #expect(answer.rule == "ns[foo]-policy[watch]-rule[\(seen)]", "\(context)")
          #expect(answer.set == oracle.set, "\(context)")
          #expect(Set(answer.removed) == oracle.gone.subtracting(oracle.set.keys), "\(context)")
          #expect(Set(answer.removedParameters) == oracle.goneParameters, "\(context)")
          if oracle.subject == nil { counts.anonymous += 1 } else { counts.allowed += 1 }
        } else {
          counts.refused += 1
        }
      }
    }
    // The cases are no good if they all go one way.
    #expect(counts.allowed > 300 && counts.anonymous > 300 && counts.refused > 300, "\(counts)")
  }
}
