import JSON

/// The grammar of the configuration file as a JSON Schema (2020-12), for editors that know YAML by schemas. It is made
/// from the table that the file is read by, so it cannot know another key.
public enum ConfigurationSchema {
  /// The whole schema, indented.
  public static var text: String {
    let root: [(String, JSONTree)] = [
      ("$schema", .text("https://json-schema.org/draft/2020-12/schema")),
      ("title", .text("Countersign's configuration file")),
      ("description", .text("deploy/countersign.yaml shows every key with its default and its reason.")),
    ]
    return JSONTree.object(root + mapping(ServiceConfiguration.settings)).text + "\n"
  }

  private static func mapping(_ keys: [Setting]) -> [(String, JSONTree)] {
    [
      ("type", .text("object")), ("additionalProperties", .boolean(false)),
      ("properties", .object(keys.map { ($0.name, .object(members($0))) })),
    ]
  }

  /// A key's grammar, and when a change of it takes effect.
  private static func members(_ setting: Setting) -> [(String, JSONTree)] {
    let members = grammar(setting.grammar)
    if case .section = setting.grammar { return members }
    return members + [("$comment", .text(effect(setting.effect)))]
  }

  private static func effect(_ effect: Setting.Effect) -> String {
    switch effect {
    case .atReload: "A change takes effect at a reload."
    case .atRestart: "A change takes effect at a restart."
    case .atReloadWhileUnchanged:
      "A change takes effect at a reload; turning TLS on or off takes effect at a restart."
    }
  }

  private static func grammar(_ grammar: Setting.Grammar) -> [(String, JSONTree)] {
    switch grammar {
    case .text: [("type", .text("string")), ("minLength", .number(1))]
    case .parsed: [("type", .text("string"))]
    case .boolean: [("type", .text("boolean"))]
    case .integer(let bounds, _):
      [
        ("type", .text("integer")), ("minimum", .number(bounds.lowerBound)),
        ("maximum", .number(bounds.upperBound)),
      ]
    case .duration(let bounds, _): duration("^[0-9]+(ms|s|m|h)$", bounds)
    case .seconds(let bounds, _):
      duration(
        "^[0-9]+(ms|s|m|h)$",
        bounds.lowerBound &* 1_000_000_000...bounds.upperBound &* 1_000_000_000)
    case .texts, .parsedTexts, .prefixes:
      [("type", .text("array")), ("items", .object([("type", .text("string"))]))]
    case .section(let keys): mapping(keys)
    case .workloads: workloads
    }
  }

  private static func duration(_ pattern: String, _ bounds: ClosedRange<UInt64>) -> [(String, JSONTree)] {
    let text = "from \(Duration.text(bounds.lowerBound)) to \(Duration.text(bounds.upperBound))"
    return [
      ("type", .text("string")), ("pattern", .text(pattern)), ("description", .text(text)),
      ("examples", .list([.text("30s"), .text("500ms")])),
    ]
  }

  private static var workloads: [(String, JSONTree)] {
    let name = JSONTree.object([("type", .text("string")), ("minLength", .number(1))])
    let labels = JSONTree.object([
      ("type", .text("object")), ("additionalProperties", .object([("type", .text("string"))])),
    ])
    let hosts = JSONTree.object([
      ("type", .text("array")), ("items", .object([("type", .text("string"))])),
    ])
    let types: [String: JSONTree] = [
      "name": name, "namespace": name, "labels": labels, "serviceAccount": name, "hosts": hosts,
    ]
    let one = JSONTree.object([
      ("type", .text("object")), ("additionalProperties", .boolean(false)),
      ("required", .list([.text("name"), .text("namespace")])),
      ("properties", .object(WorkloadReader.keys.compactMap { key in types[key].map { (key, $0) } })),
    ])
    return [("type", .text("array")), ("items", one)]
  }
}
