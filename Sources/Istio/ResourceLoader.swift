public import YAML

/// One file's name and octets, as whoever reads files hands them over.
public struct ResourceText: Sendable, Hashable {
  public var name: String
  public var octets: [UInt8]

  public init(name: String, octets: [UInt8]) {
    self.name = name
    self.octets = octets
  }

  public init(name: String, text: String) {
    self.init(name: name, octets: Array(text.utf8))
  }
}

/// What a load yields.
public struct LoadedResources: Sendable {
  /// Only resources without an error.
  public var resources = Resources()
  /// Sorted by file, line and column; findings of one place in the order they were made.
  public var diagnostics: [Diagnostic] = []

  public init() {}

  /// True when something must not be used: a reload that has errors is refused as a whole (design, invariant
  /// 4).
  public var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }
}

/// Reads resources from YAML or JSON: any number of documents, any Kubernetes object, `List`s too. What
/// Istio's webhook and custom resource definitions refuse is an error, and so is what Istio would drop
/// without a word.
public struct ResourceLoader: Sendable {
  public let settings: LoaderSettings

  public init(_ settings: LoaderSettings = LoaderSettings()) {
    self.settings = settings
  }

  /// Loads one text.
  public func load(file: String, text: String) -> LoadedResources {
    load([ResourceText(name: file, text: text)])
  }

  /// Loads several texts as one set: two resources of one kind, namespace and name are an error wherever they
  /// stand.
  /// - Complexity: linear in the texts; bounded by the settings for each.
  /// - Parameters:
  ///   - documents: resources that stand inside another text, which was parsed already.
  ///   - file: the name of that text.
  public func load(
    _ files: [ResourceText], documents: [YAMLNode] = [], of file: String = ""
  ) -> LoadedResources {
    var loaded = LoadedResources()
    var seen: [String: SourcePosition] = [:]
    if !documents.isEmpty {
      var decoding = Decoding(file: file, settings: settings)
      decoding.resources(in: documents, into: &loaded.resources, seen: &seen)
      loaded.diagnostics += decoding.diagnostics
    }
    for file in files {
      var decoding = Decoding(file: file.name, settings: settings)
      do throws(YAMLError) {
        let documents = try YAMLParser.parse(file.octets, settings.yaml)
        decoding.resources(in: documents, into: &loaded.resources, seen: &seen)
      } catch {
        decoding.report(error)
      }
      loaded.diagnostics += decoding.diagnostics
    }
    loaded.diagnostics = Self.sorted(loaded.diagnostics)
    return loaded
  }

  private static func sorted(_ diagnostics: [Diagnostic]) -> [Diagnostic] {
    let numbered = diagnostics.enumerated().sorted { left, right in
      let (first, second) = (left.element.position, right.element.position)
      if first.file != second.file { return first.file < second.file }
      if first.line != second.line { return first.line < second.line }
      return (first.column, left.offset) < (second.column, right.offset)
    }
    return numbered.map(\.element)
  }
}

extension Decoding {
  static let group = "security.istio.io"
  static let versions = ["v1", "v1beta1"]
  static let kinds = ["RequestAuthentication", "AuthorizationPolicy", "PeerAuthentication"]

  /// Decodes every object of the documents. Lists are taken apart from a stack, not by recursion.
  mutating func resources(
    in documents: [YAMLNode], into resources: inout Resources, seen: inout [String: SourcePosition]
  ) {
    var waiting = Array(documents.reversed())
    while let node = waiting.popLast() {
      if node.isNull { continue }
      guard let (group, version, kind) = typeOfObject(node) else { continue }
      if let items = items(of: node, group: group, kind: kind) {
        waiting += items.reversed()
        continue
      }
      guard group == Self.group && kind != "PeerAuthentication" || Self.isNetworking(group, kind) else {
        resources.passedOver[kind, default: 0] += 1
        warnAboutOtherGuard(node, group: group, kind: kind)
        continue
      }
      let versions = group == Self.group ? Self.versions : Self.networkingVersions
      guard versions.contains(version) else {
        let position = node.member("apiVersion")?.value.position ?? node.position
        let message = "version `\(version)` of \(group) is not taken; use `\(group)/v1`"
        error(.unsupportedVersion, position, message)
        continue
      }
      decode(node, kind: kind, into: &resources, seen: &seen)
    }
  }

