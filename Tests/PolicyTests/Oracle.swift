import Check
import Istio

/// A slow, obvious evaluator, written from the specification over plain text: it shares nothing with
/// `DecisionTable`. It knows no token parsing: claims are a Swift value.
struct Oracle {
  indirect enum Claim {
    case text(String), number, list([Claim]), object([(String, Claim)])
  }

  var policies: [AuthorizationPolicy]
  var request: Request
  /// Nil is no token.
  var claims: [(String, Claim)]?

  enum Answer: Equatable { case pass, deny }

  func answer() -> Answer {
    func any(_ action: AuthorizationPolicy.Action) -> Bool {
      policies.contains { policy in
        policy.action == action && !policy.isDryRun && policy.rules.contains { holds($0, policy) }
      }
    }
    if any(.deny) { return .deny }
    if !policies.contains(where: { $0.action == .allow && !$0.isDryRun }) { return .pass }
    return any(.allow) ? .pass : .deny
  }

  private func holds(_ rule: Rule, _ policy: AuthorizationPolicy) -> Bool {
    (rule.sources.isEmpty || rule.sources.contains { holds($0, policy) })
      && (rule.operations.isEmpty || rule.operations.contains { holds($0) })
      && rule.conditions.allSatisfy { holds($0, policy) }
  }

  /// Values and notValues of one field; `wide` tells what a match must be certain of.
  private func holds(_ list: MatchList, _ test: (String) -> Bool) -> Bool {
    (list.values.isEmpty || list.values.contains { test($0.value) })
      && !list.notValues.contains { test($0.value) }
  }

  private func holds(_ source: Source, _ policy: AuthorizationPolicy) -> Bool {
    holds(source.principals, principal) && holds(source.namespaces, namespace)
      && holds(source.serviceAccounts) { serviceAccount($0, policy) }
      && holds(source.trustDomains, trustDomain)
      && holds(source.requestPrincipals, requestPrincipal)
      && holds(source.ipBlocks) { isIn($0, request.source.address) }
      && holds(source.remoteIPBlocks) { isIn($0, remote) }
  }

  private func holds(_ operation: Istio.Operation) -> Bool {
    holds(operation.hosts) { $0 == "*" || pattern($0.lowercased(), request.host.lowercased()) }
      && holds(operation.methods) { $0 == "*" || pattern($0, request.method) }
      && holds(operation.ports) { Int($0) == Int(request.destination.port) }
      && holds(operation.paths) { path($0) }
  }

  private func holds(_ condition: Condition, _ policy: AuthorizationPolicy) -> Bool {
    switch condition.key {
    case .requestHeader(let name): return header(condition.match, name.lowercased(), policy.action)
    case .sourceIP: return holds(condition.match) { isIn($0, request.source.address) }
    case .remoteIP: return holds(condition.match) { isIn($0, remote) }
    case .destinationIP: return holds(condition.match) { isIn($0, request.destination.address) }
    case .destinationPort: return holds(condition.match) { Int($0) == Int(request.destination.port) }
    case .sourcePrincipal: return holds(condition.match, principal)
    case .sourceNamespace: return holds(condition.match, namespace)
    case .sourceServiceAccount: return holds(condition.match) { serviceAccount($0, policy) }
    case .sourceTrustDomain: return holds(condition.match, trustDomain)
    case .requestPrincipal: return holds(condition.match, requestPrincipal)
    case .requestAudiences: return holds(condition.match) { claim(["aud"], $0) }
    case .requestPresenter: return holds(condition.match) { claim(["azp"], $0) }
    case .requestClaim(let path): return holds(condition.match) { claim(path, $0) }
    case .connectionSNI: return holds(condition.match) { pattern($0, request.serverName ?? "") }
    case .filterMetadata: return false
    }
  }

  // MARK: Text

  private func pattern(_ pattern: String, _ text: String) -> Bool {
    if pattern == "*" { return !text.isEmpty && !text.contains("\n") }
    if pattern.hasPrefix("*") { return text.hasSuffix(pattern.dropFirst()) }
    if pattern.hasSuffix("*") { return text.hasPrefix(pattern.dropLast()) }
    return text == pattern
  }

  /// A small expression: literal characters and the pieces below, matched by trying everything.
  enum Piece {
    case text(String), any, some, segments(of: String), optional([Piece])
  }

