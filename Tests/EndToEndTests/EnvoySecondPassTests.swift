import Foundation
import Testing

/// The second pass over optional rules, and what becomes of output headers meanwhile, against Envoy's JWT filter.
@Suite(.enabled(if: Tools.hasEnvoy), .serialized)
struct EnvoySecondPassTests {
  private static let issuers = ["a@countersign.test", "b@countersign.test", "c@countersign.test"]

  /// A rule for one of three issuers; the places and outputs as YAML and as the provider's members.
  private func rule(
    _ issuer: Int, _ keys: KeysForBoth, yaml: String = "", provider: String = "", isRequired: Bool = false
  ) -> RuleForBoth {
    RuleForBoth(
      issuer: Self.issuers[issuer], jwks: keys.jwks, yaml: yaml, provider: provider, isRequired: isRequired)
  }

  private func tokens(_ keys: KeysForBoth) throws -> [(name: String, text: String?)] {
    var tokens: [(String, String?)] = [("none", nil), ("rubbish", "rubbish")]
    for (index, issuer) in Self.issuers.enumerated() {
      let token = try keys.token(#"{"iss":"\#(issuer)","sub":"sub-\#(index)"}"#, bare: true)
      tokens += [("valid \(index)", token), ("broken \(index)", TestIssuer.broken(token))]
    }
    return tokens
  }

  @Test(arguments: [false, true])
  func `two tokens in the default places of several rules are judged in the same way`(forwards: Bool) throws {
    let keys = try KeysForBoth()
    let comparison = try Comparison(
      (0...1).map {
        rule(
          $0, keys, yaml: forwards ? "forwardOriginalToken: true" : "",
          provider: forwards ? #", "forward": true"# : "")
      })
    var cases: [ComparisonCase] = []
    for (name, bearer) in try tokens(keys) {
      for (other, parameter) in try tokens(keys) {
        cases.append(
          ComparisonCase(
            name: "authorization \(name), access_token \(other)",
            target: parameter.map { "/p?access_token=\($0)" } ?? "/p",
            headers: bearer.map { [("Authorization", "Bearer \($0)")] } ?? []))
      }
    }
    for wrong in try comparison.differences(cases) { Issue.record("\(wrong)") }
  }

  @Test func `output headers of rules that fail half-way are judged in the same way`() throws {
    let keys = try KeysForBoth()
    let output = ("outputPayloadToHeader: x-payload", #", "forward_payload_header": "x-payload""#)
    let claim = (
      "outputClaimToHeaders: [{header: x-sub, claim: sub}]",
      #", "claim_to_headers": [{"header_name": "x-sub", "claim_name": "sub"}]"#
    )
    func places(_ header: String, _ parameter: String) -> (String, String) {
      (
        "fromHeaders: [{name: \(header)}]\nfromParams: [\(parameter)]",
        #", "from_headers": [{"name": "\#(header)"}], "from_params": ["\#(parameter)"]"#
      )
    }
    func rule(_ issuer: Int, _ parts: (String, String)...) -> RuleForBoth {
      self.rule(
        issuer, keys, yaml: parts.map(\.0).joined(separator: "\n"), provider: parts.map(\.1).joined())
    }
    let comparison = try Comparison([
      rule(0, places("x-a", "q"), output, claim), rule(0, places("x-a1", "q1"), output),
      rule(1, places("x-b", "r"), claim), rule(2, places("x-a", "s")),
    ])
    let tokens = try tokens(keys)
    func text(_ name: String) -> String { tokens.first { $0.name == name }?.text ?? "" }
    var cases: [ComparisonCase] = []
    for header in ["none", "rubbish", "valid 0", "valid 2", "broken 0"] {
      for parameter in ["valid 0", "broken 0", "valid 2"] {
        for other in ["none", "rubbish", "valid 1", "valid 0"] {
          for query in ["q", "q1", "s"] {
            var headers = [("x-payload", "mallory")]
            if header != "none" { headers.append(("x-a", text(header))) }
            if other != "none" { headers.append(("x-b", text(other))) }
            var one = ComparisonCase(
              name: "x-a \(header), \(query) \(parameter), x-b \(other)",
              target: "/p?\(query)=\(text(parameter))",
              headers: headers)
            if header == "valid 0", parameter == "valid 0", query == "q" {
              one.onPurpose = ("two valid tokens for one output header are one line", 200, nil)
            }
            cases.append(one)
          }
        }
      }
    }
    #expect(cases.count == 180)
    for wrong in try comparison.differences(cases) { Issue.record("\(wrong)") }
  }

  @Test func `lines of one header are judged in the same way`() throws {
    let keys = try KeysForBoth()
    let comparison = try Comparison([
      rule(
        0, keys, yaml: "fromHeaders: [{name: x-a}]", provider: #", "from_headers": [{"name": "x-a"}]"#),
      rule(
        1, keys, yaml: "fromHeaders: [{name: x-a, prefix: \"B:\"}, {name: x-b}]",
        provider: #", "from_headers": [{"name": "x-a", "value_prefix": "B:"}, {"name": "x-b"}]"#),
    ])
    let tokens = try tokens(keys)
    var cases: [ComparisonCase] = []
    for first in tokens {
      for second in tokens {
        for prefix in ["", "B:"] {
          let lines = [(first.text, ""), (second.text, prefix)].compactMap { text, prefix in
            text.map { ("x-a", prefix + $0) }
          }
          cases.append(
            ComparisonCase(name: "x-a \(first.name), \(prefix)\(second.name)", headers: lines))
          cases.append(
            ComparisonCase(
              name: "x-a \(first.name), \(prefix)\(second.name), x-b valid 1",
              headers: lines + [("x-b", tokens.first { $0.name == "valid 1" }?.text ?? "")]))
        }
      }
    }
    for wrong in try comparison.differences(cases) { Issue.record("\(wrong)") }
  }

  @Test(arguments: [true, false])
  func `two tokens behind different prefixes of one header pass in Envoy, and here only as raw lines`(
    rawHeaders: Bool
  ) throws {
    let keys = try KeysForBoth()
    let comparison = try Comparison(
      [
        rule(
          0, keys, yaml: "fromHeaders: [{name: x-t, prefix: \"A:\"}, {name: x-t, prefix: \"B:\"}]",
          provider: """
            , "from_headers": [
              {"name": "x-t", "value_prefix": "A:"}, {"name": "x-t", "value_prefix": "B:"}]
            """)
      ], rawHeaders: rawHeaders)
    let token = try tokens(keys).first { $0.name == "valid 0" }?.text ?? ""
    var both = ComparisonCase(name: "two lines", headers: [("x-t", "A:\(token)"), ("x-t", "B:\(token)")])
    if !rawHeaders {
      both.onPurpose = ("where a token ends in a joined value is a guess", 401, EnvoyComparisonTests.form)
    }
    let cases = [
      both, ComparisonCase(name: "one line", headers: [("x-t", "B:\(token)")]),
      ComparisonCase(name: "joined by the client", headers: [("x-t", "A:\(token),B:\(token)")]),
    ]
    for wrong in try comparison.differences(cases) { Issue.record("\(wrong)") }
  }

  @Test func `a header that one rule sets and another reads is judged in the same way`() throws {
    let keys = try KeysForBoth()
    let inner = try keys.token(#"{"iss":"\#(Self.issuers[1])","sub":"inner"}"#, bare: true)
    let comparison = try Comparison([
      rule(
        0, keys, yaml: "outputClaimToHeaders: [{header: x-inner, claim: inner}]",
        provider: #", "claim_to_headers": [{"header_name": "x-inner", "claim_name": "inner"}]"#,
        isRequired: true),
      rule(
        1, keys, yaml: "fromHeaders: [{name: x-inner}]", provider: #", "from_headers": [{"name": "x-inner"}]"#
      ),
    ])
    var cases: [ComparisonCase] = []
    for value in ["\"\(inner)\"", "\"\(TestIssuer.broken(inner))\"", "\"rubbish\"", "7", "null", "[\"x\"]"] {
      let outer = try keys.token("{\"iss\":\"\(Self.issuers[0])\",\"inner\":\(value)}", bare: true)
      for client in [nil, "rubbish", inner] {
        var headers = [("Authorization", "Bearer \(outer)")]
        if let client { headers.append(("x-inner", client)) }
        cases.append(
          ComparisonCase(name: "inner \(value.prefix(12)), client \(client ?? "none")", headers: headers))
      }
    }
    cases.append(ComparisonCase(name: "no token"))
    cases.append(ComparisonCase(name: "the client's line alone", headers: [("x-inner", inner)]))
    for wrong in try comparison.differences(cases) { Issue.record("\(wrong)") }
  }
}
