internal import Bytes
internal import JSON

/// The claims of a token to be made (RFC 7519 section 4): an object as JSON text, and the registered ones by
/// name. Times are whole seconds since 1970.
public struct Claims: Sendable {
  /// A JSON object with any members. A claim set below replaces the member of its name.
  public var json: String
  public var issuer: String?
  public var subject: String?
  /// One is written as text, several as a list.
  public var audiences: [String]
  public var expiry: Int64?
  public var notBefore: Int64?
  public var issuedAt: Int64?
  public var tokenID: String?

  public init(
    json: String = "{}", issuer: String? = nil, subject: String? = nil, audiences: [String] = [],
    expiry: Int64? = nil, notBefore: Int64? = nil, issuedAt: Int64? = nil, tokenID: String? = nil
  ) {
    self.json = json
    self.issuer = issuer
    self.subject = subject
    self.audiences = audiences
    self.expiry = expiry
    self.notBefore = notBefore
    self.issuedAt = issuedAt
    self.tokenID = tokenID
  }

  /// The claims as compact JSON: registered ones first, then the members of `json` in their order, numbers as
  /// they are written there.
  /// - Throws: `.claimsNotJSON`, `.claimsNotObject`.
  public func text() throws(IssuerError) -> String {
    let document = try parsed()
    var members = registered
    let named = Set(members.map(\.0))
    var walk = document.members(of: document.root)
    while let member = walk.next(in: document) {
      let name = document.octets.span[member.name].text()
      if named.contains(name) { continue }
      var value = ByteBuffer()
      JSONWriter.write(member.value, of: document, into: &value)
      members.append((name, value.span.text()))
    }
    return JSONText.object(members)
  }

  /// Whether the JSON text has a member of this name.
  func holds(_ name: String) throws(IssuerError) -> Bool {
    let document = try parsed()
    let octets = Array(name.utf8)
    return document.member(octets.span, of: document.root) != nil
  }

  private var registered: [(String, String)] {
    var members: [(String, String)] = []
    if let issuer { members.append(("iss", JSONText.string(issuer))) }
    if let subject { members.append(("sub", JSONText.string(subject))) }
    if audiences.count == 1 {
      members.append(("aud", JSONText.string(audiences[0])))
    } else if !audiences.isEmpty {
      members.append(("aud", "[" + audiences.map(JSONText.string).joined(separator: ",") + "]"))
    }
    if let expiry { members.append(("exp", "\(expiry)")) }
    if let notBefore { members.append(("nbf", "\(notBefore)")) }
    if let issuedAt { members.append(("iat", "\(issuedAt)")) }
    if let tokenID { members.append(("jti", JSONText.string(tokenID))) }
    return members
  }

  private func parsed() throws(IssuerError) -> JSONDocument {
    var document = JSONDocument()
    let octets = Array(json.utf8)
    do throws(JSONError) {
      try document.parse(octets.span)
    } catch {
      throw .claimsNotJSON(error)
    }
    if document.kind(of: document.root) != .object { throw .claimsNotObject }
    return document
  }
}
