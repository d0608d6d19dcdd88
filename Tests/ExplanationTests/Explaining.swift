import Authorizer
import Bytes
import Explanation
import ExtAuthz
import Issuer
import Istio
import Policy
import Signatures
import Testing

/// Policies, an issuer of tokens, and the questions that tests put to them.
struct Explaining {
  static let now: UInt64 = 1_800_000_000
  static let issuerName = "https://dev.example"

  let issuer: DevelopmentIssuer
  private let explainer: Explainer

  /// - Parameter yaml: in which `JWKS` stands for the issuer's keys.
  init(
    _ yaml: String, workloads: [Workload] = [Workload(name: "web", namespace: "foo", labels: ["app": "web"])],
    defaultWorkload: String? = "web", settings: AuthorizerSettings = AuthorizerSettings()
  ) throws {
    issuer = try DevelopmentIssuer.generate(
      name: Self.issuerName, algorithms: [.es256])
    let text = yaml.split(separator: "JWKS", omittingEmptySubsequences: false)
      .joined(separator: "'" + issuer.publicJWKSet.filter { $0 != "\n" } + "'")
    var settings = settings
    settings.policy.allowUnused = true
    settings.policy.allowEmpty = true
    let loaded = ResourceLoader(LoaderSettings()).load(file: "policies.yaml", text: text)
    let input = PolicySnapshot.Input(
      resources: loaded.resources, workloads: workloads, defaultWorkload: defaultWorkload)
    let compiled = PolicySnapshot.compile(input, settings: settings)
    guard !loaded.hasErrors, let snapshot = compiled.snapshot else {
      throw Refused(text: (loaded.diagnostics + compiled.diagnostics).map(\.description))
    }
    explainer = Explainer(snapshot, of: input, settings: settings)
  }

  struct Refused: Error { var text: [String] }

  func explain(_ change: (inout ProxiedRequest) -> Void = { _ in }, now: UInt64 = Self.now) throws
    -> Explanation
  {
    var request = ProxiedRequest()
    change(&request)
    return try explainer.explain(request.checkRequest, now: now)
  }

  func explainOctets(_ octets: [UInt8]) throws -> Explanation {
    try explainer.explain(octets, now: Self.now)
  }

  func token(
    subject: String? = "alice", audiences: [String] = [], expiry: Int64? = Int64(Self.now) + 3_600,
    claims: String = "{}", issuer name: String = Self.issuerName
  ) throws -> String {
    var all = Claims(
      json: claims, subject: subject, audiences: audiences, expiry: expiry, notBefore: nil,
      issuedAt: Int64(Self.now))
    all.issuer = name
    let key = issuer.keys[0]
    let header = "{\"alg\":\"ES256\",\"kid\":\"\(key.keyID)\"}"
    return try Mint.token(
      headerOctets: Array(header.utf8), payloadOctets: Array(try all.text().utf8), key: key.signingKey,
      algorithm: key.algorithm)
  }
}

/// A RequestAuthentication of the issuer, in namespace `foo`.
func authentication(_ more: String = "", name: String = "tokens", issuer: String = Explaining.issuerName)
  -> String
{
  """
  ---
  apiVersion: security.istio.io/v1
  kind: RequestAuthentication
  metadata: {name: \(name), namespace: foo}
  spec:
    jwtRules:
      - issuer: \(issuer)
        jwks: JWKS
  \(more.split(separator: "\n").map { "    " + $0 }.joined(separator: "\n"))

  """
}

func policy(_ action: String, _ rules: String, name: String, namespace: String = "foo", more: String = "")
  -> String
{
  """
  ---
  apiVersion: security.istio.io/v1
  kind: AuthorizationPolicy
  metadata: {name: \(name), namespace: \(namespace)}
  spec: {\(more)action: \(action), rules: [\(rules)]}

  """
}
