public import Authorizer
import ExtAuthz
public import Istio
import JSON
import JWT
public import KeySets
import Policy

/// One token, held against rules outside any request: what is in it, and what would become of it.
public struct TokenInspection: Sendable {
  /// A section of the token, decoded.
  public enum Section: Sendable {
    case value(JSONDocumentText)
    /// Why it cannot be shown, with the offset where that is known.
    case unreadable(String)
  }

  /// What one rule does with the token.
  public struct Judgement: Sendable {
    /// What the rule is called, and where it stands.
    public var name: String
    public var checks: [TokenCheck]
    /// Status and text as the client would get them; nil when the token is accepted.
    public var refusal: String?
    /// What else is worth knowing of the rule: keys that are skipped, with their reasons.
    public var notes: [String] = []
  }

  /// What was done before the text was read, in words.
  public var notes: [String] = []
  public var header = Section.unreadable("there is no such part")
  public var claims = Section.unreadable("there is no such part")
  /// `iat`, `nbf`, `exp` in words.
  public var times: [(name: String, text: String)] = []
  /// One for each rule; without rules a single one, in which nothing that needs keys was checked.
  public var judgements: [Judgement] = []
  /// Whether some rule accepts the token, its signature included.
  public var isVerified = false

  /// Whether nothing that was checked refuses it.
  public var isAcceptable: Bool { judgements.contains { $0.refusal == nil } }

  /// Inspects a token as a person has it: white space, quotes and a `Bearer` in front are taken off.
  /// - Parameters:
  ///   - rules: what it is held against, each with a name for people.
  ///   - now: seconds since 1970.
  ///   - keys: of rules whose keys are in the network, by where; what is not there has not come.
  public init(
    _ text: String, rules: [(name: String, rule: JWTRule)], settings: AuthorizerSettings, now: UInt64,
    keys: [KeySource.Place: KeyBoard.Entry] = [:]
  ) {
    let token = Self.bare(text, &notes)
    readSections(token, now: now)
    if rules.isEmpty { judgements = [Self.judgeWithoutKeys(token, settings, now: now)] }
    for (name, rule) in rules {
      let judgement = Self.judge(token, named: name, rule, settings, now: now, keys)
      if judgement.refusal == nil { isVerified = true }
      judgements.append(judgement)
    }
  }

  private static func bare(_ text: String, _ notes: inout [String]) -> String {
    var token = Substring(text)
    func trim() {
      while let first = token.first, first.isWhitespace { token.removeFirst() }
      while let last = token.last, last.isWhitespace { token.removeLast() }
    }
    trim()
    if token.lowercased().hasPrefix("authorization:") {
      token = token.drop { $0 != ":" }.dropFirst()
      trim()
      notes.append("`Authorization:` in front was taken off")
    }
    if token.count >= 2, let first = token.first, first == token.last, first == "\"" || first == "'" {
      token = token.dropFirst().dropLast()
      trim()
      notes.append("the quotes around it were taken off; a request with them has a malformed token")
    }
    if token.lowercased().hasPrefix("bearer ") {
      if !token.hasPrefix("Bearer ") {
        notes.append(
          "a request with `\(token.prefix(6))` has no token: the scheme is `Bearer`, letter case counts")
      }
      token = token.dropFirst(7)
      trim()
      notes.append("`Bearer` in front was taken off")
    }
    return String(token)
  }

  // MARK: What is in it

  private mutating func readSections(_ token: String, now: UInt64) {
    let parts = token.split(separator: ".", omittingEmptySubsequences: false)
    if parts.indices.contains(0) { header = Self.section(parts[0]) }
    guard parts.indices.contains(1) else { return }
    claims = Self.section(parts[1])
    var document = JSONDocument()
    guard (try? document.parseBase64URL(Array(parts[1].utf8).span)) != nil,
      document.kind(of: document.root) == .object
    else { return }
    for name in ["iat", "nbf", "exp"] {
      let key = Array(name.utf8)
      guard let value = document.member(key.span, of: document.root), document.kind(of: value) == .number,
        let number = document.double(of: value), number >= 0, number < 0x1p64
      else { continue }
      times.append((name, TimeWords.text(UInt64(number), now: now)))
    }
  }

