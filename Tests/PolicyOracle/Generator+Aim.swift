/// Requests that are made to match a value that some policy asks for, or nearly: chance alone seldom meets the
/// rarer ones.
extension Generator {
  /// A value of a condition or field, with what follows the term in its key.
  struct Target {
    var rest: String
    var value: String
  }

  /// A value that some policy has for one of the terms; nil when there is none, and mostly.
  mutating func target(_ terms: Mesh.Term..., in mesh: Mesh, percent: Int) -> Target? {
    if !chance(percent) { return nil }
    var targets: [Target] = []
    for rule in mesh.policies.flatMap({ $0.rules ?? [] }) {
      for field in (rule.from + rule.to).flatMap({ $0 }) where terms.contains(field.term) {
        targets += field.values.map { Target(rest: "", value: $0) }
      }
      for condition in rule.when where terms.contains(condition.term) {
        targets += (condition.values + condition.notValues).map { Target(rest: condition.rest, value: $0) }
      }
    }
    return targets.isEmpty ? nil : pick(targets)
  }

  /// Text that a pattern matches.
  mutating func text(for pattern: String) -> String {
    if pattern == "*" { return "a" }
    if pattern.hasPrefix("*") { return pick(["", "a", "z/"]) + pattern.dropFirst() }
    if pattern.hasSuffix("*") { return pattern.dropLast() + pick(["", "a", "/z"]) }
    return pattern
  }

  mutating func path(for target: Target) -> String {
    if target.value.contains("{*}") || target.value.contains("{**}") {
      return target.value.replacing("{*}", with: pick(["a", "x=*", "a", ""]))
        .replacing("{**}", with: pick(["a/b", "", "a", "a//b", "a[b"]))
    }
    let path = text(for: target.value)
    return path.hasPrefix("/") ? path : "/" + path
  }

  /// A path that normalisation turns into this one in some modes.
  mutating func denormalized(_ path: String) -> String {
    // Characters that only normalisation escapes: a policy that names them is rare, so its request is made on purpose.
    for (escape, character) in [
      ("%7C", "|"), ("%3C", "<"), ("%3E", ">"), ("%5E", "^"), ("%7B", "{"), ("%7D", "}"),
    ]
    where path.contains(escape) && chance(60) {
      return path.replacing(escape, with: character)
    }
    return pick(Self.spellings(of: path))
  }

  private static func spellings(of path: String) -> [String] {
    [
      path.replacing("%7C", with: "|"), path.replacing("%3C", with: "<").replacing("%3E", with: ">"),
      path.replacing("%5E", with: "^"), path.replacing("%7B", with: "{"), path.replacing("/b", with: "//b"),
      path.replacing("/b", with: "%2Fb"), path.replacing("/b", with: "\\b"),
      path.replacing("/b", with: "%5cb"), path.replacing("/b", with: "/./b"),
      path.replacing("a", with: "%61"), path.replacing("~", with: "%7E"), "/x/.." + path,
      "/x/%2e%2e" + path, "/x/..;y" + path,
    ].filter { $0 != path }
  }

  /// An identity for a principal, perhaps under another name of the trust domain.
  mutating func identity(for target: Target, in mesh: Mesh) -> String {
    let principal = text(for: target.value)
    guard chance(50), let slash = principal.firstIndex(of: "/") else { return "spiffe://" + principal }
    return "spiffe://" + pick([mesh.trustDomain] + mesh.trustDomainAliases) + principal[slash...]
  }

  /// An identity for a service account, or nearly.
  mutating func identity(forAccount target: Target) -> String {
    let parts = target.value.split(separator: "/").map(String.init)
    let namespace = parts.count == 2 ? parts[0] : pick(Words.namespaces)
    return "spiffe://\(pick(["td", "td", "td/x", ""]))/ns/\(namespace)/\(pick(["", "", "", "x/", "/"]))sa/"
      + "\(parts[parts.count - 1])\(pick(["", "", "", "/", "/x", "x"]))"
  }

  /// A header that a condition asks for, unless it is a part of the request of its own.
  mutating func header(for target: Target) -> ProxyRequest.Header? {
    let name = target.rest.dropFirst().dropLast().lowercased()
    if name.hasPrefix(":") || ["host", "authorization", "cookie", "x-forwarded-for"].contains(name) {
      return nil
    }
    return ProxyRequest.Header(name: name, value: text(for: target.value))
  }

  /// Gives the claims what a policy asks for.
  mutating func aim(_ claims: inout [Claim.Member], at mesh: Mesh) {
    func set(_ name: String, _ value: Claim) {
      claims.removeAll { $0.name == name }
      claims.append(Claim.Member(name: name, value: value))
    }
    if let target = target(.requestPrincipals, .requestPrincipal, in: mesh, percent: 30) {
      set("sub", .text(text(for: String(target.value.split(separator: "/").last ?? "*"))))
    }
    if let target = target(.requestPresenter, in: mesh, percent: 30) { set("azp", claim(for: target)) }
    if let target = target(.requestClaims, in: mesh, percent: 45) {
      let names = target.rest.dropFirst().dropLast().split(separator: "][").map(String.init)
      // The registered ones would only make the token useless.
      if names.isEmpty || ["iss", "aud", "sub"].contains(names[0]) { return }
      set(
        names[0],
        names.dropFirst().reversed().reduce(claim(for: target)) { value, name in
          .object([Claim.Member(name: name, value: value)])
        })
    }
  }

  private mutating func claim(for target: Target) -> Claim {
    let text = text(for: target.value)
    switch number(0...9) {
    case 0...3: return .text(text)
    case 4: return .text("x \(text)")
    case 5: return .list([.text(text), .number("7")])
    case 6, 7: return .list([.text("x"), .text(text)])
    case 8: return Int(text).map { .number("\($0)") } ?? .list([.list([.text(text)])])
    default: return .list([.text("x \(text)")])
    }
  }

  mutating func metadata(for target: Target) -> ProxyRequest.Metadata {
    let parts = target.rest.split(separator: "[").map(String.init)
    let path = parts.dropFirst().map { String($0.dropLast()) }
    if path.count > 1 {
      let text = text(for: target.value)
      let leaf = pick([.text(text), .text(text), .list([.text("x"), .text(text)]), number(text)])
      let value = path.dropFirst().reversed().reduce(leaf) { value, name in
        Claim.object([Claim.Member(name: name, value: value)])
      }
      return ProxyRequest.Metadata(
        filter: "envoy.filters" + parts[0], members: [Claim.Member(name: path[0], value: value)])
    }
    let isElement = target.value.hasPrefix("[") && target.value.hasSuffix("]")
    let inner = isElement ? String(target.value.dropFirst().dropLast()) : target.value
    let text = Claim.text(text(for: inner))
    // Now and then a list where text is asked for, or the reverse.
    let value = isElement != chance(15) ? Claim.list([.text("x"), text]) : text
    return ProxyRequest.Metadata(
      filter: "envoy.filters" + parts[0], members: [Claim.Member(name: path[0], value: value)])
  }

  /// A number or truth value that the text spells, where it does.
  private func number(_ text: String) -> Claim {
    if let number = Double(text), Words.numbers.contains(text) {
      return number == 7 ? .number("7.0") : .number(text)
    }
    return text == "true" || text == "false" ? .truth(text == "true") : .text(text)
  }
}
