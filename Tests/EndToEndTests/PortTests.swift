import Foundation
import System
import TestSupport
import Testing

/// The scripts under deploy/ that start servers ask their own servers, and say what is in the way of them.
@Suite struct PortTests {
  private static let deploy = Vectors.packageFolder.appendingPathComponent("deploy")

  /// Runs a script to its end.
  private func run(
    _ script: String, _ arguments: [String], _ environment: [String: String], within seconds: Double
  ) throws -> (code: Int32?, output: String) {
    let folder = try Folder()
    let child = try Child(
      Self.deploy.appendingPathComponent(script), arguments, log: folder.url.appendingPathComponent("log"),
      environment: environment)
    let code = child.exitCode(within: seconds)
    return (code, child.output)
  }

  /// Runs lines of bash that have deploy/ports.sh.
  private func bash(_ lines: String) throws -> (code: Int32?, output: String) {
    let folder = try Folder()
    let child = try Child(
      URL(fileURLWithPath: "/bin/bash"),
      ["-c", "set -euo pipefail; . '\(Self.deploy.path)/ports.sh'\n" + lines],
      log: folder.url.appendingPathComponent("log"))
    let code = child.exitCode(within: 30)
    return (code, child.output)
  }

  private func port(of listener: borrowing Listener) throws -> UInt16 {
    try #require(UInt16(listener.address.description.split(separator: ":").last ?? ""))
  }

  /// Three free ports, by the variables that choose them.
  private func freePorts() throws -> [String: String] {
    var ports: Set<UInt16> = []
    while ports.count < 3 { ports.insert(try Tools.freePort()) }
    let texts = ports.map { "\($0)" }
    return ["PROXY_PORT": texts[0], "GRPC_PORT": texts[1], "ADMIN_PORT": texts[2]]
  }

  @Test(.enabled(if: Tools.hasEnvoy), arguments: ["PROXY_PORT", "GRPC_PORT", "ADMIN_PORT"])
  func `the demo names the process on its port, and does not ask it`(variable: String) throws {
    let other = try EchoUpstream()
    let folder = try Folder()
    var environment = try freePorts()
    environment[variable] = "\(other.port)"
    environment["DEMO_FOLDER"] = folder.url.appendingPathComponent("demo").path
    let (code, output) = try run("envoy/demo", [Tools.countersign.path], environment, within: 10)
    #expect(code == 1, "\(output)")
    let process = "PID \(ProcessInfo.processInfo.processIdentifier), "
    #expect(output.hasPrefix("port \(other.port) is taken by another process (\(process)"), "\(output)")
    #expect(output.hasSuffix("): stop it, or set \(variable)=…\n"), "\(output)")
    #expect(!output.contains("wrong answers") && !output.contains("curl"), "\(output)")
  }

  @Test(.enabled(if: Tools.hasEnvoy))
  func `the demo runs on the ports that its variables name`() throws {
    let folder = try Folder()
    var environment = try freePorts()
    environment["DEMO_FOLDER"] = folder.url.appendingPathComponent("demo").path
    let (code, output) = try run("envoy/demo", [Tools.countersign.path], environment, within: 60)
    #expect(code == 0 && output.hasSuffix("all answers are the right ones\n"), "\(output)")
    let proxy = try #require(environment["PROXY_PORT"])
    #expect(output.contains("curl http://127.0.0.1:\(proxy)/productpage "), "\(output)")
  }

  @Test(.enabled(if: Tools.hasEnvoy))
  func `the demo refuses a variable that is not a port, and one port for two servers`() throws {
    var environment = try freePorts()
    environment["PROXY_PORT"] = "http"
    let word = try run("envoy/demo", [Tools.countersign.path], environment, within: 10)
    #expect(word.code == 1 && word.output.contains("PROXY_PORT=http: not a port"), "\(word.output)")
    environment["PROXY_PORT"] = environment["ADMIN_PORT"]
    let twice = try run("envoy/demo", [Tools.countersign.path], environment, within: 10)
    #expect(twice.code == 1 && twice.output.contains("must differ"), "\(twice.output)")
  }

  @Test func `what make run prints names the port that is served, and nothing when that is taken`() throws {
    let other = try Listener(ListenAddress("127.0.0.1:0"))
    let folder = try Folder()
    var environment = try freePorts()
    let arguments = [Tools.countersign.path, folder.url.appendingPathComponent("made").path]
    let free = try run("quickstart/prepare", arguments, environment, within: 20)
    let port = try #require(environment["GRPC_PORT"])
    #expect(free.code == 0 && free.output.contains("Countersign answers on 127.0.0.1:\(port)."))
    #expect(
      free.output.contains("COUNTERSIGN=127.0.0.1:\(port) deploy/quickstart/check /productpage"),
      "\(free.output)")
    environment["GRPC_PORT"] = "\(try self.port(of: other))"
    let taken = try run("quickstart/prepare", arguments, environment, within: 20)
    #expect(taken.code == 1 && taken.output.contains("set GRPC_PORT=…"), "\(taken.output)")
    #expect(!taken.output.contains("answers on"))
  }

  @Test(arguments: ["127.0.0.1", "0.0.0.0", "[::]"])
  func `a port is taken by a listener on any address that covers it`(host: String) throws {
    let listener = try Listener(ListenAddress("\(host):0"))
    let port = try port(of: listener)
    let own = ProcessInfo.processInfo.processIdentifier
    #expect(try bash("require_free_port \(port) X; echo free").code == 1)
    #expect(try bash("listens \(own) \(port)").code == 0)
    #expect(try bash("listens $$ \(port)").code == 1)
    let (code, output) = try bash("await_listener $$ \(port) 1")
    #expect(code == 1 && output.contains("port \(port) is taken by another process (PID \(own), "))
  }

  @Test(arguments: ["127.0.0.2", "[::1]"])
  func `a port is free when only another address has a listener`(host: String) throws {
    let listener = try Listener(ListenAddress("\(host):0"))
    let port = try port(of: listener)
    // Nobody else may have taken it on 127.0.0.1 in the meantime.
    guard let probe = try? Listener(ListenAddress("127.0.0.1:\(port)")) else { return }
    _ = consume probe
    #expect(try bash("require_free_port \(port) X").code == 0)
  }

  @Test func `a process that ended is not waited for`() throws {
    let (code, output) = try bash("true & await_listener $! \(try Tools.freePort()) 20")
    #expect(code == 1 && output.contains("ended before it listened"), "\(output)")
  }

  @Test func `a free port is one that can be listened on`() throws {
    let (code, output) = try bash("free_port")
    #expect(code == 0)
    let port = try #require(UInt16(output.trimmingCharacters(in: .whitespacesAndNewlines)))
    #expect((10_000..<30_000).contains(Int(port)))
    _ = try Listener(ListenAddress("127.0.0.1:\(port)"))
  }
}
