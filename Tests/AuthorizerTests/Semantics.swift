import Authorizer
import JWT
import Policy
import Testing

/// One rule in YAML, the requests that it matches and those that it does not.
struct Row: Sendable, CustomTestStringConvertible {
  let rule: String
  let matched: [Request]
  let unmatched: [Request]
  var settings = AuthorizerSettings()

  init(
    _ rule: String, matches matched: [Request], not unmatched: [Request],
    _ settings: AuthorizerSettings = AuthorizerSettings()
  ) {
    self.rule = rule
    self.matched = matched
    self.unmatched = unmatched
    self.settings = settings
  }

  var testDescription: String { rule }

  /// The whole way, from YAML to verdict, for an ALLOW and a DENY policy of this rule: where the one admits,
  /// the other refuses.
  func hold() throws {
    let admitting = try Gate(Self.tokens + allow(rule), settings: settings)
    let refusing = try Gate(Self.tokens + deny(rule), settings: settings)
    #expect(!matched.isEmpty && !unmatched.isEmpty, "a row has both twins")
    for request in matched {
      let (open, shut) = (admitting.ask(request), refusing.ask(request))
      #expect(open.isAllowed, "ALLOW \(rule): \(open) for \(request)")
      #expect(shut.reason == .deniedByRule, "DENY \(rule): \(shut) for \(request)")
    }
    for request in unmatched {
      let (shut, open) = (admitting.ask(request), refusing.ask(request))
      #expect(shut.reason == .noRuleMatched, "ALLOW \(rule): \(shut) for \(request)")
      #expect(open.isAllowed, "DENY \(rule): \(open) for \(request)")
    }
  }

  static let issuers = [
    "https://a", "https://a.example.com", "https://b.example.com/tenant", "joe", "joe@example.com",
  ]

  /// All these issuers sign with one key, so that a test chooses `iss` in the claims.
  static let tokens = authentication(
    issuers.map { TestIssuer($0, seed: 0xA0, keyID: "key-a").rule("spaceDelimitedClaims: [groups]") }
      .joined(separator: ", "))
}

extension Request {
  /// With a valid token of these claims; `iss` is `https://a` unless they name one.
  static func saying(_ claims: String) -> Request {
    do {
      return Request().bearer(try TestIssuer.a.token(claims))
    } catch {
      Issue.record("no token of \(claims): \(error)")
      return Request()
    }
  }

  static func peer(_ principal: String) -> Request { Request().changed { $0.sourcePrincipal = principal } }

  /// From this address, forwarded with these lines of `x-forwarded-for`.
  static func address(_ address: String, forwarded lines: String...) -> Request {
    var request = Request().changed { $0.source = End(address: address, port: 40_000) }
    for line in lines { request = request.with("x-forwarded-for", line) }
    return request
  }

  static func local(_ address: String, _ port: UInt32) -> Request {
    Request().changed { $0.destination = End(address: address, port: port) }
  }

  static func named(_ serverName: String?) -> Request { Request().changed { $0.serverName = serverName } }

  /// With header lines that the proxy keeps apart.
  static func lines(_ name: String, _ values: String...) -> Request {
    values.reduce(Request().raw) { $0.with(name, $1) }
  }

  /// With one header in the joined encoding.
  static func joined(_ name: String, _ value: String) -> Request { Request().with(name, value) }

  /// With the metadata of a filter: one key, which holds text or a list of texts.
  static func metadata(_ filter: String, _ key: String, _ values: String..., list: Bool = false) -> Request {
    func field(_ number: UInt8, _ content: [UInt8]) -> [UInt8] {
      [number << 3 | 2, UInt8(content.count)] + content
    }
    let texts = values.map { field(3, Array($0.utf8)) }
    let value = list ? field(6, texts.flatMap { field(1, $0) }) : texts.flatMap { $0 }
    let entry = field(1, Array(key.utf8)) + field(2, value)
    return Request().changed { $0.metadata = [(filter, field(1, entry))] }
  }
}

extension AuthorizerSettings {
  init(_ change: (inout PolicySettings) -> Void) {
    self.init()
    change(&policy)
  }
}
