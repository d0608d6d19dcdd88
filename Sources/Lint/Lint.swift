// Lint: which mistakes that people really make are in these policies? Resources that were loaded without an
// error flow in; warnings, each at the value it is about, with what would be right, flow out. Nothing here
// refuses a policy or changes what it means: every finding is valid Istio that rarely says what was meant.

public import Istio
public import Policy

/// The closed list of what is warned about; `rawValue` is the stable name.
public enum LintCode: String, Sendable, CaseIterable {
  case splitExemptions = "split-exemptions"
  case preflightBlocked = "preflight-blocked"
  case wideExemption = "wide-exemption"
  case exemptNotAllowed = "exempt-not-allowed"
  case defaultDeny = "default-deny"
  case noRequestAuthentication = "no-request-authentication"
  case unknownIssuer = "unknown-issuer"
  case principalTrap = "request-principal-trap"
  case noKeySource = "no-key-source"
  case numericClaim = "numeric-claim"
  case hostWithoutPort = "host-without-port"
  case contradiction = "contradiction"
  case duplicateRule = "duplicate-rule"
  case shadowedRule = "shadowed-rule"
  case needsClientCertificate = "needs-client-certificate"
  case needsTLSSession = "needs-tls-session"
  case needsFilterMetadata = "needs-filter-metadata"
  case denyByFilterMetadata = "deny-by-filter-metadata"
  case allowsNothing = "allows-nothing"
  case deniesEverybody = "denies-everybody"
  case missingNamespace = "missing-namespace"

  /// The mistake, in a line.
  public var summary: String {
    switch self {
    case .splitExemptions: "two DENY rules exempt different paths: only what both exempt is open"
    case .preflightBlocked: "a DENY rule that wants a token denies CORS preflights, which carry none"
    case .wideExemption: "a prefix such as `/health*` exempts `/healthcheck-admin` too"
    case .exemptNotAllowed:
      "a path that a DENY policy exempts is denied all the same: no ALLOW rule matches it"
    case .defaultDeny: "an ALLOW policy for a whole namespace denies whatever no ALLOW rule matches"
    case .noRequestAuthentication:
      "a rule asks for a token's claims, and no RequestAuthentication applies there"
    case .unknownIssuer: "a request principal of an issuer that no RequestAuthentication accepts"
    case .principalTrap: "a request principal that does not say what it seems to"
    case .noKeySource: "an issuer without keys, whose name is no address to look for them"
    case .numericClaim: "a claim is compared with a number or truth value, and only text ever matches"
    case .hostWithoutPort: "a DENY rule names a host, and the same host with a port passes it"
    case .contradiction: "a field excludes all that it demands: the rule never matches"
    case .duplicateRule: "a rule that is there twice"
    case .shadowedRule: "a rule that never decides: another one matches everything"
    case .needsClientCertificate: "a field that is empty unless the proxy asks clients for certificates"
    case .needsTLSSession: "a field that is empty unless the proxy sends `include_tls_session`"
    case .needsFilterMetadata: "a field that is empty unless the proxy sends `metadata_context_namespaces`"
    case .denyByFilterMetadata:
      "a DENY rule matches filter metadata: what the filter did not parse passes it"
    case .allowsNothing: "an ALLOW policy without rules allows nothing, and denies what no other one allows"
    case .deniesEverybody:
      "one DENY rule denies requests with a token, another one those without, for the same paths"
    case .missingNamespace: "a policy without `metadata.namespace` applies in the namespace `default` alone"
    }
  }
}

/// Looks for mistakes in resources.
public struct Linter {
  let requestAuthentications: [RequestAuthentication]
  /// Enforced ones; CUSTOM, AUDIT and dry-run ones decide nothing here.
  let policies: [AuthorizationPolicy]
  let settings: PolicySettings
  private(set) var diagnostics: [Diagnostic] = []

  private init(_ resources: Resources, _ settings: PolicySettings) {
    requestAuthentications = resources.requestAuthentications
    policies = resources.authorizationPolicies.filter {
      !$0.isDryRun && ($0.action == .allow || $0.action == .deny)
    }
    self.settings = settings
  }

  /// All findings, by file, line and column. Cost: the square of the number of rules that may meet.
  ///
  /// - Parameter namespaces: those of the workloads; empty: the workloads are not known.
  public static func findings(
    in resources: Resources, settings: PolicySettings, namespaces: Set<String> = []
  ) -> [Diagnostic] {
    var linter = Linter(resources, settings)
    linter.lintExemptions()
    linter.lintDefaultDeny()
    linter.lintPrincipals()
    linter.lintKeys()
    linter.lintFields()
    linter.lintRules()
    linter.lintAllowsNothing()
    linter.lintDeniesEverybody()
    if !namespaces.contains("default"), settings.rootNamespace != "default" {
      linter.lintMissingNamespaces(
        resources.requestAuthentications.map(\.metadata) + resources.authorizationPolicies.map(\.metadata))
    }
    return linter.diagnostics.sorted {
      let (a, b) = ($0.position, $1.position)
      return (a.file, a.line, a.column, $0.code) < (b.file, b.line, b.column, $1.code)
    }
  }

  mutating func warn(_ code: LintCode, at position: SourcePosition, _ message: String) {
    let finding = Diagnostic(.warning, code.rawValue, at: position, message)
    if !diagnostics.contains(finding) { diagnostics.append(finding) }
  }

  // MARK: What the rules share

  /// Whether two resources can apply to one workload, as far as their namespaces and selectors tell.
  func mayMeet(
    _ one: (ObjectMetadata, Attachment), _ other: (ObjectMetadata, Attachment)
  ) -> Bool {
    let namespaces = [one.0.namespace, other.0.namespace]
    if namespaces[0] != namespaces[1], !namespaces.contains(settings.rootNamespace) { return false }
    guard case .selector(let mine, _) = one.1, case .selector(let theirs, _) = other.1 else { return true }
    return mine.allSatisfy { theirs[$0.key] == nil || theirs[$0.key] == $0.value }
  }

  func mayMeet(_ one: AuthorizationPolicy, _ other: AuthorizationPolicy) -> Bool {
    mayMeet((one.metadata, one.attachment), (other.metadata, other.attachment))
  }

  /// The RequestAuthentications that can apply where a policy does.
  func requestAuthentications(beside policy: AuthorizationPolicy) -> [RequestAuthentication] {
    requestAuthentications.filter {
      mayMeet(($0.metadata, $0.attachment), (policy.metadata, policy.attachment))
    }
  }

  /// Every field of a rule that is a list of values, with what it is called.
  static func fields(of rule: Rule) -> [(name: String, list: MatchList)] {
    var all: [(String, MatchList)] = []
    for source in rule.sources {
      all += [
        ("principals", source.principals), ("requestPrincipals", source.requestPrincipals),
        ("namespaces", source.namespaces), ("serviceAccounts", source.serviceAccounts),
        ("trustDomains", source.trustDomains), ("ipBlocks", source.ipBlocks),
        ("remoteIpBlocks", source.remoteIPBlocks),
      ]
    }
    for operation in rule.operations {
      all += [
        ("hosts", operation.hosts), ("ports", operation.ports), ("methods", operation.methods),
        ("paths", operation.paths),
      ]
    }
    return all.filter { !$0.1.isEmpty }
  }
}

extension MatchList {
  var texts: [String] { values.map(\.value) }
  var notTexts: [String] { notValues.map(\.value) }
  var first: Located<String>? { values.first ?? notValues.first }

  func says(theSameAs other: MatchList) -> Bool {
    Set(texts) == Set(other.texts) && Set(notTexts) == Set(other.notTexts)
  }
}
