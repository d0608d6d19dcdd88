internal import YAML

extension Decoding {
  static let dryRunAnnotation = "istio.io/dry-run"

  private static let ruleFields = [
    "issuer", "audiences", "jwksUri", "jwks_uri", "jwks", "fromHeaders", "fromParams", "fromCookies",
    "outputPayloadToHeader", "outputClaimToHeaders", "forwardOriginalToken", "timeout",
    "spaceDelimitedClaims",
    "presence",
  ]

  /// Decodes a RequestAuthentication (semantics, sections 1.2 and 1.3).
  mutating func requestAuthentication(
    _ node: YAMLNode, _ metadata: ObjectMetadata, _ annotations: [String: Located<String>]
  ) -> RequestAuthentication? {
    if let dryRun = annotations[Self.dryRunAnnotation] {
      let message = "the annotation `\(Self.dryRunAnnotation)` is for AuthorizationPolicy alone; remove it"
      error(.invalidDryRun, dryRun.position, message)
    }
    guard let spec = fields(of: node, "spec", known: Self.attachmentFields + ["jwtRules"]) else { return nil }
    let attachment = attachment(spec)
    var rules: [JWTRule] = []
    for entry in list(spec, "jwtRules", limit: settings.limits.jwtRules) ?? [] {
      guard !entry.isNull else {
        error(.nullValue, entry.position, "`jwtRules` has an entry without value; remove it")
        continue
      }
      if let rule = jwtRule(entry) { rules.append(rule) }
    }
    return RequestAuthentication(metadata: metadata, attachment: attachment, jwtRules: rules)
  }

  private mutating func jwtRule(_ node: YAMLNode) -> JWTRule? {
    guard let fields = fields(of: node, "jwtRules", known: Self.ruleFields) else { return nil }
    var rule = JWTRule(position: place(node.position))
    let issuer = text(fields, "issuer")
    if let issuer { warnAboutIssuer(issuer) }
    rule.issuer = issuer?.value ?? ""
    rule.audiences = texts(fields, "audiences", emptyMeans: "any audience passes").map(\.value)
    rule.keys = keys(fields)
    rule.fromHeaders = headerLocations(fields)
    rule.fromParams = texts(fields, "fromParams").map(\.value)
    rule.fromCookies = texts(fields, "fromCookies").map(\.value)
    rule.outputPayloadToHeader = text(fields, "outputPayloadToHeader").flatMap { header in
      checkHeaderName(header, "outputPayloadToHeader") ? header.value : nil
    }
    rule.outputClaimToHeaders = claimHeaders(fields)
    rule.forwardOriginalToken = boolean(fields, "forwardOriginalToken") ?? false
    rule.timeoutMilliseconds = timeout(fields) ?? rule.timeoutMilliseconds
    let claimLimit = settings.limits.spaceDelimitedClaims
    rule.spaceDelimitedClaims = texts(fields, "spaceDelimitedClaims", limit: claimLimit).map(\.value)
    let presence = choice(fields, "presence", of: ["OPTIONAL", "REQUIRED"])
    rule.presence = presence?.value == "REQUIRED" ? .required : .optional
    return rule
  }

  /// Where the keys come from, of which there may be one.
  private mutating func keys(_ fields: Fields) -> JWTRule.Keys {
    let sources = ["jwks", "jwksUri", "jwks_uri"].compactMap { fields.member($0) }.sorted {
      ($0.position.line, $0.position.column) < ($1.position.line, $1.position.column)
    }
    if sources.count > 1 {
      let message = "only one of `jwks`, `jwksUri` and `jwks_uri` may be set; `\(sources[0].name)` is set too"
      error(.severalKeySources, sources[1].position, message)
    }
    let inline = text(fields, "jwks")
    let uri = text(fields, "jwksUri") ?? text(fields, "jwks_uri")
    let hasURI = fields.has("jwksUri") || fields.has("jwks_uri")
    if !fields.has("issuer") && !hasURI {
      error(.missingIssuer, fields.position, "the rule has no `issuer`; set it, or `jwksUri`")
    }
    // Without `issuer` the rule is for any issuer, which has the empty name.
    let issuer = fields.has("issuer") ? fields.member("issuer")?.value.text : ""
    if let issuer, let replaced = settings.keySets[issuer] {
      return .inline(Located(replaced, at: place(fields.position)))
    }
    if let inline {
      checkInlineKeys(inline)
      return .inline(inline)
    }
    if let uri {
      checkURI(uri)
      return .uri(uri)
    }
    return .discovery
  }

