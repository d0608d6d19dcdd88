import Authorizer
import Bytes
import Check
import Istio
import JSON

/// Where a request could carry a token: its header lines, query parameters and cookies, as text. For people: it
/// allocates, and nothing in it decides.
struct RequestPlaces {
  /// Pseudo headers are not among them. Names are lower case, as Envoy sends them.
  private var headers: [(name: String, value: String)] = []
  private var parameters: [(name: String, value: String)] = []
  private var cookies: [(name: String, value: String)] = []

  init(_ check: borrowing Check, _ message: [UInt8]) {
    func text(_ range: ByteRange) -> String { String(decoding: message[range.indices], as: UTF8.self) }
    for index in check.headers.indices {
      let name = text(check.headers[index].name)
      if !name.hasPrefix(":") { headers.append((name, Self.trimmed(text(check.headers[index].value)))) }
    }
    for line in headers where line.name == "cookie" {
      for pair in line.value.split(separator: ";") { cookies.append(Self.pair(Self.trimmed(pair))) }
    }
    let path = text(check.path).prefix { $0 != "#" }
    guard let question = path.firstIndex(of: "?") else { return }
    for part in path[path.index(after: question)...].split(separator: "&") {
      let (name, value) = Self.pair(part)
      parameters.append((Self.decoded(name), Self.decoded(value)))
    }
  }

  /// Why headers that a rule looks into have no token: the prefix is there in another case, or is not there.
  func hints(for rule: JWTRule) -> [String] {
    var hints: [String] = []
    for (name, prefix) in Self.headerPlaces(of: rule) where !prefix.isEmpty {
      for line in headers where line.name == name && !line.value.contains(prefix) {
        hints.append(Self.hint(line, prefix))
      }
    }
    return hints
  }

  private static func hint(_ line: (name: String, value: String), _ prefix: String) -> String {
    let header = "header `\(Quoted.bare(line.name))`"
    let lowered = line.value.lowercased()
    guard let found = lowered.firstRange(of: prefix.lowercased()) else {
      return "\(header) does not have the prefix `\(Quoted.bare(prefix))`, so there is no token"
    }
    let offset = lowered.distance(from: lowered.startIndex, to: found.lowerBound)
    let seen = line.value.dropFirst(offset).prefix(prefix.count)
    let verb = offset == 0 ? "begins with" : "has"
    return
      "\(header) \(verb) `\(Quoted.bare(String(seen)))`: the prefix is compared with its case, so there is no "
      + "token; the rule wants `\(Quoted.bare(prefix))`"
  }

  /// The places that hold a token in the form of a JWT and that none of the rules looks into, in words.
  func unreadTokens(by rules: [JWTRule]) -> [String] {
    let readHeaders = Set(rules.flatMap { Self.headerPlaces(of: $0).map(\.name) })
    let readParameters = Set(rules.flatMap(Self.parameterPlaces))
    let readCookies = Set(rules.flatMap(\.fromCookies))
    var places: [String] = []
    for line in headers where !readHeaders.contains(line.name) && line.name != "cookie" {
      // A scheme such as `Bearer` may come first.
      if line.value.split(separator: " ").contains(where: Self.isToken) {
        places.append(Explainer.text(.header(name: Quoted.bare(line.name), prefix: "")))
      }
    }
    for (name, value) in parameters where !readParameters.contains(name) && Self.isToken(value[...]) {
      places.append(Explainer.text(.parameter(Quoted.bare(name))))
    }
    for (name, value) in cookies where !readCookies.contains(name) {
      let bare = value.count > 1 && value.hasPrefix("\"") && value.hasSuffix("\"")
      if Self.isToken(bare ? value.dropFirst().dropLast() : value[...]) {
        places.append(Explainer.text(.cookie(Quoted.bare(name))))
      }
    }
    return places
  }

  /// The header places of a rule; the default one where the rule names no place at all (semantics, section 1.4).
  private static func headerPlaces(of rule: JWTRule) -> [(name: String, prefix: String)] {
    if usesDefaults(rule) { return [("authorization", "Bearer ")] }
    return rule.fromHeaders.map { ($0.name.lowercased(), $0.prefix) }
  }

  private static func parameterPlaces(of rule: JWTRule) -> [String] {
    usesDefaults(rule) ? ["access_token"] : rule.fromParams
  }

  private static func usesDefaults(_ rule: JWTRule) -> Bool {
    rule.fromHeaders.isEmpty && rule.fromParams.isEmpty && rule.fromCookies.isEmpty
  }

  /// Whether a text has three parts in base64url of which the first is a JSON object (RFC 7515 section 7.1).
  static func isToken(_ text: Substring) -> Bool {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 3, parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(Self.isBase64URL) }) else {
      return false
    }
    var document = JSONDocument()
    guard (try? document.parseBase64URL(Array(parts[0].utf8).span)) != nil else { return false }
    return document.kind(of: document.root) == .object
  }

  private static func isBase64URL(_ byte: UInt8) -> Bool {
    0x30...0x39 ~= byte || 0x41...0x5A ~= byte || 0x61...0x7A ~= byte || byte == 0x2D || byte == 0x5F
  }

  private static func pair(_ text: some StringProtocol) -> (name: String, value: String) {
    guard let equals = text.firstIndex(of: "=") else { return (String(text), "") }
    return (String(text[..<equals]), String(text[text.index(after: equals)...]))
  }

  private static func decoded(_ text: String) -> String {
    var buffer = ByteBuffer(capacity: 64)
    PercentEncoding.decode(Array(text.utf8).span, into: &buffer)
    return String(decoding: buffer.copy(), as: UTF8.self)
  }

  private static func trimmed(_ text: some StringProtocol) -> String {
    let isBlank = { (character: Character) in character == " " || character == "\t" }
    let tail = text.drop(while: isBlank)
    guard let end = tail.lastIndex(where: { !isBlank($0) }) else { return "" }
    return String(tail[...end])
  }
}
