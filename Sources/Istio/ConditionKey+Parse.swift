internal import YAML

/// Why a condition's key is not taken.
public enum ConditionKeyError: Error, Sendable, Equatable, CustomStringConvertible {
  case unknown(String, meant: String?)
  /// Known, and not for this; what to use instead.
  case unsupported(String, String)
  /// Not of the form that the key needs; the form.
  case invalid(String, String)

  public var code: DiagnosticCode {
    switch self {
    case .unknown: .unknownConditionKey
    case .unsupported: .unsupportedConditionKey
    case .invalid: .invalidConditionKey
    }
  }

  public var description: String { message }

  public var message: String {
    switch self {
    case .unknown(let key, let meant):
      "unknown condition key `\(key)`\(meant.map { "; did you mean `\($0)`?" } ?? "")"
    case .unsupported(let key, let instead): "the condition key `\(key)` is not taken: \(instead)"
    case .invalid(let key, let form): "`\(key)` is no condition key; write it as \(form)"
    }
  }
}

extension ConditionKey {
  private static let plain: [(name: String, key: ConditionKey)] = [
    ("source.ip", .sourceIP), ("source.namespace", .sourceNamespace), ("source.principal", .sourcePrincipal),
    ("source.serviceAccount", .sourceServiceAccount), ("source.trustDomain", .sourceTrustDomain),
    ("remote.ip", .remoteIP), ("request.auth.principal", .requestPrincipal),
    ("request.auth.audiences", .requestAudiences), ("request.auth.presenter", .requestPresenter),
    ("destination.ip", .destinationIP), ("destination.port", .destinationPort),
    ("connection.sni", .connectionSNI),
  ]

  private static let headers = "request.headers"
  private static let claims = "request.auth.claims"
  private static let filters = "experimental.envoy.filters."

  /// Reads a key of `when` (semantics, section 2.5). Istio skips a rule whose key it does not know, which
  /// opens a DENY policy; here it is an error for every action.
  public static func parse(_ text: String) throws(ConditionKeyError) -> ConditionKey {
    if let known = plain.first(where: { $0.name == text }) { return known.key }
    if text.hasPrefix(headers), !text.hasPrefix(headers + ".") { return try header(text) }
    if text.hasPrefix(claims) { return try claim(text) }
    if text.hasPrefix(filters) { return try filter(text) }
    if text.hasPrefix("destination.labels") {
      throw .unsupported(text, "the policy's `selector` chooses workloads by label")
    }
    switch text {
    case "destination.namespace": throw .unsupported(text, "the policy's `metadata.namespace` says it")
    case "destination.name", "destination.user":
      throw .unsupported(text, "it ended with v1alpha1; choose workloads by `selector`")
    default: break
    }
    if text.hasPrefix("request.experimental.inline.headers") {
      throw .unsupported(text, "use `request.headers[name]`")
    }
    let stem = text.prefix { $0 != "[" }
    let names = plain.map(\.name) + [headers, claims]
    let meant = nearest(to: String(stem), in: names)
    let isBracketed = meant == headers || meant == claims
    throw .unknown(text, meant: meant.map { isBracketed ? "\($0)[name]" : $0 })
  }

  private static func header(_ text: String) throws(ConditionKeyError) -> ConditionKey {
    guard let name = bracketed(text.dropFirst(headers.count)), HeaderName.canBeMatched(String(name)) else {
      throw .invalid(text, "`request.headers[name]` with the name of a header")
    }
    return .requestHeader(String(name))
  }

  /// Names between brackets, taken verbatim. Odd brackets make the whole inner text one name, as in Istio.
  private static func claim(_ text: String) throws(ConditionKeyError) -> ConditionKey {
    let form = "`request.auth.claims[name]` or `request.auth.claims[name][nested]`"
    let brackets = text.dropFirst(claims.count)
    guard let inner = bracketed(brackets) else { throw .invalid(text, form) }
    let names = separated(brackets) ?? [String(inner)]
    // An empty name could only be a claim called "": lists cannot be walked into.
    if names.contains("") { throw .invalid(text, "\(form); a list is matched by its own name, without `[]`") }
    return .requestClaim(names)
  }

  /// Unlike claims, odd brackets are an error: as one name they would match nothing that a filter writes.
  private static func filter(_ text: String) throws(ConditionKeyError) -> ConditionKey {
    let form = "`experimental.envoy.filters.a.b[key]` or `experimental.envoy.filters.a.b[key][nested]`"
    guard let open = text.firstIndex(of: "["), let path = separated(text[open...]), !path.contains("") else {
      throw .invalid(text, form)
    }
    let namespace = text[..<open].dropFirst("experimental.".count)
    guard namespace.count > "envoy.filters.".count else { throw .invalid(text, form) }
    return .filterMetadata(namespace: String(namespace), path: path)
  }

  /// What stands between the first and the last character when these are brackets, unless it is nothing.
  private static func bracketed(_ text: Substring) -> Substring? {
    guard text.first == "[", text.last == "]", text.count > 2 else { return nil }
    return text.dropFirst().dropLast()
  }

  /// `[a][b]` as its names; nil when the brackets are odd.
  private static func separated(_ text: Substring) -> [String]? {
    var names: [String] = []
    var rest = text
    while !rest.isEmpty {
      guard rest.first == "[" else { return nil }
      let body = rest.dropFirst()
      guard let end = body.firstIndex(where: { $0 == "[" || $0 == "]" }), body[end] == "]" else { return nil }
      names.append(String(body[..<end]))
      rest = body[end...].dropFirst()
    }
    return names
  }

  /// What a condition's values must be.
  var valueKind: ValueKind {
    switch self {
    case .sourceIP, .remoteIP, .destinationIP: .address
    case .destinationPort: .port
    case .sourceServiceAccount: .serviceAccount
    case .sourceTrustDomain: .trustDomain
    default: .anyText
    }
  }

  /// Identity and token are not known where a CUSTOM policy's trigger is looked up.
  var isTakenByCustom: Bool {
    switch self {
    case .sourceNamespace, .sourcePrincipal, .sourceServiceAccount, .sourceTrustDomain, .requestPrincipal,
      .requestAudiences, .requestPresenter, .requestClaim:
      false
    default: true
    }
  }
}
