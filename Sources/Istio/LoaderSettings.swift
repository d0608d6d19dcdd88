public import YAML

/// What the loader takes, and how much of it.
public struct LoaderSettings: Sendable {
  public var yaml = YAMLSettings()
  /// JWK Sets by issuer that take the place of whatever keys a rule of that issuer names: how tests bring
  /// keys of their own. What the rule names is not read then.
  public var keySets: [String: String] = [:]
  public var limits = ResourceLimits()
  /// Most findings of each severity that are reported of one file; one more stands for the rest. Nobody reads
  /// more at once, and a broken file must not fill the memory with its findings.
  public var maximumFindings = 1_000

  public init() {}
}

/// How much one resource may hold: the limits of Istio's custom resource definitions, so that what loads here
/// is what a cluster would take (`customresourcedefinitions.gen.yaml` of istio/api). Lengths count UTF-8
/// octets.
public struct ResourceLimits: Sendable {
  public var jwtRules = 4096
  public var rules = 512
  /// Entries of one `from`.
  public var sources = 512
  public var targetReferences = 16
  /// Values of one `serviceAccounts` list.
  public var serviceAccounts = 16
  /// A namespace (63), a slash and a service account (253), with a little room, as Istio has it.
  public var serviceAccountLength = 320
  public var matchLabels = 4096
  public var labelValueLength = 63
  public var spaceDelimitedClaims = 64
  public var uriLength = 2048
  /// A target's name and group: a DNS subdomain.
  public var targetNameLength = 253
  public var targetKindLength = 63

  public init() {}
}
