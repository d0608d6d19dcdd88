import Bytes
import Check

/// Headers (semantics, section 2.5), as the request will have them when it is let through.
extension DecisionTable {
  func testHeader(
    _ row: Predicate, _ check: borrowing Check, _ message: Span<UInt8>, _ changes: borrowing RequestChanges,
    _ scratch: borrowing PolicyScratch
  ) -> Bool {
    switch row.place {
    case .authority: return anyMatches(row, message[check.host])
    case .method: return anyMatches(row, message[check.method])
    case .scheme: return anyMatches(row, message[check.scheme])
    case .path: return testPathHeader(row, check, message, changes, scratch)
    case .fixedSlot, .ordinary: break
    }
    let name = pool.span[names[Int(row.firstName)]]
    if !changes.isEmpty {
      if let value = changes.valueSet(for: name) { return anyMatches(row, changes.octets.span[value]) }
      if changes.hidesHeader(name) { return false }
    }
    return testLines(row, check, message, name)
  }

  /// `:path` with its query. Once parameters are removed from the query, its new form is the proxy's
  /// affair: the predicate takes the side that does not let more pass.
  private func testPathHeader(
    _ row: Predicate, _ check: borrowing Check, _ message: Span<UInt8>, _ changes: borrowing RequestChanges,
    _ scratch: borrowing PolicyScratch
  ) -> Bool {
    if !changes.removedParameters.isEmpty, !anyMatchesPresent(row) { return row.reading == .wide }
    if pathNormalization != .none { return anyMatches(row, scratch.path.span) }
    return anyMatches(row, message[check.path])
  }

  private func testLines(
    _ row: Predicate, _ check: borrowing Check, _ message: Span<UInt8>, _ name: Span<UInt8>
  ) -> Bool {
    guard let first = check.headerIndex(of: name, in: message) else { return false }
    if anyMatchesPresent(row) { return true }
    if check.headerEncoding == .joined, row.reading == .narrow {
      // A name comes once in this encoding. One that comes twice is nothing that Envoy sends.
      if check.headerIndex(of: name, from: first + 1, in: message) != nil { return false }
      if row.place == .ordinary { return anyMatchesWhole(row, message[check.headers[first].value]) }
    }
    let isSplit = check.headerEncoding == .joined && row.place == .ordinary
    var next: Int? = first
    while let index = next {
      let value = message[check.headers[index].value]
      if isSplit ? anyMatchesRun(row, value) : anyMatches(row, value) { return true }
      next = check.headerIndex(of: name, from: index + 1, in: message)
    }
    return false
  }

  private func anyMatchesPresent(_ row: Predicate) -> Bool {
    var index = Int(row.firstMatcher)
    let end = index + Int(row.matcherCount)
    while index < end {
      if matchers[index].kind == .present { return true }
      index += 1
    }
    return false
  }

  /// Whether the value matches however it is taken apart into lines. It does when the pattern holds no comma
  /// and the value matches as a whole: the first or last line has that beginning or end, and an exact value
  /// is one line. A pattern with a comma could lie across two lines, where Envoy finds nothing.
  private func anyMatchesWhole(_ row: Predicate, _ value: Span<UInt8>) -> Bool {
    let octets = pool.span
    var index = Int(row.firstMatcher)
    let end = index + Int(row.matcherCount)
    while index < end {
      let matcher = matchers[index]
      let pattern = octets[matcher.text]
      if pattern.firstIndex(of: UInt8(ascii: ",")) == nil, TextMatching.matches(matcher.kind, pattern, value)
      {
        return true
      }
      index += 1
    }
    return false
  }

  private func anyMatchesRun(_ row: Predicate, _ value: Span<UInt8>) -> Bool {
    let octets = pool.span
    var index = Int(row.firstMatcher)
    let end = index + Int(row.matcherCount)
    while index < end {
      let matcher = matchers[index]
      if TextMatching.matchesRun(matcher.kind, octets[matcher.text], value) { return true }
      index += 1
    }
    return false
  }
}
