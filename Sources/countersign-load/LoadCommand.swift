import ArgumentParser
import Load
import System

// countersign-load: many checks, as proxies would ask them, and how a server bore it. Arguments flow in, a report flows
// out. It uses the client's side of `HTTP`, and signs with development keys.

@main
struct LoadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "countersign-load",
    abstract: "Load for an ext_authz gRPC server: checks with many distinct tokens, latencies, CPU a check.",
    discussion: """
      Closed loop unless --rate is given: every stream asks again as soon as it is
      answered. With --rate, checks are due at fixed times, and a late answer counts
      from when its check was due.

        countersign token keygen --algorithm ES256 --out key.jwk
        countersign-load 127.0.0.1:9191 --key key.jwk --issuer me@example.com --tokens 1000 \\
          --connections 4 --streams 16 --duration 10 --pid $(pidof countersign)

      With --rotation FOLDER the issuer's keys rotate: FOLDER/0.jwk, 1.jwk … hold the
      keys, and whoever publishes them writes the number of the current one into
      FOLDER/current. Generation n is published together with n-1.

      Exit code: 0, 1 when a check failed or a requirement was missed, 2 for a bad
      command line.
      """)

  @Argument(help: "The server: 127.0.0.1:9191, [::1]:9191, unix:/run/countersign.sock.")
  var address: String

  @Option(help: "Connections.")
  var connections = 4

  @Option(help: "Streams at once on each connection.")
  var streams = 16

  @Option(help: "Seconds.")
  var duration: Double?

  @Option(help: "Checks, instead of a duration.")
  var checks: UInt64?

  @Option(help: "Checks a second (open loop).")
  var rate: Double?

  @Option(
    help: ArgumentHelp("A private JWK that signs; without any, checks have no token.", valueName: "file"))
  var key: [String] = []

  @Option(help: "`iss` of the tokens.")
  var issuer = "load@countersign.example"

  @Option(help: "`aud` of the tokens.")
  var audience: [String] = []

  @Option(help: "Distinct tokens of each key, made before the start.")
  var tokens = 100

  @Option(help: "The length of a token, about: a claim fills it up.")
  var tokenBytes = 0

  @Option(help: "Share of checks without a token, 0 to 1.")
  var anonymous = 0.0

  @Option(help: "Share of checks whose signature is spoilt.")
  var bad = 0.0

  @Option(help: "Share of checks whose key ID is invented for each.")
  var forgedKid = 0.0

  @Option(help: "With --rotation: share of checks with a key that was removed.")
  var removed = 0.0

  @Option(help: ArgumentHelp("Where keys and the number of the current one are.", valueName: "folder"))
  var rotation: String?

  @Option(help: "The path asked for; eight digits of a running number follow it.")
  var path = "/api/v1/products/"

  @Option(help: "The host asked for.")
  var host = "www.example.com"

  @Option(help: "Milliseconds of `grpc-timeout`, as the proxy's time-out.")
  var timeout: UInt32 = 5_000

  @Option(help: "The server's process, on this machine: its CPU time is told.")
  var pid: Int32?

  @Option(help: ArgumentHelp("The report as JSON, to this file.", valueName: "file"))
  var json: String?

  @Option(help: "Chooses the order of the classes.")
  var seed: UInt64 = 1

  @Flag(help: "Exit with 1 unless every honest check was allowed.")
  var requireHonest = false

  func run() throws {
    guard (1...10_000).contains(connections), (1...10_000).contains(streams) else {
      throw LoadFailure.usage("--connections and --streams take 1 to 10000")
    }
    if let rate, !(rate > 0 && rate <= 10_000_000) { throw LoadFailure.usage("--rate takes 1 to 10000000") }
    guard (1...1_000_000).contains(tokens) else { throw LoadFailure.usage("--tokens takes 1 to 1000000") }
    guard timeout > 0, timeout < 100_000_000 else { throw LoadFailure.usage("--timeout takes 1 to 99999999") }
    let shares: [LoadClass: Double] = [
      .anonymous: anonymous, .bad: bad, .forgedKeyID: forgedKid, .removed: removed,
    ]
    guard let mix = LoadMix(shares: shares, seed: seed) else {
      throw LoadFailure.usage("shares are from 0 to 1, and together at most 1")
    }
    let target: ListenAddress
    do { target = try ListenAddress(address) } catch { throw LoadFailure.usage("\(error)") }
    let plan = try LoadPlan(self)
    var client = LoadClient(self, plan, mix)
    try client.connect(to: target)
    let before = pid.map(ServerTime.nanoseconds)
    try client.run()
    let used = pid.flatMap { pid in
      before.flatMap { before in ServerTime.nanoseconds(pid).flatMap { now in before.map { now - $0 } } }
    }
    try LoadOutput(client.report, seconds: client.seconds, serverNanoseconds: used, client.rotation)
      .write(json: json)
    let honest = client.report.report(.honest)
    let isMissed = requireHonest && honest.allowed != honest.sent
    let isLate = client.rotation.map { $0.lateAcceptances > 0 } ?? false
    if client.report.failures > 0 || isMissed || isLate { throw ExitCode(1) }
  }
}

extension LoadCommand {
  /// Exit codes: 0 done, 1 something failed, 2 the command line is bad.
  static func main() {
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch {
      let code = exitCode(for: error)
      let text = fullMessage(for: error)
      if code == .success {
        print(text)
        ProcessExit.now(0)
      }
      if !text.isEmpty { StandardError.write(text + "\n") }
      ProcessExit.now(code == .validationFailure ? 2 : code.rawValue)
    }
  }
}

/// Why there is no load.
struct LoadFailure: Error, CustomStringConvertible {
  var description: String
  static func usage(_ text: String) -> any Error { ValidationError(text) }
  static func failed(_ text: String) -> LoadFailure { LoadFailure(description: text) }
}