  private static func section(_ text: Substring) -> Section {
    var document = JSONDocument()
    do throws(JSONError) {
      try document.parseBase64URL(Array(text.utf8).span)
      return .value(JSONDocumentText(document.root, of: document))
    } catch {
      return .unreadable(JSONFault.words(for: error, encoded: text))
    }
  }

  // MARK: What becomes of it

  /// The name of a header that only an inspection has.
  private static let headerName = "x-countersign-inspected-token"

  /// Sends the token through the authorizer, alone in a header that the rule looks into.
  private static func judge(
    _ token: String, named name: String, _ rule: JWTRule, _ settings: AuthorizerSettings, now: UInt64,
    _ keys: [KeySource.Place: KeyBoard.Entry]
  ) -> Judgement {
    var judgement = Judgement(name: name, checks: [], refusal: nil)
    var rule = rule
    rule.fromHeaders = [JWTRule.HeaderLocation(name: headerName, prefix: "")]
    rule.fromParams = []
    rule.fromCookies = []
    rule.presence = .required
    let metadata = ObjectMetadata(name: "inspected", namespace: "inspected", position: rule.position)
    var resources = Resources()
    resources.requestAuthentications = [
      RequestAuthentication(metadata: metadata, attachment: .allWorkloads, jwtRules: [rule])
    ]
    let input = PolicySnapshot.Input(
      resources: resources, workloads: [Workload(name: "inspected", namespace: "inspected", labels: [:])],
      defaultWorkload: "inspected")
    let compilation = PolicySnapshot.compile(input, settings: settings)
    guard let snapshot = compilation.snapshot else {
      judgement.refusal =
        compilation.diagnostics.first { $0.severity == .error }?.message ?? "the rule cannot be used"
      return judgement
    }
    if case .inline(let text) = rule.keys,
      let set = try? JWKSet.parse(Array(text.value.utf8).span, source: .inline)
    {
      judgement.notes = set.skipped.map { "skipped: \($0)" } + set.warnings.map { "warning: \($0)" }
    }
    var request = ProxiedRequest()
    request.headers = [(headerName, token)]
    guard
      let explanation = try? Explainer(snapshot, of: input, settings: settings)
        .explain(
          request.checkRequest, now: now, keys: snapshot.keySources.compactMap { keys[$0.place] }),
      let told = explanation.tokenRules.first
    else {
      judgement.refusal = "401 \(TokenError.malformed.text)"
      return judgement
    }
    judgement.checks = told.tokens.first?.checks ?? []
    if let note = told.tokens.first?.note { judgement.notes.append(note) }
    if case .refused(let text) = told.outcome { judgement.refusal = text }
    if told.outcome == .noToken { judgement.refusal = "401 \(TokenError.missing.text)" }
    return judgement
  }

  /// Form and times are all that can be checked without keys.
  private static func judgeWithoutKeys(
    _ text: String, _ settings: AuthorizerSettings, now: UInt64
  ) -> Judgement {
    var judgement = Judgement(name: "without keys", checks: [], refusal: nil)
    var traced = AuthenticationTrace.Token(place: .header(name: headerName, prefix: ""), text: text)
    var token = UnverifiedToken()
    let octets = Array(text.utf8)
    do throws(TokenError) {
      try token.parse(octets.span, settings.token)
      traced.facts = Authorizer.facts(of: token)
      try token.checkTimes(now: now, skewSeconds: settings.clockSkewSeconds)
      traced.judgement = .accepted
    } catch {
      traced.judgement = .refused(error)
      judgement.refusal = "\(error.httpStatus) \(error.text)"
    }
    let anyRule = JWTRule(position: SourcePosition(file: "", line: 1, column: 1))
    judgement.checks = TokenChecks.list(
      traced, of: anyRule, settings, now: now
    ).map { check in
      guard check.name == "form" || check.name == "times" else {
        return TokenCheck(name: check.name, result: .notReached, detail: "")
      }
      return check
    }
    return judgement
  }
}
