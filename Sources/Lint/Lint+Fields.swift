import Istio

// Single fields that rarely say what was meant, or that the proxy leaves empty (semantics, sections 2.5, 2.6, 5).
extension Linter {
  mutating func lintFields() {
    for policy in policies {
      for rule in policy.rules {
        for condition in rule.conditions {
          lintClaim(condition)
          if policy.action == .deny { lintDeniedMetadata(condition) }
        }
        if policy.action == .deny { for operation in rule.operations { lintHosts(operation.hosts) } }
        if policy.action == .allow {
          for operation in rule.operations {
            for value in operation.paths.values { lintPrefix(value, "paths", "allows") }
          }
        }
      }
      lintWhatTheProxySends(policy)
    }
  }

  /// Numbers and truth values in a token match nothing, not even `*` (istio#39703, #41290).
  private mutating func lintClaim(_ condition: Condition) {
    guard case .requestClaim(let path) = condition.key else { return }
    for value in condition.match.values + condition.match.notValues where Self.isNoText(value.value) {
      warn(
        .numericClaim, at: value.position,
        "`\(value.value)` matches the claim `\(path.joined(separator: "."))` only where the token has it as text, "
          + "\"\(value.value)\": a number or truth value in a token matches nothing")
    }
    let registered = ["exp", "iat", "nbf"]
    if path.count == 1, registered.contains(path[0]), let value = condition.match.first {
      warn(
        .numericClaim, at: value.position,
        "the claim `\(path[0])` is a number, and numbers match nothing: the times of a token are checked without "
          + "a rule")
    }
  }

  /// Without the metadata the rule does not match, and whoever sends what the filter cannot parse is let through.
  private mutating func lintDeniedMetadata(_ condition: Condition) {
    guard case .filterMetadata(let namespace, _) = condition.key, let value = condition.match.values.first
    else { return }
    warn(
      .denyByFilterMetadata, at: value.position,
      "the DENY rule lets a request pass when `\(namespace)` wrote no such metadata: when it did not run, or could not "
        + "parse the request, such as a body of another type or a batch; allow by this metadata in an ALLOW rule, or "
        + "deny with `notValues`, so that absence denies")
  }

  private static func isNoText(_ value: String) -> Bool {
    if value == "true" || value == "false" { return true }
    let digits = value.hasPrefix("-") ? value.dropFirst() : value[...]
    return !digits.isEmpty && digits.utf8.allSatisfy { 0x30...0x39 ~= $0 || $0 == 0x2E }
  }

  /// A host is compared with its port; routing ignores the port, so a client can add one.
  private mutating func lintHosts(_ hosts: MatchList) {
    for value in hosts.values {
      let text = value.value
      if text.hasSuffix("*") || text.contains(":") || ValueForm.host.problem(in: text) != nil { continue }
      if hosts.texts.contains(where: { Self.covers($0, text + ":8080") }) { continue }
      warn(
        .hostWithoutPort, at: value.position,
        "`\(text)` does not match `\(text.hasPrefix("*") ? "x" + text.dropFirst() : text):8080`, which reaches "
          + "the same service: "
          + (text.hasPrefix("*")
            ? "a pattern has one wildcard; list the hosts with and without `:*`"
            : "add `\(text):*`"))
    }
  }

  /// One warning a policy and field: what an ext_authz check carries is the proxy's configuration.
  private mutating func lintWhatTheProxySends(_ policy: AuthorizationPolicy) {
    var places: [LintCode: SourcePosition] = [:]
    func note(_ code: LintCode, _ position: SourcePosition?) {
      if places[code] == nil, let position { places[code] = position }
    }
    for rule in policy.rules {
      for source in rule.sources {
        for list in [source.principals, source.namespaces, source.serviceAccounts, source.trustDomains] {
          note(.needsClientCertificate, list.first?.position)
        }
      }
      for condition in rule.conditions {
        switch condition.key {
        case .sourcePrincipal, .sourceNamespace, .sourceServiceAccount, .sourceTrustDomain:
          note(.needsClientCertificate, condition.position)
        case .connectionSNI: note(.needsTLSSession, condition.position)
        case .filterMetadata: note(.needsFilterMetadata, condition.position)
        default: break
        }
      }
    }
    if let place = places[.needsClientCertificate] {
      warn(
        .needsClientCertificate, at: place,
        "the peer's identity is known only where the proxy's listener asks clients for certificates; else it is "
          + "empty, and matches nothing. Of a certificate with several URI names the first alone arrives, unless the "
          + "proxy's ext_authz filter has `include_peer_certificate: true`: then any of its names may match")
    }
    if let place = places[.needsTLSSession] {
      warn(
        .needsTLSSession, at: place,
        "the server name arrives only with `include_tls_session: true` in the proxy's ext_authz filter; else it is "
          + "empty")
    }
    if let place = places[.needsFilterMetadata] {
      warn(
        .needsFilterMetadata, at: place,
        "metadata arrives only for filters in `metadata_context_namespaces` of the proxy's ext_authz filter that "
          + "run before it; without it no `values` match, and all `notValues` do")
    }
  }
}
