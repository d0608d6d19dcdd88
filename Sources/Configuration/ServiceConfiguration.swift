public import Authorizer
public import DecisionLog
public import ExtAuthz
public import HTTP
public import Istio
public import KeySets
public import Server
public import System

// Configuration: what an operator says. A configuration file, flags and the files of policies flow in; the
// service's settings, the resources and diagnostics with positions flow out. It starts nothing and judges no
// request.

/// Everything that `countersign serve` can be told, with its defaults. Each target's own settings are a field
/// here.
public struct ServiceConfiguration: Sendable {
  /// Where proxies ask, by gRPC.
  public var grpc: ListenAddress
  /// Where forward-auth proxies ask. Not in this version: anything but `off` is refused at start.
  public var http: ListenAddress
  /// Where operators look: health and metrics. Loopback by default: it is not authenticated.
  public var admin: ListenAddress
  /// TLS of the grpc listener.
  public var tls = ListenerTLS()
  /// How listeners are opened: the permissions and the owner of socket files among it.
  public var listener = ListenerSettings()
  /// Worker threads; 0: one for each core this process may use.
  public var threads = 0
  /// Files and folders that hold resources, relative to the folder of the file that names them.
  public var policies: [String] = []
  public var workloads: [Workload] = []
  /// The workload of checks that nothing else decides; nil: those are denied.
  public var defaultWorkload: String?
  public var authorizer = AuthorizerSettings()
  public var http2 = HTTP2Settings()
  public var checkRequest = CheckRequestSettings()
  public var server = ServerSettings()
  /// How keys from the network are kept; its sources are those of the policies.
  public var keys = KeyKeeper.Configuration(sources: [])
  /// Not ready before every provider has answered or failed.
  public var waitForKeys = true
  /// How long everything goes on after SIGTERM while readiness and health checks say that the server goes, in
  /// nanoseconds: proxies and load balancers need that long to turn elsewhere. 0: nobody watches.
  public var drainDelay: UInt64 = 0
  /// Metrics tell how often each rule decided: a series for each rule of each workload.
  public var showsRuleHits = false
  /// Where decisions are written, and which.
  public var decisionLog = DecisionLogSettings()
  /// How the log's lines are written.
  public var logFormat = LogFormat.automatic
  /// The least of what is logged.
  public var logLevel = LogLevel.info
  /// Memory for tables of elliptic-curve keys, in octets: about 0.3 MB a key on P-256, 2.8 on P-384, 4.2 on P-521. A
  /// key without one is checked by libcrypto alone, three to six times slower. 0: no tables.
  public var tableOctets = 64 << 20
  /// What the configuration file says that is valid and rarely meant.
  public var warnings: [Diagnostic] = []

  /// The code of the warning about `workloads[].hosts`.
  public static let hostsWarning = "workload-by-host"

  public init() {
    grpc = Self.loopback(9191)
    http = .off
    admin = Self.loopback(9193)
    // Tools judge one request and need none.
    authorizer.tokenCacheOctets = 16 << 20
  }

  private static func loopback(_ port: UInt16) -> ListenAddress {
    (try? ListenAddress("127.0.0.1:\(port)")) ?? .off
  }
}

/// How lines of the log are written.
public enum LogFormat: String, Sendable, CaseIterable {
  /// Text on a terminal, JSON elsewhere.
  case automatic = "auto"
  case text
  /// One JSON object a line.
  case json
}

/// What is logged: this and what is graver.
public enum LogLevel: String, Sendable, CaseIterable {
  case debug, info, warning, error
}

extension ServiceConfiguration {
  /// Makes the workload of `--workload NAMESPACE/k=v,k=v` the default one.
  /// - Throws: what is wrong with the flag's text.
  public mutating func setDefaultWorkload(flag text: String) throws(WorkloadFlagError) {
    let workload = try Workload(flag: text)
    workloads.removeAll { $0.name == workload.name }
    workloads.append(workload)
    defaultWorkload = workload.name
  }
}

/// The text of `--workload` is not `NAMESPACE/k=v,k=v`.
public struct WorkloadFlagError: Error, Sendable, Equatable, CustomStringConvertible {
  public var text: String
  public var description: String {
    "`\(text)` is not a workload: write NAMESPACE/key=value,key=value, such as "
      + "istio-system/app=istio-ingressgateway, or NAMESPACE/ for one without labels"
  }
}

extension Workload {
  /// The name of the workload that the `--workload` flag makes.
  public static let flagName = "default"

  /// Reads `NAMESPACE/k=v,k=v`.
  init(flag text: String) throws(WorkloadFlagError) {
    guard let slash = text.firstIndex(of: "/"), slash != text.startIndex else {
      throw WorkloadFlagError(text: text)
    }
    var labels: [String: String] = [:]
    let list = text[text.index(after: slash)...]
    for pair in list.split(separator: ",", omittingEmptySubsequences: false) where !list.isEmpty {
      guard let equals = pair.firstIndex(of: "="), equals != pair.startIndex else {
        throw WorkloadFlagError(text: text)
      }
      labels[String(pair[..<equals])] = String(pair[pair.index(after: equals)...])
    }
    self.init(name: Self.flagName, namespace: String(text[..<slash]), labels: labels)
  }
}
