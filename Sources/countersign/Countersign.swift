import ArgumentParser
import System

// countersign: the commands, and the wiring of the service. Arguments flow in; files, lines on the terminal
// and an exit code flow out. Nothing here runs while a check is judged.

@main
struct Countersign: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "countersign",
    abstract:
      "An external authorizer for Envoy and its kin: Istio's policies, JSON Web Tokens, one fast answer.",
    discussion: """
      A proxy asks about every request; Countersign verifies the request's token,
      evaluates Istio's RequestAuthentication and AuthorizationPolicy, and answers.

      Try it:  countersign serve --policies policies/ --workload istio-system/app=istio-ingressgateway
      Check:   countersign validate policies/
      Why:     countersign explain --policies policies/ --workload istio-system/app=gateway --path /api
      Test:    countersign test policies-test.yaml
      """,
    version: "countersign \(Version.text)",
    subcommands: [Serve.self, Validate.self, Explain.self, Test.self, TokenCommand.self, JWKSCommand.self])

  /// Exit codes: 0 done, 1 the input is bad or something failed, 2 the command line is bad.
  static func main() {
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let failure as CommandFailure {
      Terminal.error(failure.text)
      ProcessExit.now(failure.code)
    } catch {
      let code = exitCode(for: error)
      let text = fullMessage(for: error)
      if code == .success {
        if !text.isEmpty { print(text) }
        ProcessExit.now(0)
      }
      if !text.isEmpty { Terminal.error(text) }
      ProcessExit.now(code == .validationFailure ? 2 : code.rawValue)
    }
  }
}

/// The version that `--version` prints and the metrics show.
enum Version {
  static let text = "0.1.0"
}

/// A command that cannot go on.
struct CommandFailure: Error, CustomStringConvertible {
  var description: String { text }
  var text: String
  var code: Int32

  /// The input is bad, or something failed.
  static func failed(_ text: String) -> CommandFailure { CommandFailure(text: text, code: 1) }
  /// The command line is bad.
  static func usage(_ text: String) -> CommandFailure { CommandFailure(text: "error: \(text)", code: 2) }
}
