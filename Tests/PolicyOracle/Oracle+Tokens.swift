import Foundation

/// Which tokens are found, whether they are accepted, and what that changes (semantics, sections 1.1 and 1.4
/// to 1.7).
extension Oracle {
  private enum Result {
    case passed
    case missing
    case failed(TokenFault)
  }

  /// Nil: the request may go on to the policies.
  mutating func authenticate(at workload: Mesh.Workload) -> TokenFault? {
    let rules = rules(at: workload)
    for rule in rules {
      // A header that policies set is never a client's.
      for output in rule.outputClaimToHeaders { changes.removedHeaders.insert(output.header.asciiLowercased) }
      if let header = rule.outputPayloadToHeader { changes.removedHeaders.insert(header.asciiLowercased) }
    }
    if rules.isEmpty {
      saw(.noTokenRules)
      return nil
    }
    if isPreflight {
      saw(.preflight)
      return nil
    }
    return rules.contains(where: \.isRequired) ? requireAll(rules) : requireAny(rules)
  }

  /// The workload's own namespace comes before the root namespace; in each, the older object comes first (one
  /// without a time before all others), then the lesser name. Then the rules are sorted by issuer, and equal issuers
  /// keep that order. The order of the text decides nothing.
  private func rules(at workload: Mesh.Workload) -> [Mesh.TokenRule] {
    let applying = mesh.authentications.filter { applies($0.attachment, of: $0.namespace, to: workload) }
    func isBefore(_ one: Mesh.Authentication, _ other: Mesh.Authentication) -> Bool {
      let (isOwn, otherIsOwn) = (one.namespace == workload.namespace, other.namespace == workload.namespace)
      if isOwn != otherIsOwn {
        saw(.orderedByNamespace)
        return isOwn
      }
      if one.created?.seconds != other.created?.seconds {
        saw(.orderedByTime)
        return (one.created?.seconds ?? -.infinity) < (other.created?.seconds ?? -.infinity)
      }
      saw(.orderedByName)
      return one.name.precedes(other.name)
    }
    return applying.sorted(by: isBefore).flatMap(\.rules)
      .enumerated().sorted {
        $0.element.issuer == $1.element.issuer
          ? $0.offset < $1.offset : $0.element.issuer.precedes($1.element.issuer)
      }.map(\.element)
  }

  private var isPreflight: Bool {
    let value = { (name: String) in request.headers.first { $0.name.asciiLowercased == name }?.value ?? "" }
    return request.method == "OPTIONS" && !value("origin").isEmpty
      && !value("access-control-request-method").isEmpty
  }

  /// ANY(P1, …, Pn, ALL(ANY(P1, allow_missing), …)). The first rule that passes ends the search. Without one, all
  /// rules
  /// are asked again, on the request as it is by then, and each must pass or find no token. A single rule is asked
  /// once.
  private mutating func requireAny(_ rules: [Mesh.TokenRule]) -> TokenFault? {
    var failures: [TokenFault] = []
    for (index, rule) in rules.enumerated() {
      switch judge(rule) {
      case .passed:
        if index > 0 { saw(.tokenOfSecondRule) }
        return nil
      case .missing: break
      case .failed(let fault): failures.append(fault)
      }
    }
    if failures.isEmpty {
      saw(.allMissing)
      return nil
    }
    guard let last = rules.count == 1 ? failures.first : requireAll(rules) else {
      saw(.secondPassPasses)
      return nil
    }
    if last != failures.first { saw(.secondPassFailsOtherwise) }
    var final = TokenFault.missing
    for fault in failures + [last] where (fault != .missing && fault != .issuer) || final == .missing {
      final = fault
    }
    return final
  }

  /// The first failure, or the first missing token that is required.
  private mutating func requireAll(_ rules: [Mesh.TokenRule]) -> TokenFault? {
    for rule in rules {
      switch judge(rule) {
      case .passed: break
      case .missing: if rule.isRequired { return .missing }
      case .failed(let fault): return fault
      }
    }
    return nil
  }

  /// All tokens found for a rule must be valid. They are taken from the last to the first, so the first one
  /// is believed in the end.
  private mutating func judge(_ rule: Mesh.TokenRule) -> Result {
    takeBackOutputs(of: rule)
    let found = tokens(of: rule)
    if found.isEmpty { return .missing }
    for place in found.reversed() {
      guard let text = place.text, let token = request.tokens[text], let claims = readable(token) else {
        return .failed(.malformed)
      }
      if let fault = fault(of: token, claims, rule) { return .failed(fault) }
      accept(token, from: place, rule)
    }
    saw(.tokenAccepted)
    if found.count > 1 { saw(.severalTokens) }
    return .passed
  }

