import Lint
import Testing

@Suite struct FieldLintTests {
  private func claim(_ name: String, _ values: String) -> String {
    policy("ALLOW", "{when: [{key: \"request.auth.claims[\(name)]\", values: [\(values)]}]}")
  }

  @Test func `a claim that is a number or a truth value never matches`() {
    for value in ["\"3\"", "\"-1.5\"", "\"true\"", "\"false\""] {
      #expect(places(.numericClaim, in: claim("level", value)).count == 1, "\(value)")
    }
    #expect(places(.numericClaim, in: claim("exp", "\"*\"")).count == 1)
    for value in ["admin", "\"v3\"", "\"-\"", "truely"] {
      #expect(places(.numericClaim, in: claim("level", value)) == [], "\(value)")
    }
  }

  private func hosts(_ values: String, action: String = "DENY") -> String {
    policy(action, "{to: [{operation: {hosts: [\(values)]}}]}")
  }

  @Test func `a denied host is denied with a port too only when that is said`() {
    let found = findings(.hostWithoutPort, in: hosts("a.example"))
    #expect(found.map(\.place) == ["5:29"])
    #expect(found.first?.message.contains("add `a.example:*`") == true)
    #expect(places(.hostWithoutPort, in: hosts("\"*.example\"")).count == 1)
    #expect(places(.hostWithoutPort, in: hosts("a.example, \"a.example:*\"")) == [])
    #expect(places(.hostWithoutPort, in: hosts("\"a.example*\"")) == [])
    #expect(places(.hostWithoutPort, in: hosts("a.example", action: "ALLOW")) == [])
    // These never match: a port would not help.
    #expect(places(.hostWithoutPort, in: hosts("a.example/b, \"x y\"")) == [])
  }

  @Test func `a DENY rule by filter metadata lets through what the filter did not parse`() {
    func rule(_ match: String, key: String = "[k]") -> String {
      "{when: [{key: \"experimental.envoy.filters.http.mcp\(key)\", \(match)}]}"
    }
    let found = findings(.denyByFilterMetadata, in: policy("DENY", rule("values: [a, b]")))
    #expect(found.count == 1)
    #expect(found.first?.message.contains("`envoy.filters.http.mcp`") == true)
    #expect(found.first?.message.contains("`notValues`") == true)
    #expect(places(.denyByFilterMetadata, in: policy("DENY", rule("values: [a]", key: "[k][l]"))).count == 1)
    #expect(places(.denyByFilterMetadata, in: policy("DENY", rule("values: [a], notValues: [b]"))).count == 1)
    #expect(places(.denyByFilterMetadata, in: policy("DENY", rule("notValues: [a]"))) == [])
    #expect(places(.denyByFilterMetadata, in: policy("ALLOW", rule("values: [a]"))) == [])
    #expect(places(.denyByFilterMetadata, in: policy("DENY", rule("values: [a]"), dryRun: true)) == [])
    let claim = "{when: [{key: \"request.auth.claims[k]\", values: [a]}]}"
    #expect(places(.denyByFilterMetadata, in: policy("DENY", claim)) == [])
  }

  @Test func `what the proxy must send is told once for each policy`() {
    let identities = "{from: [{source: {principals: [a]}}]}, {from: [{source: {namespaces: [b]}}]}"
    #expect(places(.needsClientCertificate, in: policy("ALLOW", identities)) == ["5:33"])
    #expect(
      findings(.needsClientCertificate, in: policy("ALLOW", identities)).first?.message
        .contains("`include_peer_certificate: true`") == true)
    let key = "{when: [{key: source.serviceAccount, values: [a]}]}"
    #expect(places(.needsClientCertificate, in: policy("ALLOW", key)).count == 1)
    #expect(
      places(.needsTLSSession, in: policy("ALLOW", "{when: [{key: connection.sni, values: [a]}]}")).count == 1
    )
    let metadata = "{when: [{key: \"experimental.envoy.filters.x[k]\", values: [a]}]}"
    #expect(places(.needsFilterMetadata, in: policy("ALLOW", metadata)).count == 1)
    for code in [LintCode.needsClientCertificate, .needsTLSSession, .needsFilterMetadata] {
      #expect(places(code, in: policy("ALLOW", "{to: [{operation: {paths: [/a]}}]}")) == [])
    }
  }
}