  static func full(_ pieces: ArraySlice<Piece>, _ text: Substring) -> Bool {
    guard let piece = pieces.first else { return text.isEmpty }
    let rest = pieces.dropFirst()
    switch piece {
    case .text(let literal): return text.hasPrefix(literal) && full(rest, text.dropFirst(literal.count))
    case .any, .some:
      var left = text
      if case .some = piece {
        guard let first = left.first, first != "\n" else { return false }
        left = left.dropFirst()
      }
      while true {
        if full(rest, left) { return true }
        guard let first = left.first, first != "\n" else { return false }
        left = left.dropFirst()
      }
    case .segments(let characters):
      var left = text
      while true {
        if full(rest, left) { return true }
        guard let first = left.first, characters.contains(first) else { return false }
        left = left.dropFirst()
      }
    case .optional(let inner):
      return full(rest, text) || full(ArraySlice(inner) + rest, text)
    }
  }

  // MARK: Identities

  private var identity: String { request.source.principal }

  private func principal(_ value: String) -> Bool {
    if identity.isEmpty { return false }
    if value == "*" { return pattern("*", identity) }
    if value.hasPrefix("*") {
      return Self.full([.text("spiffe://"), .any, .text(String(value.dropFirst()))], identity[...])
    }
    return pattern("spiffe://" + value, identity)
  }

  private func namespace(_ value: String) -> Bool {
    var pieces: [Piece] = [.any, .text("/ns/")]
    for (index, part) in value.split(separator: "*", omittingEmptySubsequences: false).enumerated() {
      if index > 0 { pieces.append(.any) }
      pieces.append(.text(String(part)))
    }
    return !identity.isEmpty && Self.full((pieces + [.text("/"), .any])[...], identity[...])
  }

  private func serviceAccount(_ value: String, _ policy: AuthorizationPolicy) -> Bool {
    let parts = value.split(separator: "/", maxSplits: 1).map(String.init)
    let space = parts.count == 2 ? parts[0] : policy.metadata.namespace
    return Self.full(
      [
        .text("spiffe://"), .some, .text("/ns/\(space)/"), .optional([.some, .text("/")]),
        .text("sa/\(parts[parts.count - 1])"), .optional([.text("/"), .some]),
      ], identity[...])
  }

  private func trustDomain(_ value: String) -> Bool {
    let inner = "abcdefghijklmnopqrstuvwxyz.0123456789-:"
    if value == "*" { return identity.hasPrefix("spiffe://") }
    if !value.contains("*") { return identity.hasPrefix("spiffe://\(value)/") }
    let literal = Piece.text(value.replacing("*", with: ""))
    let wild = Piece.segments(of: inner)
    return Self.full(
      [.text("spiffe://")] + (value.hasPrefix("*") ? [wild, literal] : [literal, wild]) + [.text("/"), .any],
      identity[...])
  }

  // MARK: Addresses

