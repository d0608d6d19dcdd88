import Istio

// Request principals, and tokens that nobody could have (semantics, section 2.5).
extension Linter {
  mutating func lintPrincipals() {
    for policy in policies {
      let beside = requestAuthentications(beside: policy)
      for rule in policy.rules {
        for value in Self.principals(of: rule) { lint(value.0, isNegated: value.isNegated, beside: beside) }
        if beside.isEmpty, let place = Self.firstUseOfTokens(in: rule) {
          let effect =
            Self.demandsToken(rule)
            ? "the rule never matches" : "every request counts as one without"
          warn(
            .noRequestAuthentication, at: place,
            "the rule asks what a token says, and no RequestAuthentication that was loaded applies to the same "
              + "workloads: no request ever has a token, so \(effect); add one for the issuer")
        }
      }
    }
  }

  /// Without `jwks` and `jwksUri` keys are discovered at the issuer's own address (section 1.8): the inference
  /// from an e-mail address that Istio's documentation speaks of does not exist.
  mutating func lintKeys() {
    for rule in requestAuthentications.flatMap(\.jwtRules) {
      guard case .discovery = rule.keys else { continue }
      let scheme = rule.issuer.lowercased()
      if scheme.hasPrefix("https://") || scheme.hasPrefix("http://") { continue }
      warn(
        .noKeySource, at: rule.position,
        "without `jwks` and `jwksUri` the keys are looked for at the issuer's own address, and `\(rule.issuer)` is "
          + "none: name the keys, or every token of this issuer is refused")
    }
  }

  private static func principals(of rule: Rule) -> [(Located<String>, isNegated: Bool)] {
    var lists = rule.sources.map(\.requestPrincipals)
    lists += rule.conditions.filter { $0.key == .requestPrincipal }.map(\.match)
    return lists.flatMap { list in
      list.values.map { ($0, false) } + list.notValues.map { ($0, true) }
    }
  }

  private static func firstUseOfTokens(in rule: Rule) -> SourcePosition? {
    for source in rule.sources {
      if let value = source.requestPrincipals.first { return value.position }
    }
    return rule.conditions.first { isAboutTokens($0.key) }?.position
  }

  private static func demandsToken(_ rule: Rule) -> Bool {
    rule.sources.contains { !$0.requestPrincipals.values.isEmpty }
      || rule.conditions.contains { isAboutTokens($0.key) && !$0.match.values.isEmpty }
  }

  private static func isAboutTokens(_ key: ConditionKey) -> Bool {
    switch key {
    case .requestPrincipal, .requestAudiences, .requestPresenter, .requestClaim: true
    default: false
    }
  }

  private mutating func lint(
    _ value: Located<String>, isNegated: Bool, beside: [RequestAuthentication]
  ) {
    let text = value.value
    // The loader says what is wrong with such a value.
    if text == "*" || ValueForm.requestPrincipal.problem(in: text) != nil { return }
    guard let slash = text.lastIndex(of: "/") else { return lintWithoutSlash(value) }
    let issuer = String(text[..<slash])
    let issuers = beside.flatMap { $0.jwtRules.map(\.issuer) }
    if issuers.isEmpty || issuers.contains(where: { $0.isEmpty || Self.covers(issuer, $0) }) { return }
    let meant = issuers.contains { Self.withoutSlash($0) == Self.withoutSlash(issuer) }
    warn(
      .unknownIssuer, at: value.position,
      "no RequestAuthentication beside the policy accepts the issuer `\(issuer)`, so this "
        + (isNegated ? "excludes nobody" : "never matches")
        + (meant ? "; a slash at the end counts" : "") + ": they accept \(list(Array(Set(issuers)).sorted()))"
    )
  }

  private mutating func lintWithoutSlash(_ value: Located<String>) {
    let text = value.value
    let message =
      if text.hasPrefix("*") {
        "`\(text)` compares the end of the subject, whoever the issuer is: any issuer can name a subject so; "
          + "write ISSUER/SUBJECT"
      } else if text.hasSuffix("*") {
        "`\(text)` compares the beginning of the issuer, for any subject: write ISSUER/* with the whole issuer"
      } else {
        "`\(text)` has no slash, so it wants that issuer and an empty subject: write ISSUER/SUBJECT or ISSUER/*"
      }
    warn(.principalTrap, at: value.position, message)
  }

  private static func withoutSlash(_ text: String) -> Substring {
    text.hasSuffix("/") ? text.dropLast() : text[...]
  }
}