  /// A rule that is asked first loses what was set under the names of its output headers, by itself or by another
  /// rule.
  private mutating func takeBackOutputs(of rule: Mesh.TokenRule) {
    for name in rule.outputClaimToHeaders.map(\.header) + [rule.outputPayloadToHeader].compactMap({ $0 })
    where changes.setHeaders.removeValue(forKey: name.asciiLowercased) != nil {
      saw(.outputTakenBack)
    }
  }

  // MARK: One token (semantics, section 1.6)

  private struct RegisteredClaims {
    var issuer: String?
    var audiences: [String] = []
    var notBefore: Int?
    var expiry: Int?
  }

  /// The claims that have a meaning for the filter; nil when one is of a wrong type.
  private func readable(_ token: Token) -> RegisteredClaims? {
    var claims = RegisteredClaims()
    for member in token.claims {
      switch (member.name, member.value) {
      case ("iss", .text(let text)): claims.issuer = text
      case ("sub", .text), ("jti", .text): break
      case ("aud", .text(let text)): claims.audiences = [text]
      case ("aud", .list(let elements)):
        for element in elements {
          guard case .text(let text) = element else { return nil }
          claims.audiences.append(text)
        }
      case ("iat", .number(let literal)), ("nbf", .number(let literal)), ("exp", .number(let literal)):
        guard let number = Double(literal), number >= 0 else { return nil }
        if member.name == "nbf" { claims.notBefore = Int(number) }
        if member.name == "exp" { claims.expiry = Int(number) }
      case ("iss", _), ("sub", _), ("jti", _), ("aud", _), ("iat", _), ("nbf", _), ("exp", _): return nil
      default: break
      }
    }
    return claims
  }

  private func fault(of token: Token, _ claims: RegisteredClaims, _ rule: Mesh.TokenRule) -> TokenFault? {
    if claims.issuer != rule.issuer { return .issuer }
    if let notBefore = claims.notBefore {
      if now + Self.skew < notBefore { return .notYetValid }
      if now < notBefore { saw(.notBeforeWithinSkew) }
    }
    if let expiry = claims.expiry {
      // Stricter than Envoy: 0 is a time like any other.
      if expiry == 0 || now > expiry + Self.skew { return .expired }
      if now > expiry { saw(.expiredWithinSkew) }
    }
    if !rule.audiences.isEmpty {
      let allowed = Set(rule.audiences.map(Self.sanitised))
      guard claims.audiences.contains(where: { allowed.contains(Self.sanitised($0)) }) else {
        return .audience
      }
      if !claims.audiences.contains(where: { rule.audiences.contains($0) }) { saw(.audienceSanitised) }
    }
    // Of key and token, one without `kid` fits any.
    let keys = rule.keys.filter { $0.id == nil || token.keyID == nil || $0.id == token.keyID }
    if keys.isEmpty { return .noKey }
    return token.isForged || !keys.contains { $0.number == token.key } ? .signature : nil
  }

  /// Without scheme and one trailing slash.
  private static func sanitised(_ audience: String) -> String {
    var text = audience[...]
    for scheme in ["http://", "https://"] where audience.hasPrefix(scheme) {
      text = audience.dropFirst(scheme.count)
    }
    return String(text.hasSuffix("/") ? text.dropLast() : text)
  }

  /// What changes after success (semantics, section 1.7).
  private mutating func accept(_ token: Token, from place: Place, _ rule: Mesh.TokenRule) {
    believed = Believed(token: token, wordLists: rule.spaceDelimitedClaims)
    if let header = rule.outputPayloadToHeader {
      saw(.payloadSet)
      changes.setHeaders[header.asciiLowercased] = token.payloadSegment
    }
    for output in rule.outputClaimToHeaders {
      if let value = Self.headerValue(of: output.claim, in: token) {
        saw(.outputSet)
        changes.setHeaders[output.header.asciiLowercased] = value
      }
    }
    switch place.kind {
    case .header: saw(.fromHeader)
    case .parameter: saw(.fromParameter)
    case .cookie: saw(.fromCookie)
    }
    if rule.forwardOriginalToken { return }
    switch place.kind {
    case .header(let name):
      changes.setHeaders[name] = nil
      changes.removedHeaders.insert(name)
    case .parameter(let name):
      changes.removedParameters.insert(name)
      for part in query where Self.percentDecoded(part.name) == name {
        changes.removedParameters.insert(part.name)
      }
    // Never removed.
    case .cookie: break
    }
  }

  static func base64(_ text: String) -> String { Data(text.utf8).base64EncodedString() }

  /// With six decimals.
  static func fixed(_ number: Double) -> String { String(format: "%.6f", number) }
}
