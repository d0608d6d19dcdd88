import ArgumentParser
import Authorizer
import Configuration
import DecisionLog
import Istio
import KeySets
import System

/// Loads and compiles what a command was given.
enum Policies {
  struct Loaded {
    /// Nil when there are errors.
    var snapshot: PolicySnapshot?
    var resources: Resources
    var diagnostics: [Diagnostic]
    /// Stands for the texts that all this was read from.
    var fingerprint = 0
    var errors: Int { diagnostics.count { $0.severity == .error } }
    var warnings: Int { diagnostics.count { $0.severity == .warning } }
    var notes: Int { diagnostics.count { $0.severity == .note } }
  }

  /// Reads the configuration file, if there is one. Its relative paths become relative to its folder.
  static func configuration(_ file: String?) throws -> ServiceConfiguration {
    guard let file else { return ServiceConfiguration() }
    return try configuration(file, text: configurationText(file))
  }

  /// A configuration file's text.
  static func configurationText(_ file: String) throws -> [UInt8] {
    do { return try Files.read(file, limit: PolicyFiles.maximumFileBytes) } catch {
      throw CommandFailure.failed("error: \(error)")
    }
  }

  /// The same with a text that was read before.
  static func configuration(_ file: String, text: [UInt8]) throws -> ServiceConfiguration {
    do {
      var configuration = try ServiceConfiguration(file: file, text: text)
      let folder = file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
      func placed(_ path: String) -> String { path.hasPrefix("/") ? path : folder + path }
      configuration.policies = configuration.policies.map(placed)
      configuration.keys.stateFolder = configuration.keys.stateFolder.map(placed)
      configuration.tls.certificate = configuration.tls.certificate.map(placed)
      configuration.tls.key = configuration.tls.key.map(placed)
      configuration.tls.clientAuthorities = configuration.tls.clientAuthorities.map(placed)
      if case .file(let path) = configuration.decisionLog.sink {
        configuration.decisionLog.sink = .file(placed(path))
      }
      return configuration
    } catch {
      throw CommandFailure.failed(error.diagnostics.map(\.description).joined(separator: "\n"))
    }
  }

  /// Loads the policies that the configuration names, and prints the errors.
  static func load(_ configuration: ServiceConfiguration) throws -> Loaded {
    let loaded = try collect(configuration)
    for diagnostic in loaded.diagnostics where diagnostic.severity == .error {
      Terminal.error(diagnostic.description)
    }
    return loaded
  }

  /// Loads the policies that the configuration names, and prints nothing.
  static func collect(_ configuration: ServiceConfiguration) throws -> Loaded {
    var diagnostics: [Diagnostic]
    var resources: Resources
    let fingerprint: Int
    do {
      let found = try PolicyFiles.find(configuration.policies)
      fingerprint = found.texts.hashValue
      let loaded = ResourceLoader(LoaderSettings()).load(found.texts)
      (resources, diagnostics) = (loaded.resources, configuration.warnings + loaded.diagnostics)
      resources.passedOverFiles = found.passedOver
    } catch {
      throw CommandFailure.failed("error: \(error)")
    }
    let readErrors = diagnostics.count { $0.severity == .error }
    var snapshot: PolicySnapshot?
    if readErrors == 0 {
      let compilation = PolicySnapshot.compile(
        input(resources, configuration), settings: configuration.authorizer)
      snapshot = compilation.snapshot
      diagnostics += compilation.diagnostics
    }
    return Loaded(
      snapshot: snapshot, resources: resources, diagnostics: diagnostics, fingerprint: fingerprint)
  }

  static func input(_ resources: Resources, _ configuration: ServiceConfiguration) -> PolicySnapshot.Input {
    PolicySnapshot.Input(
      resources: resources, workloads: configuration.workloads,
      defaultWorkload: configuration.defaultWorkload)
  }

  /// `1 error`, `2 errors`.
  static func count(_ count: Int, _ word: String) -> String { "\(count) \(word)\(count == 1 ? "" : "s")" }

  /// What was loaded, in a line; kinds and files that were passed over included.
  static func summary(_ resources: Resources) -> String {
    var parts = [
      count(resources.requestAuthentications.count, "RequestAuthentication"),
      resources.authorizationPolicies.count == 1
        ? "1 AuthorizationPolicy" : "\(resources.authorizationPolicies.count) AuthorizationPolicies",
    ]
    if !resources.serviceEntries.isEmpty {
      parts.append(
        resources.serviceEntries.count == 1
          ? "1 ServiceEntry" : "\(resources.serviceEntries.count) ServiceEntries")
    }
    if !resources.destinationRules.isEmpty {
      parts.append(count(resources.destinationRules.count, "DestinationRule"))
    }
    if !resources.passedOver.isEmpty {
      let kinds = resources.passedOver.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
      parts.append("passed over: \(kinds.joined(separator: ", "))")
    }
    if !resources.passedOverFiles.isEmpty {
      let files = resources.passedOverFiles.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
      parts.append("passed over by name: \(files.joined(separator: ", "))")
    }
    return parts.joined(separator: ", ")
  }
}
