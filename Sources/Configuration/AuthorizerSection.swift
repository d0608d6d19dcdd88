public import Authorizer
public import Istio
public import YAML

extension AuthorizerSettings {
  /// Reads those keys of a configuration file that change what a verdict is, from a section of another file:
  /// with the same names, bounds and messages.
  public static func read(section node: YAMLNode, file: String) -> (AuthorizerSettings, [Diagnostic]) {
    let known: Set = [
      "rootNamespace", "trustDomain", "trustDomainAliases", "trustedProxies", "pathNormalization",
      "clockSkew",
    ]
    var reader = SettingReader(file: file)
    var configuration = ServiceConfiguration()
    reader.read(
      node, ServiceConfiguration.settings.filter { known.contains($0.name) }, into: &configuration)
    return (configuration.authorizer, reader.diagnostics)
  }
}
