extension Generator {
  /// A place where a token can stand.
  enum Spot {
    case header(Mesh.HeaderLocation)
    case parameter(String)
    case cookie(String)
  }

  private static let headerLocations = [
    Mesh.HeaderLocation(name: "x-token", prefix: ""), Mesh.HeaderLocation(name: "x-token", prefix: "Tok "),
    Mesh.HeaderLocation(name: "X-Token", prefix: "Tok "), Mesh.HeaderLocation(name: "x-other", prefix: "T:"),
    Mesh.HeaderLocation(name: "Authorization", prefix: "Bearer "),
  ]

  mutating func tokenRule() -> Mesh.TokenRule {
    let issuers = Array(Words.issuers.prefix(3))
    var rule = Mesh.TokenRule(issuer: pick(issuers + issuers.prefix(1)), keys: [key()])
    if chance(30) { rule.keys.append(key()) }
    if chance(30) { rule.audiences = (0..<number(1...2)).map { _ in pick(Words.audiences) } }
    if chance(50) {
      if chance(60) { rule.fromHeaders = (0..<number(1...2)).map { _ in pick(Self.headerLocations) } }
      if chance(5) {
        rule.fromHeaders.append(Mesh.HeaderLocation(name: "x-out", prefix: chance(50) ? "" : "a"))
      }
      if chance(40) { rule.fromParams = (0..<number(1...2)).map { _ in pick(["tok", "t", "access_token"]) } }
      if chance(40) { rule.fromCookies = (0..<number(1...2)).map { _ in pick(["c", "d"]) } }
    }
    rule.forwardOriginalToken = chance(50)
    rule.isRequired = chance(7)
    if chance(12) { rule.outputPayloadToHeader = pick(["x-payload", "X-Out"]) }
    if chance(40) {
      rule.outputClaimToHeaders = (0..<number(1...2)).map { _ in
        Mesh.ClaimHeader(
          header: pick(["x-user", "x-out", "X-One"]),
          claim: pick(["sub", "azp", "o.g", "n", "flag", "groups", "o", "o.d.x", "none", "roles", "a.b"]))
      }
    }
    if chance(30) { rule.spaceDelimitedClaims = [pick(["roles", "azp", "sub", "o", "o", "groups"])] }
    return rule
  }

  private mutating func key() -> Mesh.Key {
    let number = number(0...2)
    return Mesh.Key(number: number, id: chance(30) ? nil : "k\(number)")
  }

  static func spots(of rule: Mesh.TokenRule) -> [Spot] {
    if rule.usesDefaultLocations {
      let bearer = Mesh.HeaderLocation(name: "authorization", prefix: "Bearer ")
      return [.header(bearer), .header(bearer), .header(bearer), .parameter("access_token")]
    }
    return rule.fromHeaders.map { .header($0) } + rule.fromParams.map { .parameter($0) }
      + rule.fromCookies.map { .cookie($0) }
  }

  mutating func anySpot() -> Spot {
    switch number(0...3) {
    case 0: .parameter(pick(["tok", "t", "access_token"]))
    case 1: .cookie(pick(["c", "d"]))
    default: .header(pick(Self.headerLocations))
    }
  }

  /// A token that a rule would take, or nearly.
  mutating func token(for rule: Mesh.TokenRule, of mesh: Mesh, now: Int) -> Token {
    let key = pick(rule.keys)
    var token = Token(claims: claims(for: rule, now: now), keyID: key.id, key: key.number)
    aim(&token.claims, at: mesh)
    if chance(30) { token.keyID = nil }
    if chance(3) { token.keyID = pick(["k0", "k1", "k9"]) }
    if chance(2) { token.key = number(0...3) }
    token.isForged = chance(2)
    return token
  }

