extension Oracle {
  /// What a value stands in.
  struct Clause {
    var term: Mesh.Term
    var rest: String
    /// In doubt, a match does not count.
    var certainly: Bool
    /// The policy's.
    var namespace: String
    /// Without query, normalised.
    var path: String
  }

  /// Semantics, sections 2.5 and 2.6.
  func matches(_ clause: Clause, _ value: String) -> Bool {
    switch clause.term {
    case .principals, .sourcePrincipal: anyIdentity { principal(value, $0) }
    case .namespaces, .sourceNamespace: anyIdentity { namespace(value, $0) }
    case .serviceAccounts, .sourceServiceAccount:
      anyIdentity { serviceAccount(value, of: clause.namespace, $0) }
    case .trustDomains, .sourceTrustDomain: anyIdentity { trustDomain(value, $0) }
    case .requestPrincipals, .requestPrincipal: requestPrincipal(value)
    case .ipBlocks, .sourceIP: Addresses.contains(value, request.source.address)
    case .remoteIpBlocks, .remoteIP: Addresses.contains(value, remoteAddress())
    case .destinationIP: Addresses.contains(value, request.destination.address)
    case .ports, .destinationPort:
      // A pipe or an internal listener has no port.
      !request.destination.address.isEmpty && Int(value) == request.destination.port
    case .hosts:
      value == "*" || Expression.pattern(value.asciiLowercased).matches(request.host.asciiLowercased)
    case .methods: value == "*" || Expression.pattern(value).matches(request.method)
    case .paths: path(value, clause.path)
    case .connectionSNI: matchesServerName(value)
    case .requestHeaders: header(named: Self.inner(clause.rest), value, certainly: clause.certainly)
    case .requestAudiences: claim(["aud"], value)
    case .requestPresenter: claim(["azp"], value)
    case .requestClaims: claim(Self.names(in: clause.rest), value)
    case .filterMetadata: filterMetadata(clause.rest, value)
    }
  }

  /// Envoy keeps the name that the client asked for in lower case, and compares it as it is. No name is empty text.
  private func matchesServerName(_ value: String) -> Bool {
    let name = (request.serverName ?? "").asciiLowercased
    let matched = Expression.pattern(value).matches(name)
    if matched, name != request.serverName ?? "" { saw(.serverNameLowered) }
    return matched
  }

  /// What stands between the first and the last bracket.
  private static func inner(_ brackets: String) -> String { String(brackets.dropFirst().dropLast()) }

  /// `[a][b]`: names are taken verbatim; with odd brackets the whole inner text is one name.
  private static func names(in brackets: String) -> [String] {
    let names = inner(brackets).split(separator: "][", omittingEmptySubsequences: false).map(String.init)
    return names.contains { $0.contains("[") || $0.contains("]") } ? [inner(brackets)] : names
  }

  // MARK: The peer's identity

  /// Any name of the peer may match, whatever kind it is.
  private func anyIdentity(_ matches: (String) -> Bool) -> Bool {
    let results = request.source.identities.map(matches)
    if results.contains(true), results.first == false { saw(.furtherNameMatched) }
    return results.contains(true)
  }

  private func principal(_ value: String, _ identity: String) -> Bool {
    var found = false
    for name in namesOfPrincipal(value) where principalAsItIs(name, identity) {
      found = true
      if name != value { saw(.aliasMatched) }
    }
    return found
  }

  private func principalAsItIs(_ value: String, _ identity: String) -> Bool {
    if value == "*" { return Expression(.some).matches(identity) }
    if value.hasPrefix("*") {
      return Expression(.text("spiffe://"), .any, .text(String(value.dropFirst()))).matches(identity)
    }
    return Expression.pattern("spiffe://" + value).matches(identity)
  }

  /// One principal for each name of the local trust domain, when the value names that domain.
  private func namesOfPrincipal(_ value: String) -> [String] {
    let parts = value.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 5, parts[0] != "*" else { return [value] }
    let ours = [mesh.trustDomain] + mesh.trustDomainAliases
    let isOurs = ours.contains { name in
      name == "*" || Self.covers(parts[0], name) || Self.covers(name, parts[0])
    }
    guard isOurs || parts[0] == "cluster.local" else { return [value] }
    return ours.map { name in
      parts[0].hasPrefix("*") && name.hasSuffix(parts[0].dropFirst())
        ? value : ([name] + parts.dropFirst()).joined(separator: "/")
    }
  }

  /// Whether a domain with or without a wildcard at an end covers a name.
  private static func covers(_ domain: String, _ name: String) -> Bool {
    if domain == name { return true }
    if domain.hasPrefix("*"), name.hasSuffix(domain.dropFirst()) { return true }
    return domain.hasSuffix("*") && name.hasPrefix(domain.dropLast())
  }

