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
  public struct Refused: Error, Sendable {
    public var diagnostics: [Diagnostic]
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
  }

  private static let mebibyte = 1 << 20

  /// Every key of the file. `deploy/countersign.yaml` shows each with its default and its reason; a test
  /// holds the two together.
  static var settings: [(String, Setting)] {
    [
      ("listeners", .section(listenerSettings)),
      ("tls", .section(ListenerTLS.keys)),
      ("threads", .integer(0...1024) { $0.threads = $1 }),
      ("policies", .texts { $0.policies = $1 }),
      ("rootNamespace", .text { $0.authorizer.policy.rootNamespace = $1 }),
      ("defaultWorkload", .text { $0.defaultWorkload = $1 }),
      ("workloads", .workloads),
      ("allowUnused", .boolean { $0.authorizer.policy.allowUnused = $1 }),
      ("allowEmpty", .boolean { $0.authorizer.policy.allowEmpty = $1 }),
      ("trustDomain", .text { $0.authorizer.policy.trustDomain = $1 }),
      ("trustDomainAliases", .texts { $0.authorizer.policy.trustDomainAliases = $1 }),
      ("trustedProxies", .integer(0...64) { $0.authorizer.policy.trustedProxies = $1 }),
      ("pathNormalization", .parsed(parsePathNormalization)),
      ("clockSkew", .seconds(0...3_600) { $0.authorizer.clockSkewSeconds = $1 }),
      ("drainDelay", .duration(0...3_600_000_000_000) { $0.drainDelay = $1 }),
      ("maxConnectionAge", .duration(0...(7 * 86_400_000_000_000)) { $0.server.maximumConnectionAge = $1 }),
      ("idleTimeout", .duration(0...(7 * 86_400_000_000_000)) { $0.server.idleTimeout = $1 }),
      ("shutdownTimeout", .duration(1_000_000_000...3_600_000_000_000) { $0.server.shutdownTimeout = $1 }),
      ("log", .section(logSettings)),
      ("decisionLog", .section(decisionLogSettings)),
      ("metrics", .section([("ruleHits", .boolean { $0.showsRuleHits = $1 })])),
      ("jwks", .section(keySettings)),
      ("limits", .section(limitSettings)),
    ]
  }

  private static var listenerSettings: [(String, Setting)] {
    [
      ("grpc", .parsed { target, text in parseAddress(text) { target.grpc = $0 } }),
      ("http", .parsed { target, text in parseAddress(text) { target.http = $0 } }),
      ("admin", .parsed { target, text in parseAddress(text) { target.admin = $0 } }),
      ("unixMode", .parsed(parseMode)),
      (
        "unixOwner",
        .parsed { target, text in
          target.listener.socketFileOwner = Accounts.user(text)
          return target.listener.socketFileOwner == nil ? "`\(text)` is no user of this machine" : nil
        }
      ),
      (
        "unixGroup",
        .parsed { target, text in
          target.listener.socketFileGroup = Accounts.group(text)
          return target.listener.socketFileGroup == nil ? "`\(text)` is no group of this machine" : nil
        }
      ),
    ]
  }

  private static var logSettings: [(String, Setting)] {
    [
      ("format", .word("log format") { $0.logFormat = $1 }),
      ("level", .word("log level") { $0.logLevel = $1 }),
    ]
  }

  private static var decisionLogSettings: [(String, Setting)] {
    [
      (
        "sink",
        .text { target, text in
          target.decisionLog.sink =
            text == "off" ? .off : text == "stdout" ? .standardOutput : .file(text)
        }
      ),
      ("allowedOneIn", .integer(0...1_000_000_000) { $0.decisionLog.allowedOneIn = $1 }),
      ("subject", .word("way to tell subjects") { $0.decisionLog.subject = $1 }),
      ("bufferBytes", .integer(4_096...(64 * mebibyte)) { $0.decisionLog.bufferOctets = $1 }),
    ]
  }

  private static let day: UInt64 = 86_400

  private static var keySettings: [(String, Setting)] {
    [
      ("stateFolder", .text { $0.keys.stateFolder = $1 }),
      ("waitForKeys", .boolean { $0.waitForKeys = $1 }),
      ("refreshFloor", .seconds(1...day) { $0.keys.settings.refreshFloorSeconds = $1 }),
      ("refreshCeiling", .seconds(1...day) { $0.keys.settings.refreshCeilingSeconds = $1 }),
      ("retryCeiling", .seconds(1...3_600) { $0.keys.settings.retryCeilingSeconds = $1 }),
      ("staleLimit", .seconds(60...(365 * day)) { $0.keys.settings.staleLimitSeconds = $1 }),
      ("unknownKeyBurst", .integer(1...1_000) { $0.keys.settings.unknownKeyBurst = UInt64($1) }),
      ("unknownKeysPerSecond", .integer(1...1_000) { $0.keys.settings.unknownKeysPerSecond = UInt64($1) }),
      ("unknownKeyMemory", .seconds(1...3_600) { $0.keys.settings.unknownKeySeconds = $1 }),
      ("wait", .duration(1_000_000...60_000_000_000) { $0.server.keyWaitTimeout = $1 }),
      ("allowedAddresses", .prefixes { $0.keys.routes.addressGuard.allowed = $1 }),
      ("blockedAddresses", .prefixes { $0.keys.routes.addressGuard.blocked += $1 }),
      ("allowRemoteSecrets", .boolean { $0.keys.sets.allowsRemoteSecrets = $1 }),
    ]
  }

  private static var limitSettings: [(String, Setting)] {
    [
      ("answer", .word("answer") { $0.server.overload = $1 }),
      ("inFlightBytes", .integer(mebibyte...(4096 * mebibyte)) { $0.server.maximumInFlightOctets = $1 }),
      (
        "jwksBytes",
        .integer(1024...(16 * mebibyte)) { target, bytes in
          target.keys.sets.maximumBytes = bytes
          target.keys.routes.maximumBytes = bytes
        }
      ),
      ("jwksKeys", .integer(1...10_000) { $0.keys.sets.maximumKeys = $1 }),
      ("parkedChecks", .integer(1...1_000_000) { $0.server.maximumParkedChecks = $1 }),
      ("parkedBytes", .integer(1024...(4096 * mebibyte)) { $0.server.maximumParkedOctets = $1 }),
      ("ecdsaTableBytes", .integer(0...(4096 * mebibyte)) { $0.tableOctets = $1 }),
      ("tokenCacheBytes", .integer(0...(4096 * mebibyte)) { $0.authorizer.tokenCacheOctets = $1 }),
      ("tokenBytes", .integer(256...mebibyte) { $0.authorizer.token.maximumTokenBytes = $1 }),
      ("tokensPerRule", .integer(1...64) { $0.authorizer.maximumTokensPerRule = $1 }),
      ("checkHeaders", .integer(1...65_536) { $0.checkRequest.maximumHeaders = $1 }),
      ("messageBytes", .integer(1024...(64 * mebibyte)) { $0.http2.maximumMessageOctets = $1 }),
      ("headerListBytes", .integer(1024...mebibyte) { $0.http2.maximumHeaderListOctets = $1 }),
      ("connections", .integer(1...1_000_000) { $0.server.maximumConnections = $1 }),
      ("streams", .integer(1...1_000_000) { $0.http2.maximumConcurrentStreams = UInt32($1) }),
      ("peerResetBurst", .integer(1...10_000_000) { $0.http2.peerResetBurst = UInt64($1) }),
      ("peerResetsPerSecond", .integer(1...10_000_000) { $0.http2.peerResetsPerSecond = UInt64($1) }),
      ("serverResetBurst", .integer(1...10_000_000) { $0.http2.serverResetBurst = UInt64($1) }),
      ("serverResetsPerSecond", .integer(1...10_000_000) { $0.http2.serverResetsPerSecond = UInt64($1) }),
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

  private static func parseAddress(_ text: String, _ set: (ListenAddress) -> Void) -> String? {
    do throws(ListenAddressError) {
      set(try ListenAddress(text))
      return nil
    } catch {
      return error.description
    }
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
