extension Generator {
  /// A request to a mesh.
  /// - Parameters:
  ///   - number: makes it another request than any other.
  ///   - mint: gives a token's text.
  public mutating func request(
    to mesh: Mesh, number: Int, now: Int, mint: (Token) throws -> String
  ) rethrows -> ProxyRequest {
    var request = ProxyRequest()
    if chance(45) { request.workload = chance(98) ? pick(mesh.workloads).name : "nobody" }
    request.method = chance(85) ? pick(["GET", "GET", "POST", "PUT"]) : word(Words.methods)
    request.host = word(Words.hosts)
    if let target = target(.hosts, in: mesh, percent: 10) { request.host = text(for: target.value) }
    request.scheme = pick(["https", "http"])
    request.encoding = chance(50) ? .joined : .raw
    request.source = peer()
    if let target = target(.principals, .sourcePrincipal, in: mesh, percent: 25) {
      request.source.principal = identity(for: target, in: mesh)
    } else if let target = target(.serviceAccounts, .sourceServiceAccount, in: mesh, percent: 25) {
      request.source.principal = identity(forAccount: target)
    }
    if chance(30) { addCertificate(to: &request.source, in: mesh) }
    request.destination = peer()
    request.destination.port = pick([80, 8080, 443, 0, 65535])
    request.destination.principal = pick([
      "", "spiffe://td/ns/foo/sa/web-sa", "spiffe://td/ns/bar/sa/api", "spiffe://td/ns/foo/sa/web-sa/x",
      "spiffe://td/ns/foo/sa/other",
    ])
    if chance(60) { request.serverName = chance(90) ? word(Words.names) : "" }
    if let target = target(.connectionSNI, in: mesh, percent: 25) {
      request.serverName = text(for: target.value)
      if chance(30) { request.serverName = request.serverName?.uppercased() }
    }
    if chance(40) { request.metadata = (0..<self.number(1...2)).map { _ in metadata() } }
    if let target = target(.filterMetadata, in: mesh, percent: 50) {
      request.metadata.append(metadata(for: target))
    }

    var query = chance(15) ? [pick(["x=1", "x=/c", "", "b", "x=%2e%2e/"])] : []
    var lines = plainLines()
    if let target = target(.requestHeaders, in: mesh, percent: 50), let line = header(for: target) {
      lines.insert(line, at: chance(50) ? 0 : lines.count)
    }
    for _ in 0..<pick([0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 3]) {
      let rules = mesh.authentications.flatMap(\.rules)
      let rule = rules.isEmpty ? tokenRule() : pick(rules)
      let token = token(for: rule, of: mesh, now: now)
      let text = try mint(token)
      request.tokens[text] = token
      let spot = chance(96) ? pick(Self.spots(of: rule)) : anySpot()
      place(chance(98) ? text : broken(text), at: spot, &lines, &query)
    }
    lines.append(ProxyRequest.Header(name: "x-request-id", value: "\(number)"))
    request.headers = arrived(lines, request.encoding)
    request.path = path(in: mesh) + (query.isEmpty ? "" : "?" + query.joined(separator: "&"))
    if chance(4) { request.path += pick(["#/b", "#", "#a?x=1"]) }
    if chance(5) { askBeforehand(&request) }
    return request
  }

  private mutating func path(in mesh: Mesh) -> String {
    if let target = target(.paths, in: mesh, percent: 35) {
      let path = path(for: target)
      return chance(50) ? path : denormalized(path)
    }
    return chance(65) ? pick(Words.paths) : chance(65) ? pick(Words.oddPaths) : word(Words.paths)
  }

  private mutating func peer() -> ProxyRequest.Peer {
    var peer = ProxyRequest.Peer()
    peer.address = chance(95) ? pick(Words.addresses) : pick(["", "", "10.0.0.01", "x"])
    if chance(75) {
      peer.principal =
        "spiffe://\(pick(Words.domains))/ns/\(pick(Words.namespaces))/sa/\(pick(Words.accounts))"
    } else {
      peer.principal = pick(Words.oddIdentities)
    }
    return peer
  }

  /// A certificate whose first name is the principal, or one whose names the principal is not among. What policies ask
  /// for is often a further name.
  private mutating func addCertificate(to peer: inout ProxyRequest.Peer, in mesh: Mesh) {
    func name() -> String {
      if let target = target(.principals, .sourcePrincipal, in: mesh, percent: 40) {
        return identity(for: target, in: mesh)
      }
      if let target = target(.serviceAccounts, .sourceServiceAccount, in: mesh, percent: 30) {
        return identity(forAccount: target)
      }
      return "spiffe://\(pick(Words.domains))/ns/\(pick(Words.namespaces))/sa/\(pick(Words.accounts))"
    }
    var certificate = ProxyRequest.Certificate(uris: [], dnsNames: [])
    if chance(80) { certificate.uris.append(peer.principal) }
    for _ in 0..<pick([0, 1, 1, 2]) { certificate.uris.append(name()) }
    if chance(40) { certificate.dnsNames.append(chance(50) ? pick(Words.names) : name()) }
    if chance(60) { certificate.commonName = chance(50) ? "peer" : "/ns/\(pick(Words.namespaces))/x" }
    certificate.uris.removeAll { !$0.utf8.allSatisfy { $0 > 0 && $0 < 0x80 } }
    certificate.dnsNames.removeAll { !$0.utf8.allSatisfy { $0 > 0 && $0 < 0x80 } }
    peer.certificate = certificate
  }

