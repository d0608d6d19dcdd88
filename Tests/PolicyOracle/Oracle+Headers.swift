/// Headers (semantics, section 2.5; design, section 7), as the request has them once it is let through.
extension Oracle {
  /// Envoy keeps these in fixed slots: their lines are one value already (semantics, section 1.4).
  static let fixedSlots = [
    "authorization", "user-agent", "content-type", "accept", "accept-encoding", "referer", "origin",
    "x-forwarded-for", "x-request-id",
  ]

  func header(named written: String, _ value: String, certainly: Bool) -> Bool {
    let name = written.asciiLowercased
    let matches = { (line: String) in value == "*" || Expression.pattern(value).matches(line) }
    switch name {
    case ":authority", "host":
      saw(.pseudoHeader)
      return matches(request.host)
    case ":method":
      saw(.pseudoHeader)
      return matches(request.method)
    case ":scheme":
      saw(.pseudoHeader)
      return matches(request.scheme)
    case ":path":
      saw(.pseudoHeader)
      if !changes.removedParameters.isEmpty, value != "*" {
        // How the proxy writes the query then is its own affair.
        saw(.pathHeaderUncertain)
        return !certainly
      }
      return matches(pathHeader(normalizedPath() ?? ""))
    default: break
    }
    if let set = changes.setHeaders[name] {
      saw(.headerSet)
      return matches(set)
    }
    if changes.removedHeaders.contains(name) {
      saw(.headerHidden)
      return false
    }
    return matchesLines(
      request.headers.filter { $0.name.asciiLowercased == name }.map(\.value),
      isFixed: Self.fixedSlots.contains(name), value, certainly: certainly)
  }

  private func matchesLines(_ values: [String], isFixed: Bool, _ value: String, certainly: Bool) -> Bool {
    if value == "*" { return !values.isEmpty }
    let matches = { (line: String) in Expression.pattern(value).matches(line) }
    if request.encoding == .raw {
      if values.count > 1 { saw(.severalLines) }
      return values.contains(where: matches)
    }
    if values.count > 1 {
      // No proxy sends that: one of the values is the true one.
      saw(.joinedTwice)
      if certainly { return false }
    }
    if isFixed { return values.contains(where: matches) }
    let readings = values.flatMap(Self.readings)
    if readings.count > values.count { saw(.joinedParts) }
    if certainly { return !readings.isEmpty && readings.allSatisfy { $0.contains(where: matches) } }
    return readings.contains { $0.contains(where: matches) }
  }

  /// The lines that may have been joined into a value: every way to take it apart at its commas. A proxy may
  /// have put blanks there.
  private static func readings(of value: String) -> [[String]] {
    let parts = value.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    var readings: [[String]] = []
    for cuts in 0..<(1 << (parts.count - 1)) {
      var lines = [parts[0]]
      for index in 1..<max(1, parts.count) {
        if cuts >> (index - 1) & 1 == 1 {
          lines.append(parts[index])
        } else {
          lines[lines.count - 1] += "," + parts[index]
        }
      }
      readings.append(lines)
      let trimmed = lines.map(\.trimmed)
      if trimmed != lines { readings.append(trimmed) }
    }
    return readings
  }
}