  private func namespace(_ value: String, _ identity: String) -> Bool {
    let pieces: [Expression.Piece] = [.any, .text("/ns/")] + Expression.wildcards(value, as: .any)
    return Expression(pieces + [.text("/"), .any]).matches(identity)
  }

  private func serviceAccount(_ value: String, of policyNamespace: String, _ identity: String) -> Bool {
    let parts = value.split(separator: "/").map(String.init)
    let (namespace, name) = parts.count == 2 ? (parts[0], parts[1]) : (policyNamespace, parts[0])
    return Expression(
      .text("spiffe://"), .some, .text("/ns/\(namespace)/"), .optional([.some, .text("/")]),
      .text("sa/\(name)"), .optional([.text("/"), .some])
    ).matches(identity)
  }

  private func trustDomain(_ value: String, _ identity: String) -> Bool {
    let ours = [mesh.trustDomain] + mesh.trustDomainAliases
    return (ours.contains(value) ? ours : [value]).contains { domain in
      if domain == "*" { return identity.hasPrefix("spiffe://") }
      if !domain.contains("*") { return identity.hasPrefix("spiffe://\(domain)/") }
      let pieces = [.text("spiffe://")] + Expression.wildcards(domain, as: .segment)
      return Expression(pieces + [.text("/"), .any]).matches(identity)
    }
  }

  // MARK: The client's address (semantics, section 2.8)

  /// The (N+1)th entry from the right of `x-forwarded-for`, behind N trusted proxies, when it is a bare
  /// address; else the peer's.
  private func remoteAddress() -> String {
    let lines = request.headers.filter { $0.name.asciiLowercased == "x-forwarded-for" }.map(\.value.trimmed)
      .filter { !$0.isEmpty }
    let entries = lines.joined(separator: ",").split(separator: ",", omittingEmptySubsequences: false)
    let index = entries.count - 1 - mesh.trustedProxies
    if lines.isEmpty || index < 0 { return request.source.address }
    let entry = String(entries[index]).trimmed
    if Addresses.octets(entry) == nil {
      saw(.forwardedAddressUnreadable)
      return request.source.address
    }
    saw(mesh.trustedProxies == 0 ? .forwardedAddress : .forwardedAddressBehindProxies)
    return entry
  }

  // MARK: Filter metadata

  /// - Parameter rest: `.a.b[key]`, or with more names `.a.b[key][nested]`.
  private func filterMetadata(_ rest: String, _ value: String) -> Bool {
    let parts = rest.split(separator: "[").map(String.init)
    let filter = "envoy.filters" + parts[0]
    let path = parts.dropFirst().map { String($0.dropLast()) }
    // Of several entries protobuf keeps the last.
    guard let members = request.metadata.last(where: { $0.filter == filter })?.members,
      let found = path.dropFirst().reduce(
        members.last(where: { $0.name == path[0] })?.value,
        { value, name in
          guard case .object(let members)? = value else { return nil }
          return members.last { $0.name == name }?.value
        })
    else { return false }
    if path.count > 1 { return nestedMetadata(found, value) }
    let isBracket = { (character: Character) in character == "[" || character == "]" }
    let wantsElement = value.hasPrefix("[") && value.hasSuffix("]")
    var inner = value[...]
    if wantsElement {
      inner = inner.drop(while: isBracket)
      while let last = inner.last, isBracket(last) { inner = inner.dropLast() }
    }
    let pattern = Expression.pattern(String(inner))
    switch (found, wantsElement) {
    case (.text(let text), false): return pattern.matches(text)
    case (.list(let elements), true):
      let matched = elements.contains {
        if case .text(let text) = $0 { pattern.matches(text) } else { false }
      }
      if matched { saw(.listElementMatched) }
      return matched
    default: return false
    }
  }

  /// An extension to Envoy (README, differences): texts, numbers and truth values match as text, and a list matches if
  /// one of these among its elements does.
  private func nestedMetadata(_ found: Claim, _ value: String) -> Bool {
    func text(_ claim: Claim) -> String? {
      switch claim {
      case .text(let text): return text
      case .truth(let value): return value ? "true" : "false"
      case .number(let literal):
        // The shortest decimal form; a whole number has no fraction.
        let number = "\(Double(literal) ?? 0)"
        let whole = number.hasSuffix(".0") ? String(number.dropLast(2)) : number
        return whole == "-0" ? "0" : whole
      case .null, .list, .object: return nil
      }
    }
    let texts: [String]
    if case .list(let elements) = found {
      texts = elements.compactMap(text)
    } else {
      texts = [text(found)].compactMap { $0 }
    }
    let pattern = Expression.pattern(value)
    let matched = texts.contains(where: pattern.matches)
    if matched { saw(.nestedMetadataMatched) }
    return matched
  }
}
