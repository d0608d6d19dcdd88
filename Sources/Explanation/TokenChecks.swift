import Authorizer
import Bytes
import Istio
import JWT
import Signatures

/// The checks of a token as the server makes them, read back from where it stopped: each error belongs to one
/// check, those before it have passed and those behind it were never made (semantics, section 1.6).
enum TokenChecks {
  private enum Stage: Int, CaseIterable {
    case form, issuer, times, audience, signature

    var name: String {
      switch self {
      case .form: "form"
      case .issuer: "issuer"
      case .times: "times"
      case .audience: "audience"
      case .signature: "key and signature"
      }
    }
  }

  private static func stage(of error: TokenError) -> Stage {
    switch error {
    case .issuerNotConfigured: .issuer
    case .notYetValid, .expired: .times
    case .audienceNotAllowed: .audience
    case .verificationFailed, .noKeyMatches, .noUsableKey, .keysUnavailable, .keysNotJSON, .keysMissing,
      .keysNotArray, .ed25519SignatureLength:
      .signature
    default: .form
    }
  }

  static func list(
    _ token: AuthenticationTrace.Token, of rule: JWTRule, _ settings: AuthorizerSettings, now: UInt64
  ) -> [TokenCheck] {
    var failure: TokenError?
    if case .refused(let error) = token.judgement { failure = error }
    // A header with `crit` fails as a signature does, before its token has the form of one.
    let failed = failure.map { token.facts == nil ? .form : stage(of: $0) }
    return Stage.allCases.map { stage in
      var check = TokenCheck(name: stage.name, result: .passed, detail: "")
      if token.judgement == .notReached {
        check.result = .notReached
        return check
      }
      if let failed {
        if stage.rawValue > failed.rawValue { check.result = .notReached }
        if stage == failed { check.result = .failed }
      }
      if check.result != .notReached {
        let cause = stage == failed ? failure : nil
        check.detail = detail(stage, token, rule, settings, now: now, failure: cause)
      }
      return check
    }
  }

  private static func detail(
    _ stage: Stage, _ token: AuthenticationTrace.Token, _ rule: JWTRule, _ settings: AuthorizerSettings,
    now: UInt64, failure: TokenError?
  ) -> String {
    guard let facts = token.facts, stage != .form else {
      guard let text = token.text else {
        return "several values, or one that cannot be read without guessing"
      }
      guard let failure else { return "a signed token, \(token.facts?.algorithm ?? "")" }
      return FormFault.words(for: failure, text, limit: settings.token.maximumTokenBytes)
    }
    switch stage {
    case .form: return ""
    case .issuer:
      let wanted = rule.issuer.isEmpty ? "any" : Quoted.text(rule.issuer)
      return "`iss` is \(facts.issuer.map(Quoted.text) ?? "missing"), wanted: \(wanted)"
    case .times: return times(facts, now: now, skew: settings.clockSkewSeconds)
    case .audience:
      if rule.audiences.isEmpty { return "the rule wants none in particular" }
      return "`aud` is \(facts.audiences.map { Quoted.list($0) } ?? "missing"), wanted: any of "
        + Quoted.list(rule.audiences)
    case .signature: return signature(facts, rule, failure)
    }
  }

  private static func times(_ facts: AuthenticationTrace.Facts, now: UInt64, skew: UInt64) -> String {
    var parts: [String] = []
    if let notBefore = facts.notBefore { parts.append("`nbf` \(TimeWords.text(notBefore, now: now))") }
    parts.append(facts.expiry.map { "`exp` \(TimeWords.text($0, now: now))" } ?? "no `exp`: never expires")
    return parts.joined(separator: ", ") + "; clocks may differ by \(skew) s"
  }

  private static func signature(
    _ facts: AuthenticationTrace.Facts, _ rule: JWTRule, _ failure: TokenError?
  ) -> String {
    let kid = facts.keyID.map { "`kid` \(Quoted.text($0))" } ?? "no `kid`"
    let seen = "\(facts.algorithm), \(kid)"
    guard case .inline(let text) = rule.keys,
      let set = try? JWKSet.parse(Array(text.value.utf8).span, source: .inline)
    else { return seen }
    let keys = set.keys.map { key in
      (key.keyID.map { Quoted.text(String(decoding: $0, as: UTF8.self)) } ?? "without kid")
        + (key.algorithm.map { " (\($0.name))" } ?? "")
    }
    let held =
      "keys of the rule: " + keys.prefix(8).joined(separator: ", ")
      + (keys.count > 8 ? " and \(keys.count - 8) more" : "")
    switch failure {
    case nil: return "\(seen): a key of the rule made the signature"
    case .noKeyMatches: return "\(seen): no key fits; \(held)"
    case .verificationFailed: return "\(seen): no fitting key made this signature; \(held)"
    case .some(let error): return "\(seen): \(error.text); \(held)"
    }
  }
}