  private mutating func checkURI(_ uri: Located<String>) {
    if uri.value.utf8.count > settings.limits.uriLength {
      error(.tooLong, uri.position, "the URI is longer than \(settings.limits.uriLength) characters")
    } else if let problem = KeysURI.problem(in: uri.value) {
      error(.invalidURI, uri.position, "`\(uri.value)` is no URI of keys: \(problem)")
    } else {
      warnAboutKeysURI(uri)
    }
  }

  private mutating func headerLocations(_ fields: Fields) -> [JWTRule.HeaderLocation] {
    var result: [JWTRule.HeaderLocation] = []
    for node in list(fields, "fromHeaders") ?? [] {
      guard let entry = entry(node, "fromHeaders", known: ["name", "prefix"]) else { continue }
      if !entry.has("name") { missing("name", in: "fromHeaders", at: node.position) }
      let prefix = text(entry, "prefix", allowsEmpty: true)
      guard let name = text(entry, "name"), checkHeaderName(name, "fromHeaders") else { continue }
      warnAboutLocation(name, prefix: prefix)
      result.append(JWTRule.HeaderLocation(name: name.value, prefix: prefix?.value ?? ""))
    }
    return result
  }

  private mutating func claimHeaders(_ fields: Fields) -> [JWTRule.ClaimHeader] {
    let what = "outputClaimToHeaders"
    var result: [JWTRule.ClaimHeader] = []
    for node in list(fields, what) ?? [] {
      guard let entry = entry(node, what, known: ["header", "claim"]) else { continue }
      for name in ["header", "claim"] where !entry.has(name) { missing(name, in: what, at: node.position) }
      let claim = text(entry, "claim")
      guard let header = text(entry, "header"), let claim else { continue }
      guard HeaderName.isStrict(header.value) else {
        let message = "`\(header.value)` is no header for a claim: Istio takes letters, digits, `-` and `_`"
        error(.invalidHeaderName, header.position, message)
        continue
      }
      warnAboutOutput(claim)
      result.append(JWTRule.ClaimHeader(header: header.value, claim: claim.value))
    }
    return result
  }

  /// An entry of a list that must be a mapping.
  private mutating func entry(_ node: YAMLNode, _ what: String, known: [String]) -> Fields? {
    if node.isNull {
      error(.nullValue, node.position, "`\(what)` has an entry without value; remove it")
      return nil
    }
    return fields(of: node, what, known: known)
  }

  private mutating func checkHeaderName(_ name: Located<String>, _ what: String) -> Bool {
    if HeaderName.isToken(name.value) { return true }
    let message =
      "`\(name.value)` in `\(what)` is no header name: it takes letters, digits and `-` (RFC 9110)"
    error(.invalidHeaderName, name.position, message)
    return false
  }

  private mutating func timeout(_ fields: Fields) -> Int? {
    guard let written = text(fields, "timeout") else { return nil }
    guard let nanoseconds = GoDuration.nanoseconds(written.value) else {
      let message = "`\(written.value)` is no duration; write it like `5s`, `1.5s` or `100ms`"
      error(.invalidDuration, written.position, message)
      return nil
    }
    guard nanoseconds >= 1_000_000 else {
      error(.invalidDuration, written.position, "`timeout` must be `1ms` or more, not `\(written.value)`")
      return nil
    }
    guard nanoseconds % 1_000_000 == 0 else {
      let message = "`timeout` takes whole milliseconds, not `\(written.value)`"
      error(.invalidDuration, written.position, message)
      return nil
    }
    return Int(nanoseconds / 1_000_000)
  }
}
