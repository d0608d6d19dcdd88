import ArgumentParser
import Authorizer
import Configuration
import Explanation
import Istio
import KeySets
import System

/// Shows what is in a token, and what would become of it.
struct TokenInspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Show what is in a token, and what would refuse it.",
    discussion: """
      Prints header and claims, the times in words, and each check in the server's
      order, made by its code. With --policies the token is held against every
      jwtRule there, with --jwks against the keys of a JWK Set (any issuer, any
      audience). Keys that a rule names by jwksUri or discovery are fetched once, as
      the service would fetch them. With neither, the signature is NOT verified: only form and times
      are checked.

        countersign token inspect "$TOKEN" --policies policies/
        countersign token inspect @token.txt --jwks keys.json --at 1800000000
        curl -s https://issuer.example/token | countersign token inspect -

      Exit code: 0 when a rule accepts it, or, with neither, when nothing refuses
      it; 1 when it is refused; 2 for a bad command line.
      """)

  @Argument(help: ArgumentHelp("The token; @FILE reads it, - reads standard input.", valueName: "token"))
  var token: String

  @Option(
    help: ArgumentHelp("Files and folders of RequestAuthentications; may be repeated.", valueName: "path"))
  var policies: [String] = []

  @Option(help: ArgumentHelp("A file with a JWK Set; may be repeated.", valueName: "file"))
  var jwks: [String] = []

  @Option(help: "A configuration file (YAML): policies and limits.")
  var config: String?

  @Option(help: ArgumentHelp("The time to judge by, in seconds since 1970 (now).", valueName: "seconds"))
  var at: UInt64?

  @Flag(help: "Fetch no keys: a rule whose keys are in the network then refuses for want of them.")
  var offline = false

  @Flag(help: "Print JSON.")
  var json = false

  @Flag(inversion: .prefixedNo, help: "Colours (when standard output is a terminal and NO_COLOR is not set).")
  var color: Bool?

  func run() throws {
    var configuration = try Policies.configuration(config)
    if !policies.isEmpty { configuration.policies = policies }
    var rules: [(name: String, rule: JWTRule)] = []
    do {
      for file in jwks { rules.append(try Self.rule(ofKeys: file)) }
    } catch {
      throw CommandFailure.failed("error: \(error)")
    }
    let loads = !configuration.policies.isEmpty
    var keys: [KeySource.Place: KeyBoard.Entry] = [:]
    if loads {
      let resources = try Self.resources(of: configuration)
      rules += Self.rules(of: resources)
      if !offline { keys = try Self.remoteKeys(of: resources, configuration) }
    }
    if loads || !jwks.isEmpty, rules.isEmpty {
      throw CommandFailure.failed("error: no jwtRule in the policies: every token passes unread")
    }
    let now = at ?? UInt64(max(0, Clock.system.wallSeconds()))
    let inspection = TokenInspection(
      try Self.text(of: token), rules: rules, settings: configuration.authorizer, now: now,
      keys: keys)
    print(
      json ? inspection.json : inspection.text(TextStyle(coloured: color ?? Terminal.isColoured)),
      terminator: "")
    if !inspection.isAcceptable { throw ExitCode(1) }
  }

  private static func rule(ofKeys file: String) throws(SystemError) -> (name: String, rule: JWTRule) {
    let position = SourcePosition(file: file, line: 1, column: 1)
    var rule = JWTRule(position: position)
    let octets = try Files.read(file, limit: PolicyFiles.maximumFileBytes)
    rule.keys = .inline(Located(String(decoding: octets, as: UTF8.self), at: position))
    return ("the keys of \(file)", rule)
  }

  private static func resources(of configuration: ServiceConfiguration) throws -> Resources {
    let loaded: LoadedResources
    do { loaded = try PolicyFiles.load(configuration.policies) } catch {
      throw CommandFailure.failed("error: \(error)")
    }
    if loaded.hasErrors {
      for diagnostic in loaded.diagnostics where diagnostic.severity == .error {
        Terminal.error(diagnostic.description)
      }
      throw CommandFailure.failed("error: nothing inspected: the policies have errors")
    }
    return loaded.resources
  }

  private static func rules(of resources: Resources) -> [(name: String, rule: JWTRule)] {
    resources.requestAuthentications.flatMap { resource in
      resource.jwtRules.enumerated().map { index, rule in
        let name = "\(resource.metadata.namespace)/\(resource.metadata.name) jwtRules[\(index)]"
        return ("\(name) (\(rule.position))", rule)
      }
    }
  }

  /// What the rules' keys in the network are now.
  private static func remoteKeys(
    of resources: Resources, _ configuration: ServiceConfiguration
  ) throws -> [KeySource.Place: KeyBoard.Entry] {
    var all = resources
    all.authorizationPolicies = []
    for index in all.requestAuthentications.indices {
      all.requestAuthentications[index].attachment = .allWorkloads
    }
    let namespaces = Set(all.requestAuthentications.map(\.metadata.namespace)).sorted()
    let input = PolicySnapshot.Input(
      resources: all, workloads: namespaces.map { Workload(name: $0, namespace: $0, labels: [:]) },
      defaultWorkload: nil)
    // A rule that cannot be compiled is told of by the inspection.
    guard let snapshot = PolicySnapshot.compile(input, settings: configuration.authorizer).snapshot else {
      return [:]
    }
    let entries = try RemoteKeys.fetch(snapshot, configuration)
    return Dictionary(zip(snapshot.keySources.map(\.place), entries), uniquingKeysWith: { first, _ in first })
  }

  private static func text(of token: String) throws -> String {
    let file = token == "-" ? "/dev/stdin" : token.hasPrefix("@") ? String(token.dropFirst()) : nil
    guard let file else { return token }
    do {
      return String(decoding: try Files.read(file, limit: PolicyFiles.maximumFileBytes), as: UTF8.self)
    } catch {
      throw CommandFailure.failed("error: \(error)")
    }
  }
}
