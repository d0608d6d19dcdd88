import Foundation
import System
import TestSupport
import Testing

/// How the server starts, refuses to start, and ends.
@Suite(.serialized)
struct LifecycleTests {
  /// Runs a command to its end.
  private func run(_ arguments: [String]) throws -> (code: Int32?, output: String) {
    let folder = try Folder()
    let child = try Child(Tools.countersign, arguments, log: folder.url.appendingPathComponent("log"))
    let code = child.exitCode(within: 20)
    return (code, child.output)
  }

  private static let workload = ["--workload", "istio-system/app=istio-ingressgateway"]

  @Test func `SIGTERM ends the server with code 0`() throws {
    let server = try CountersignProcess(policies: try TestIssuer().requestAuthentication())
    server.child.send(SIGTERM)
    #expect(server.child.exitCode(within: 10) == 0, "\(server.child.output)")
  }

  @Test(.enabled(if: Tools.hasEnvoy))
  func `SIGTERM with a proxy connected ends the server with code 0`() throws {
    let server = try CountersignProcess(policies: try TestIssuer().requestAuthentication())
    let envoy = try EnvoyProcess(asking: server)
    #expect(try envoy.get("/").status == 200)
    server.child.send(SIGTERM)
    #expect(server.child.exitCode(within: 10) == 0, "\(server.child.output)")
    #expect(try envoy.get("/").status == 403, "no answer is a denial")
  }

  @Test func `a bad policy is refused with the lines that validate prints`() throws {
    let folder = try Folder()
    let file = try folder.write(
      "policy.yaml",
      """
      apiVersion: security.istio.io/v1
      kind: AuthorizationPolicy
      metadata: {name: broken, namespace: istio-system}
      spec:
        action: DENY
        rules:
          - to:
              - operation:
                  pathz: [/admin]
                  ports: [80]

      """)
    let validated = try run(["validate", file])
    #expect(validated.code == 1)
    let lines = validated.output.split(separator: "\n").filter { $0.contains(": error: ") }
    #expect(
      lines.contains { $0.hasPrefix("\(file):9:13: error: ") && $0.contains("paths") }, "\(validated.output)")
    #expect(lines.contains { $0.hasPrefix("\(file):10:21: error: ") }, "\(validated.output)")
    let served = try run(["serve", "--policies", file] + Self.workload)
    #expect(served.code == 1)
    for line in lines { #expect(served.output.contains(line), "\(served.output)") }
  }

  @Test func `no policy, an unused policy and no workload are refused, each with its reason`() throws {
    let folder = try Folder()
    let empty = folder.url.path
    let none = try run(["serve", "--policies", empty] + Self.workload)
    #expect(none.code == 1)
    #expect(none.output.contains("allowEmpty"), "\(none.output)")
    let file = try folder.write("p.yaml", try TestIssuer().requestAuthentication())
    let unused = try run(["serve", "--policies", file, "--workload", "other/app=web"])
    #expect(unused.code == 1)
    #expect(unused.output.contains("allowUnused"), "\(unused.output)")
    let noWorkload = try run(["serve", "--policies", file])
    #expect(noWorkload.code == 2)
    #expect(noWorkload.output.contains("--workload"), "\(noWorkload.output)")
  }

  @Test func `a bad command line is exit code 2, and says what would be right`() throws {
    #expect(try run(["serve", "--http", "127.0.0.1:0"] + Self.workload).code == 2)
    #expect(try run(["serve", "--grpc", "nonsense"] + Self.workload).code == 2)
    #expect(try run(["serve", "--no-such-flag"]).code == 2)
    #expect(try run(["validate"]).code == 2)
    #expect(try run(["--version"]).output.hasPrefix("countersign "))
    let help = try run(["serve", "--help"])
    #expect(help.code == 0)
    #expect(help.output.contains("/readyz"))
  }

  @Test func `an address in use is said so`() throws {
    let server = try CountersignProcess(policies: try TestIssuer().requestAuthentication())
    let folder = try Folder()
    let file = try folder.write("p.yaml", try TestIssuer().requestAuthentication())
    let second = try run(
      ["serve", "--policies", file, "--grpc", "127.0.0.1:\(server.grpcPort)", "--admin", "off"]
        + Self.workload)
    #expect(second.code == 1)
    #expect(
      second.output.contains(
        "cannot listen on 127.0.0.1:\(server.grpcPort): Address already in use "
          + "(another process listens there: stop it, or choose another address: "
          + "--grpc, or listeners.grpc in the configuration file)"
      ),
      "\(second.output)")
    let third = try run(
      ["serve", "--policies", file, "--grpc", "127.0.0.1:0", "--admin", "127.0.0.1:\(server.grpcPort)"]
        + Self.workload)
    #expect(third.code == 1 && third.output.contains("--admin, or listeners.admin"), "\(third.output)")
  }

  @Test func `keys are made with mode 0600, never overwritten, and their tokens verify`() throws {
    let folder = try Folder()
    let key = folder.url.appendingPathComponent("issuer.jwk").path
    #expect(try run(["token", "keygen", "--algorithm", "PS384", "--out", key]).code == 0)
    let mode = try FileManager.default.attributesOfItem(atPath: key)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    #expect(try run(["token", "keygen", "--out", key]).code == 1)
    let jwks = try run(["token", "keygen", "--public", key]).output
    #expect(!jwks.contains("\"d\""))
    let token = try run(
      ["token", "mint", "--key", key, "--issuer", "me", "--subject", "s", "--claim", "groups=[\"a\"]"]
    ).output
    #expect(token.split(separator: ".").count == 3, "\(token)")
  }
}
