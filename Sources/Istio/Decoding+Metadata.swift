internal import YAML

extension Decoding {
  /// The fields of Kubernetes' ObjectMeta.
  private static let metadataFields = [
    "name", "namespace", "labels", "annotations", "generateName", "uid", "resourceVersion", "generation",
    "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "ownerReferences", "finalizers",
    "managedFields", "selfLink", "clusterName",
  ]

  /// Reads `metadata`.
  /// - Returns: nil, with an error, when there is no usable name. Annotations come with their positions
  ///   besides.
  mutating func metadata(
    of object: Fields, kind: String, seen: inout [String: SourcePosition]
  ) -> (ObjectMetadata, [String: Located<String>])? {
    guard let member = object.member("metadata") else {
      error(.missingName, object.position, "the \(kind) has no `metadata.name`")
      return nil
    }
    let known = Self.metadataFields
    guard let fields = fields(of: member.value, "metadata", known: known, nullable: known) else { return nil }
    let annotations = annotations(fields)
    let namespace = text(fields, "namespace")
    guard fields.has("name") else {
      error(.missingName, member.position, "the \(kind) has no `metadata.name`")
      return nil
    }
    guard let name = text(fields, "name") else { return nil }
    guard Self.isSubdomain(name.value) else {
      let message =
        "`\(name.value)` is no name: Kubernetes takes lower-case letters, digits, `-` and `.`, at most 253"
      error(.invalidName, name.position, message)
      return nil
    }
    if let namespace, !Self.isLabel(namespace.value) {
      let message =
        "`\(namespace.value)` is no namespace: it takes lower-case letters, digits and `-`, at most 63"
      error(.invalidName, namespace.position, message)
      return nil
    }
    let namespaceText = namespace?.value ?? "default"
    let identity = "\(kind)/\(namespaceText)/\(name.value)"
    if let first = seen[identity] {
      let what = "\(kind) `\(name.value)` of namespace `\(namespaceText)`"
      error(.duplicateResource, name.position, "\(what) was given before, at \(first); remove or rename one")
    } else {
      seen[identity] = name.position
    }
    let metadata = ObjectMetadata(
      name: name.value, namespace: namespaceText, hasNamespace: namespace != nil,
      annotations: annotations.mapValues(\.value),
      creationTimestamp: creationTimestamp(fields), position: place(object.position))
    return (metadata, annotations)
  }

  /// It decides the order of RequestAuthentications (semantics, section 1.1), so a text that is not a time is an error.
  private mutating func creationTimestamp(_ fields: Fields) -> Timestamp? {
    guard let member = fields.member("creationTimestamp"), !member.value.isNull,
      let written = text(fields, "creationTimestamp")
    else { return nil }
    guard let time = Timestamp(written.value) else {
      let message =
        "`\(written.value)` is not a time; Kubernetes writes `creationTimestamp` as `2026-11-28T15:04:05Z`"
      error(.invalidTime, written.position, message)
      return nil
    }
    return time
  }

  private mutating func annotations(_ fields: Fields) -> [String: Located<String>] {
    guard let node = fields.member("annotations")?.value else { return [:] }
    guard let members = node.members else {
      error(.wrongType, node.position, "`annotations` must be a mapping, not \(node.kindText)")
      return [:]
    }
    var result: [String: Located<String>] = [:]
    for member in members {
      result[member.name] = text(member.value, member.name, allowsEmpty: true)
    }
    return result
  }

  /// RFC 1123 label as Kubernetes checks it.
  static func isLabel(_ text: String) -> Bool {
    let octets = Array(text.utf8)
    return (1...63).contains(octets.count) && octets.allSatisfy { isLowerAlphanumeric($0) || $0 == 0x2D }
      && octets.first != 0x2D && octets.last != 0x2D
  }

  /// RFC 1123 subdomain as Kubernetes checks it: labels between dots, at most 253 octets.
  static func isSubdomain(_ text: String) -> Bool {
    (1...253).contains(text.utf8.count)
      && text.utf8.split(separator: 0x2E, omittingEmptySubsequences: false).allSatisfy { label in
        !label.isEmpty && label.allSatisfy { isLowerAlphanumeric($0) || $0 == 0x2D }
          && label.first != 0x2D && label.last != 0x2D
      }
  }

  private static func isLowerAlphanumeric(_ octet: UInt8) -> Bool {
    0x30...0x39 ~= octet || 0x61...0x7A ~= octet
  }
}
