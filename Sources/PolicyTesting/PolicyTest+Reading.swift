import Authorizer
import Bytes
import ExtAuthz
import JSON
import YAML

extension TestFile {
  mutating func readTest(_ node: YAMLNode, _ reader: inout FieldReader) {
    guard reader.isMapping(node, "a test", known: ["name", "request", "token", "expect"]) else { return }
    var test = PolicyTest(name: reader.text(node, "name") ?? "", position: reader.place(node.position))
    if test.name.isEmpty {
      reader.error("missing-key", at: node.position, "a test needs a `name`: what must hold, in words")
    }
    if let request = node.member("request")?.value { Self.read(request, into: &test.request, &reader) }
    if let token = node.member("token")?.value { test.token = Self.token(token, &reader) }
    if let expect = node.member("expect")?.value {
      Self.read(expect, into: &test.expect, &reader)
    } else {
      reader.error("missing-key", at: node.position, "a test needs `expect`, such as {status: 403}")
    }
    tests.append(test)
  }

  private static func read(
    _ node: YAMLNode, into request: inout ProxiedRequest, _ reader: inout FieldReader
  ) {
    let known = [
      "method", "path", "host", "scheme", "headers", "rawHeaders", "sourceIP", "principal", "certificate",
      "destinationIP",
      "port", "destinationPrincipal", "sni", "metadata",
    ]
    guard reader.isMapping(node, "`request`", known: known) else { return }
    request.method = reader.text(node, "method") ?? request.method
    request.path = reader.text(node, "path") ?? request.path
    request.host = reader.text(node, "host") ?? request.host
    request.scheme = reader.text(node, "scheme") ?? request.scheme
    request.sourceIP = reader.text(node, "sourceIP") ?? request.sourceIP
    request.principal = reader.text(node, "principal") ?? request.principal
    request.certificate = reader.text(node, "certificate") ?? request.certificate
    request.destinationIP = reader.text(node, "destinationIP") ?? request.destinationIP
    request.port = reader.integer(node, "port", 0...65_535) ?? request.port
    request.destinationPrincipal =
      reader.text(node, "destinationPrincipal") ?? request.destinationPrincipal
    request.sni = reader.text(node, "sni")
    request.keepsLinesApart = reader.boolean(node, "rawHeaders") ?? false
    if let metadata = node.member("metadata")?.value {
      request.filterMetadata = filterMetadata(metadata, &reader)
    }
    if let headers = node.member("headers")?.value { request.headers = pairs(headers, &reader) }
  }

  private static func filterMetadata(
    _ node: YAMLNode, _ reader: inout FieldReader
  ) -> [(name: String, value: [(String, ProxiedRequest.MetadataValue)])] {
    guard let filters = node.members else {
      reader.expected("a mapping of filter names", node)
      return []
    }
    return filters.map { filter in
      guard case .fields(let fields) = value(filter.value) else {
        reader.expected("a mapping of what the filter said", filter.value)
        return (filter.name, [])
      }
      return (filter.name, fields)
    }
  }

  private static func value(_ node: YAMLNode) -> ProxiedRequest.MetadataValue {
    switch node.content {
    case .null: .null
    case .boolean(let value): .boolean(value)
    case .number: .number(node.number ?? 0)
    case .text(let text): .text(text)
    case .sequence(let elements): .list(elements.map(value))
    case .mapping(let members): .fields(members.map { ($0.name, value($0.value)) })
    }
  }

  /// Names in lower case, as Envoy sends them; each element of a list is a line.
  private static func pairs(_ node: YAMLNode, _ reader: inout FieldReader) -> [(name: String, value: String)]
  {
    guard let members = node.members else {
      reader.expected("a mapping of headers", node)
      return []
    }
    return members.flatMap { member in
      reader.texts(node, member.name).map { (member.name.lowercased(), $0) }
    }
  }

  // MARK: Tokens

  private static func token(_ node: YAMLNode, _ reader: inout FieldReader) -> TestToken {
    if node.text == "none" || node.isNull { return .none }
    let known = [
      "issuer", "subject", "claims", "audiences", "expiresIn", "notBeforeIn", "algorithm", "keyID",
      "tampered",
      "text", "in",
    ]
    guard reader.isMapping(node, "`token` (or `none`)", known: known) else { return .none }
    let place = place(node, &reader)
    if let text = reader.text(node, "text") {
      for member in node.members ?? [] where member.name != "text" && member.name != "in" {
        reader.error(
          "invalid-value", at: member.position,
          "`\(member.name)` is for a minted token; `text` is sent as it is")
      }
      return .text(text, place)
    }
    var minted = MintedToken(position: reader.place(node.position))
    minted.issuer = reader.text(node, "issuer") ?? ""
    minted.subject = reader.text(node, "subject")
    minted.audiences = reader.texts(node, "audiences")
    minted.notBeforeIn = reader.seconds(node, "notBeforeIn")
    if let text = node.member("expiresIn")?.value.text, text == "never" {
      minted.expiresIn = nil
    } else if let seconds = reader.seconds(node, "expiresIn") {
      minted.expiresIn = seconds
    }
    minted.algorithm = reader.text(node, "algorithm")
    if let name = minted.algorithm { checkAlgorithm(name, at: node, &reader) }
    minted.keyID = reader.text(node, "keyID")
    minted.isTampered = reader.boolean(node, "tampered") ?? false
    if let claims = node.member("claims")?.value {
      if claims.members == nil {
        reader.expected("a mapping of claims", claims)
      } else {
        minted.claims = json(claims, &reader)
        minted.namesIssuer = claims.member("iss") != nil
      }
    }
    return .minted(minted, place)
  }

