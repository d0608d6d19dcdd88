import Foundation
import Issuer
import Signatures
import Testing

/// countersign-load against the real server.
@Suite struct LoadToolTests {
  static var tool: URL {
    Tools.countersign.deletingLastPathComponent().appendingPathComponent("countersign-load")
  }

  private func run(_ arguments: [String], _ folder: Folder) throws -> (code: Int32?, output: String) {
    let child = try Child(Self.tool, arguments, log: folder.url.appendingPathComponent("load.log"))
    let code = child.exitCode(within: 60)
    return (code, child.output)
  }

  @Test func `every class gets its answer, and the report adds up`() throws {
    let folder = try Folder()
    let issuer = DevelopmentIssuer(
      name: "me", keys: [try IssuerKey.generate(for: .es256, keyID: "load")])
    let key = try folder.write("key.jwk", issuer.keys[0].privateJWK)
    let set = issuer.publicJWKSet.replacingOccurrences(of: "\"", with: "\\\"")
    let server = try CountersignProcess(
      policies: RemoteKeysTests.policies("jwks: \"\(set)\"", issuer: "me"))
    let report = folder.url.appendingPathComponent("report.json")
    let (code, output) = try run(
      [
        "127.0.0.1:\(server.grpcPort)", "--key", key, "--issuer", "me", "--checks", "2000", "--tokens", "50",
        "--anonymous", "0.2", "--bad", "0.2", "--forged-kid", "0.2", "--pid", "\(server.child.identifier)",
        "--json", report.path, "--require-honest",
      ], folder)
    #expect(code == 0, "\(output)")
    let object = try JSONSerialization.jsonObject(with: Data(contentsOf: report)) as? [String: Any]
    let read = try #require(object)
    #expect(read["checks"] as? Int == 2_000)
    #expect(read["serverMicrosecondsEach"] is Double)
    var sent = 0
    for (name, status) in [("honest", nil), ("anonymous", "403"), ("bad", "401"), ("forged-kid", "401")] {
      let one = try #require(read[name] as? [String: Any])
      let count = try #require(one["sent"] as? Int)
      sent += count
      #expect(count > 200, "\(name)")
      if let status {
        #expect((one["denied"] as? [String: Int]) == [status: count], "\(name)")
      } else {
        #expect(one["allowed"] as? Int == count, "\(name)")
      }
    }
    #expect(sent == 2_000)
    #expect(try server.metric("countersign_checks_total") == 2_000)
  }

  @Test func `a bad command line and a server that is not there are told by the code`() throws {
    let folder = try Folder()
    #expect(try run(["127.0.0.1:1", "--checks", "1"], folder).code == 1)
    #expect(try run(["127.0.0.1:1", "--bad", "2"], folder).code == 2)
    #expect(try run(["nowhere"], folder).code == 2)
  }
}
