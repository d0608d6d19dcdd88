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

  private static func mapping(_ keys: [(String, Setting)]) -> [(String, JSONTree)] {
    [
      ("type", .text("object")), ("additionalProperties", .boolean(false)),
      ("properties", .object(keys.map { ($0.0, node($0.1)) })),
    ]
  }

  private static func node(_ setting: Setting) -> JSONTree {
    switch setting {
    case .text: .object([("type", .text("string")), ("minLength", .number(1))])
    case .parsed: .object([("type", .text("string"))])
    case .boolean: .object([("type", .text("boolean"))])
    case .integer(let bounds, _):
      .object([
        ("type", .text("integer")), ("minimum", .number(bounds.lowerBound)),
        ("maximum", .number(bounds.upperBound)),
      ])
    case .duration(let bounds, _): duration("^[0-9]+(ms|s|m|h)$", bounds)
    case .seconds(let bounds, _):
      duration(
        "^[0-9]+(ms|s|m|h)$",
        bounds.lowerBound &* 1_000_000_000...bounds.upperBound &* 1_000_000_000)
    case .texts, .parsedTexts, .prefixes:
      .object([("type", .text("array")), ("items", .object([("type", .text("string"))]))])
    case .section(let keys): .object(mapping(keys))
    case .workloads: workloads
    }
  }

  private static func duration(_ pattern: String, _ bounds: ClosedRange<UInt64>) -> JSONTree {
    let text = "from \(Duration.text(bounds.lowerBound)) to \(Duration.text(bounds.upperBound))"
    return .object([
      ("type", .text("string")), ("pattern", .text(pattern)), ("description", .text(text)),
      ("examples", .list([.text("30s"), .text("500ms")])),
    ])
  }

  private static var workloads: JSONTree {
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
    return .object([("type", .text("array")), ("items", one)])
  }
}
