import Authorizer
import DecisionLog
import ExtAuthz
import Fetch
import HTTP
public import Istio
import JWT
import KeySets
import Policy
import Server
import System
import YAML

extension ServiceConfiguration {
  /// A configuration file that could not be used: every finding, at least one.
  public struct Refused: Error, Sendable, CustomStringConvertible {
    public var diagnostics: [Diagnostic]

    /// The findings, one a line.
    public var description: String { diagnostics.map(\.description).joined(separator: "\n") }
  }

  /// Reads a configuration file's text over the defaults. Unknown keys are errors that name the nearest known
  /// one.
  public init(file: String, text: [UInt8]) throws(Refused) {
    self.init()
    var reader = SettingReader(file: file)
    var root: YAMLNode?
    do throws(YAMLError) {
      let documents = try YAMLParser.parse(text)
      if documents.count > 1 {
        reader.error("several-documents", at: documents[1].position, "a configuration is one document")
      }
      root = documents.first
      if let root, !root.isNull { reader.read(root, Self.settings, into: &self) }
    } catch {
      reader.error(error.code, at: error.position, error.message)
    }
    if let name = defaultWorkload, !workloads.contains(where: { $0.name == name }) {
      let hint = nearest(to: name, in: workloads.map(\.name)).map { "; did you mean `\($0)`?" } ?? ""
      reader.error(
        "unknown-workload",
        at: root?.member("defaultWorkload")?.value.position ?? YAMLPosition(line: 1, column: 1),
        "defaultWorkload `\(name)` is not among the workloads\(hint)")
    }
    if let wrong = tls.contradiction {
      reader.error(
        "incomplete-tls", at: root?.member("tls")?.position ?? YAMLPosition(line: 1, column: 1), wrong)
    }
    if !reader.diagnostics.isEmpty { throw Refused(diagnostics: reader.diagnostics) }
    warnings = reader.warnings
  }

  private static let mebibyte = 1 << 20

  /// Every key of the file. `deploy/countersign.yaml` shows each with its default and its reason, and says when a
  /// change takes effect; tests hold both to this table.
  static var settings: [Setting] {
    [
      .section("listeners", listenerSettings),
      .section("tls", ListenerTLS.keys),
      .integer("threads", \.threads, 0...1024, .atRestart),
      .texts("policies", \.policies, .atReload),
      .text("rootNamespace", \.authorizer.policy.rootNamespace, .atReload),
      .text("defaultWorkload", \.defaultWorkload, .atReload),
      Setting("workloads", .workloads, writes: [Setting.Property(\.workloads)], .atReload),
      .boolean("allowUnused", \.authorizer.policy.allowUnused, .atReload),
      .boolean("allowEmpty", \.authorizer.policy.allowEmpty, .atReload),
      .text("trustDomain", \.authorizer.policy.trustDomain, .atReload),
      .texts("trustDomainAliases", \.authorizer.policy.trustDomainAliases, .atReload),
      .integer("trustedProxies", \.authorizer.policy.trustedProxies, 0...64, .atReload),
      .parsed(
        "pathNormalization", \.authorizer.policy.pathNormalization, .atReload, parsePathNormalization),
      .seconds("clockSkew", \.authorizer.clockSkewSeconds, 0...3_600, .atReload),
      .duration("drainDelay", \.drainDelay, 0...3_600_000_000_000, .atReload),
      .duration("maxConnectionAge", \.server.maximumConnectionAge, 0...week, .atRestart),
      .duration("idleTimeout", \.server.idleTimeout, 0...week, .atRestart),
      .duration(
        "shutdownTimeout", \.server.shutdownTimeout, 1_000_000_000...3_600_000_000_000, .atReload),
      .section("log", logSettings),
      .section("decisionLog", decisionLogSettings),
      .section("metrics", [.boolean("ruleHits", \.showsRuleHits, .atRestart)]),
      .section("jwks", keySettings),
      .section("limits", limitSettings),
    ]
  }

  private static var listenerSettings: [Setting] {
    [
      .address("grpc", \.grpc, .atRestart),
      .address("http", \.http, .atRestart),
      .address("admin", \.admin, .atRestart),
      .parsed("unixMode", \.listener.socketFileMode, .atRestart, parseMode),
      .parsed("unixOwner", \.listener.socketFileOwner, .atRestart) { target, text in
        target.listener.socketFileOwner = Accounts.user(text)
        return target.listener.socketFileOwner == nil ? "`\(text)` is no user of this machine" : nil
      },
      .parsed("unixGroup", \.listener.socketFileGroup, .atRestart) { target, text in
        target.listener.socketFileGroup = Accounts.group(text)
        return target.listener.socketFileGroup == nil ? "`\(text)` is no group of this machine" : nil
      },
    ]
  }

  private static var logSettings: [Setting] {
    [
      .word("format", \.logFormat, "log format", .atRestart),
      .word("level", \.logLevel, "log level", .atRestart),
    ]
  }

  private static var decisionLogSettings: [Setting] {
    [
      Setting(
        "sink",
        .text { target, text in
          target.decisionLog.sink =
            text == "off" ? .off : text == "stdout" ? .standardOutput : .file(text)
        }, writes: [Setting.Property(\.decisionLog.sink)], .atRestart),
      .integer("allowedOneIn", \.decisionLog.allowedOneIn, 0...1_000_000_000, .atRestart),
      .word("subject", \.decisionLog.subject, "way to tell subjects", .atRestart),
      .integer("bufferBytes", \.decisionLog.bufferOctets, 4_096...(64 * mebibyte), .atRestart),
    ]
  }

