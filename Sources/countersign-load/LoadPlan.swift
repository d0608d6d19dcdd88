import Bytes
import ExtAuthz
import Issuer
import Load
import Signatures
import System

/// What is asked: all tokens are made before the first check.
struct LoadPlan {
  /// One pool a key, or a generation of keys. Never empty.
  let pools: [TokenPool]
  let anonymous: TokenPool
  let forged: ForgedTokens

  init(_ command: LoadCommand) throws {
    var keys: [IssuerKey] = []
    if let folder = command.rotation {
      while let more = try? Self.keys("\(folder)/\(keys.count).jwk"), let first = more.first {
        keys.append(first)
      }
      if keys.isEmpty { throw LoadFailure.failed("\(folder)/0.jwk: no key") }
    }
    for file in command.key {
      do { keys += try Self.keys(file) } catch { throw LoadFailure.failed("\(file): \(error)") }
    }
    let message: (String?) -> [UInt8] = { Self.message($0, command) }
    guard let anonymous = TokenPool([], message: message) else {
      throw LoadFailure.failed("no check could be made")
    }
    self.anonymous = anonymous
    var pools: [TokenPool] = []
    for key in keys {
      let tokens = try Self.tokens(key, command)
      guard let pool = TokenPool(tokens, message: message) else {
        throw LoadFailure.failed("the tokens of key `\(key.keyID)` are of several lengths")
      }
      pools.append(pool)
    }
    self.pools = pools.isEmpty ? [anonymous] : pools
    // Without a key the forged tokens name an algorithm all the same.
    let forger = try keys.first ?? IssuerKey.generate(for: .es256)
    forged = ForgedTokens(
      algorithm: "\(forger.algorithm.name)", payload: try Self.claims(command, number: 0).text(),
      signatureOctets: forger.signingKey.verificationKey.signatureOctets(forger.algorithm), message: message)
  }

  private static func keys(_ file: String) throws -> [IssuerKey] {
    let octets = try Files.read(file, limit: 1 << 20)
    return try IssuerKey.read(octets.span)
  }

  private static func claims(_ command: LoadCommand, number: Int) -> Claims {
    let now = Clock.system.wallSeconds()
    let digits = String(number + 10_000_000)
    return Claims(
      json: """
        {"groups":["admins","developers","operators"],"scope":"openid profile email"\
        \(command.tokenBytes > 0 ? ",\"fill\":\"\(String(repeating: "x", count: command.tokenBytes))\"" : "")}
        """,
      issuer: command.issuer, subject: "user-\(digits)", audiences: command.audience, expiry: now + 86_400,
      issuedAt: now, tokenID: "load-\(digits)")
  }

  private static func tokens(_ key: IssuerKey, _ command: LoadCommand) throws -> [String] {
    let issuer = DevelopmentIssuer(name: command.issuer, keys: [key])
    var command = command
    // The claim that fills up is as long as what is missing, in base64url.
    let length = try issuer.token(claims: claims(LoadCommand.bare(command), number: 0)).utf8.count
    command.tokenBytes = max(0, (command.tokenBytes - length) * 3 / 4 - 10)
    return try (0..<command.tokens).map { try issuer.token(claims: claims(command, number: $0)) }
  }

  /// What Envoy sends for a browser's request: about 1.9 kB with 23 headers.
  private static func message(_ token: String?, _ command: LoadCommand) -> [UInt8] {
    var request = ProxiedRequest()
    request.path = command.path + CheckTemplate.numberMark
    request.host = command.host
    request.sourceIP = "10.1.2.3"
    request.destinationIP = "10.4.5.6"
    request.principal = "spiffe://cluster.local/ns/istio-system/sa/istio-ingressgateway"
    request.headers = [
      ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
      ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
      ("accept-language", "en-US,en;q=0.5"), ("accept-encoding", "gzip, deflate, br, zstd"),
      ("referer", "https://\(command.host)/"), ("dnt", "1"), ("sec-fetch-dest", "document"),
      ("sec-fetch-mode", "navigate"), ("sec-fetch-site", "same-origin"), ("sec-fetch-user", "?1"),
      ("upgrade-insecure-requests", "1"), ("cache-control", "max-age=0"), ("priority", "u=0, i"),
      ("x-forwarded-for", "10.1.2.3"), ("x-forwarded-proto", "https"), ("x-envoy-internal", "true"),
      ("x-request-id", "3f0e9e0a-5b0c-4d0e-8f43-0a0b" + CheckTemplate.numberMark),
      ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
      ("cookie", "session=7f3c1f0f9d4e4d0c8a1b2c3d4e5f6a7b; theme=dark; consent=all"),
    ]
    if let token { request.headers.append(("authorization", "Bearer \(token)")) }
    return request.checkRequest
  }
}

extension LoadCommand {
  /// The same without a claim that fills up.
  static func bare(_ command: LoadCommand) -> LoadCommand {
    var bare = command
    bare.tokenBytes = 0
    return bare
  }
}
