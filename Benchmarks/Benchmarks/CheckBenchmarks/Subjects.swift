import Authorizer
import Bytes
import Check
import ExtAuthz
import Issuer
import Istio
import JWT
import Signatures

/// A check as Envoy would describe a browser's request: about 1.9 kB with a token.
func message(path: String, token: String?) -> [UInt8] {
  var request = ProxiedRequest()
  request.path = path
  request.host = "www.example.com"
  request.sourceIP = "10.1.2.3"
  request.principal = "spiffe://cluster.local/ns/istio-system/sa/istio-ingressgateway"
  request.headers = [
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-language", "en-US,en;q=0.5"), ("accept-encoding", "gzip, deflate, br, zstd"),
    ("referer", "https://www.example.com/"), ("dnt", "1"), ("sec-fetch-dest", "document"),
    ("sec-fetch-mode", "navigate"), ("sec-fetch-site", "same-origin"), ("sec-fetch-user", "?1"),
    ("upgrade-insecure-requests", "1"), ("cache-control", "max-age=0"), ("priority", "u=0, i"),
    ("x-forwarded-for", "10.1.2.3"), ("x-forwarded-proto", "https"), ("x-envoy-internal", "true"),
    ("x-request-id", "3f0e9e0a-5b0c-4d0e-8f43-0a0b00000000"),
    ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ("cookie", "session=7f3c1f0f9d4e4d0c8a1b2c3d4e5f6a7b; theme=dark; consent=all"),
  ]
  if let token { request.headers.append(("authorization", "Bearer \(token)")) }
  return request.checkRequest
}

/// Policies of any size, and checks about them, without a connection.
final class Gate: @unchecked Sendable {
  static let now: UInt64 = 1_800_000_000
  private let tables = ECDSATables(maximumOctets: 64 << 20)
  private var authorizer: Authorizer
  private var check = Check()
  private let messages: [[UInt8]]
  private var next = 0

  /// - Parameters:
  ///   - rules: of the ALLOW policy; the last one allows what is asked.
  ///   - issuers: each with its own jwtRule and key; the last one signs.
  ///   - tokens: distinct ones that are sent in turn; 0: none is sent.
  ///   - cacheOctets: of the token cache.
  init(rules: Int, issuers: Int, tokens: Int, algorithm: Algorithm = .es256, cacheOctets: Int = 16 << 20)
    throws
  {
    var text = "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\n"
    text += "metadata: {name: tokens, namespace: a}\nspec:\n  jwtRules:\n"
    var signing: DevelopmentIssuer?
    let shared = try IssuerKey.generate(for: algorithm, keyID: "k")
    for index in 0..<issuers {
      let name = "https://issuer-\(index).example"
      // Keys of their own where there are few; a thousand RSA keys take minutes to make and measure nothing else.
      let key = index == issuers - 1 ? shared : try IssuerKey.generate(for: .edDSA, keyID: "k\(index)")
      let issuer = DevelopmentIssuer(name: name, keys: [key])
      text += "    - {issuer: \"\(name)\", jwks: '\(issuer.publicJWKSet)'}\n"
      signing = issuer
    }
    text += "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n"
    text += "metadata: {name: rules, namespace: a}\nspec:\n  rules:\n"
    for index in 0..<rules {
      text += "    - {from: [{source: {requestPrincipals: [\"*\"]}}], to: [{operation: {methods: [GET], "
      text += "paths: [\"/api/v1/item-\(index)/*\"]}}]}\n"
    }
    var loading = LoaderSettings()
    loading.limits.rules = 100_000
    loading.yaml.maximumTextBytes = 64 << 20
    loading.yaml.maximumNodes = 10_000_000
    let loaded = ResourceLoader(loading).load(file: "benchmark.yaml", text: text)
    var settings = AuthorizerSettings()
    settings.keyRing.tables = tables
    settings.tokenCacheOctets = cacheOctets
    let compiled = PolicySnapshot.compile(
      .init(
        resources: loaded.resources, workloads: [Workload(name: "w", namespace: "a", labels: [:])],
        defaultWorkload: "w"), settings: settings)
    guard let snapshot = compiled.snapshot, let signing else {
      fatalError("\((loaded.diagnostics + compiled.diagnostics).prefix(5))")
    }
    authorizer = Authorizer(snapshot: snapshot)
    let path = "/api/v1/item-\(rules - 1)/x"
    messages = try (0..<max(1, tokens)).map { index in
      if tokens == 0 { return message(path: path, token: nil) }
      let claims = Claims(
        json: "{\"groups\":[\"admins\",\"developers\"],\"scope\":\"openid profile email\"}",
        subject: "user-\(index)", expiry: 4_000_000_000)
      return message(path: path, token: try signing.token(claims: claims))
    }
    // Until the table is wished for, and then with it.
    for _ in 0..<100 { ask() }
    while tables.buildNext() {}
    for _ in 0..<100 { ask() }
  }

  /// Reads and judges the next check.
  @discardableResult
  func ask() -> Bool {
    let octets = messages[next]
    next = next + 1 == messages.count ? 0 : next + 1
    do { try CheckRequestReader.read(octets.span, into: &check) } catch { fatalError("\(error)") }
    return authorizer.authorize(check, in: octets.span, now: Self.now).isAllowed
  }
}
