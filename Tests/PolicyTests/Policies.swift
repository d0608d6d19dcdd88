import Istio
import Policy
import Testing

/// Policies as tests write them: rules in YAML's flow form, in namespace `foo`.
struct Policies {
  var text = ""
  var settings = PolicySettings()

  func adding(
    _ action: String, _ rules: [String], name: String, namespace: String = "foo", dryRun: Bool = false
  ) -> Policies {
    var next = self
    let annotations = dryRun ? ", annotations: {istio.io/dry-run: \"true\"}" : ""
    next.text += """
      ---
      apiVersion: security.istio.io/v1
      kind: AuthorizationPolicy
      metadata: {name: \(name), namespace: \(namespace)\(annotations)}
      spec: {action: \(action)\(rules.isEmpty ? "" : ", rules: [\(rules.joined(separator: ", "))]")}

      """
    return next
  }

  func allow(_ rules: String..., name: String = "allow") -> Policies { adding("ALLOW", rules, name: name) }
  func deny(_ rules: String..., name: String = "deny") -> Policies { adding("DENY", rules, name: name) }
  func audit(_ rules: String..., name: String = "audit") -> Policies { adding("AUDIT", rules, name: name) }
  func with(_ change: (inout PolicySettings) -> Void) -> Policies {
    var next = self
    change(&next.settings)
    return next
  }

  func load() throws -> [AuthorizationPolicy] {
    let loaded = ResourceLoader().load(file: "policies.yaml", text: text)
    let errors = loaded.diagnostics.filter { $0.severity == .error }
    if !errors.isEmpty { throw NotLoaded(errors: errors) }
    return loaded.resources.authorizationPolicies
  }

  func table() throws -> DecisionTable { try DecisionTable(compiling: load(), settings: settings) }

  func decide(_ request: Request) throws -> Decision {
    var scratch = PolicyScratch()
    return try request.decide(try table(), &scratch)
  }

  func outcome(_ request: Request) throws -> Decision.Outcome { try decide(request).outcome }

  func passes(_ request: Request) throws -> Bool { try decide(request).isAllowed }
}

struct NotLoaded: Error, CustomStringConvertible {
  var errors: [Diagnostic]
  var description: String { errors.map(\.description).joined(separator: "\n") }
}

func allow(_ rules: String...) -> Policies { Policies().adding("ALLOW", rules, name: "allow") }
func deny(_ rules: String...) -> Policies { Policies().adding("DENY", rules, name: "deny") }

/// Rules with one part.
func to(_ operation: String) -> String { "{to: [{operation: {\(operation)}}]}" }
func from(_ source: String) -> String { "{from: [{source: {\(source)}}]}" }
func when(_ key: String, _ values: String) -> String { "{when: [{key: \"\(key)\", \(values)}]}" }

/// Whether one rule matches a request, asked of an ALLOW and of a DENY policy: they must agree.
func matches(_ rule: String, _ request: Request, _ settings: PolicySettings = PolicySettings()) throws -> Bool
{
  let allows = try allow(rule).with { $0 = settings }.passes(request)
  let denies = try !deny(rule).with { $0 = settings }.passes(request)
  #expect(allows == denies, "ALLOW and DENY read one rule differently")
  return allows
}
