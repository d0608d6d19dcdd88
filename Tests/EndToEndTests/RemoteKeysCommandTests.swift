import Foundation
import Issuer
import Signatures
import Testing
import WebTestServer

/// Commands that judge one request, with keys in the network.
@Suite struct RemoteKeysCommandTests {
  private let issuer: DevelopmentIssuer
  private let provider: WebTestServer
  private let folder: Folder
  private let policies: String

  init() throws {
    issuer = try RemoteKeysTests.issuer("one")
    let text = issuer.publicJWKSet
    provider = try WebTestServer { request in
      request.target == "/keys" ? WebTestServer.answer(text) : WebTestServer.answer("", status: "404 No")
    }
    folder = try Folder()
    policies = try folder.write(
      "p.yaml", RemoteKeysTests.policies("jwksUri: \"http://127.0.0.1:\(provider.port)/keys\""))
  }

  private func run(_ arguments: [String]) throws -> (code: Int32?, output: String) {
    let child = try Child(
      Tools.countersign, arguments, log: folder.url.appendingPathComponent("log-\(UUID())"))
    let code = child.exitCode(within: 30)
    return (code, child.output)
  }

  private func token(_ issuer: DevelopmentIssuer) throws -> String {
    try issuer.token(claims: Claims(issuer: RemoteKeysTests.issuerName, subject: "s"))
  }

  @Test func `explain fetches the keys as the service would, unless it is told not to`() throws {
    let base = ["explain", "--policies", policies, "--workload", "istio-system/app=a", "--path", "/x"]
    let good = try run(base + ["--token", token(issuer)])
    #expect(good.code == 0 && good.output.contains("`kid` \"one\""), "\(good.output)")
    #expect(provider.requests.count == 1)
    let stranger = try RemoteKeysTests.issuer("two")
    let unknown = try run(base + ["--token", token(stranger)])
    #expect(unknown.output.contains("Jwks doesn't have key to match kid or alg from Jwt"))
    let offline = try run(base + ["--token", token(issuer), "--offline"])
    #expect(offline.code == 0 && offline.output.contains("Jwks remote fetch is failed"))
    #expect(provider.requests.count == 2)
  }

  @Test func `inspect holds a token against rules whose keys are in the network`() throws {
    let good = try run(["token", "inspect", token(issuer), "--policies", policies])
    #expect(good.code == 0, "\(good.output)")
    let offline = try run(["token", "inspect", token(issuer), "--policies", policies, "--offline"])
    #expect(offline.code == 1 && offline.output.contains("Jwks remote fetch is failed"))
    let wrong = try folder.write(
      "w.yaml", RemoteKeysTests.policies("jwksUri: \"http://127.0.0.1:\(provider.port)/gone\""))
    let gone = try run(["token", "inspect", token(issuer), "--policies", wrong])
    #expect(gone.code == 1 && gone.output.contains("status 404 where 200 to 299 is expected"))
  }

  @Test func `a machine without libcurl serves inline keys, and says what is missing for others`() throws {
    let folder = try Folder()
    // What the loader finds first, and is none.
    try folder.write("libraries/libcurl.so.4", "no library")
    let environment = ["LD_LIBRARY_PATH": folder.url.appendingPathComponent("libraries").path]
    func start(_ policies: String) throws -> Child {
      try Child(
        Tools.countersign,
        [
          "serve", "--policies", try folder.write("p.yaml", policies), "--workload",
          "istio-system/app=istio-ingressgateway", "--grpc", "127.0.0.1:0", "--admin", "off", "--log-format",
          "text",
        ], log: folder.url.appendingPathComponent("log"), environment: environment)
    }
    let inline = try start(try TestIssuer().requestAuthentication())
    try inline.wait("it serves") { inline.output.contains("listening") }
    let remote = try start(RemoteKeysTests.policies("jwksUri: \"http://127.0.0.1:9/keys\""))
    #expect(remote.exitCode(within: 20) == 1)
    #expect(
      remote.output.contains("error: cannot fetch keys") && remote.output.contains("libcurl.so.4"),
      "\(remote.output)")
  }
}