  private mutating func claims(for rule: Mesh.TokenRule, now: Int) -> [Claim.Member] {
    var claims: [Claim.Member] = []
    func add(_ name: String, _ value: Claim) { claims.append(Claim.Member(name: name, value: value)) }
    if chance(97) { add("iss", .text(chance(92) ? rule.issuer : word(Words.issuers))) }
    if chance(88) { add("sub", .text(pick(["alice", "alice", "bob"] + Words.subjects))) }
    if chance(rule.audiences.isEmpty ? 55 : 92) { add("aud", audience(for: rule)) }
    if chance(30) { add("exp", time(around: now, far: 3600)) }
    if chance(20) { add("nbf", time(around: now, far: -3600)) }
    if chance(10) { add("iat", .number("\(now - 5)")) }
    if chance(65) { add("azp", claim()) }
    for name in ["groups", "scope", "permission", "roles", "a.b", "https://x/y", "o]x[g"] where chance(65) {
      add(name, claim())
    }
    if chance(20) { add("n", .number(pick(["7", "1.5", "-2", "0", "18446744073709551615", "1e3"]))) }
    if chance(20) { add("flag", .truth(chance(50))) }
    if chance(20) { add("lists", .list([.list([.text("a")]), .text(word(Words.claims))])) }
    if chance(75) { add("o", chance(90) ? object() : claim()) }
    if chance(2) { spoil(&claims) }
    // Members come in any order.
    if chance(50) { claims.reverse() }
    return claims
  }

  /// Gives a registered claim a type that it must not have.
  private mutating func spoil(_ claims: inout [Claim.Member]) {
    let name = pick(["iss", "sub", "aud", "exp", "nbf", "iat", "jti"])
    claims.removeAll { $0.name == name }
    claims.append(Claim.Member(name: name, value: pick([.null, .truth(true), .object([]), .list([.null])])))
  }

  private mutating func audience(for rule: Mesh.TokenRule) -> Claim {
    func one() -> Claim {
      guard let allowed = rule.audiences.first, chance(80) else { return .text(word(Words.audiences)) }
      return .text(pick([allowed, allowed, "https://" + allowed, "http://\(allowed)", allowed + "/"]))
    }
    return chance(60) ? one() : .list((0..<number(1...3)).map { _ in one() })
  }

  /// Near the edges of the skew, or far away.
  private mutating func time(around now: Int, far: Int) -> Claim {
    if chance(70) { return .number("\(now + far)") }
    if chance(6) { return .number("0") }
    let edge = far < 0 ? 60 : -60
    let difference = pick([-1, 0, 1, edge - 1, edge, edge, edge, edge + 1, edge + 2, edge - 2])
    return .number("\(now + difference)" + (chance(15) ? ".5" : ""))
  }

  /// Text, words or a list of them, and sometimes what no pattern matches.
  mutating func claim() -> Claim {
    switch number(0...9) {
    case 0...3: return .text(word(Words.claims))
    case 4...5: return .text(pick(["read write", "a b", "read b", " a", "  ", "7  ab", "b"]))
    case 6...8:
      return .list(
        (0..<number(0...3)).map { _ in chance(80) ? .text(word(Words.claims)) : pick([.number("7"), .null]) })
    default: return pick([.number("7"), .number("7"), .truth(true), .null, .list([]), object()])
    }
  }

  private mutating func object() -> Claim {
    var members: [Claim.Member] = []
    if chance(90) { members.append(Claim.Member(name: "g", value: plainClaim())) }
    if chance(70) {
      members.append(Claim.Member(name: "d", value: .object([Claim.Member(name: "x", value: plainClaim())])))
    }
    if chance(30) { members.append(Claim.Member(name: "roles", value: .text("read write"))) }
    return .object(members)
  }

  private mutating func plainClaim() -> Claim {
    switch number(0...7) {
    case 0: .number("7")
    case 2...3: .text("read write")
    case 1: .list([.text(word(Words.claims)), .text(word(Words.claims))])
    default: .text(word(Words.claims))
    }
  }
}
