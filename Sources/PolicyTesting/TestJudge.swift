import Authorizer
import Bytes
import Check
import ExtAuthz
import Istio
import Policy

/// What a request came to, in words.
struct Outcome: Sendable {
  var status = 0
  var reason = ""
  var body = ""
  /// `namespace/name` and the rule's index.
  var decider: (policy: String, rule: Int)?
  var setHeaders: [(name: String, value: String)] = []
  var removedHeaders: [String] = []
  /// Why, for people, a line each.
  var words: [String] = []
  /// The rules that matched.
  var reached: [String] = []

  /// The differences from what is expected, each as two lines.
  func differences(from expect: Expectation) -> [Difference] {
    var found: [Difference] = []
    func compare(_ what: String, _ expected: String, _ actual: String) {
      if expected != actual { found.append(Difference(what: what, expected: expected, actual: actual)) }
    }
    if let status = expect.status { compare("status", "\(status)", "\(self.status)") }
    if let reason = expect.reason { compare("reason", reason, self.reason) }
    if let body = expect.body { compare("body", body, self.body) }
    let actual = decider.map { "\($0.policy) rule \($0.rule)" } ?? "no rule"
    switch expect.decider {
    case nil: break
    case .nobody: compare("decidedBy", "no rule", actual)
    case .policy(let policy, let rule):
      let name =
        policy.contains("/") ? decider?.policy : decider?.policy.split(separator: "/").last.map(String.init)
      if name != policy || (rule != nil && rule != decider?.rule) {
        compare("decidedBy", policy + (rule.map { " rule \($0)" } ?? ""), actual)
      }
    }
    for (name, value) in expect.setHeaders {
      let actual = setHeaders.first { $0.name == name }?.value
      compare("header \(name)", "set to `\(value)`", actual.map { "set to `\($0)`" } ?? "not set")
    }
    for name in expect.removedHeaders where !removedHeaders.contains(name) {
      let isSet = setHeaders.contains { $0.name == name }
      compare("header \(name)", "removed", isSet ? "set" : "not removed")
    }
    return found
  }
}

/// One line of what was expected, and what came instead.
public struct Difference: Sendable, Equatable {
  public var what: String
  public var expected: String
  public var actual: String
}

/// One thread's judge of the tests of one suite.
struct TestJudge: ~Copyable {
  private let suite: TestSuite
  private var authorizer: Authorizer
  private var check = Check()

  init(_ suite: TestSuite) {
    self.suite = suite
    authorizer = Authorizer(snapshot: suite.snapshot)
    authorizer.tracesTokens = true
  }

  /// Judges a test's request, written and read as on the wire.
  /// - Throws: why there is no such request.
  mutating func outcome(of test: PolicyTest) throws -> Outcome {
    let message = try suite.maker.request(of: test, now: suite.file.now).checkRequest
    try CheckRequestReader.read(message.span, into: &check)
    let now = UInt64(clamping: suite.file.now)
    let verdict = authorizer.authorize(check, in: message.span, now: now)
    var outcome = Outcome()
    outcome.status = verdict.isAllowed ? 200 : Int(verdict.httpStatus)
    outcome.body = verdict.isAllowed ? "" : "\(verdict.body)"
    outcome.reason = "\(verdict.reason.label)"
    if let rule = verdict.rule, let workload = verdict.workload {
      let rule = suite.snapshot.describe(rule, workload: workload)
      outcome.decider = ("\(rule.namespace)/\(rule.name)", rule.index)
      outcome.words = ["rule \(rule.index) of \(rule.namespace)/\(rule.name) (\(rule.position)) matched"]
    }
    if verdict.isAllowed { readChanges(into: &outcome) }
    let explanations = authorizer.explainRules(of: verdict, for: check, in: message.span)
    for explanation in explanations where explanation.matched {
      let rule = explanation.rule
      outcome.reached.append("\(rule.namespace)/\(rule.name) rule[\(rule.index)]")
    }
    outcome.words += words(for: verdict, explanations)
    for pass in [authorizer.trace.rules, authorizer.trace.secondPass ?? []] {
      for (index, rule) in pass.enumerated() where rule.outcome == .accepted {
        guard suite.tokenRules.indices.contains(index) else { continue }
        let position = suite.tokenRules[index]
        outcome.reached += suite.rules.filter { $0.position == position }.map(\.name)
      }
    }
    return outcome
  }

  private func readChanges(into outcome: inout Outcome) {
    let octets = authorizer.changes.octets.copy()
    func text(_ range: ByteRange) -> String { String(decoding: octets[range.indices], as: UTF8.self) }
    for pair in authorizer.changes.setHeaders {
      outcome.setHeaders.append((text(pair.name), text(pair.value)))
    }
    outcome.removedHeaders = authorizer.changes.removedHeaders.map(text)
  }

  private func words(for verdict: Verdict, _ explanations: [RuleExplanation]) -> [String] {
    switch verdict.reason {
    case .deniedByRule: return []
    case .tokenTooLarge: return ["the token is larger than `limits.tokenBytes`"]
    case .tooManyTokens: return ["a rule finds more tokens than `limits.tokensPerRule`"]
    case .token: return ["the token was refused: \(verdict.body)"]
    case .malformedPath: return ["the path cannot be normalised, or there are two"]
    case .malformedMetadata: return ["the filter metadata cannot be read"]
    case .malformedCertificate: return ["the peer's certificate cannot be read"]
    case .unknownWorkload: return ["the request is for no workload of the file"]
    case .notHTTP: return ["the check holds no HTTP request"]
    case .allowed:
      if verdict.rule != nil { return [] }
      return ["no DENY rule matched, and no ALLOW policy applies to the workload"]
    case .noRuleMatched:
      var lines = ["no rule of the ALLOW policies matched"]
      let allow = explanations.filter {
        suite.allowing.contains("\($0.rule.namespace)/\($0.rule.name)") && !$0.rule.isDryRun
      }
      for explanation in allow.prefix(5) { lines.append(Self.failure(of: explanation)) }
      for name in suite.empty {
        lines.append(
          "ALLOW \(name) has no rules here: it allows nothing, and denies what nothing else allows")
      }
      if allow.count > 5 { lines.append("and \(allow.count - 5) more rules did not match") }
      return lines
    }
  }

  private static func failure(of explanation: RuleExplanation) -> String {
    let rule = explanation.rule
    let name = "rule \(rule.index) of \(rule.namespace)/\(rule.name) (\(rule.position)) did not match"
    guard let clause = explanation.alternatives.compactMap(\.failed).first else { return name }
    return "\(name): `\(clause.field)` \(clause.values.map(\.value))"
  }
}
