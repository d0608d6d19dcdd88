// Explanation: why did this request get this answer? A CheckRequest's octets and the policies flow in; the
// whole reasoning flows out, in order, and as text or JSON. The verdict is the server's own code's, and what is
// told of it is what that code recorded: nothing here decides anything. It does no I/O and reads no clock.

public import Istio
public import Policy

/// The reasoning of one check, in the order in which it happened. Text that a client sent is in it as it came:
/// the renderings escape it.
public struct Explanation: Sendable {
  public struct Request: Sendable {
    public var method = ""
    public var path = ""
    public var host = ""
    public var sourceAddress = ""
    public var sourcePrincipal = ""
    public var isHTTP = true
  }

  /// A resource that was loaded, and whether it applies to the workload.
  public struct Resource: Sendable {
    public var kind: String
    /// `namespace/name`
    public var name: String
    public var position: SourcePosition
    public var applies: Bool
    /// Why, in words.
    public var reason: String
  }

  /// One `jwtRules` entry that applies.
  public struct TokenRule: Sendable {
    public enum Outcome: Sendable, Equatable {
      case accepted, noToken
      case refused(text: String)
      /// Another rule's outcome ended the search.
      case notAsked
    }
    /// `namespace/name jwtRules[0]`
    public var name: String
    public var position: SourcePosition
    public var issuer: String
    /// Where it looks, in order, in words.
    public var places: [String]
    public var tokens: [Token]
    public var outcome: Outcome
    /// Of a rule without a token: headers of its places that are there and have no token, with the reason.
    public var hints: [String] = []
  }

  public struct Token: Sendable {
    public var place: String
    public var checks: [TokenCheck]
    /// Of an accepted token that makes no request principal: why.
    public var note: String?
  }

  /// An ALLOW policy without rules that had a part in a denial.
  public struct EmptyPolicy: Sendable {
    /// `namespace/name`
    public var name: String
    public var position: SourcePosition
    /// Why it has no rules, and what that means.
    public var sentence: String
  }

  public struct PolicyRule: Sendable {
    public enum Effect: String, Sendable { case decides, matches, noMatch = "does not match", moot }
    public var explanation: RuleExplanation
    public var action: String
    public var effect: Effect
  }

  public struct Outcome: Sendable {
    public var isAllowed = false
    /// What the client gets when it is denied; 200 stands for "the request goes on".
    public var status = 200
    public var body = ""
    public var challenge: String?
    /// As metrics and metadata spell it.
    public var reason = ""
    /// The sentence that says why.
    public var sentence = ""
    public var setHeaders: [(name: String, value: String)] = []
    public var removedHeaders: [String] = []
    public var removedParameters: [String] = []
  }

  public var request = Request()
  public var workload: Workload?
  /// How the workload was found, in words, or why none was.
  public var workloadReason = ""
  public var resources: [Resource] = []
  public var isPreflight = false
  public var requiresToken = false
  public var tokenRules: [TokenRule] = []
  /// The same rules as they were asked again, on the request without the tokens that the first pass took out; nil when
  /// there was no second pass (semantics, section 1.5).
  public var secondPass: [TokenRule]?
  /// Places of the request that hold a token and that no rule reads, in words.
  public var unreadTokens: [String] = []
  /// Those that denied what no rule allows.
  public var emptyPolicies: [EmptyPolicy] = []
  /// In the order of evaluation; empty when tokens decided.
  public var policyRules: [PolicyRule] = []
  public var outcome = Outcome()
}

/// One check of a token, in the server's order; the first that fails decides.
public struct TokenCheck: Sendable, Equatable {
  public enum Result: String, Sendable { case passed, failed, notReached = "not reached" }
  public var name: String
  public var result: Result
  /// What was seen and what was wanted, in words.
  public var detail: String
}