  private mutating func decode(
    _ node: YAMLNode, kind: String, into resources: inout Resources, seen: inout [String: SourcePosition]
  ) {
    let errorsBefore = errors
    if refusesTemplates(in: node) { return }
    let known = ["apiVersion", "kind", "metadata", "spec", "status"]
    guard let object = fields(of: node, kind, known: known, nullable: ["spec", "status", "metadata"]),
      let (metadata, annotations) = metadata(of: object, kind: kind, seen: &seen)
    else { return }
    let spec = object.member("spec")?.value ?? YAMLNode(.mapping([]), at: object.position)
    switch kind {
    case "RequestAuthentication":
      let decoded = requestAuthentication(spec, metadata, annotations)
      if let decoded, errors == errorsBefore { resources.requestAuthentications.append(decoded) }
    case "ServiceEntry":
      let decoded = serviceEntry(spec, metadata)
      if let decoded, errors == errorsBefore { resources.serviceEntries.append(decoded) }
    case "DestinationRule":
      let decoded = destinationRule(spec, metadata)
      if let decoded, errors == errorsBefore { resources.destinationRules.append(decoded) }
    default:
      let decoded = authorizationPolicy(spec, metadata, annotations)
      if let decoded, errors == errorsBefore { resources.authorizationPolicies.append(decoded) }
    }
  }

  private static func isNetworking(_ group: String, _ kind: String) -> Bool {
    group == networkingGroup && networkingKinds.contains(kind)
  }

  /// The group, version and kind of an object; an error when it has none, or when they look like ours
  /// misspelt: a policy that is passed over because of a typing error would leave the gate open.
  private mutating func typeOfObject(_ node: YAMLNode) -> (group: String, version: String, kind: String)? {
    guard node.members != nil else {
      error(.notAResource, node.position, "a document must be a Kubernetes object, not \(node.kindText)")
      return nil
    }
    guard let version = node.member("apiVersion")?.value, let versionText = version.text else {
      error(.notAResource, node.position, "the object has no `apiVersion`, such as `security.istio.io/v1`")
      return nil
    }
    guard let kind = node.member("kind")?.value, let kindText = kind.text, !kindText.isEmpty else {
      error(.notAResource, node.position, "the object has no `kind`, such as `AuthorizationPolicy`")
      return nil
    }
    let parts = versionText.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    let group = parts.count == 2 ? String(parts[0]) : ""
    // Other projects have kinds of these names in groups of their own (policy.linkerd.io); Kubernetes and
    // Istio do not.
    let isForeign =
      !group.isEmpty && !group.hasSuffix(".istio.io") && nearest(to: group, in: [Self.group]) == nil
    let isKnownElsewhere = OtherGuard.entry(group: group, kind: kindText) != nil
    if group != Self.group, Self.kinds.contains(kindText), !isForeign, !isKnownElsewhere {
      let message = "`\(versionText)` is no API version of `\(kindText)`; use `\(Self.group)/v1`"
      error(.unknownGroup, version.position, message)
      return nil
    }
    checkNetworkingType(group, kindText, version.position, kind.position)
    if group == Self.group, !Self.kinds.contains(kindText),
      !Self.kinds.contains(where: { $0 + "List" == kindText })
    {
      let hint = nearest(to: kindText, in: Self.kinds).map { "; did you mean `\($0)`?" } ?? ""
      error(.unknownKind, kind.position, "\(Self.group) has no kind `\(kindText)`\(hint)")
      return nil
    }
    return (group, parts.count == 2 ? String(parts[1]) : versionText, kindText)
  }

  /// The other kinds of the networking group are a proxy's; what looks like ours misspelt is not passed over.
  private mutating func checkNetworkingType(
    _ group: String, _ kind: String, _ groupPosition: YAMLPosition, _ kindPosition: YAMLPosition
  ) {
    let known = Self.networkingKinds
    let isKnown = known.contains { kind == $0 || kind == $0 + "List" }
    if group == Self.networkingGroup, !isKnown, let meant = nearest(to: kind, in: known) {
      error(.unknownKind, kindPosition, "\(group) has no kind `\(kind)`; did you mean `\(meant)`?")
    }
    if isKnown, group != Self.networkingGroup, nearest(to: group, in: [Self.networkingGroup]) != nil {
      let message = "`\(group)` is no API group of `\(kind)`; use `\(Self.networkingGroup)/v1`"
      error(.unknownGroup, groupPosition, message)
    }
  }

  /// The objects in a `List`, or in one of the lists of our own kinds; nil when the object is no such list.
  private mutating func items(of node: YAMLNode, group: String, kind: String) -> [YAMLNode]? {
    let isList =
      (group.isEmpty && kind == "List") || (group == Self.group && kind.hasSuffix("List"))
      || (group == Self.networkingGroup && Self.networkingKinds.contains { kind == $0 + "List" })
      || (kind.hasSuffix("List") && OtherGuard.entry(group: group, kind: String(kind.dropLast(4))) != nil)
    guard isList else { return nil }
    guard let items = node.member("items")?.value, !items.isNull else { return [] }
    guard let elements = items.elements else {
      error(.wrongType, items.position, "`items` takes a list, not \(items.kindText)")
      return []
    }
    for element in elements where element.isNull {
      error(.nullValue, element.position, "`items` has an entry without value; remove it")
    }
    return elements
  }
}
