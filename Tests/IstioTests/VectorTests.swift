import Foundation
import Istio
import TestSupport
import Testing

/// Resources made by Istio's authors, for Istio's own tests.
@Suite("Semantics 1.3 and 2.9: Istio's own test resources", .enabled(if: Vectors.available))
struct VectorTests {
  private static func load(_ path: String, _ settings: LoaderSettings = LoaderSettings()) throws
    -> LoadedResources
  {
    ResourceLoader(settings).load([ResourceText(name: path, octets: try Vectors.read("istio/" + path))])
  }

  static let valid = [
    "pkg/config/validation/testdata/crds/authz-valid.yaml",
    "pkg/config/validation/testdata/crds/reqauth-valid.yaml",
    "pkg/test/datasets/validation/dataset/security-v1-AuthorizationPolicy.yaml",
    "pkg/test/datasets/validation/dataset/security-v1-RequestAuthentication.yaml",
    "pkg/test/datasets/validation/dataset/security-v1beta1-AuthorizationPolicy.yaml",
    "pkg/test/datasets/validation/dataset/security-v1beta1-RequestAuthentication.yaml",
    "pilot/pkg/serviceregistry/ambient/testdata/allow-full-in.yaml",
    "pilot/pkg/serviceregistry/ambient/testdata/allow-groups-in.yaml",
  ]

  @Test(arguments: valid) func `What the definitions and the webhook accept is accepted`(path: String) throws
  {
    let loaded = try Self.load(path)
    #expect(loaded.splitFindings.others.isEmpty, "\(loaded.diagnostics)")
    #expect(loaded.splitFindings.never.isEmpty != Self.madeUp.contains(path), "\(loaded.diagnostics)")
    #expect(loaded.count >= 1)
  }

  /// Which finding each refused document must have. Every rule of these files applies; none is left out.
  static let expected: [String: [String: String]] = [
    "authz-invalid.yaml": [
      "service-account-and-namespace": "service-accounts-not-alone",
      "service-account-and-namespace-principal": "service-accounts-not-alone",
    ],
    "reqauth-invalid.yaml": [
      "multi-refs": "several-attachments", "ref-and-selector": "several-attachments",
      "bad-target-name": "missing-field", "bad-target-namespace": "invalid-target-ref",
      "bad-target-group": "invalid-target-ref", "bad-target-kind": "invalid-target-ref",
      "no-issuer": "null-value",
      "empty-aud": "empty-value", "invalid-jwks": "invalid-uri",
      "invalid-from-headers-no-name": "missing-field",
      "invalid-from-headers-empty-name": "empty-value", "invalid-from-params": "empty-value",
      "invalid-from-cookies": "empty-value", "invalid-claim-to-header-unset": "null-value",
      "invalid-claim-to-header-claim-empty": "empty-value",
      "invalid-claim-to-header-header-empty": "empty-value",
      "invalid-claim-to-header-bad-header": "invalid-header-name", "bad-timeout": "invalid-duration",
      "invalid-space-delimited-claims": "empty-value", "invalid-presence-value": "unknown-value",
    ],
  ]

  /// A document says what must be wrong with it in a member `_err`, which is dropped first.
  @Test(arguments: ["authz-invalid.yaml", "reqauth-invalid.yaml"])
  func `What the definitions refuse is refused for that reason`(file: String) throws {
    let octets = try Vectors.read("istio/pkg/config/validation/testdata/crds/" + file)
    let text = String(decoding: octets, as: UTF8.self)
    var seen: Set<String> = []
    for part in text.components(separatedBy: "\n---") {
      let lines = part.split(separator: "\n").filter { !$0.hasPrefix("_err:") && !$0.hasPrefix("#") }
      if lines.isEmpty { continue }
      let name = try #require(lines.first { $0.hasPrefix("  name: ") }).dropFirst("  name: ".count)
      let code = try #require(Self.expected[file]?[String(name)], "\(name)")
      let loaded = ResourceLoader(LoaderSettings()).load(file: file, text: lines.joined(separator: "\n"))
      let codes = loaded.diagnostics.filter { $0.severity == .error }.map(\.code)
      #expect(codes.contains(code), "\(name): \(loaded.diagnostics)")
      #expect(loaded.count == 0)
      seen.insert(String(name))
    }
    #expect(seen == Set(try #require(Self.expected[file]).keys))
  }

