import Foundation
import TestSupport
import Testing

/// Istio's own policies beside the filters that istiod makes of them.
@Suite(.enabled(if: Tools.hasEnvoy && Vectors.available), .serialized)
struct GoldenPairTests {
  @Test func `every golden pair is compared or left out by name`() throws {
    let files = try Vectors.list("istio/" + GoldenPairs.folder).filter { $0.hasSuffix("-in.yaml") }
    let named = GoldenPairs.whole.map(\.name) + GoldenPairs.leftOut.keys
    #expect(files == named.map { $0 + "-in.yaml" }.sorted())
  }

  @Test func `Envoy with istiod's filters and Countersign with Istio's policies decide alike`() throws {
    let keys = try KeysForBoth()
    let cases = try GoldenPairs.cases().map(onLoopback)
    let asked = cases.map { one in (one, GoldenRequests.requests(for: one)) }
    let issuers = Set(asked.flatMap { $0.1.compactMap(\.issuer) }).sorted()
    let client = try GoldenClient()
    var servers: [GoldenCase.Mesh: CountersignProcess] = [:]
    for mesh in GoldenCase.Mesh.allCases {
      servers[mesh] = try server(cases.filter { $0.mesh == mesh }, mesh, issuers, keys.jwks)
    }
    let envoy = try GoldenEnvoy(cases, servers: servers, client: client, issuers: issuers, jwks: keys.jwks)

    var count = 0
    var parts = 0
    for (one, requests) in asked {
      let ready = try requests.map { try prepared($0, one, keys) }
      let asking = try #require(envoy.asking[one.mesh])
      let statuses = try client.statuses(ready.map { ($0, envoy.native) } + ready.map { ($0, asking) })
      let native = statuses.prefix(ready.count)
      count += ready.count
      for (request, (expected, seen)) in zip(requests, zip(native, statuses.dropFirst(ready.count))) {
        if expected == seen && (expected == 200 || expected == 403) { continue }
        Issue.record(
          "\(one.pair) \(one.field ?? "whole") \(one.values): \(request.note): Envoy \(expected), Countersign \(seen)"
        )
      }
      if one.field != nil {
        parts += 1
        let isConstant = Set(native).count < 2
        // Nothing misses presence, and everybody has a method, a host and a path.
        let always = ["methods", "hosts", "paths"]
        let presence =
          one.values.contains("*") && always.contains { one.field?.lowercased().hasSuffix($0) == true }
        #expect(isConstant == presence, "\(one.pair) \(one.field ?? "") \(one.values): \(Set(native))")
      }
    }
    print("golden pairs: \(GoldenPairs.whole.count) whole, \(parts) fields, \(count) requests, each to both")
    #expect(parts > 100 && count > 1_000)
  }

  /// Addresses of clients become loopback ones, in the policy and in the filter alike: `1.2.3.4` is `127.2.3.4`.
  private func onLoopback(_ one: GoldenCase) -> GoldenCase {
    guard let field = one.field?.lowercased(),
      field.hasSuffix("ipblocks") && !field.contains("remote") || field == "source.ip"
    else { return one }
    func change(_ text: String) -> String {
      let octets = text.split(separator: ".")
      guard octets.count == 4, octets[0].allSatisfy(\.isNumber) else { return text }
      return "127." + octets.dropFirst().joined(separator: ".")
    }
    var moved = one
    moved.policies = one.policies.map { $0.mapTexts(change) }
    moved.filters = one.filters.map { $0.mapTexts(change) }
    moved.values = one.values.map(change)
    return moved
  }

  private func prepared(_ request: GoldenRequest, _ one: GoldenCase, _ keys: KeysForBoth) throws
    -> GoldenRequest
  {
    var request = request
    request.headers.append((GoldenEnvoy.caseHeader, one.name))
    if let claims = request.claims {
      request.headers.append(("authorization", "Bearer \(try keys.token(claims, bare: true))"))
    }
    return request
  }

  private func server(
    _ cases: [GoldenCase], _ mesh: GoldenCase.Mesh, _ issuers: [String], _ jwks: String
  ) throws -> CountersignProcess {
    let rules = issuers.map {
      Tree.map(["issuer": .text($0), "jwks": .text(jwks), "forwardOriginalToken": .boolean(true)])
    }
    var documents = [
      Tree.map([
        "apiVersion": .text("security.istio.io/v1"), "kind": .text("RequestAuthentication"),
        "metadata": .map(["name": .text("tokens"), "namespace": .text("foo")]),
        "spec": .map(["jwtRules": .list(rules)]),
      ])
    ]
    for one in cases {
      for policy in one.policies { documents.append(policy.attached(to: one.name)) }
    }
    let workloads = cases.map {
      "  - {name: \($0.name), namespace: foo, labels: {app: httpbin, version: v1, case: \($0.name)}}\n"
    }
    let folder = try Folder()
    let file = try folder.write(
      "countersign.yaml", "allowUnused: true\nworkloads:\n" + workloads.joined() + mesh.settings)
    return try CountersignProcess(
      policies: documents.map(\.json).joined(separator: "\n---\n"), workload: "foo/case=none",
      arguments: ["--config", file])
  }
}

extension GoldenRequest {
  fileprivate var issuer: String? {
    guard let claims, let object = try? JSONSerialization.jsonObject(with: Data(claims.utf8)) else {
      return nil
    }
    return (object as? [String: Any])?["iss"] as? String
  }
}

extension Tree {
  /// The policy under a name of its own, for the case's workload alone.
  fileprivate func attached(to name: String) -> Tree {
    var policy = self
    var metadata = self["metadata"] ?? .map([:])
    metadata["name"] = .text("\(name)-\(metadata["name"]?.text ?? "")")
    policy["metadata"] = metadata
    var spec = self["spec"] ?? .map([:])
    var labels = spec["selector"]?["matchLabels"] ?? .map([:])
    labels["case"] = .text(name)
    spec["selector"] = .map(["matchLabels": labels])
    policy["spec"] = spec
    return policy
  }
}
