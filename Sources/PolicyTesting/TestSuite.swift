import Authorizer
import Configuration
public import Istio
import Policy
import System

/// A test file with its policies compiled and its keys made: ready to run.
public struct TestSuite: Sendable {
  public let file: TestFile
  let snapshot: PolicySnapshot
  let maker: TokenMaker
  /// Every rule that a test could reach, in the order of the resources.
  let rules: [CoveredRule]
  /// The workload's `jwtRules` in the order in which they are tried.
  let tokenRules: [SourcePosition]
  /// ALLOW policies, as `namespace/name`.
  let allowing: Set<String>
  /// Enforced ALLOW policies of the workload that have no rules, as `namespace/name`.
  let empty: [String]

  /// Loads and compiles what the file names.
  public init(_ file: TestFile) throws(TestFileRefused) {
    func refused(_ code: String, _ message: String) -> TestFileRefused {
      let place = SourcePosition(file: file.name, line: 1, column: 1)
      return TestFileRefused(diagnostics: [Diagnostic(.error, code, at: place, message)])
    }
    do { maker = try TokenMaker(file) } catch { throw refused("keys", "no keys could be made: \(error)") }
    var settings = LoaderSettings()
    settings.keySets = maker.keySets
    let folder = file.name.lastIndex(of: "/").map { String(file.name[...$0]) } ?? ""
    let texts: [ResourceText]
    do throws(SystemError) {
      texts = try PolicyFiles.read(file.policies.map { $0.hasPrefix("/") ? $0 : folder + $0 })
    } catch {
      throw refused("unreadable-policies", "\(error)")
    }
    let loaded = ResourceLoader(settings).load(texts, documents: file.resources, of: file.name)
    if loaded.hasErrors { throw TestFileRefused(diagnostics: loaded.diagnostics.filter(\.isError)) }
    let strangers = Self.unknownIssuers(of: file, among: loaded.resources)
    if !strangers.isEmpty { throw TestFileRefused(diagnostics: strangers) }
    let workloads = file.workload.map { [$0] } ?? []
    let compilation = PolicySnapshot.compile(
      .init(resources: loaded.resources, workloads: workloads, defaultWorkload: workloads.first?.name),
      settings: file.settings)
    guard let snapshot = compilation.snapshot else {
      throw TestFileRefused(diagnostics: compilation.diagnostics.filter(\.isError))
    }
    self.file = file
    self.snapshot = snapshot
    rules = CoveredRule.all(of: loaded.resources)
    let plan = PolicyPlan(loaded.resources, workloads: workloads, settings: file.settings.policy)
    tokenRules = plan.workloads.first?.jwtRules.map(\.position) ?? []
    empty = (plan.workloads.first?.authorizationPolicies ?? [])
      .filter { $0.action == .allow && !$0.isDryRun && $0.rules.isEmpty }
      .map { "\($0.metadata.namespace)/\($0.metadata.name)" }
    allowing = Set(
      loaded.resources.authorizationPolicies.filter { $0.action == .allow && !$0.isDryRun }
        .map { "\($0.metadata.namespace)/\($0.metadata.name)" })
  }

  /// Entries of `issuers` that no rule names, and tokens without `issuer` where every rule names one: no key of theirs
  /// would ever verify anything.
  private static func unknownIssuers(of file: TestFile, among resources: Resources) -> [Diagnostic] {
    let known = Set(resources.requestAuthentications.flatMap(\.jwtRules).map(\.issuer))
    let names = known.sorted().map { $0.isEmpty ? "any issuer (a rule without `issuer`)" : "`\($0)`" }
    let list =
      names.isEmpty
      ? "the policies have no RequestAuthentication" : "they have: " + names.joined(separator: ", ")
    var diagnostics: [Diagnostic] = []
    for entry in file.issuers where !known.contains(entry.issuer) {
      let what = entry.issuer.isEmpty ? "is without `issuer`" : "has the issuer `\(entry.issuer)`"
      diagnostics.append(
        Diagnostic(.error, "unknown-issuer", at: entry.position, "no rule of the policies \(what); \(list)"))
    }
    if known.contains("") { return diagnostics }
    for test in file.tests {
      guard case .minted(let token, _) = test.token, token.issuer.isEmpty else { continue }
      diagnostics.append(
        Diagnostic(
          .error, "missing-key", at: token.position,
          "a token needs `issuer`, or `text`: no rule of the policies is without `issuer`; \(list)"))
    }
    return diagnostics
  }

  /// Reads, loads and compiles the file of that path.
  public init(reading path: String) throws(TestFileRefused) {
    let text: [UInt8]
    do throws(SystemError) { text = try Files.read(path, limit: PolicyFiles.maximumFileBytes) } catch {
      let place = SourcePosition(file: path, line: 1, column: 1)
      throw TestFileRefused(diagnostics: [Diagnostic(.error, "unreadable-file", at: place, "\(error)")])
    }
    try self.init(TestFile(file: path, text: text))
  }
}

extension Diagnostic {
  fileprivate var isError: Bool { severity == .error }
}

/// A rule of the policies, and whether some test reached it.
public struct CoveredRule: Sendable, Hashable, CustomStringConvertible {
  public var position: SourcePosition
  /// `namespace/name rule[0]` or `namespace/name jwtRules[0]`.
  public var name: String

  public var description: String { "\(position.file):\(position.line): \(name)" }

  /// CUSTOM policies are another's to decide: they have no rule here.
  static func all(of resources: Resources) -> [CoveredRule] {
    var rules: [CoveredRule] = []
    for resource in resources.requestAuthentications {
      for (index, rule) in resource.jwtRules.enumerated() {
        let name = "\(resource.metadata.namespace)/\(resource.metadata.name) jwtRules[\(index)]"
        rules.append(CoveredRule(position: rule.position, name: name))
      }
    }
    for policy in resources.authorizationPolicies {
      if case .custom = policy.action { continue }
      for (index, rule) in policy.rules.enumerated() {
        let name = "\(policy.metadata.namespace)/\(policy.metadata.name) rule[\(index)]"
        rules.append(CoveredRule(position: rule.position, name: name))
      }
    }
    return rules
  }
}
