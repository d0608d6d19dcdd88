import Bytes
import Check
import JSON
public import JWT
import Signatures

/// What authentication did for one check, step by step: recorded by the code that authenticates, while it
/// does, and only when somebody wants to read it.
public struct AuthenticationTrace: Sendable {
  /// What a token says of itself. Nothing of it is to be believed unless the token was accepted.
  public struct Facts: Sendable, Equatable {
    public var algorithm = ""
    public var keyID: String?
    public var issuer: String?
    public var subject: String?
    /// Nil without `aud`.
    public var audiences: [String]?
    public var expiry: UInt64?
    public var notBefore: UInt64?
    public var issuedAt: UInt64?
  }

  public enum Place: Sendable, Equatable {
    /// `prefix` is empty where the whole value is the token.
    case header(name: String, prefix: String)
    case parameter(String)
    case cookie(String)
  }

  public enum Judgement: Sendable, Equatable {
    case accepted
    case refused(TokenError)
    /// Another token of the rule was refused before, so nobody looked at this one.
    case notReached
  }

  /// One token of one rule.
  public struct Token: Sendable, Equatable {
    public var place: Place
    /// Nil where something stands that cannot be read without guessing.
    public var text: String?
    /// Nil when it has not the form of a token.
    public var facts: Facts?
    public var judgement = Judgement.notReached

    public init(place: Place, text: String?) {
      self.place = place
      self.text = text
    }
  }

  /// One of the workload's rules, in the order in which they are asked.
  public struct Rule: Sendable, Equatable {
    public enum Outcome: Sendable, Equatable {
      case accepted
      /// No token in any of the rule's places.
      case missing
      case refused(TokenError)
    }
    /// In the order in which they were found; they are judged from the last to the first.
    public var tokens: [Token] = []
    public var outcome = Outcome.missing
  }

  /// The request is a CORS preflight: no rule was asked.
  public var isPreflight = false
  /// Some rule has `presence: REQUIRED`.
  public var requiresToken = false
  /// The rules that were asked: without a required one the first that accepts ends the search.
  public var rules: [Rule] = []
  /// The rules as they were asked again, after the first pass had accepted some tokens and no rule as a whole; nil when
  /// there was no second pass. All must accept or find no token, so the first refusal ends it.
  public var secondPass: [Rule]?

  public init() {}
}

// What is recorded. All of it is called only while somebody traces.
extension Authentication {
  mutating func traceTokens(of rule: borrowing TokenRule, in message: Span<UInt8>) {
    var recorded = AuthenticationTrace.Rule()
    for found in finder.found {
      let place: AuthenticationTrace.Place =
        switch found.place {
        case .header(let index):
          .header(
            name: Self.text(rule.octets.span[rule.headers[index].name]),
            prefix: Self.text(rule.octets.span[rule.headers[index].prefix]))
        case .parameter(let index): .parameter(Self.text(rule.octets.span[rule.parameters[index]]))
        case .cookie(let index): .cookie(Self.text(rule.octets.span[rule.cookies[index]]))
        }
      let text: String? =
        switch found.text {
        case .message(let range): Self.text(message[range])
        case .decoded(let range, _): Self.text(finder.decoded.span[range])
        case .changes(let range): Self.text(changes.octets.span[range])
        case .unreadable: nil
        }
      recorded.tokens.append(AuthenticationTrace.Token(place: place, text: text))
    }
    if trace?.secondPass != nil { trace?.secondPass?.append(recorded) } else { trace?.rules.append(recorded) }
  }

  mutating func traceFacts(_ facts: AuthenticationTrace.Facts, ofToken index: Int) {
    withLastRule { $0.tokens[index].facts = facts }
  }

  mutating func traceJudgement(_ judgement: AuthenticationTrace.Judgement, ofToken index: Int) {
    withLastRule { $0.tokens[index].judgement = judgement }
  }

  mutating func traceOutcome(_ outcome: Outcome) {
    withLastRule {
      $0.outcome =
        switch outcome {
        case .passed: .accepted
        case .missing: .missing
        case .failed(let error): .refused(error)
        }
    }
  }

  private mutating func withLastRule(_ body: (inout AuthenticationTrace.Rule) -> Void) {
    guard trace != nil else { return }
    if var rules = trace?.secondPass {
      if rules.isEmpty { return }
      body(&rules[rules.count - 1])
      trace?.secondPass = rules
    } else if var rules = trace?.rules, !rules.isEmpty {
      body(&rules[rules.count - 1])
      trace?.rules = rules
    }
  }

  static func facts(of token: borrowing UnverifiedToken) -> AuthenticationTrace.Facts {
    var facts = AuthenticationTrace.Facts()
    facts.algorithm = "\(token.algorithm.name)"
    if let range = token.keyID { facts.keyID = text(token.header.octets.span[range]) }
    if let range = token.issuer { facts.issuer = text(token.payload.octets.span[range]) }
    if let range = token.subject { facts.subject = text(token.payload.octets.span[range]) }
    facts.expiry = token.expiry
    facts.notBefore = token.notBefore
    facts.issuedAt = token.issuedAt
    guard let audience = token.audience else { return facts }
    if token.payload.kind(of: audience) == .string {
      facts.audiences = [text(token.payload.octets.span[token.payload.text(of: audience)])]
      return facts
    }
    var list: [String] = []
    var elements = token.payload.elements(of: audience)
    while let element = elements.next(in: token.payload) {
      list.append(text(token.payload.octets.span[token.payload.text(of: element)]))
    }
    facts.audiences = list
    return facts
  }

  private static func text(_ span: Span<UInt8>) -> String {
    var octets: [UInt8] = []
    for index in span.indices { octets.append(span[index]) }
    return String(decoding: octets, as: UTF8.self)
  }
}
