/// How large a text may be and how far it may unfold.
public struct YAMLSettings: Sendable {
  /// Octets of one text. 16 MiB holds some 50,000 policies; etcd keeps no single object above 1.5 MiB.
  public var maximumTextBytes = 16 << 20
  /// Containers inside containers. Kubernetes objects need about 10; what walks the tree may recurse this
  /// deep.
  public var maximumDepth = 64
  /// Nodes of all documents of a text, where an alias counts as often as all that it stands for: a walk over
  /// the tree costs no more, however aliases are nested, and an alias bomb is refused at the alias that goes
  /// over.
  public var maximumNodes = 1_000_000

  public init() {}
}
