import Istio
import Policy

/// Colours of a terminal, or none.
public struct TextStyle: Sendable {
  private let isColoured: Bool

  public init(coloured: Bool) { isColoured = coloured }

  func heading(_ text: String) -> String { wrap(text, "1") }
  func good(_ text: String) -> String { wrap(text, "32") }
  func bad(_ text: String) -> String { wrap(text, "31") }
  func faint(_ text: String) -> String { wrap(text, "2") }

  private func wrap(_ text: String, _ code: String) -> String {
    isColoured ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
  }
}

extension Explanation {
  /// The reasoning for people: one heading a step, in the order in which the server takes them.
  public func text(_ style: TextStyle = TextStyle(coloured: false)) -> String {
    var lines: [String] = []
    renderRequest(style, &lines)
    if workload != nil {
      renderResources(style, &lines)
      renderTokens(style, &lines)
      renderRules(style, &lines)
    }
    renderOutcome(style, &lines)
    return lines.joined(separator: "\n") + "\n"
  }

  private func renderRequest(_ style: TextStyle, _ lines: inout [String]) {
    let what =
      request.isHTTP
      ? "\(Quoted.bare(request.method)) \(Quoted.bare(request.path)) of host \(Quoted.bare(request.host))"
      : "no HTTP request"
    let identity = request.sourcePrincipal.isEmpty ? "" : " as \(Quoted.bare(request.sourcePrincipal))"
    let source = Quoted.bare(request.sourceAddress)
    lines.append("\(style.heading("Request"))   \(what), from \(source)\(identity)")
    if let workload {
      let labels = workload.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
      lines.append(
        "\(style.heading("Workload"))  \(workload.name): namespace \(workload.namespace), "
          + "\(labels.isEmpty ? "no labels" : labels.joined(separator: ",")) "
          + style.faint("(\(workloadReason))"))
    } else {
      lines.append("\(style.heading("Workload"))  \(style.bad("none")): \(workloadReason)")
    }
  }

  private func renderResources(_ style: TextStyle, _ lines: inout [String]) {
    lines += ["", style.heading("Resources")]
    for resource in resources {
      let mark = resource.applies ? style.good("applies") : style.faint("does not apply")
      lines.append("  \(resource.kind) \(resource.name) \(style.faint("\(resource.position)"))")
      lines.append("    \(mark): \(resource.reason)")
    }
  }

  private func renderTokens(_ style: TextStyle, _ lines: inout [String]) {
    lines += ["", style.heading("Tokens")]
    if tokenRules.isEmpty { lines.append("  no RequestAuthentication applies: no token is looked for") }
    if isPreflight { lines.append("  a CORS preflight: passes without looking for tokens") }
    for rule in tokenRules { render(rule, style, notAsked: "the rule before it has decided", &lines) }
    for place in unreadTokens { lines.append("  a JWT is in \(place), which no rule reads") }
    guard let secondPass else { return }
    lines += [
      "  " + style.heading("Second pass")
        + ": no rule accepted all of its tokens, and accepted tokens were removed from the request.",
      "    Each rule is asked again. It must accept all tokens that it finds now, or find none.",
    ]
    for rule in secondPass { render(rule, style, notAsked: "a rule before it refused a token", &lines) }
  }

  private func render(_ rule: TokenRule, _ style: TextStyle, notAsked: String, _ lines: inout [String]) {
    let issuer = rule.issuer.isEmpty ? "any issuer" : "issuer \(Quoted.text(rule.issuer))"
    lines.append("  \(rule.name), \(issuer) \(style.faint("\(rule.position)"))")
    lines.append("    looks in: \(rule.places.joined(separator: ", "))")
    for token in rule.tokens {
      lines.append("    token in \(token.place)")
      for check in token.checks { lines.append("      " + check.line(style)) }
      if let note = token.note { lines.append("      \(style.bad("note")): \(note)") }
    }
    for hint in rule.hints { lines.append("    \(hint)") }
    lines.append("    " + line(rule.outcome, style, notAsked: notAsked))
  }

