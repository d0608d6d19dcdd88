/// Where tokens are found (semantics, section 1.4).
extension Oracle {
  struct Place {
    enum Kind {
      /// Names in the form in which they are removed.
      case header(String)
      case parameter(String)
      case cookie
    }

    var kind: Kind
    /// Nil: it cannot be read without guessing.
    var text: String?
  }

  /// The rule's tokens in the order of collection. What an earlier rule took away is not there any more.
  func tokens(of rule: Mesh.TokenRule) -> [Place] {
    var headers = rule.fromHeaders.map {
      Mesh.HeaderLocation(name: $0.name.asciiLowercased, prefix: $0.prefix)
    }
    var parameters = rule.fromParams
    if rule.usesDefaultLocations {
      headers = [Mesh.HeaderLocation(name: "authorization", prefix: "Bearer ")]
      parameters = ["access_token"]
    }
    headers.sort { ($0.name + $0.prefix).precedes($1.name + $1.prefix) }
    var found: [Place] = []
    for (index, location) in headers.enumerated() {
      // Said twice, a place is one place.
      let isRepeated = headers[..<index].contains {
        $0.name == location.name && $0.prefix == location.prefix
      }
      if !isRepeated { found += tokens(in: location) }
    }
    for name in Set(parameters).sorted(by: { $0.precedes($1) })
    where !changes.removedParameters.contains(name) {
      if let part = query.first(where: { Self.percentDecoded($0.name) == name }) {
        found.append(Place(kind: .parameter(name), text: Self.percentDecoded(part.value)))
      }
    }
    for name in Set(rule.fromCookies).sorted(by: { $0.precedes($1) }) {
      if let place = cookie(named: name) { found.append(place) }
    }
    return found
  }

  // MARK: Headers

  private func tokens(in location: Mesh.HeaderLocation) -> [Place] {
    let name = location.name
    if let set = changes.setHeaders[name] {
      // What an earlier rule wrote is what this one reads.
      saw(.tokenPlaceIsSet)
      if location.prefix.isEmpty { return [Place(kind: .header(name), text: set.trimmed)] }
      return [token(in: set.trimmed, after: location.prefix, isOneLine: true)].compactMap { $0 }
        .map { Place(kind: .header(name), text: $0) }
    }
    if changes.removedHeaders.contains(name) { return [] }
    let values = request.headers.filter { $0.name.asciiLowercased == name }.map(\.value.trimmed)
    let arrivesJoined = request.encoding == .joined || name == "authorization"
    // Joined is one value: several are nothing that a proxy sends.
    if arrivesJoined, values.count > 1 { return [Place(kind: .header(name))] }
    return values.compactMap { value in
      if location.prefix.isEmpty { return Place(kind: .header(name), text: value) }
      return token(
        in: value, after: location.prefix, isOneLine: request.encoding == .raw || name == "authorization"
      ).map { Place(kind: .header(name), text: $0) }
    }
  }

  /// Nil: there is none. The inner nil: a comma where lines may have been joined.
  private func token(in value: String, after prefix: String, isOneLine: Bool) -> String?? {
    guard let range = value.firstRange(of: prefix) else { return nil }
    let behind = value[range.upperBound...]
    let isOfToken = { (character: Character) in
      character.isASCII && (character.isLetter || character.isNumber || "-_.".contains(character))
    }
    let skipped = behind.prefix { !isOfToken($0) }
    if !isOneLine, skipped.contains(",") { return .some(nil) }
    let token = behind.dropFirst(skipped.count)
    return .some(token.isEmpty ? value : String(token))
  }

  // MARK: Query

  /// The parts of the query as they are encoded.
  var query: [(name: String, value: String)] {
    guard let question = request.path.firstIndex(of: "?") else { return [] }
    let query = request.path[question...].dropFirst().prefix { $0 != "#" }
    return query.split(separator: "&").map { part in
      let halves = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      return (halves[0], halves.count == 2 ? halves[1] : "")
    }
  }

  static func percentDecoded(_ text: String) -> String {
    var octets: [UInt8] = []
    var rest = text[...]
    while let first = rest.first {
      let digits = rest.dropFirst().prefix(2)
      if first == "%", digits.count == 2, digits.allSatisfy(\.isHexDigit), let code = UInt8(digits, radix: 16)
      {
        octets.append(code)
        rest = rest.dropFirst(3)
      } else {
        octets += String(first).utf8
        rest = rest.dropFirst()
      }
    }
    return String(decoding: octets, as: UTF8.self)
  }

  // MARK: Cookies

  /// The first cookie of this name. Lines that were joined with a comma make two readings; where they differ
  /// nobody can tell which is meant.
  private func cookie(named name: String) -> Place? {
    if changes.removedHeaders.contains("cookie") || changes.setHeaders["cookie"] != nil { return nil }
    for line in request.headers where line.name.asciiLowercased == "cookie" {
      let strict = Self.cookie(named: name, in: line.value, separators: ";")
      if request.encoding == .joined, strict != Self.cookie(named: name, in: line.value, separators: ";,") {
        return Place(kind: .cookie)
      }
      if let strict { return Place(kind: .cookie, text: strict) }
    }
    return nil
  }

  private static func cookie(named name: String, in line: String, separators: String) -> String? {
    for part in line.split(whereSeparator: { separators.contains($0) }) {
      let halves = part.drop { $0 == " " }.split(
        separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard halves.count == 2, halves[0] == name else { continue }
      let value = String(halves[1])
      return value.count > 1 && value.hasPrefix("\"") && value.hasSuffix("\"")
        ? String(value.dropFirst().dropLast()) : value
    }
    return nil
  }
}
