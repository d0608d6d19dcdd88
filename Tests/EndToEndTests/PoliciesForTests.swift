import Issuer
import Signatures

/// The policies of the README's table, and tokens for them.
struct TestIssuer {
  static let name = "issuer@countersign.test"
  let issuer: DevelopmentIssuer

  init(_ algorithms: [Algorithm] = [.es256]) throws {
    issuer = try DevelopmentIssuer.generate(name: Self.name, algorithms: algorithms)
  }

  /// - Parameter more: further members of the rule, as YAML lines of its indentation.
  func requestAuthentication(_ more: String = "") -> String {
    Self.requestAuthentication(issuer: Self.name, jwks: issuer.publicJWKSet, more)
  }

  static func requestAuthentication(issuer: String, jwks: String, _ more: String = "") -> String {
    """
    apiVersion: security.istio.io/v1
    kind: RequestAuthentication
    metadata: {name: test, namespace: istio-system}
    spec:
      selector: {matchLabels: {app: istio-ingressgateway}}
      jwtRules:
        - issuer: \(issuer)
          jwks: '\(jwks)'
    \(more.split(separator: "\n").map { "      " + $0 }.joined(separator: "\n"))

    """
  }

  /// Everything but /productpage needs a valid token.
  static let denyWithoutToken = """
    ---
    apiVersion: security.istio.io/v1
    kind: AuthorizationPolicy
    metadata: {name: require-token, namespace: istio-system}
    spec:
      selector: {matchLabels: {app: istio-ingressgateway}}
      action: DENY
      rules:
        - from: [{source: {notRequestPrincipals: ["*"]}}]
          to: [{operation: {notPaths: [/productpage]}}]

    """

  func token(_ claims: Claims = Claims(subject: "alice"), algorithm: Algorithm? = nil) throws -> String {
    let key = algorithm.flatMap { wanted in issuer.keys.first { $0.algorithm == wanted } }
    return try issuer.token(claims: claims, keyID: key?.keyID)
  }

  /// The token with one bit of its signature's first character changed.
  static func broken(_ token: String) -> String {
    guard let dot = token.lastIndex(of: ".") else { return token }
    let first = token.index(after: dot)
    return token[..<first] + (token[first] == "A" ? "B" : "A") + token[token.index(after: first)...]
  }
}
