import Foundation

extension Mesh {
  /// The resources as Istio's users write them, in YAML's flow form.
  public var yaml: String {
    authentications.map(\.yaml).joined() + policies.map(\.yaml).joined()
  }

  /// Text in the double quotes of YAML and JSON.
  static func quoted(_ text: String) -> String {
    var output = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": output += "\\\""
      case "\\": output += "\\\\"
      case "\n": output += "\\n"
      case "\t": output += "\\t"
      default: output.unicodeScalars.append(scalar)
      }
    }
    return output + "\""
  }

  static func quoted(_ texts: [String]) -> String { "[\(texts.map(quoted).joined(separator: ", "))]" }

  static func quoted(_ pairs: [String: String]) -> String {
    let members = pairs.sorted { $0.key < $1.key }.map { "\(quoted($0.key)): \(quoted($0.value))" }
    return "{\(members.joined(separator: ", "))}"
  }
}

extension Mesh.Attachment {
  /// A member of `spec` with its line end; nothing for all workloads.
  fileprivate var yaml: String {
    switch self {
    case .allWorkloads: return ""
    case .selector(let labels): return "  selector: {matchLabels: \(Mesh.quoted(labels))}\n"
    case .targets(let targets):
      let entries = targets.map { Mesh.quoted(["group": $0.group, "kind": $0.kind, "name": $0.name]) }
      return "  targetRefs: [\(entries.joined(separator: ", "))]\n"
    }
  }
}

extension Mesh.Policy {
  var yaml: String {
    let annotations = isDryRun ? ", annotations: {istio.io/dry-run: \"true\"}" : ""
    var text = """
      ---
      apiVersion: security.istio.io/v1
      kind: AuthorizationPolicy
      metadata: {name: \(name), namespace: \(namespace)\(annotations)}
      spec:
        action: \(action.rawValue)

      """
    if action == .custom { text += "  provider: {name: other}\n" }
    text += attachment.yaml
    guard let rules else { return text }
    if rules.isEmpty { return text + "  rules: []\n" }
    return text + "  rules:\n" + rules.map { "  - \($0.yaml)\n" }.joined()
  }
}

extension Mesh.Rule {
  fileprivate var yaml: String {
    var members: [String] = []
    if !from.isEmpty { members.append("from: [\(Self.list(from, of: "source"))]") }
    if !to.isEmpty { members.append("to: [\(Self.list(to, of: "operation"))]") }
    if !when.isEmpty { members.append("when: [\(when.map(\.yaml).joined(separator: ", "))]") }
    return "{\(members.joined(separator: ", "))}"
  }

  private static func list(_ entries: [[Mesh.Field]], of name: String) -> String {
    entries.map { fields in
      let members = fields.map { "\($0.name): \(Mesh.quoted($0.values))" }
      return "{\(name): {\(members.joined(separator: ", "))}}"
    }.joined(separator: ", ")
  }
}

extension Mesh.Condition {
  fileprivate var yaml: String {
    var members = ["key: \(Mesh.quoted(key))"]
    if !values.isEmpty { members.append("values: \(Mesh.quoted(values))") }
    if !notValues.isEmpty { members.append("notValues: \(Mesh.quoted(notValues))") }
    return "{\(members.joined(separator: ", "))}"
  }
}

extension Mesh.Authentication {
  var yaml: String {
    """
    ---
    apiVersion: security.istio.io/v1
    kind: RequestAuthentication
    metadata: {name: \(name), namespace: \(namespace)\(created.map { ", creationTimestamp: \"\($0.text)\"" } ?? "")}
    spec:
    \(attachment.yaml)  jwtRules:
    \(rules.map { "  - \($0.yaml)\n" }.joined())
    """
  }
}

extension Mesh.TokenRule {
  fileprivate var yaml: String {
    var members = ["issuer: \(Mesh.quoted(issuer))", "jwks: \(Mesh.quoted(keySet))"]
    if !audiences.isEmpty { members.append("audiences: \(Mesh.quoted(audiences))") }
    if !fromHeaders.isEmpty {
      let entries = fromHeaders.map { location in
        location.prefix.isEmpty
          ? "{name: \(location.name)}" : "{name: \(location.name), prefix: \(Mesh.quoted(location.prefix))}"
      }
      members.append("fromHeaders: [\(entries.joined(separator: ", "))]")
    }
    if !fromParams.isEmpty { members.append("fromParams: \(Mesh.quoted(fromParams))") }
    if !fromCookies.isEmpty { members.append("fromCookies: \(Mesh.quoted(fromCookies))") }
    if let header = outputPayloadToHeader { members.append("outputPayloadToHeader: \(header)") }
    if !outputClaimToHeaders.isEmpty {
      let entries = outputClaimToHeaders.map { "{header: \($0.header), claim: \(Mesh.quoted($0.claim))}" }
      members.append("outputClaimToHeaders: [\(entries.joined(separator: ", "))]")
    }
    if forwardOriginalToken { members.append("forwardOriginalToken: true") }
    if !spaceDelimitedClaims.isEmpty {
      members.append("spaceDelimitedClaims: \(Mesh.quoted(spaceDelimitedClaims))")
    }
    if isRequired { members.append("presence: REQUIRED") }
    return "{\(members.joined(separator: ", "))}"
  }

  private var keySet: String {
    let keys = keys.map { key in
      let secret = Data(Mesh.Key.secret(key.number)).base64EncodedString()
        .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
      return #"{"kty":"oct",\#(key.id.map { "\"kid\":\"\($0)\"," } ?? "")"k":"\#(secret)"}"#
    }
    return "{\"keys\":[\(keys.joined(separator: ","))]}"
  }
}
