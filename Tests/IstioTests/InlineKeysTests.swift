import Istio
import Testing

@Suite("Semantics 1.3: inline key sets are read when they are loaded")
struct InlineKeysTests {
  /// The public key of RFC 8037, appendix A.
  static let good =
    #"{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#
  static let withPrivate =
    #"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","#
    + #""d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}"#
  static let secret =
    #"{"kty":"oct","alg":"HS256","#
    + #""k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#

  static func rule(_ jwks: String) -> String { "  jwtRules:\n  - issuer: i\n    jwks: '\(jwks)'" }

  @Test(arguments: [
    SpecCase("good", rule(#"{"keys":[\#(good)]}"#)),
    SpecCase("private members", rule(#"{"keys":[\#(withPrivate)]}"#), "8:11 warning private-key-material"),
    SpecCase("a secret", rule(#"{"keys":[\#(good),\#(secret)]}"#), "8:11 warning private-key-material"),
    SpecCase("a key that is left out", rule(#"{"keys":[\#(good),{"kty":"x"}]}"#), "8:11 warning skipped-jwk"),
    SpecCase(
      "a key for encryption", rule(#"{"keys":[\#(good),{"kty":"x","use":"enc"}]}"#),
      "8:11 note skipped-jwk"),
    SpecCase(
      "keys that are left out for both reasons",
      rule(#"{"keys":[{"kty":"x"},\#(good),{"use":"enc","kty":"RSA"}]}"#), "8:11 note skipped-jwk",
      "8:11 warning skipped-jwk"),
    SpecCase(
      "key_ops of encryption", rule(#"{"keys":[\#(good),{"kty":"RSA","key_ops":["encrypt"]}]}"#),
      "8:11 warning skipped-jwk"),
    SpecCase("keys for encryption alone", rule(#"{"keys":[{"use":"enc"}]}"#), "8:11 error invalid-jwks"),
    SpecCase(
      "odd optional members",
      rule(#"{"keys":[\#(good.dropLast()),"d":null,"use":"","alg":null,"key_ops":["sign"]}]}"#)),
    SpecCase("no usable key", rule(#"{"keys":[{"kty":"x"}]}"#), "8:11 error invalid-jwks"),
    SpecCase("no key", rule(#"{"keys":[]}"#), "8:11 error invalid-jwks"),
    SpecCase("no keys", rule("{}"), "8:11 error invalid-jwks"),
    SpecCase("no list", rule(#"{"keys":{}}"#), "8:11 error invalid-jwks"),
    SpecCase("a bare key", rule(good), "8:11 error invalid-jwks"),
    SpecCase("text", rule("hello"), "8:11 error invalid-jwks"),
    SpecCase(
      "YAML instead of text", "  jwtRules:\n  - issuer: i\n    jwks: {keys: []}", "8:11 error wrong-type"),
    SpecCase(
      "two sources", rule(#"{"keys":[\#(good)]}"#) + "\n    jwksUri: https://a.b",
      "9:5 error several-key-sources"),
    SpecCase("no issuer", "  jwtRules:\n  - jwks: '{\"keys\":[\(good)]}'", "7:5 error missing-issuer"),
  ])
  func `Each with its findings`(row: SpecCase) { check(row, kind: "RequestAuthentication") }

  @Test func `The index of the key is named`() {
    let text = SpecCase("", Self.rule(#"{"keys":[\#(Self.good),\#(Self.secret)]}"#)).text(
      kind: "RequestAuthentication")
    let messages = ResourceLoader().load(file: "p.yaml", text: text).diagnostics.map(\.message)
    #expect(messages.first?.contains("private key material: key 1 is symmetric") == true, "\(messages)")
  }

  @Test func `A note names the key for encryption, and counts apart from warnings`() {
    let set = #"{"keys":[\#(Self.good),{"kid":"enc-1","use":"enc"},{"use":"enc"}]}"#
    var settings = LoaderSettings()
    settings.maximumFindings = 1
    let text = SpecCase("", Self.rule(set)).text(kind: "RequestAuthentication")
    let all = ResourceLoader().load(file: "p.yaml", text: text)
    #expect(
      all.diagnostics.map(\.description) == [
        "p.yaml:8:11: note: `jwks`: key 1 (kid \"enc-1\") is for encryption and is not used [skipped-jwk]",
        "p.yaml:8:11: note: `jwks`: key 2 (no kid) is for encryption and is not used [skipped-jwk]",
      ])
    #expect(!all.hasErrors && all.count == 1)
    let cut = ResourceLoader(settings).load(file: "p.yaml", text: text)
    #expect(cut.findings == ["8:11 note skipped-jwk", "8:11 note too-many-findings"])
  }
}