  /// The golden policies of Istio's builder, with the warnings that some deserve. None is refused.
  static let golden: [String: [String]] = [
    "http/custom-bad-multiple-providers-in.yaml": [
      "7:11 warning custom-action", "25:11 warning custom-action",
    ],
    "http/custom-simple-http-in.yaml": ["7:11 warning custom-action", "25:11 warning custom-action"],
    "http/dry-run-allow-and-deny-in.yaml": ["33:7 warning deny-only-http"],
  ]

  /// Files whose methods, paths and namespaces are made-up words that no request has, such as `rule[0]-to[0]-path[1]`.
  static let madeUp: Set<String> = [
    "http/allow-full-rule-in.yaml", "http/single-policy-in.yaml", "http/simple-policy-td-aliases-in.yaml",
    "pilot/pkg/serviceregistry/ambient/testdata/allow-full-in.yaml",
    "pilot/pkg/serviceregistry/ambient/testdata/allow-groups-in.yaml",
    "pkg/config/validation/testdata/crds/authz-valid.yaml",
  ]

  @Test func `The golden policies parse`() throws {
    let root = "pilot/pkg/security/authz/builder/testdata/"
    let files = try Vectors.list("istio/" + root + "http").filter { $0.hasSuffix("-in.yaml") }
    #expect(files.count == 14)
    for file in files {
      let loaded = try Self.load(root + "http/" + file)
      let (never, others) = loaded.splitFindings
      #expect(others == Self.golden["http/" + file, default: []], "\(file): \(loaded.diagnostics)")
      #expect(never.isEmpty != Self.madeUp.contains("http/" + file), "\(file): \(never)")
      #expect(loaded.count >= 1)
    }
    for file in try Vectors.list("istio/" + root + "tcp").filter({ $0.hasSuffix("-in.yaml") }) {
      let loaded = try Self.load(root + "tcp/" + file)
      #expect(!loaded.hasErrors, "\(file): \(loaded.diagnostics)")
      #expect(loaded.count >= 1)
    }
  }

  @Test func `A file of many kinds yields its policies and counts the rest`() throws {
    let loaded = try Self.load("pkg/config/analysis/analyzers/testdata/authorizationpolicies.yaml")
    #expect(!loaded.hasErrors, "\(loaded.diagnostics)")
    #expect(loaded.resources.authorizationPolicies.count > 5)
    #expect(loaded.resources.passedOver["Deployment", default: 0] > 0)
    #expect(loaded.resources.serviceEntries.count > 0)
  }

  @Test func `The golden policies are what they say`() throws {
    let root = "pilot/pkg/security/authz/builder/testdata/http/"
    let dryRun = try Self.load(root + "dry-run-allow-and-deny-in.yaml").resources.authorizationPolicies
    #expect(dryRun.map(\.isDryRun) == [true, true])
    #expect(dryRun.map(\.action) == [.allow, .deny])
    let none = try #require(
      try Self.load(root + "allow-nil-rule-in.yaml").resources.authorizationPolicies.first)
    #expect(none.rules.isEmpty && none.action == .allow && none.metadata.namespace == "foo")
    let full = try #require(
      try Self.load(root + "allow-full-rule-in.yaml").resources.authorizationPolicies.first)
    #expect(full.rules.count == 2)
    #expect(
      full.rules[0].sources[0].serviceAccounts.notValues.map(\.value) == ["my-ns/my-sa-not", "sa-not-only"])
    #expect(full.rules[1].operations[0].ports.values.map(\.value) == ["80", "90"])
    #expect(full.rules[1].conditions.count == 14)
    #expect(full.rules[1].conditions[9].key == .requestClaim(["nested1", "nested2"]))
    let custom = try Self.load(root + "custom-bad-multiple-providers-in.yaml").resources.authorizationPolicies
    #expect(custom.map(\.action) == [.custom("default"), .custom("another")])
  }

  @Test func `The sample key set is taken inline`() throws {
    let keys = String(decoding: try Vectors.read("istio/security/tools/jwt/samples/jwks.json"), as: UTF8.self)
    let text = SpecCase("", "  jwtRules:\n  - issuer: i\n    jwks: |\n      \(keys)").text(
      kind: "RequestAuthentication")
    let loaded = ResourceLoader().load(file: "p.yaml", text: text)
    #expect(loaded.diagnostics.isEmpty, "\(loaded.diagnostics)")
    guard case .inline(let jwks)? = loaded.resources.requestAuthentications.first?.jwtRules.first?.keys else {
      Issue.record("no inline keys")
      return
    }
    #expect(jwks.value.trimmingCharacters(in: .newlines) == keys.trimmingCharacters(in: .newlines))
    #expect(jwks.position.description == "p.yaml:8:11")
  }
}
