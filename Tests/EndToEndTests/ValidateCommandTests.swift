import Foundation
import Testing

@Suite struct ValidateCommandTests {
  private let wide = """
    apiVersion: security.istio.io/v1
    kind: AuthorizationPolicy
    metadata: {name: open, namespace: foo}
    spec: {selector: {matchLabels: {app: a}}, rules: [{to: [{operation: {paths: ["/open*"]}}]}]}

    """

  func run(_ policies: String, _ more: [String] = []) throws -> (code: Int32?, output: String) {
    let folder = try Folder()
    let file = try folder.write("p.yaml", policies)
    let child = try Child(
      Tools.countersign, ["validate", file] + more, log: folder.url.appendingPathComponent("log"))
    let code = child.exitCode(within: 30)
    return (code, child.output)
  }

  @Test func `a warning is told and fails only when strict`() throws {
    let (code, output) = try run(wide)
    #expect(code == 0)
    #expect(output.contains("p.yaml:4:78: warning: `/open*` in `paths` allows every path that begins so"))
    #expect(output.contains("[wide-exemption]"))
    #expect(output.contains("0 errors, 1 warning, 0 notes"))
    #expect(try run(wide, ["--strict"]).code == 1)
    #expect(try run(wide.replacing("*", with: ""), ["--strict"]).code == 0)
  }