  private static func place(_ node: YAMLNode, _ reader: inout FieldReader) -> TestToken.Place {
    guard let text = reader.text(node, "in"), let value = node.member("in")?.value else { return .header }
    let words = text.split(separator: " ")
    switch (words.first, words.count) {
    case ("header", 1): return .header
    case ("param", 2): return .parameter(String(words[1]))
    case ("cookie", 2): return .cookie(String(words[1]))
    default:
      reader.error("invalid-value", at: value.position, "`in` is `header`, `param NAME` or `cookie NAME`")
      return .header
    }
  }

  /// The node as JSON text.
  private static func json(_ node: YAMLNode, _ reader: inout FieldReader) -> String {
    switch node.content {
    case .null: return "null"
    case .boolean(let value): return value ? "true" : "false"
    case .text(let text): return Text.json(text)
    case .number(let literal):
      // As written where JSON writes numbers so: a test may be about how a number is written.
      var document = JSONDocument()
      if (try? document.parse(Array(literal.utf8).span)) != nil { return literal }
      if let integer = node.integer { return "\(integer)" }
      reader.expected("a number that JSON can write", node)
      return "0"
    case .sequence(let elements):
      return "[" + elements.map { json($0, &reader) }.joined(separator: ",") + "]"
    case .mapping(let members):
      let texts = members.map { "\(Text.json($0.name)):\(json($0.value, &reader))" }
      return "{" + texts.joined(separator: ",") + "}"
    }
  }

  // MARK: Expectations

  private static func read(
    _ node: YAMLNode, into expect: inout Expectation, _ reader: inout FieldReader
  ) {
    let known = ["status", "decidedBy", "policy", "reason", "body", "headers"]
    guard reader.isMapping(node, "`expect`", known: known) else { return }
    if node.members?.isEmpty ?? true {
      reader.error("missing-key", at: node.position, "`expect` expects nothing; give a `status` at least")
    }
    if let status = reader.integer(node, "status", 100...599), let value = node.member("status")?.value {
      expect.status = status
      if ![200, 401, 403, 431].contains(status) {
        reader.error(
          "invalid-value", at: value.position, "no verdict has status \(status); it is 200, 401, 403 or 431")
      }
    }
    expect.body = reader.text(node, "body")
    if let reason = reader.text(node, "reason"), let value = node.member("reason")?.value {
      let known = Verdict.Reason.allCases.map { "\($0.label)" }
      expect.reason = reason
      if !known.contains(reason) {
        let hint = nearest(to: reason, in: known).map { "did you mean `\($0)`?" }
        reader.error(
          "invalid-value", at: value.position,
          "`\(reason)` is no reason; \(hint ?? "known: " + known.joined(separator: ", "))")
      }
    }
    if let policy = reader.text(node, "policy") { expect.decider = .policy(policy, rule: nil) }
    if let decider = node.member("decidedBy")?.value { readDecider(decider, into: &expect, &reader) }
    guard let headers = node.member("headers")?.value,
      reader.isMapping(headers, "`headers`", known: ["set", "removed"])
    else { return }
    if let set = headers.member("set")?.value { expect.setHeaders = pairs(set, &reader) }
    expect.removedHeaders = reader.texts(headers, "removed").map { $0.lowercased() }
  }

  private static func readDecider(
    _ node: YAMLNode, into expect: inout Expectation, _ reader: inout FieldReader
  ) {
    if let text = node.text {
      expect.decider = text == "none" ? .nobody : .policy(text, rule: nil)
      return
    }
    guard reader.isMapping(node, "`decidedBy`", known: ["policy", "rule"]) else { return }
    guard let policy = reader.text(node, "policy") else {
      reader.error("missing-key", at: node.position, "`decidedBy` needs `policy`, as NAMESPACE/NAME")
      return
    }
    expect.decider = .policy(policy, rule: reader.integer(node, "rule", 0...511))
  }
}

/// Text in other clothes.
enum Text {
  /// As a JSON string.
  static func json(_ text: String) -> String {
    var output = ByteBuffer()
    JSONWriter.writeString(Array(text.utf8).span, into: &output)
    return output.span.text()
  }
}
