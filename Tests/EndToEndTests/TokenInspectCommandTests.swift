import Foundation
import Testing

@Suite struct TokenInspectCommandTests {
  /// Makes a key, its JWK Set and a token in a folder, then inspects.
  func run(_ arguments: (Folder) throws -> [String]) throws -> (code: Int32?, output: String) {
    let folder = try Folder()
    let key = folder.url.appendingPathComponent("key.jwk").path
    _ = try output(folder, ["token", "keygen", "--algorithm", "EdDSA", "--out", key])
    try folder.write("keys.json", try output(folder, ["token", "keygen", "--public", key]))
    try folder.write(
      "token.txt", try output(folder, ["token", "mint", "--key", key, "--issuer", "me", "--subject", "s"]))
    let child = try Child(
      Tools.countersign, ["token", "inspect"] + (try arguments(folder)),
      log: folder.url.appendingPathComponent("log"))
    let code = child.exitCode(within: 30)
    return (code, child.output)
  }

  private func output(_ folder: Folder, _ arguments: [String]) throws -> String {
    let child = try Child(Tools.countersign, arguments, log: folder.url.appendingPathComponent("made"))
    #expect(child.exitCode(within: 30) == 0)
    return child.output
  }

  private func path(_ folder: Folder, _ name: String) -> String {
    folder.url.appendingPathComponent(name).path
  }

  @Test func `a token of a key in the set is accepted: 0`() throws {
    let (code, output) = try run { ["@" + path($0, "token.txt"), "--jwks", path($0, "keys.json")] }
    #expect(code == 0)
    #expect(output.contains("=> accepted") && !output.contains("NOT VERIFIED"))
  }

  @Test func `a refused token is 1`() throws {
    let (code, output) = try run {
      ["@" + path($0, "token.txt"), "--jwks", path($0, "keys.json"), "--at", "4000000000"]
    }
    #expect(code == 1)
    #expect(output.contains("=> refused: 401 Jwt is expired"))
  }

  @Test func `a token is held against every rule of the policies`() throws {
    let (code, output) = try run { folder in
      let keys = try String(contentsOfFile: path(folder, "keys.json"), encoding: .utf8)
      let rules = ["you", "me"].map { "    - issuer: \($0)\n      jwks: '\(keys.filter { $0 != "\n" })'\n" }
      let policies = try folder.write(
        "p.yaml",
        "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: r, namespace: n}\n"
          + "spec:\n  jwtRules:\n" + rules.joined())
      return ["@" + path(folder, "token.txt"), "--policies", policies]
    }
    #expect(code == 0)
    #expect(output.contains("n/r jwtRules[0]") && output.contains("wanted: \"you\""))
    #expect(output.contains("n/r jwtRules[1]") && output.contains("=> accepted"))
  }

  @Test func `JSON is JSON, and a missing file or a missing token is told by the code`() throws {
    let (code, output) = try run { ["@" + path($0, "token.txt"), "--json"] }
    #expect(code == 0)
    let object = try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any]
    #expect(object?["verified"] as? Bool == false)
    #expect(try run { ["@" + path($0, "nothing")] }.code == 1)
    #expect(try run { _ in [] }.code == 2)
  }
}