  @Test func `JSON is one object with every finding`() throws {
    let (code, output) = try run(
      wide + "---\n" + wide.replacing("rules", with: "ruls"), ["--output", "json"])
    #expect(code == 1)
    let object = try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any]
    let findings = try #require(object?["diagnostics"] as? [[String: Any]])
    let unknown = try #require(findings.first { $0["code"] as? String == "unknown-field" })
    #expect(unknown["line"] as? Int == 9 && unknown["severity"] as? String == "error")
    #expect((unknown["file"] as? String)?.hasSuffix("p.yaml") == true)
    #expect((object?["errors"] as? Int ?? 0) >= 1)
  }

  @Test func `a selector that no workload has is an error once there are workloads`() throws {
    #expect(try run(wide, ["--workload", "foo/app=a"]).code == 0)
    let (code, output) = try run(wide, ["--workload", "foo/app=b"])
    #expect(code == 1)
    #expect(output.contains("applies to no configured workload") && output.contains("[unused-policy]"))
  }

  @Test func `a policy without a namespace is told so, whether workloads are known or not`() throws {
    let bare = wide.replacing(", namespace: foo", with: "")
    let (code, output) = try run(bare)
    #expect(code == 0 && output.contains("[missing-namespace]"))
    let known = try run(bare, ["--workload", "foo/app=a"])
    #expect(known.code == 1)
    #expect(known.output.contains("Its metadata has no namespace, so `default` was taken"))
    #expect(known.output.contains("[unused-policy]"))
    let applied = try run(bare, ["--workload", "default/app=a"]).output
    #expect(!applied.contains("missing"), "\(applied)")
    let unused = try run(wide, ["--workload", "foo/app=b"]).output
    #expect(!unused.contains("missing"), "\(unused)")
  }

  @Test func `what a folder holds besides resources is told in the summary alone`() throws {
    let folder = try Folder()
    _ = try folder.write("policies/p.yaml", wide.replacing("*", with: ""))
    _ = try folder.write("policies/kustomization.yaml", "resources: [p.yaml]\n")
    let log = folder.url.appendingPathComponent("log")
    let path = folder.url.appendingPathComponent("policies").path
    let child = try Child(Tools.countersign, ["validate", path, "--strict"], log: log)
    #expect(child.exitCode(within: 30) == 0)
    #expect(
      child.output.contains("passed over by name: 1 kustomization.yaml; 0 errors, 0 warnings"),
      "\(child.output)")
    let named = try Child(Tools.countersign, ["validate", path + "/kustomization.yaml"], log: log)
    #expect(named.exitCode(within: 30) == 1)
    #expect(named.output.contains("[not-a-resource]"))
  }

  @Test func `a configuration's warnings are printed, with policies and without`() throws {
    let folder = try Folder()
    let policies = try folder.write("p.yaml", wide.replacing("*", with: ""))
    func validate(_ hosts: String, _ more: [String]) throws -> (code: Int32?, output: String) {
      let file = try folder.write(
        "c.yaml", "workloads: [{name: a, namespace: foo, labels: {app: a}\(hosts)}]\ndefaultWorkload: a\n")
      let child = try Child(
        Tools.countersign, ["validate", "--config", file] + more,
        log: folder.url.appendingPathComponent("log"))
      return (child.exitCode(within: 30), child.output)
    }
    for more in [[], [policies]] {
      let (code, output) = try validate(", hosts: [a.example]", more)
      #expect(code == 0 && output.contains("c.yaml:1:57: warning: `hosts` chooses the workload"), "\(output)")
      #expect(try validate(", hosts: [a.example]", more + ["--strict"]).code == 1)
      #expect(try validate("", more + ["--strict"]).code == 0)
    }
  }

  @Test(arguments: [true, false])
  func `serve logs at its start that clients choose a workload, where they do`(byHost: Bool) throws {
    let folder = try Folder()
    let policies = try folder.write("p.yaml", wide.replacing("*", with: ""))
    let hosts = byHost ? ", hosts: [a.example]" : ""
    let file = try folder.write(
      "c.yaml", "workloads: [{name: a, namespace: foo, labels: {app: a}\(hosts)}]\n")
    let server = try CountersignProcess(
      folder: folder, workload: "foo/app=a", arguments: ["--config", file, "--policies", policies])
    #expect(server.child.output.contains("[workload-by-host]") == byHost, "\(server.child.output)")
    #expect(
      server.child.output.contains("1 warning: countersign validate shows") == byHost,
      "\(server.child.output)")
  }

  private func withKeys(_ jwks: String) -> String {
    """
    apiVersion: security.istio.io/v1
    kind: RequestAuthentication
    metadata: {name: keys, namespace: foo}
    spec:
      jwtRules:
      - issuer: i
        jwks: '\(jwks)'

    """
  }

  @Test func `a note is printed and never changes the exit status`() throws {
    let key = #"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#
    let enc = #"{"kty":"RSA","kid":"e","use":"enc","n":"AA","e":"AQAB"}"#
    let policies = withKeys("{\"keys\":[\(key),\(enc)]}")
    for more in [[], ["--strict"]] {
      let (code, output) = try run(policies, more)
      #expect(code == 0, "\(more)")
      let line =
        "p.yaml:7:11: note: `jwks`: key 1 (kid \"e\") is for encryption and is not used [skipped-jwk]"
      #expect(output.contains(line), "\(output)")
      #expect(output.contains("0 errors, 0 warnings, 1 note"), "\(output)")
    }
    let (code, output) = try run(policies, ["--strict", "--output", "json"])
    #expect(code == 0)
    let object = try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any]
    #expect(object?["notes"] as? Int == 1 && object?["warnings"] as? Int == 0)
    let findings = try #require(object?["diagnostics"] as? [[String: Any]])
    #expect(findings.map { $0["severity"] as? String } == ["note"])
    // Another key that is left out stays a warning, which fails with --strict.
    let weak = policies.replacing(#""use":"enc","#, with: "")
    #expect(try run(weak).code == 0)
    #expect(try run(weak, ["--strict"]).code == 1)
  }

  @Test func `the help explains the three severities`() throws {
    let folder = try Folder()
    let child = try Child(
      Tools.countersign, ["validate", "--help"], log: folder.url.appendingPathComponent("log"))
    #expect(child.exitCode(within: 30) == 0)
    for line in [
      "error|warning|note: text [code]", "error: keeps `serve` from starting",
      "warning: a valid policy that rarely says what was meant", "note: worth knowing, and nothing to fix",
    ] {
      #expect(child.output.contains(line), "\(line)")
    }
  }

  @Test func `an unknown form of output is a bad command line`() throws {
    #expect(try run(wide, ["--output", "xml"]).code == 2)
  }
}
