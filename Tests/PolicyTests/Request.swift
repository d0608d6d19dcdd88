import Bytes
import Check
import JWT
import Policy
import Signatures
import Testing

/// One request as a test writes it; `decide` makes the octets, the check, the changes and the claims of it.
struct Request: Sendable {
  struct End: Sendable {
    var address: String
    var port: UInt32
    var principal = ""
    var certificate = ""
  }

  var method = "GET"
  var path = "/"
  var pathIsAmbiguous = false
  var host = "example.com"
  var scheme = "https"
  var headers: [(String, String)] = []
  var encoding = Check.HeaderEncoding.raw
  var source = End(address: "10.0.0.1", port: 50000)
  var destination = End(address: "10.0.0.2", port: 8080)
  var serverName: String?
  var hasHTTP = true
  /// A payload in JSON; nil is no token.
  var claims: String?
  var spaceDelimited: [String] = []
  var removedHeaders: [String] = []
  var setHeaders: [(String, String)] = []
  var removedParameters: [String] = []
  /// By filter: an encoded Struct.
  var metadata: [(String, [UInt8])] = []

  init(_ change: (inout Request) -> Void = { _ in }) { change(&self) }

  init(_ method: String, _ path: String, claims: String? = nil) {
    self.method = method
    self.path = path
    self.claims = claims
  }

  static func from(_ principal: String) -> Request { Request { $0.source.principal = principal } }
  static func at(_ path: String) -> Request { Request("GET", path) }
  static func with(_ headers: (String, String)..., encoding: Check.HeaderEncoding = .raw) -> Request {
    Request {
      $0.headers = headers
      $0.encoding = encoding
    }
  }
  static func saying(_ claims: String?, spaceDelimited: [String] = []) -> Request {
    Request {
      $0.claims = claims
      $0.spaceDelimited = spaceDelimited
    }
  }
}

extension Request {
  /// Calls `body` with the request as the authorizer has it.
  func read<Result>(
    _ body: (borrowing Check, [UInt8], borrowing RequestChanges, borrowing VerifiedClaims) throws -> Result
  ) throws -> Result {
    var octets: [UInt8] = []
    func range(_ text: [UInt8]) -> ByteRange {
      octets += text
      return ByteRange(start: octets.count - text.count, count: text.count)
    }
    func range(_ text: String) -> ByteRange { range(Array(text.utf8)) }
    var check = Check()
    check.hasHTTP = hasHTTP
    check.method = range(method)
    check.path = range(path)
    check.pathIsAmbiguous = pathIsAmbiguous
    check.host = range(host)
    check.scheme = range(scheme)
    check.headerEncoding = encoding
    for (name, value) in headers { check.headers.append(.init(name: range(name), value: range(value))) }
    check.source.address = range(source.address)
    check.source.port = source.port
    check.source.principal = range(source.principal)
    check.source.certificate = range(source.certificate)
    check.destination.address = range(destination.address)
    check.destination.port = destination.port
    check.serverName = serverName.map { range($0) }
    for (name, value) in metadata {
      check.filterMetadata.append(.init(name: range(name), value: range(value)))
    }
    var changes = RequestChanges()
    for name in removedHeaders { changes.removeHeader(Array(name.utf8).span) }
    for (name, value) in setHeaders {
      changes.setHeader(Array(name.utf8).span) { $0.append(Array(value.utf8)) }
    }
    for name in removedParameters { changes.removeParameter(Array(name.utf8).span) }
    var verified = VerifiedClaims()
    if let claims { try TokenMint.fill(&verified, claims, spaceDelimited) }
    return try body(check, octets, changes, verified)
  }

  func decide(_ table: borrowing DecisionTable, _ scratch: inout PolicyScratch) throws -> Decision {
    try read { check, octets, changes, claims in
      table.evaluate(check, in: octets.span, changes: changes, claims: claims, scratch: &scratch)
    }
  }
}

/// Claims come from nowhere but a verified token, in tests too.
enum TokenMint {
  private static let secret = [UInt8](repeating: 7, count: 32)

  static func fill(_ claims: inout VerifiedClaims, _ payload: String, _ spaceDelimited: [String]) throws {
    let key = try SigningKey(.secret(secret))
    var text = ByteBuffer()
    Base64.encodeURL(Array(#"{"alg":"HS256"}"#.utf8).span, into: &text)
    text.append(UInt8(ascii: "."))
    Base64.encodeURL(Array(payload.utf8).span, into: &text)
    let signature = try key.sign(text.span, algorithm: .hs256)
    text.append(UInt8(ascii: "."))
    Base64.encodeURL(signature.span, into: &text)
    var token = UnverifiedToken()
    try token.parse(text.span)
    var ring = KeyRing(JWKSet(keys: [JSONWebKey(keyID: nil, algorithm: nil, key: key.verificationKey)]))
    let proof = try ring.verify(token)
    try claims.take(&token, proof: proof, spaceDelimited: spaceDelimited.map { Array($0.utf8) })
  }
}
