// PolicyTesting: do policies say what their author means? Test files in YAML flow in, with the policies they
// name; results, the rules that no test reached, and reports for people and for CI flow out. Every request
// becomes a real CheckRequest, read and judged by the code that serves; keys and tokens are made on the fly.
// It reads files, opens no socket and reads no clock but to time a test.

import Authorizer
import ExtAuthz
public import Istio
import YAML

/// A file of tests that was read without an error.
///
/// ```yaml
/// policies: [policies/]        # files and folders, relative to this file; and/or `resources:`, a list
/// workload: istio-system/app=istio-ingressgateway
/// settings: {trustedProxies: 1}   # optional; keys as in the configuration file
/// now: 2026-01-01T00:00:00Z       # optional; tokens are minted relative to it
/// issuers:                        # optional; their new keys replace those of the jwtRules of that issuer
///   - {issuer: https://dev.example, algorithm: ES256}
/// tests:
///   - name: the product page is open to all
///     request: {path: /productpage}
///     expect: {status: 200}
///   - name: an expired token is refused
///     request: {path: /api}
///     token: {issuer: https://dev.example, subject: alice, expiresIn: -5m}
///     expect: {status: 401, reason: token, body: Jwt is expired}
/// ```
public struct TestFile: Sendable {
  /// The file's name as given; policies are relative to its folder.
  public var name: String
  var policies: [String] = []
  var resources: [YAMLNode] = []
  var workload: Workload?
  var settings = AuthorizerSettings()
  /// Seconds since 1970. Fixed unless the file says otherwise, so that a run repeats.
  var now: Int64 = 1_767_225_600
  var issuers: [IssuerEntry] = []
  /// In the order of the file.
  public var tests: [PolicyTest] = []
}

/// One of `issuers:`.
struct IssuerEntry: Sendable {
  var issuer: String
  var algorithms: [String]
  var position: SourcePosition
}

/// One request and what must become of it.
public struct PolicyTest: Sendable {
  public var name: String
  public var position: SourcePosition
  var request = ProxiedRequest()
  var token = TestToken.none
  var expect = Expectation()
}

/// The token that a request carries.
enum TestToken: Sendable {
  enum Place: Sendable { case header, parameter(String), cookie(String) }

  case none
  case text(String, Place)
  case minted(MintedToken, Place)
}

/// A token to be made.
struct MintedToken: Sendable {
  /// Empty: the token is signed with the keys of the rules that name no issuer, and has no `iss` of its own.
  var issuer = ""
  var subject: String?
  var audiences: [String] = []
  /// A JSON object.
  var claims = "{}"
  /// Whether the claims have an `iss` of their own.
  var namesIssuer = false
  /// Seconds from now; nil: none.
  var expiresIn: Int64? = 3_600
  var notBeforeIn: Int64?
  var algorithm: String?
  var keyID: String?
  var isTampered = false
  var position: SourcePosition
}

/// What must become of a request. What is nil is not looked at.
struct Expectation: Sendable {
  enum Decider: Sendable { case nobody, policy(String, rule: Int?) }

  var status: Int?
  var decider: Decider?
  var reason: String?
  var body: String?
  var setHeaders: [(name: String, value: String)] = []
  var removedHeaders: [String] = []
}

/// A file that cannot be run, and everything that is wrong with it: at least one finding.
public struct TestFileRefused: Error, Sendable, CustomStringConvertible {
  public var diagnostics: [Diagnostic]

  /// The findings, one a line.
  public var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}
