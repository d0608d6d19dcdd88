/// The local trust domain under all its names: policies that name one of them mean all (semantics, section
/// 2.5).
struct TrustDomains {
  /// The local one first.
  let names: [String]

  /// The principals that a policy's principal stands for. Only one of the shape
  /// `TRUST-DOMAIN/ns/NAMESPACE/sa/NAME` whose trust domain is ours is replaced.
  func principals(for principal: String) -> [String] {
    let parts = principal.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 5, parts[0] != "*", let domain = parts.first.map(String.init),
      isOurs(domain) || domain == "cluster.local"
    else { return [principal] }
    let rest = principal.dropFirst(domain.count)
    var all: [String] = []
    for name in names {
      // `*-td` covers this name already: as it was written it matches more than this one name.
      let one = endsAs(name, domain) ? principal : name + rest
      if !all.contains(one) { all.append(one) }
    }
    return all
  }

  /// The trust domains that a policy's trust domain stands for.
  func domains(for value: String) -> [String] { names.contains(value) ? names : [value] }

  private func isOurs(_ domain: String) -> Bool {
    names.contains { name in
      domain == name || name == "*" || beginsAs(domain, name) || beginsAs(name, domain)
        || endsAs(domain, name)
        || endsAs(name, domain)
    }
  }

  private func beginsAs(_ text: String, _ pattern: String) -> Bool {
    pattern.utf8.last == UInt8(ascii: "*") && text.utf8.starts(with: pattern.utf8.dropLast())
  }

  private func endsAs(_ text: String, _ pattern: String) -> Bool {
    pattern.utf8.first == UInt8(ascii: "*")
      && text.utf8.reversed().starts(with: pattern.utf8.dropFirst().reversed())
  }
}
