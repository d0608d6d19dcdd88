import Bytes
import ExtAuthz
import Issuer
import Signatures

/// The development issuers of one test file: one for each issuer that is listed or that a token names. The one with the
/// empty name has the keys of the rules that name no issuer.
struct TokenMaker: Sendable {
  private var issuers: [String: DevelopmentIssuer] = [:]
  /// Keys that no key set holds, for tokens of an algorithm that their issuer does not list.
  private var strangers: [String: IssuerKey] = [:]

  /// JWK Sets by issuer.
  var keySets: [String: String] { issuers.mapValues(\.publicJWKSet) }

  init(_ file: TestFile) throws(KeyError) {
    for entry in file.issuers { try add(entry.issuer, entry.algorithms) }
    for test in file.tests {
      guard case .minted(let token, _) = test.token else { continue }
      if issuers[token.issuer] == nil { try add(token.issuer, ["ES256"]) }
      guard let name = token.algorithm, strangers[name] == nil,
        let algorithm = Algorithm(name: Array(name.utf8).span),
        issuers[token.issuer]?.keys.contains(where: { $0.algorithm == algorithm }) == false
      else { continue }
      strangers[name] = try IssuerKey.generate(for: algorithm)
    }
  }

  private mutating func add(_ name: String, _ algorithms: [String]) throws(KeyError) {
    let algorithms = algorithms.compactMap { Algorithm(name: Array($0.utf8).span) }
    issuers[name] = try DevelopmentIssuer.generate(name: name, algorithms: algorithms)
  }

  func token(_ wanted: MintedToken, now: Int64) throws(IssuerError) -> String {
    guard let issuer = issuers[wanted.issuer] else { throw .noSuchKey }
    let listed = issuer.keys.first { wanted.algorithm == nil || "\($0.algorithm.name)" == wanted.algorithm }
    guard let key = listed ?? wanted.algorithm.flatMap({ strangers[$0] }) else { throw .noSuchKey }
    var claims = Claims(
      json: wanted.claims, subject: wanted.subject, audiences: wanted.audiences,
      expiry: wanted.expiresIn.map { now + $0 }, notBefore: wanted.notBeforeIn.map { now + $0 }, issuedAt: now
    )
    // `claims: {iss: …}` wins, so that a token can lie about its issuer.
    if !wanted.namesIssuer, !wanted.issuer.isEmpty { claims.issuer = wanted.issuer }
    let header =
      "{\"alg\":\(Text.json("\(key.algorithm.name)")),\"kid\":\(Text.json(wanted.keyID ?? key.keyID)),"
      + "\"typ\":\"JWT\"}"
    let text = try Mint.token(
      headerOctets: Array(header.utf8), payloadOctets: Array(try claims.text().utf8), key: key.signingKey,
      algorithm: key.algorithm)
    return wanted.isTampered ? Self.tampered(text) : text
  }

  /// With one bit of the signature's first character changed.
  private static func tampered(_ token: String) -> String {
    guard let dot = token.lastIndex(of: ".") else { return token }
    let first = token.index(after: dot)
    return token[..<first] + (token[first] == "A" ? "B" : "A") + token[token.index(after: first)...]
  }

  /// The request with its token in its place.
  func request(of test: PolicyTest, now: Int64) throws(IssuerError) -> ProxiedRequest {
    var request = test.request
    let (text, place): (String, TestToken.Place)
    switch test.token {
    case .none: return request
    case .text(let raw, let where_): (text, place) = (raw, where_)
    case .minted(let wanted, let where_): (text, place) = (try token(wanted, now: now), where_)
    }
    switch place {
    case .header: request.headers.append(("authorization", "Bearer " + text))
    case .parameter(let name): request.path += (request.path.contains("?") ? "&" : "?") + name + "=" + text
    case .cookie(let name):
      if let index = request.headers.firstIndex(where: { $0.name == "cookie" }) {
        request.headers[index].value += "; \(name)=\(text)"
      } else {
        request.headers.append(("cookie", "\(name)=\(text)"))
      }
    }
    return request
  }
}