  private mutating func nested() -> Claim {
    var members: [Claim.Member] = []
    func add(_ name: String, _ value: Claim) { members.append(Claim.Member(name: name, value: value)) }
    func leaf() -> Claim {
      switch number(0...7) {
      case 0: .number(pick(Words.numbers))
      case 1, 6, 7: .truth(chance(50))
      case 2: .list([.number(pick(Words.numbers)), .text(word(Words.claims)), .null, .list([.text("a")])])
      case 3: .null
      default: .text(word(Words.claims))
      }
    }
    if chance(80) { add("g", leaf()) }
    if chance(60) { add("d", chance(80) ? .object([Claim.Member(name: "x", value: leaf())]) : leaf()) }
    if chance(40) { add("roles", leaf()) }
    if chance(50) { add("n", .number(pick(Words.numbers))) }
    return .object(members)
  }

  private mutating func metadata() -> ProxyRequest.Metadata {
    let members = (0..<number(1...3)).map { _ in
      Claim.Member(name: pick(Words.metadataKeys), value: chance(75) ? claim() : nested())
    }
    // No encoder says a key twice.
    var seen: Set<String> = []
    return ProxyRequest.Metadata(
      filter: "envoy.filters" + pick(Words.filters), members: members.filter { seen.insert($0.name).inserted }
    )
  }

  /// A preflight, or nearly one.
  private mutating func askBeforehand(_ request: inout ProxyRequest) {
    request.method = chance(85) ? "OPTIONS" : "GET"
    for name in ["origin", "access-control-request-method"] where chance(85) {
      request.headers.append(ProxyRequest.Header(name: name, value: chance(90) ? "a" : ""))
    }
  }

  // MARK: Headers

  /// Lines without tokens, as the client sent them.
  private mutating func plainLines() -> [ProxyRequest.Header] {
    var lines: [ProxyRequest.Header] = []
    func add(_ name: String, _ value: String) {
      lines.append(ProxyRequest.Header(name: name, value: value))
    }
    for name in ["x-one", "x-two"] where chance(65) {
      for _ in 0..<pick([1, 1, 2, 2, 3]) {
        add(name, chance(85) ? word(Words.headers) : pick(["", "a, b", "a ,b", "A", "a\tb", ",a", "b,"]))
      }
    }
    for name in ["user-agent", "accept"] where chance(40) { add(name, word(Words.agents)) }
    for name in ["x-out", "x-user", "x-payload"] where chance(20) { add(name, word(Words.headers)) }
    if chance(20) { add("cookie", pick(["z=1", "z=1; c=d", "y=\"2\"; z=1", "c=", "z=1; d"])) }
    if chance(10) { add("authorization", pick(["Basic x", "bearer x", "Bearer !!!", "Bearer ", "Bearer"])) }
    if chance(45) {
      add(
        "x-forwarded-for",
        (0..<number(1...3)).map { _ in chance(88) ? pick(Words.addresses) : pick(Words.noAddresses) }
          .joined(separator: pick([",", ", "])))
    }
    return lines
  }

  /// Lines as they arrive: Envoy keeps some headers joined, and all of them in one of the two encodings.
  private mutating func arrived(
    _ lines: [ProxyRequest.Header], _ encoding: ProxyRequest.HeaderEncoding
  ) -> [ProxyRequest.Header] {
    var arrived: [ProxyRequest.Header] = []
    for line in lines {
      let joins = encoding == .joined || Oracle.fixedSlots.contains(line.name)
      if joins, !chance(1), let index = arrived.firstIndex(where: { $0.name == line.name }) {
        arrived[index].value += "," + line.value
      } else {
        arrived.append(line)
      }
    }
    return arrived
  }

  // MARK: Tokens

  private mutating func place(
    _ text: String, at spot: Spot, _ lines: inout [ProxyRequest.Header], _ query: inout [String]
  ) {
    switch spot {
    case .header(let location):
      let prefix = location.prefix
      let value =
        chance(94)
        ? prefix + text
        : pick([
          "x \(prefix)\(text)", "\(prefix) \(text)", "\(prefix):\(text)", "\(prefix)!!!", text,
          prefix.lowercased() + text, "\(prefix)\(text) x", "\(prefix), \(text)", " \(prefix)\(text) ",
        ])
      lines.append(ProxyRequest.Header(name: location.name.lowercased(), value: value))
    case .parameter(let name):
      let spelled = chance(90) ? name : name.replacing("t", with: "%74").replacing("_", with: "%5f")
      let value = chance(92) ? text : text.replacing(".", with: "%2E")
      query.insert("\(spelled)=\(value)", at: chance(50) ? 0 : query.count)
      if chance(5) { query.append("\(name)=\(pick(["", "x"]))") }
    case .cookie(let name):
      let value = pick([
        "\(name)=\(text)", "z=1; \(name)=\(text)", "\(name)=\"\(text)\"", "z=1;\(name)=\(text); y=2",
        "z=1,\(name)=\(text)",
      ])
      lines.append(ProxyRequest.Header(name: "cookie", value: value))
    }
  }

  /// What can be read as no token at all.
  private mutating func broken(_ text: String) -> String {
    pick(["garbage", "a.b", "!!!.e30.AA", "\(text).x", ".\(text)", "", "e30.e30."])
  }
}
