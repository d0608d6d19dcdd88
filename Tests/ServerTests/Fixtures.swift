import Authorizer
import ExtAuthz
import ExtAuthzTestMessages
import Foundation
import Issuer
import Istio
import Signatures
import SwiftProtobuf

/// An issuer, policies for it, and checks about them.
struct Fixture {
  static let issuerName = "https://issuer.example"
  static let now: UInt64 = 1_700_000_000

  let issuer: DevelopmentIssuer
  let snapshot: PolicySnapshot

  /// - Parameter rules: of the ALLOW policy.
  init(settings: AuthorizerSettings = AuthorizerSettings()) throws {
    issuer = try DevelopmentIssuer.generate(name: Self.issuerName, algorithms: [.es256, .edDSA])
    let text = """
      apiVersion: security.istio.io/v1
      kind: RequestAuthentication
      metadata: {name: tokens, namespace: a}
      spec:
        jwtRules:
        - issuer: \(Self.issuerName)
          jwks: '\(issuer.publicJWKSet)'
          outputClaimToHeaders: [{header: x-subject, claim: sub}]
      ---
      apiVersion: security.istio.io/v1
      kind: AuthorizationPolicy
      metadata: {name: never, namespace: a}
      spec: {action: DENY, rules: [{to: [{operation: {paths: [/never]}}]}]}
      ---
      apiVersion: security.istio.io/v1
      kind: AuthorizationPolicy
      metadata: {name: some, namespace: a}
      spec: {action: ALLOW, rules: [{to: [{operation: {paths: ["/open*", /never]}}]}]}
      """
    snapshot = try Self.snapshot(text, settings: settings)
  }

  static func snapshot(
    _ text: String, settings: AuthorizerSettings = AuthorizerSettings()
  ) throws -> PolicySnapshot {
    let loaded = ResourceLoader().load(file: "policies.yaml", text: text)
    let input = PolicySnapshot.Input(
      resources: loaded.resources, workloads: [Workload(name: "w", namespace: "a", labels: [:])],
      defaultWorkload: "w")
    let compiled = PolicySnapshot.compile(input, settings: settings)
    guard let snapshot = compiled.snapshot else {
      throw NotCompiled(findings: (loaded.diagnostics + compiled.diagnostics).map(\.description))
    }
    return snapshot
  }

  struct NotCompiled: Error { var findings: [String] }

  /// A token of the issuer, valid in the real and in the fixture's time.
  func token(subject: String = "ann", expiry: Int64 = 4_000_000_000, key: Int = 0) throws -> String {
    try issuer.token(claims: Claims(subject: subject, expiry: expiry), keyID: issuer.keys[key].keyID)
  }

  static func request(
    path: String = "/open", token: String? = nil, headers: [String: String] = [:], workload: String? = nil
  ) -> WireCheckRequest {
    var request = WireCheckRequest()
    request.attributes.request.http.method = "GET"
    request.attributes.request.http.path = path
    request.attributes.request.http.host = "h.example"
    request.attributes.request.http.scheme = "https"
    request.attributes.request.http.headers = headers
    if let token { request.attributes.request.http.headers["authorization"] = "Bearer \(token)" }
    if let workload { request.attributes.contextExtensions["countersign.workload"] = workload }
    return request
  }

  /// A check's octets.
  static func check(
    path: String = "/open", token: String? = nil, headers: [String: String] = [:], workload: String? = nil
  ) throws -> [UInt8] {
    try request(path: path, token: token, headers: headers, workload: workload).serializedBytes()
  }
}
