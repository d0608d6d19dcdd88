import Istio
import Lint
import Policy

/// An AuthorizationPolicy on three lines of `p.yaml`; its rules begin in column 34 or so.
func policy(
  _ action: String, _ rules: String, name: String = "p", namespace: String = "foo", app: String? = nil,
  dryRun: Bool = false
) -> String {
  let selector = app.map { "selector: {matchLabels: {app: \($0)}}, " } ?? ""
  let annotations = dryRun ? ", annotations: {\"istio.io/dry-run\": \"true\"}" : ""
  return """
    ---
    {apiVersion: security.istio.io/v1, kind: AuthorizationPolicy,
     metadata: {name: \(name), namespace: \(namespace)\(annotations)},
     spec: {\(selector)action: \(action), rules: [
     \(rules)]}}

    """
}

func authentication(_ issuer: String, namespace: String = "foo", app: String? = nil) -> String {
  let selector = app.map { "selector: {matchLabels: {app: \($0)}}, " } ?? ""
  return """
    ---
    {apiVersion: security.istio.io/v1, kind: RequestAuthentication,
     metadata: {name: tokens, namespace: \(namespace)},
     spec: {\(selector)jwtRules: [{issuer: "\(issuer)", jwksUri: "https://x.example/keys"}]}}

    """
}

/// The findings of one code as `line:column`, with their messages.
func findings(_ code: LintCode, in texts: String...) -> [(place: String, message: String)] {
  let loaded = ResourceLoader().load(file: "p.yaml", text: texts.joined())
  precondition(!loaded.hasErrors, "\(loaded.diagnostics)")
  return Linter.findings(in: loaded.resources, settings: PolicySettings())
    .filter { $0.code == code.rawValue && $0.severity == .warning }
    .map { ("\($0.position.line):\($0.position.column)", $0.message) }
}

func places(_ code: LintCode, in texts: String...) -> [String] {
  findings(code, in: texts.joined()).map(\.place)
}
