import Foundation
import Testing

/// A note is worth knowing and nothing to fix: no command and no service stops for one.
@Suite struct NoteTests {
  private static let key = #"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#

  /// A pasted set with so many keys for encryption.
  private static func policies(notes: Int, issuer: String = "i") -> String {
    let keys = [key] + (0..<notes).map { "{\"kid\":\"e\($0)\",\"use\":\"enc\"}" }
    return """
      apiVersion: security.istio.io/v1
      kind: RequestAuthentication
      metadata: {name: keys, namespace: istio-system}
      spec: {jwtRules: [{issuer: "\(issuer)", jwks: '{"keys":[\(keys.joined(separator: ","))]}'}]}

      """
  }

  @Test func `serve starts and reloads with notes, and its log counts them`() throws {
    let folder = try Folder()
    let file = try folder.write("policies/a.yaml", Self.policies(notes: 1))
    let server = try CountersignProcess(arguments: ["--policies", file])
    #expect(
      server.child.output.contains("; 1 note: countersign validate shows them"), "\(server.child.output)")
    try folder.write("policies/a.yaml", Self.policies(notes: 2, issuer: "j"))
    server.child.send(SIGHUP)
    try server.child.wait("it reloads") { server.child.output.contains("reloaded") }
    #expect(
      server.child.output.contains("; 2 notes: countersign validate shows them"), "\(server.child.output)")
    #expect(!server.child.output.contains("refused"))
    try folder.write("policies/a.yaml", Self.policies(notes: 0, issuer: "k"))
    server.child.send(SIGHUP)
    try server.child.wait("it reloads") { server.child.output.components(separatedBy: "reloaded").count > 2 }
    let last = server.child.output.components(separatedBy: "reloaded").last ?? ""
    #expect(!last.contains("note"), "\(last)")
  }
}
