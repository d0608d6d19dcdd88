import Foundation

/// A jwtRules entry, written twice by hand: as Istio's YAML, and as the provider that Istio would make of it.
/// Two texts, so that a mistake of our own reading of one cannot hide in the other.
struct RuleForBoth {
  var issuer: String
  var jwks: String
  /// Further members of the rule as YAML lines.
  var yaml = ""
  /// Further members of the provider as JSON, each behind a comma.
  var provider = ""
  /// `presence: REQUIRED`: the rule must accept a token, and all rules count.
  var isRequired = false
}

/// An AuthorizationPolicy and the RBAC rules that Istio would make of it.
struct PoliciesForBoth {
  var yaml = ""
  /// The members of `policies` of an RBAC filter with the action DENY; nil when there is no such filter.
  var deny: String?
  var allow: String?
}

/// One request, and what is known about a difference.
struct ComparisonCase {
  var name: String
  var method = "GET"
  var target = "/p"
  var host = "www.example.com"
  var headers: [(String, String)] = []
  /// Set where Countersign differs on purpose: why, and what it answers.
  var onPurpose: (reason: String, status: Int, body: String?)?
}

/// What one request came to: what the client and the upstream saw.
struct Observation: Equatable, CustomStringConvertible {
  var status: Int
  var denial: [String]
  var upstream: [String]

  /// Differ with every request, whatever the filters do.
  private static let ignored = ["x-request-id:"]

  init(_ answer: HTTPAnswer) {
    status = answer.status
    if answer.status == 200 {
      denial = []
      let lines = answer.body.components(separatedBy: "\r\n")
      let headers = lines.dropFirst().filter { line in
        !Self.ignored.contains { line.lowercased().hasPrefix($0) }
      }
      upstream = [lines[0]] + headers.sorted()
    } else {
      denial = [
        answer.body, answer.header("www-authenticate") ?? "no challenge",
        answer.header("content-type") ?? "no type",
      ]
      upstream = []
    }
  }

  var description: String { "\(status) \(denial) \(upstream)" }
}

/// Envoy with Istio's own filters, and Envoy that asks Countersign, under the same policies.
final class Comparison {
  private let native: EnvoyProcess
  private let asking: EnvoyProcess
  private let server: CountersignProcess
  private(set) var compared = 0

  /// - Parameter authentications: RequestAuthentications in place of the one that would hold the rules in their order.
  init(
    _ rules: [RuleForBoth], _ policies: PoliciesForBoth = PoliciesForBoth(), rawHeaders: Bool = true,
    authentications: String? = nil
  ) throws {
    server = try CountersignProcess(policies: (authentications ?? Self.yaml(rules)) + policies.yaml)
    asking = try EnvoyProcess(asking: server, rawHeaders: rawHeaders)
    var filters = [Self.jwtFilter(rules)]
    if let deny = policies.deny { filters.append(Self.rbac("DENY", deny)) }
    if let allow = policies.allow { filters.append(Self.rbac("ALLOW", allow)) }
    native = try EnvoyProcess(filters: filters)
  }

  /// Asks both.
  /// - Returns: nil when they agree, or differ as the case says; else what is wrong.
  func difference(_ one: ComparisonCase) throws -> String? {
    compared += 1
    let expected = Observation(try ask(native, one))
    let seen = Observation(try ask(asking, one))
    guard let purpose = one.onPurpose else {
      return expected == seen ? nil : "\(one.name):\n  Envoy        \(expected)\n  Countersign  \(seen)"
    }
    if expected == seen { return "\(one.name): no difference any more (\(purpose.reason)): \(seen)" }
    if seen.status != purpose.status { return "\(one.name): Countersign \(seen); Envoy \(expected)" }
    if let body = purpose.body, seen.denial.first != body { return "\(one.name): Countersign \(seen)" }
    return nil
  }

  /// All that is wrong with a list of cases.
  func differences(_ cases: [ComparisonCase]) throws -> [String] { try cases.compactMap(difference) }

  private func ask(_ envoy: EnvoyProcess, _ one: ComparisonCase) throws -> HTTPAnswer {
    try HTTPClient.request(
      port: envoy.port, method: one.method, one.target, host: one.host, headers: one.headers)
  }

  // MARK: What Istio would make of the rules

  private static func yaml(_ rules: [RuleForBoth]) -> String {
    var text = """
      apiVersion: security.istio.io/v1
      kind: RequestAuthentication
      metadata: {name: compared, namespace: istio-system}
      spec:
        jwtRules:

      """
    for rule in rules {
      text += "    - issuer: \(rule.issuer)\n      jwks: '\(rule.jwks)'\n"
      for line in rule.yaml.split(separator: "\n") { text += "      \(line)\n" }
      if rule.isRequired { text += "      presence: REQUIRED\n" }
    }
    return text
  }

  private static func jwtFilter(_ rules: [RuleForBoth]) -> String {
    let sorted = rules.enumerated().sorted { ($0.element.issuer, $0.offset) < ($1.element.issuer, $1.offset) }
    let providers = sorted.map(\.element).enumerated().map { index, rule in
      """
      "origins-\(index)": {"issuer": "\(rule.issuer)", "local_jwks": {"inline_string": \(quoted(rule.jwks))},
        "payload_in_metadata": "payload", "normalize_payload_in_metadata": {
          "space_delimited_claims": ["scope", "permission"]} \(rule.provider)}
      """
    }
    let names = rules.indices.map { "{\"provider_name\": \"origins-\($0)\"}" }
    let optional = names.map { "{\"requires_any\": {\"requirements\": [\($0), {\"allow_missing\": {}}]}}" }
    let each = sorted.enumerated().map { $1.element.isRequired ? names[$0] : optional[$0] }
    let all = "{\"requires_all\": {\"requirements\": [\(each.joined(separator: ","))]}}"
    let requires =
      rules.contains(where: \.isRequired)
      ? all
      : rules.count == 1
        ? optional[0] : "{\"requires_any\": {\"requirements\": [\((names + [all]).joined(separator: ","))]}}"
    return """
      {"name": "envoy.filters.http.jwt_authn", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        "providers": {\(providers.joined(separator: ","))}, "bypass_cors_preflight": true,
        "rules": [{"match": {"prefix": "/"}, "requires": \(requires)}]}}
      """
  }

  private static func rbac(_ action: String, _ policies: String) -> String {
    """
    {"name": "envoy.filters.http.rbac", "typed_config": {
      "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
      "rules": {"action": "\(action)", "policies": {\(policies)}}}}
    """
  }

  private static func quoted(_ text: String) -> String {
    "\"" + text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"")
      + "\""
  }
}
