import Foundation
import Signatures

/// A key set, tokens that its true key signed, and what Envoy and Countersign answer.
struct OddKeySet: Sendable {
  let name: String
  let text: String
  /// Written into the rule. Otherwise both programs fetch the set.
  var isInline = false
  let checks: [Check]

  struct Check: Sendable {
    let key: OddKey
    /// Members of the token's header beside `alg`.
    let header: String
    let envoy: String
    let countersign: String
    /// A part of the first cell of the README's row that says why they differ; nil when both answer the same.
    let difference: String?
  }
}

/// The rows of the table of odd key sets.
struct OddKeySetRows: Sendable {
  static let passes = "200"
  static let fails = "401 Jwt verification fails"
  static let noMatch = "401 Jwks doesn't have key to match kid or alg from Jwt"
  static let noKeys = "401 Jwks remote fetch is failed"

  // Parts of first cells of the README's table of differences.
  static let padding = "padding or blanks in the base64url of a key's numbers"
  static let strictJSON = "JSON with single quotes"
  static let encryption = "`use: enc`"
  static let encryptionOperations = "`key_ops` of encryption alone"

  private(set) var rows: [OddKeySet] = []
  let folder = try? Folder()

  init() throws {
    try addCoordinates()
    try addCurves()
    try addOptionalMembers()
    try addOperations()
    try addKeyIDs()
    try addRSA()
    try addOtherKinds()
    try addShapes()
  }

  static func set(_ keys: String...) -> String { "{\"keys\":[\(keys.joined(separator: ","))]}" }

  /// A row with one token.
  /// - Parameters:
  ///   - header: members of the token's header beside `alg`.
  ///   - ours: what Countersign answers, when it is something else, with the README's row that says so.
  mutating func add(
    _ name: String, _ text: String, _ key: OddKey, _ header: String = "", _ envoy: String = passes,
    ours: (String, String)? = nil, inline: Bool = false
  ) {
    let check = OddKeySet.Check(
      key: key, header: header, envoy: envoy, countersign: ours?.0 ?? envoy, difference: ours?.1)
    if let last = rows.last, last.name == name, last.text == text {
      rows[rows.count - 1] = OddKeySet(
        name: name, text: text, isInline: inline, checks: last.checks + [check])
    } else {
      rows.append(OddKeySet(name: name, text: text, isInline: inline, checks: [check]))
    }
  }
}
