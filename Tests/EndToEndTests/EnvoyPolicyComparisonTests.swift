import Foundation
import Testing

/// Combined rules and policies, against Envoy's JWT and RBAC filters as Istio programs them.
@Suite(.enabled(if: Tools.hasEnvoy), .serialized)
struct EnvoyPolicyComparisonTests {
  @Test func `several rules combine in the same way`() throws {
    let (one, two, three) = (try KeysForBoth(), try KeysForBoth(), try KeysForBoth())
    let other = "two@countersign.test"
    // Sorted by issuer: one (its first set), one (its second), two.
    let comparison = try Comparison([
      RuleForBoth(
        issuer: KeysForBoth.issuer, jwks: one.jwks,
        yaml: "outputClaimToHeaders: [{header: x-one, claim: sub}]",
        provider: #", "claim_to_headers": [{"header_name": "x-one", "claim_name": "sub"}]"#),
      RuleForBoth(
        issuer: KeysForBoth.issuer, jwks: two.jwks, yaml: "forwardOriginalToken: true",
        provider: #", "forward": true"#),
      RuleForBoth(
        issuer: other, jwks: three.jwks,
        yaml: "fromHeaders: [{name: x-two}]\noutputClaimToHeaders: [{header: x-user, claim: sub}]",
        provider: """
          , "from_headers": [{"name": "x-two"}], "claim_to_headers": [{"header_name": "x-user", "claim_name": "sub"}]
          """),
    ])
    let first = try one.token(#""sub":"first""#)
    let second = try two.token(#""sub":"second""#)
    let third = try three.token(#"{"iss":"\#(other)","sub":"third"}"#, bare: true)
    let tokens = [
      ("none", nil), ("first", first), ("second", second), ("third", third),
      ("broken first", TestIssuer.broken(first)),
      ("unknown", try one.token(#"{"iss":"unknown"}"#, bare: true)), ("expired", try one.token(#""exp":9"#)),
      ("malformed", "a.b.c"), ("wrong audience type", try one.token(#""aud":1"#)),
    ]
    var cases: [ComparisonCase] = []
    for (name, bearer) in tokens {
      for (custom, text) in tokens where custom != "second" {
        var headers = [("x-user", "mallory"), ("x-one", "mallory")]
        if let bearer { headers.append(("Authorization", "Bearer \(bearer)")) }
        if let text { headers.append(("x-two", text)) }
        cases.append(ComparisonCase(name: "bearer \(name), custom \(custom)", headers: headers))
      }
    }
    for wrong in try comparison.differences(cases) { Issue.record("\(wrong)") }
  }

  @Test(arguments: [true, false])
  func `DENY and ALLOW policies decide in the same way`(rawHeaders: Bool) throws {
    let keys = try KeysForBoth()
    let comparison = try Comparison(
      [
        RuleForBoth(
          issuer: KeysForBoth.issuer, jwks: keys.jwks,
          yaml: "outputClaimToHeaders: [{header: x-sub, claim: sub}]",
          provider: #", "claim_to_headers": [{"header_name": "x-sub", "claim_name": "sub"}]"#)
      ], Self.policies, rawHeaders: rawHeaders)
    let tokens: [(String, [(String, String)])] = [
      ("anonymous", []), ("alice", try keys.bearer(#""sub":"alice""#)), ("no sub", try keys.bearer("")),
      ("list", try keys.bearer(#""sub":"bob","groups":["x","dev"],"scope":"read write""#)),
      ("text", try keys.bearer(#""sub":"bob","groups":"dev","scope":["read"],"org":{"team":"blue"}"#)),
      ("numbers", try keys.bearer(#""sub":"bob","groups":[1,["dev"]],"scope":1,"org":{"team":["blue"]}"#)),
      ("Basic", [("Authorization", "Basic eA==")]),
    ]
    var cases: [ComparisonCase] = []
    for (name, headers) in tokens {
      for path in [
        "/open", "/open?x=/closed", "/open/", "/principal", "/alice", "/groups", "/scope", "/team", "/sub",
        "/raw", "/prefix/x",
        "/a/b.txt", "/closed", "/closed?x",
      ] {
        cases.append(ComparisonCase(name: "\(name) \(path)", target: path, headers: headers))
      }
    }
    for method in ["GET", "POST", "DELETE", "get"] {
      cases.append(ComparisonCase(name: method, method: method, target: "/methods"))
    }
    for host in ["a.example", "A.Example", "a.example:80", "b.a.example", "c.example:8080", "c.example"] {
      cases.append(ComparisonCase(name: "host \(host)", target: "/hosts", host: host))
    }
    let modes: [[String]] = [["on"], ["On"], [""], ["off", "debug"], ["debug-2"], ["on", "x"]]
    for values in modes {
      cases.append(
        ComparisonCase(name: "x-mode \(values)", target: "/mode", headers: values.map { ("x-mode", $0) }))
    }
    cases = cases.filter { rawHeaders || $0.headers.filter { $0.0 == "x-mode" }.count < 2 }
    for wrong in try comparison.differences(cases) { Issue.record("\(wrong)") }
  }

  private static let policies = PoliciesForBoth(
    yaml: """
      ---
      apiVersion: security.istio.io/v1
      kind: AuthorizationPolicy
      metadata: {name: deny, namespace: istio-system}
      spec:
        action: DENY
        rules:
          - to: [{operation: {paths: [/closed]}}]
          - to: [{operation: {paths: [/raw]}}]
            when: [{key: "request.headers[authorization]", values: ["*"]}]
          - when: [{key: "request.headers[x-mode]", values: ["debug*"]}]
      ---
      apiVersion: security.istio.io/v1
      kind: AuthorizationPolicy
      metadata: {name: allow, namespace: istio-system}
      spec:
        action: ALLOW
        rules:
          - to: [{operation: {paths: [/open, /raw, "/prefix/*", "*.txt"]}}]
          - from: [{source: {requestPrincipals: ["*"]}}]
            to: [{operation: {paths: [/principal]}}]
          - from: [{source: {requestPrincipals: ["\(KeysForBoth.issuer)/alice"]}}]
            to: [{operation: {paths: [/alice]}}]
          - to: [{operation: {paths: [/groups]}}]
            when: [{key: "request.auth.claims[groups]", values: [dev]}]
          - to: [{operation: {paths: [/scope]}}]
            when: [{key: "request.auth.claims[scope]", values: [read]}]
          - to: [{operation: {paths: [/team]}}]
            when: [{key: "request.auth.claims[org][team]", values: ["bl*"]}]
          - to: [{operation: {paths: [/sub]}}]
            when: [{key: "request.headers[x-sub]", values: [alice]}]
          - to: [{operation: {paths: [/methods], methods: [GET, "DEL*"]}}]
          - to: [{operation: {paths: [/hosts], hosts: [a.example, "c.example:*"]}}]
          - to: [{operation: {paths: [/mode]}}]
            when: [{key: "request.headers[x-mode]", values: ["*"], notValues: [off]}]

      """,
    deny: [
      policy("closed", [path("exact", "/closed")]),
      policy("raw", [path("exact", "/raw")], [header("authorization", present)]),
      policy("debug", [], [header("x-mode", #""string_match": {"prefix": "debug"}"#)]),
    ].joined(separator: ","),
    allow: [
      policy(
        "open",
        [
          "{\"or_rules\": {\"rules\": ["
            + [
              path("exact", "/open"), path("exact", "/raw"), path("prefix", "/prefix/"),
              path("suffix", ".txt"),
            ]
            .joined(separator: ",") + "]}}"
        ]),
      policy("principal", [path("exact", "/principal")], [metadata(["iss"], some), metadata(["sub"], some)]),
      policy(
        "alice", [path("exact", "/alice")],
        [
          metadata(["iss"], #"{"string_match": {"exact": "\#(KeysForBoth.issuer)"}}"#),
          metadata(["sub"], #"{"string_match": {"exact": "alice"}}"#),
        ]),
      policy("groups", [path("exact", "/groups")], [metadata(["groups"], claim(#"{"exact": "dev"}"#))]),
      policy("scope", [path("exact", "/scope")], [metadata(["scope"], claim(#"{"exact": "read"}"#))]),
      policy("team", [path("exact", "/team")], [metadata(["org", "team"], claim(#"{"prefix": "bl"}"#))]),
      policy("sub", [path("exact", "/sub")], [header("x-sub", #""string_match": {"exact": "alice"}"#)]),
      policy(
        "methods",
        [
          path("exact", "/methods"),
          either(
            header(":method", #""string_match": {"exact": "GET"}"#),
            header(":method", #""string_match": {"prefix": "DEL"}"#)),
        ]),
      policy(
        "hosts",
        [
          path("exact", "/hosts"),
          either(
            header(":authority", #""string_match": {"exact": "a.example", "ignore_case": true}"#),
            header(":authority", #""string_match": {"prefix": "c.example:", "ignore_case": true}"#)),
        ]),
      policy(
        "mode", [path("exact", "/mode")],
        [
          header("x-mode", present),
          "{\"not_id\": \(header("x-mode", #""string_match": {"exact": "off"}"#))}",
        ]),
    ].joined(separator: ","))

  private static let present = #""present_match": true"#
  private static let some = #"{"string_match": {"safe_regex": {"regex": ".+"}}}"#

  private static func policy(_ name: String, _ permissions: [String], _ principals: [String] = []) -> String {
    let permission =
      permissions.isEmpty
      ? #"{"any": true}"# : "{\"and_rules\": {\"rules\": [\(permissions.joined(separator: ","))]}}"
    let principal =
      principals.isEmpty
      ? #"{"any": true}"# : "{\"and_ids\": {\"ids\": [\(principals.joined(separator: ","))]}}"
    return "\"\(name)\": {\"permissions\": [\(permission)], \"principals\": [\(principal)]}"
  }

  private static func either(_ first: String, _ second: String) -> String {
    "{\"or_rules\": {\"rules\": [\(first), \(second)]}}"
  }

  private static func path(_ kind: String, _ value: String) -> String {
    "{\"url_path\": {\"path\": {\"\(kind)\": \"\(value)\"}}}"
  }

  private static func header(_ name: String, _ match: String) -> String {
    "{\"header\": {\"name\": \"\(name)\", \(match)}}"
  }

  private static func claim(_ match: String) -> String {
    """
    {"or_match": {"value_matchers": [{"list_match": {"one_of": {"string_match": \(match)}}}, {"string_match": \(match)}]}}
    """
  }

  private static func metadata(_ path: [String], _ value: String) -> String {
    let keys = (["payload"] + path).map { "{\"key\": \"\($0)\"}" }.joined(separator: ",")
    return """
      {"metadata": {"filter": "envoy.filters.http.jwt_authn", "path": [\(keys)], "value": \(value)}}
      """
  }
}
