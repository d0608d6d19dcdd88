import Authorizer
import Bytes
import Check
import Istio
import JWT
import Policy
import Testing

/// An authorizer over policies in YAML.
final class Gate {
  /// The time of every test that chooses no other.
  static let now: UInt64 = 1_800_000_000

  private(set) var snapshot: PolicySnapshot
  private var authorizer: Authorizer
  private var check = Check()
  private var message: [UInt8] = []

  /// The workload of tests that are about something else.
  static let workload = Workload(name: "web", namespace: "foo", labels: ["app": "web"])

  init(
    _ yaml: String, workloads: [Workload] = [Gate.workload], defaultWorkload: String? = "web",
    settings: AuthorizerSettings = AuthorizerSettings()
  ) throws {
    let compiled = try Self.compile(
      yaml, workloads: workloads, defaultWorkload: defaultWorkload, settings: settings)
    let errors = compiled.diagnostics.filter { $0.severity == .error }
    guard let snapshot = compiled.snapshot, errors.isEmpty else { throw NotLoaded(errors: errors) }
    self.snapshot = snapshot
    authorizer = Authorizer(snapshot: snapshot)
  }

  init(snapshot: PolicySnapshot) {
    self.snapshot = snapshot
    authorizer = Authorizer(snapshot: snapshot)
  }

  static func compile(
    _ yaml: String, workloads: [Workload] = [Gate.workload], defaultWorkload: String? = "web",
    settings: AuthorizerSettings = AuthorizerSettings(), loader: LoaderSettings = LoaderSettings()
  ) throws -> PolicySnapshot.Compilation {
    let loaded = ResourceLoader(loader).load(file: "policies.yaml", text: yaml)
    if loaded.hasErrors { throw NotLoaded(errors: loaded.diagnostics.filter { $0.severity == .error }) }
    return PolicySnapshot.compile(
      .init(resources: loaded.resources, workloads: workloads, defaultWorkload: defaultWorkload),
      settings: settings)
  }

  func ask(_ request: Request, now: UInt64 = Gate.now) -> Answer {
    request.write(&check, &message)
    let verdict = authorizer.authorize(check, in: message.span, now: now)
    var answer = Answer(
      isAllowed: verdict.isAllowed, status: verdict.isAllowed ? 200 : Int(verdict.httpStatus),
      body: verdict.isAllowed ? "" : "\(verdict.body)", reason: verdict.reason, error: verdict.tokenError,
      workload: verdict.workload.map { snapshot.workloadName($0) }, set: [:], removed: [],
      removedParameters: [])
    if let rule = verdict.rule, let workload = verdict.workload {
      answer.rule = snapshot.withRuleName(rule, workload: workload) { $0.text() }
    }
    if let error = verdict.tokenError {
      var text = ByteBuffer()
      Authorizer.appendChallenge(for: error, check, in: message.span, to: &text)
      answer.challenge = text.span.text()
    }
    Self.read(authorizer.changes, into: &answer)
    return answer
  }

  /// Why a request is denied, in words for people.
  func account(_ request: Request, now: UInt64 = Gate.now) -> DenialAccount {
    request.write(&check, &message)
    let verdict = authorizer.authorize(check, in: message.span, now: now)
    let issuer = authorizer.withUnverifiedIssuer { $0.text() }
    return snapshot.account(of: DenialFacts(verdict), issuer: issuer)
  }

  /// Goes over to another snapshot.
  func adopt(_ snapshot: PolicySnapshot) {
    authorizer.adopt(snapshot)
    self.snapshot = snapshot
  }

  /// Signatures that the token cache knew.
  var cacheHits: UInt64 { authorizer.cacheStatistics.hits }

  var verifications: VerificationCounts { authorizer.verifications }

  private static func read(_ changes: borrowing RequestChanges, into answer: inout Answer) {
    let octets = changes.octets.copy()
    func text(_ range: ByteRange) -> String { String(decoding: octets[range.indices], as: UTF8.self) }
    for pair in changes.setHeaders { answer.set[text(pair.name)] = text(pair.value) }
    answer.removed = changes.removedHeaders.map(text)
    answer.removedParameters = changes.removedParameters.map(text)
  }

  /// The status alone.
  func status(_ request: Request, now: UInt64 = Gate.now) -> Int { ask(request, now: now).status }

  /// The text of the answer alone, empty when it allows.
  func body(_ request: Request, now: UInt64 = Gate.now) -> String { ask(request, now: now).body }

  /// Asks again and again with one storage, and calls `between` before each round.
  func repeatedly(_ requests: [Request], rounds: Int, _ before: (Int) -> Void) -> Int {
    var allowed = 0
    var checks = OwnedArray<Check>()
    var messages: [[UInt8]] = []
    for request in requests {
      var check = Check()
      var message: [UInt8] = []
      request.write(&check, &message)
      checks.append(check)
      messages.append(message)
    }
    for round in 0..<rounds {
      before(round)
      for index in checks.indices {
        let octets = messages[index]
        let verdict = authorizer.authorize(checks[index], in: octets.span, now: Gate.now)
        if verdict.isAllowed { allowed += 1 }
      }
    }
    return allowed
  }
}

struct NotLoaded: Error, CustomStringConvertible {
  var errors: [Diagnostic]
  var description: String { errors.map(\.description).joined(separator: "\n") }
}

// MARK: Policies as tests write them, in namespace `foo` and in YAML's flow form

func authentication(
  _ rules: String..., name: String = "tokens", namespace: String = "foo"
) -> String {
  """
  ---
  apiVersion: security.istio.io/v1
  kind: RequestAuthentication
  metadata: {name: \(name), namespace: \(namespace)}
  spec: {jwtRules: [\(rules.joined(separator: ", "))]}

  """
}

func authorization(
  _ action: String, _ rules: [String], name: String, namespace: String = "foo", app: String? = nil
) -> String {
  let selector = app.map { "selector: {matchLabels: {app: \($0)}}, " } ?? ""
  return """
    ---
    apiVersion: security.istio.io/v1
    kind: AuthorizationPolicy
    metadata: {name: \(name), namespace: \(namespace)}
    spec: {\(selector)action: \(action)\(rules.isEmpty ? "" : ", rules: [\(rules.joined(separator: ", "))]")}

    """
}

func allow(_ rules: String...) -> String { authorization("ALLOW", rules, name: "allow") }
func deny(_ rules: String...) -> String { authorization("DENY", rules, name: "deny") }

func to(_ operation: String) -> String { "{to: [{operation: {\(operation)}}]}" }
func from(_ source: String) -> String { "{from: [{source: {\(source)}}]}" }
func when(_ key: String, _ values: String) -> String { "{when: [{key: \"\(key)\", \(values)}]}" }

/// Only requests with a principal pass.
let onlyKnown = allow(from(#"requestPrincipals: ["*"]"#))
/// Passes everybody and, unlike no policy at all, by a rule.
let everybody = allow("{}")

extension AuthorizerSettings {
  init(skew: UInt64) {
    self.init()
    clockSkewSeconds = skew
  }

  init(normalizing mode: PathNormalization) {
    self.init()
    policy.pathNormalization = mode
  }
}
