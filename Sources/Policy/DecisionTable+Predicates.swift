import Bytes
import Certificates
import Check
import JWT

/// Asking one predicate of a check.
extension DecisionTable {
  /// Whether a predicate holds. It is tested once for each check and then remembered.
  func holds(
    _ index: Int, _ check: borrowing Check, _ message: Span<UInt8>, _ changes: borrowing RequestChanges,
    _ claims: borrowing VerifiedClaims, _ scratch: inout PolicyScratch
  ) -> Bool {
    let word = index >> 6
    let bit: UInt64 = 1 << UInt64(index & 63)
    if scratch.asked[word] & bit != 0 { return scratch.held[word] & bit != 0 }
    let result = test(predicates[index], check, message, changes, claims, &scratch)
    scratch.asked[word] |= bit
    if result { scratch.held[word] |= bit }
    return result
  }

  private func test(
    _ row: Predicate, _ check: borrowing Check, _ message: Span<UInt8>, _ changes: borrowing RequestChanges,
    _ claims: borrowing VerifiedClaims, _ scratch: inout PolicyScratch
  ) -> Bool {
    switch row.attribute {
    case .method: return anyMatches(row, message[check.method])
    case .host: return anyMatches(row, message[check.host])
    case .path:
      if pathNormalization != .none { return anyMatches(row, scratch.path.span[0..<scratch.pathCount]) }
      return anyMatches(row, message[check.path][0..<scratch.pathCount])
    case .serverName: return testServerName(row, message[check.serverName ?? .empty], &scratch)
    case .sourceIdentity:
      if testIdentity(row, message[check.source.principal]) { return true }
      // Envoy's RBAC filter tries all URI names, all DNS names and the subject.
      guard let names = scratch.peerNames else { return false }
      return scratch.certificates.contains(names) { testIdentity(row, $0) }
    case .requestPrincipal: return testRequestPrincipal(row, claims)
    case .claim: return testClaim(row, claims)
    case .header: return testHeader(row, check, message, changes, scratch)
    case .filterMetadata: return testFilterMetadata(row, check, message, &scratch)
    case .destinationPort: return testPort(row, check)
    case .sourceIP: return testAddress(row, sourceAddress(check, message, &scratch))
    case .remoteIP: return testAddress(row, remoteAddress(check, message, &scratch))
    case .destinationIP:
      let address = scratch.destinationAddress ?? IPAddress(message[check.destination.address])
      scratch.destinationAddress = .some(address)
      return testAddress(row, address)
    }
  }

  /// Whether any of a predicate's patterns matches `text`.
  func anyMatches(_ row: Predicate, _ text: Span<UInt8>) -> Bool {
    let octets = pool.span
    var index = Int(row.firstMatcher)
    let end = index + Int(row.matcherCount)
    while index < end {
      let matcher = matchers[index]
      if TextMatching.matches(matcher.kind, octets[matcher.text], text) { return true }
      index += 1
    }
    return false
  }

  /// Envoy keeps the requested server name in lower case and compares it as it is; the check carries what the client
  /// wrote (semantics, section 2.5).
  private func testServerName(_ row: Predicate, _ name: Span<UInt8>, _ scratch: inout PolicyScratch) -> Bool {
    guard name.hasUppercaseASCII else { return anyMatches(row, name) }
    scratch.serverName.removeAll()
    scratch.serverName.append(lowercasing: name)
    return anyMatches(row, scratch.serverName.span)
  }

  private func testIdentity(_ row: Predicate, _ identity: Span<UInt8>) -> Bool {
    let octets = pool.span
    var index = Int(row.firstMatcher)
    let end = index + Int(row.matcherCount)
    while index < end {
      let matcher = matchers[index]
      if Identity.matches(matcher.kind, octets[matcher.text], octets[matcher.other], identity) { return true }
      index += 1
    }
    return false
  }

  // MARK: Addresses

  /// A port means nothing where the connection has no IP address (a pipe, an internal listener).
  private func testPort(_ row: Predicate, _ check: borrowing Check) -> Bool {
    if check.destination.address.isEmpty { return false }
    var index = Int(row.firstMatcher)
    let end = index + Int(row.matcherCount)
    while index < end {
      if matchers[index].number == check.destination.port { return true }
      index += 1
    }
    return false
  }

  private func testAddress(_ row: Predicate, _ address: IPAddress?) -> Bool {
    guard let address else { return false }
    var index = Int(row.firstMatcher)
    let end = index + Int(row.matcherCount)
    while index < end {
      if prefixes[Int(matchers[index].number)].contains(address) { return true }
      index += 1
    }
    return false
  }

  private func sourceAddress(
    _ check: borrowing Check, _ message: Span<UInt8>, _ scratch: inout PolicyScratch
  ) -> IPAddress? {
    let address = scratch.sourceAddress ?? IPAddress(message[check.source.address])
    scratch.sourceAddress = .some(address)
    return address
  }

  func remoteAddress(
    _ check: borrowing Check, _ message: Span<UInt8>, _ scratch: inout PolicyScratch
  ) -> IPAddress? {
    if let address = scratch.remoteAddress { return address }
    let address =
      ClientAddress.forwarded(check, message, trustedProxies: trustedProxies)
      ?? sourceAddress(check, message, &scratch)
    scratch.remoteAddress = .some(address)
    return address
  }

  // MARK: Filter metadata

  /// One key, by Envoy's rule: text by a pattern, or an element of a list by a value in brackets.
  /// - Returns: nil when the value is malformed.
  func testSingle(_ row: Predicate, _ value: FilterMetadata.Value, _ message: Span<UInt8>) -> Bool? {
    if value == .malformed { return nil }
    var index = Int(row.firstMatcher)
    let end = index + Int(row.matcherCount)
    while index < end {
      let matcher = matchers[index]
      index += 1
      switch (value, matcher.isListElement) {
      case (.text(let text), false):
        if TextMatching.matches(matcher.kind, pool.span[matcher.text], message[text]) { return true }
      case (.list(let list), true):
        let found = FilterMetadata.contains(list, message) { element in
          guard case .text(let text) = element else { return false }
          return TextMatching.matches(matcher.kind, pool.span[matcher.text], message[text])
        }
        guard let found else { return nil }
        if found { return true }
      default: break
      }
    }
    return false
  }
}