  private func line(_ outcome: TokenRule.Outcome, _ style: TextStyle, notAsked: String) -> String {
    switch outcome {
    case .accepted: "=> \(style.good("accepted"))"
    case .noToken: "=> no token there"
    case .refused(let text): "=> \(style.bad("refused")): \(text)"
    case .notAsked where isPreflight: style.faint("=> not asked")
    case .notAsked: style.faint("=> not asked: \(notAsked)")
    }
  }

  private func renderRules(_ style: TextStyle, _ lines: inout [String]) {
    lines += ["", style.heading("Policies")]
    for policy in emptyPolicies { lines.append("  \(policy.sentence) \(style.faint("\(policy.position)"))") }
    if policyRules.isEmpty, emptyPolicies.isEmpty {
      lines.append(
        ["token", "token_too_large", "too_many_tokens"].contains(outcome.reason)
          ? "  not asked: the token decided" : "  no rule applies to the workload")
    }
    for rule in policyRules {
      let described = rule.explanation.rule
      let name = "\(rule.action) \(described.namespace)/\(described.name) rule \(described.index)"
      let effect =
        switch rule.effect {
        case .decides: style.heading("decides")
        case .matches: "matches"
        case .noMatch: style.faint("does not match")
        case .moot: style.faint("not reached: a DENY rule has decided")
        }
      lines.append("  \(name) \(style.faint("\(described.position)")): \(effect)")
      if rule.effect == .moot { continue }
      for alternative in rule.explanation.alternatives.prefix(16) {
        lines.append("    " + line(alternative, style))
        for field in alternative.fields.prefix(16) {
          lines.append("      " + line(field.clause, "matches", field.observed))
        }
      }
      if rule.explanation.alternatives.count > 16 {
        lines.append("    and \(rule.explanation.alternatives.count - 16) more combinations")
      }
    }
  }

  private func line(_ alternative: RuleExplanation.Alternative, _ style: TextStyle) -> String {
    var parts: [String] = []
    if let source = alternative.source { parts.append("from[\(source)]") }
    if let operation = alternative.operation { parts.append("to[\(operation)]") }
    let place = parts.isEmpty ? "the rule" : parts.joined(separator: " with ")
    if let failed = alternative.failed { return "\(place): " + line(failed, "fails", alternative.observed) }
    if alternative.fields.isEmpty { return "\(place): it has no field, so every request matches" }
    return "\(place): every field matches"
  }

  private func line(_ clause: ClauseDescription, _ verb: String, _ observed: ObservedValue?) -> String {
    let wanted = Quoted.list(clause.values.map(\.value))
    let rule = clause.isNegated ? "none of \(wanted)" : "any of \(wanted)"
    let seen =
      switch observed {
      case .values(let values) where values.count == 1: "saw \(Quoted.text(values[0]))"
      case .values(let values): "saw \(Quoted.list(values))"
      case .absent(let why): why
      case nil: ""
      }
    return "`\(clause.field)` \(verb): \(seen); wanted \(rule)"
  }

  private func renderOutcome(_ style: TextStyle, _ lines: inout [String]) {
    let verdict = outcome.isAllowed ? style.good("ALLOWED") : style.bad("DENIED \(outcome.status)")
    lines += ["", "\(style.heading("Verdict"))   \(verdict): \(outcome.sentence)"]
    if !outcome.isAllowed {
      lines.append("  body: \(outcome.body)")
      if let challenge = outcome.challenge { lines.append("  www-authenticate: \(Quoted.bare(challenge))") }
      lines.append("  reason in metadata: \(outcome.reason)")
    }
    for header in outcome.setHeaders {
      lines.append("  sets header \(header.name): \(Quoted.text(header.value))")
    }
    for name in outcome.removedHeaders { lines.append("  removes header \(name)") }
    for name in outcome.removedParameters { lines.append("  removes query parameter \(Quoted.text(name))") }
  }
}
