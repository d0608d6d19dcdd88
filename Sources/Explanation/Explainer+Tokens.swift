import Authorizer
import Istio
import JWT
import Policy

// What became of each `jwtRules` entry.
extension Explainer {
  /// - Parameter asked: of one pass, the rules that were asked in it.
  func tokenRules(
    _ asked: [AuthenticationTrace.Rule], of policies: WorkloadPolicies, now: UInt64
  ) -> [Explanation.TokenRule] {
    policies.jwtRules.enumerated().map { index, rule in
      var told = Explanation.TokenRule(
        name: name(of: rule, policies), position: rule.position, issuer: rule.issuer,
        places: Self.places(of: rule), tokens: [], outcome: .notAsked)
      guard asked.indices.contains(index) else { return told }
      let recorded = asked[index]
      told.tokens = recorded.tokens.map { token in
        Explanation.Token(
          place: Self.text(token.place), checks: TokenChecks.list(token, of: rule, settings, now: now),
          note: token.judgement == .accepted ? token.facts.flatMap(Self.principalFault) : nil)
      }
      switch recorded.outcome {
      case .accepted: told.outcome = .accepted
      case .missing: told.outcome = .noToken
      case .refused(let error): told.outcome = .refused(text: "\(error.httpStatus) \(error.text)")
      }
      return told
    }
  }

  /// Why an accepted token makes no request principal; nil when it makes one. Both parts must be there (semantics,
  /// section 2.5).
  static func principalFault(_ facts: AuthenticationTrace.Facts) -> String? {
    let faults = [("iss", facts.issuer), ("sub", facts.subject)].compactMap { name, value -> String? in
      guard let value else { return "`\(name)` is missing" }
      return value.isEmpty ? "`\(name)` is empty" : nil
    }
    return faults.isEmpty
      ? nil : "accepted, and makes no request principal: " + faults.joined(separator: " and ")
  }

  private func name(of rule: JWTRule, _ policies: WorkloadPolicies) -> String {
    for resource in policies.requestAuthentications {
      if let index = resource.jwtRules.firstIndex(where: { $0.position == rule.position }) {
        return "\(resource.metadata.namespace)/\(resource.metadata.name) jwtRules[\(index)]"
      }
    }
    return "jwtRules"
  }

  private static func places(of rule: JWTRule) -> [String] {
    if rule.fromHeaders.isEmpty, rule.fromParams.isEmpty, rule.fromCookies.isEmpty {
      return [text(.header(name: "authorization", prefix: "Bearer ")), text(.parameter("access_token"))]
    }
    return rule.fromHeaders.map { text(.header(name: $0.name.lowercased(), prefix: $0.prefix)) }
      + rule.fromParams.map { text(.parameter($0)) } + rule.fromCookies.map { text(.cookie($0)) }
  }

  static func text(_ place: AuthenticationTrace.Place) -> String {
    switch place {
    case .header(let name, let prefix) where prefix.isEmpty: "header `\(name)`"
    case .header(let name, let prefix): "header `\(name)` after `\(prefix)`"
    case .parameter(let name): "query parameter `\(name)`"
    case .cookie(let name): "cookie `\(name)`"
    }
  }
}