  private static let day: UInt64 = 86_400
  private static let week: UInt64 = 7 * 86_400_000_000_000

  private static var keySettings: [Setting] {
    [
      .text("stateFolder", \.keys.stateFolder, .atRestart),
      .boolean("waitForKeys", \.waitForKeys, .atReload),
      .seconds("refreshFloor", \.keys.settings.refreshFloorSeconds, 1...day, .atReload),
      .seconds("refreshCeiling", \.keys.settings.refreshCeilingSeconds, 1...day, .atReload),
      .seconds("retryCeiling", \.keys.settings.retryCeilingSeconds, 1...3_600, .atReload),
      .seconds("staleLimit", \.keys.settings.staleLimitSeconds, 60...(365 * day), .atReload),
      .integer("unknownKeyBurst", \.keys.settings.unknownKeyBurst, 1...1_000, .atReload),
      .integer("unknownKeysPerSecond", \.keys.settings.unknownKeysPerSecond, 1...1_000, .atReload),
      .seconds("unknownKeyMemory", \.keys.settings.unknownKeySeconds, 1...3_600, .atReload),
      .duration("wait", \.keys.settings.waitNanoseconds, 1_000_000...60_000_000_000, .atReload),
      Setting(
        "allowedAddresses", .prefixes { $0.keys.routes.addressGuard.allowed = $1 },
        writes: [Setting.Property(\.keys.routes.addressGuard.allowed)], .atReload),
      // Beside those that are blocked without being named.
      Setting(
        "blockedAddresses", .prefixes { $0.keys.routes.addressGuard.blocked += $1 },
        writes: [Setting.Property(\.keys.routes.addressGuard.blocked)], .atReload),
      .boolean("allowHTTPFromDiscovery", \.keys.routes.allowsHTTPFromDiscovery, .atReload),
      .boolean("allowRemoteSecrets", \.keys.sets.allowsRemoteSecrets, .atReload),
    ]
  }

  private static var limitSettings: [Setting] {
    let fourGibibytes = 4096 * mebibyte
    return [
      .word("answer", \.server.overload, "answer", .atRestart),
      .integer("inFlightBytes", \.server.maximumInFlightOctets, mebibyte...fourGibibytes, .atRestart),
      Setting(
        "jwksBytes",
        .integer(1024...(16 * mebibyte)) { target, bytes in
          target.keys.sets.maximumBytes = bytes
          target.keys.routes.maximumBytes = bytes
        },
        writes: [
          Setting.Property(\.keys.sets.maximumBytes), Setting.Property(\.keys.routes.maximumBytes),
        ], .atReload),
      .integer("jwksKeys", \.keys.sets.maximumKeys, 1...10_000, .atReload),
      .integer("parkedChecks", \.server.maximumParkedChecks, 1...1_000_000, .atRestart),
      .integer("parkedBytes", \.server.maximumParkedOctets, 1024...fourGibibytes, .atRestart),
      .integer("ecdsaTableBytes", \.tableOctets, 0...fourGibibytes, .atRestart),
      .integer("tokenCacheBytes", \.authorizer.tokenCacheOctets, 0...fourGibibytes, .atRestart),
      .integer("tokenBytes", \.authorizer.token.maximumTokenBytes, 256...mebibyte, .atRestart),
      .integer("tokensPerRule", \.authorizer.maximumTokensPerRule, 1...64, .atReload),
      .integer("checkHeaders", \.checkRequest.maximumHeaders, 1...65_536, .atRestart),
      .integer("messageBytes", \.http2.maximumMessageOctets, 1024...(64 * mebibyte), .atRestart),
      .integer("headerListBytes", \.http2.maximumHeaderListOctets, 1024...mebibyte, .atRestart),
      .integer("connections", \.server.maximumConnections, 1...1_000_000, .atRestart),
      .integer("streams", \.http2.maximumConcurrentStreams, 1...1_000_000, .atRestart),
      .integer("peerResetBurst", \.http2.peerResetBurst, 1...10_000_000, .atRestart),
      .integer("peerResetsPerSecond", \.http2.peerResetsPerSecond, 1...10_000_000, .atRestart),
      .integer("serverResetBurst", \.http2.serverResetBurst, 1...10_000_000, .atRestart),
      .integer("serverResetsPerSecond", \.http2.serverResetsPerSecond, 1...10_000_000, .atRestart),
    ]
  }

  /// Permissions as `chmod` writes them.
  private static func parseMode(_ target: inout ServiceConfiguration, _ text: String) -> String? {
    guard text.count <= 4, let mode = UInt32(text, radix: 8), mode <= 0o777 else {
      return "`\(text)` is no file mode; write octal digits in quotes, such as \"0660\""
    }
    target.listener.socketFileMode = mode
    return nil
  }

  private static func parsePathNormalization(_ target: inout ServiceConfiguration, _ text: String) -> String?
  {
    guard let value = PathNormalization(rawValue: text) else {
      let known = PathNormalization.allCases.map(\.rawValue).joined(separator: ", ")
      return "`\(text)` is no path normalization; known: \(known)"
    }
    target.authorizer.policy.pathNormalization = value
    return nil
  }
}