  private func octets(_ text: String) -> [Int]? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { part in
      part.isEmpty || (part.count > 1 && part.first == "0") || part.count > 3
        ? nil : UInt8(part).map(Int.init)
    }
    return parts.count == 4 && !parts.contains(nil) ? parts.compactMap { $0 } : nil
  }

  private func isIn(_ block: String, _ address: String) -> Bool {
    let parts = block.split(separator: "/").map(String.init)
    guard let network = octets(parts[0]), let address = octets(address) else { return false }
    let length = parts.count == 2 ? Int(parts[1]) ?? 32 : 32
    let bits = { (octets: [Int]) in
      octets.flatMap { octet in (0..<8).map { octet >> (7 - $0) & 1 } }.prefix(length)
    }
    return bits(network).elementsEqual(bits(address))
  }

  /// With no trusted proxy: the right-most entry of all lines.
  private var remote: String {
    let joined = request.headers.filter { $0.0.lowercased() == "x-forwarded-for" }.map(\.1)
      .map { $0.trimmed }.filter { !$0.isEmpty }.joined(separator: ",")
    let last = (joined.split(separator: ",", omittingEmptySubsequences: false).last.map(String.init) ?? "")
      .trimmed
    return octets(last) == nil ? request.source.address : last
  }

  // MARK: Paths

  private func path(_ value: String) -> Bool {
    let path = String(request.path.prefix { $0 != "?" && $0 != "#" })
    if !value.contains("{*}") && !value.contains("{**}") { return pattern(value, path) }
    let set = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%!$&'()+,;:@=*"
    var pieces: [Piece] = []
    for segment in value.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
      pieces.append(.text("/"))
      switch segment {
      case "{**}": pieces.append(.segments(of: set + "/"))
      case "{*}":
        // One or more.
        pieces.append(.segments(of: set))
      default: pieces.append(.text(String(segment)))
      }
    }
    if !Self.full(pieces[...], path[...]) { return false }
    // `{*}` never matches nothing: then the segment count is the same and no segment at its place is empty.
    let segments = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    let pattern = value.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    for (index, segment) in pattern.enumerated() {
      if segment == "{**}" { break }
      if segment == "{*}", index >= segments.count || segments[index].isEmpty { return false }
    }
    return true
  }

  // MARK: Headers

  /// Each line as Envoy might have had it: with joined lines, every way to take the value apart.
  private func lines(_ name: String) -> [[String]] {
    if let set = request.setHeaders.last(where: { $0.0 == name }) { return [[set.1]] }
    if request.removedHeaders.contains(name) { return [[]] }
    let values = request.headers.filter { $0.0.lowercased() == name }.map(\.1)
    let fixed = ["authorization", "user-agent", "accept"]
    if request.encoding == .raw || fixed.contains(name) || values.isEmpty { return [values] }
    let parts = values[0].split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    var readings: [[String]] = []
    for mask in 0..<(1 << (parts.count - 1)) {
      var lines = [parts[0]]
      for index in 1..<max(1, parts.count) {
        if mask >> (index - 1) & 1 == 1 {
          lines.append(parts[index])
        } else {
          lines[lines.count - 1] += "," + parts[index]
        }
      }
      readings.append(lines)
      // A proxy may have joined with blanks.
      readings.append(lines.map(\.trimmed))
    }
    return readings
  }

  private func header(_ list: MatchList, _ name: String, _ action: AuthorizationPolicy.Action) -> Bool {
    let readings = lines(name)
    func matches(_ value: String, certainly: Bool) -> Bool {
      let test = { (lines: [String]) in lines.contains { value == "*" || pattern(value, $0) } }
      return certainly ? readings.allSatisfy(test) : readings.contains(where: test)
    }
    let allows = action == .allow
    return (list.values.isEmpty || list.values.contains { matches($0.value, certainly: allows) })
      && !list.notValues.contains { matches($0.value, certainly: !allows) }
  }

  // MARK: Claims

  private func requestPrincipal(_ value: String) -> Bool {
    guard let claims, case .text(let issuer)? = claims.first(where: { $0.0 == "iss" })?.1,
      case .text(let subject)? = claims.first(where: { $0.0 == "sub" })?.1
    else { return false }
    if value == "*" { return pattern("*", issuer) && pattern("*", subject) }
    guard let slash = value.lastIndex(of: "/") else {
      if value.hasPrefix("*") { return pattern("*", issuer) && subject.hasSuffix(value.dropFirst()) }
      if value.hasSuffix("*") { return issuer.hasPrefix(value.dropLast()) && pattern("*", subject) }
      return issuer == value && subject.isEmpty
    }
    let left = String(value[..<slash])
    let right = String(value[value.index(after: slash)...])
    if value.hasPrefix("*") {
      return (left == "*" ? pattern("*", issuer) : issuer.hasSuffix(left.dropFirst())) && subject == right
    }
    if value.hasSuffix("*") {
      return issuer == left && (right == "*" ? pattern("*", subject) : subject.hasPrefix(right.dropLast()))
    }
    return issuer == left && subject == right
  }

  private func claim(_ path: [String], _ value: String) -> Bool {
    guard let claims else { return false }
    var members = claims
    for (index, name) in path.enumerated() {
      guard let found = members.first(where: { $0.0 == name })?.1 else { return false }
      if index + 1 < path.count {
        guard case .object(let next) = found else { return false }
        members = next
        continue
      }
      switch found {
      case .text(let text):
        let words = text.split(separator: " ").map(String.init)
        let isList = path.count == 1 && ["scope", "permission"].contains(name) && !words.isEmpty
        return (isList ? words : [text]).contains { pattern(value, $0) }
      case .list(let elements):
        return elements.contains { if case .text(let text) = $0 { pattern(value, text) } else { false } }
      case .number, .object: return false
      }
    }
    return false
  }
}

extension String {
  var trimmed: String {
    var text = self[...]
    while let first = text.first, first == " " || first == "\t" { text = text.dropFirst() }
    while let last = text.last, last == " " || last == "\t" { text = text.dropLast() }
    return String(text)
  }
}
