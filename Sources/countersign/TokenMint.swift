import ArgumentParser
import Bytes
import Issuer
import JSON
import System

/// Signs a token.
struct TokenMint: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mint", abstract: "Sign a token with a key of the development issuer.",
    discussion: """
      Prints the token alone, so that it can be used in place:
        curl -H "Authorization: Bearer $(countersign token mint --key issuer.jwk --issuer me@example.com)" …
      """)

  @Option(help: ArgumentHelp("The private key, as `token keygen` writes it.", valueName: "file"))
  var key: String

  @Option(name: .customLong("key-id"), help: "Which key of a JWK Set signs; the first when not given.")
  var keyID: String?

  @Option(help: "The `iss` claim.")
  var issuer: String?

  @Option(help: "The `sub` claim.")
  var subject: String?

  @Option(help: "An `aud` value; may be repeated.")
  var audience: [String] = []

  @Option(
    name: .customLong("expires-in"),
    help: ArgumentHelp(
      "Valid for so long (1h, 30m, 90s; negative: expired already), or `never`.", valueName: "time"))
  var expiresIn: String = "1h"

  @Option(
    help: ArgumentHelp(
      "A further claim; the value is JSON, or else a string; may be repeated.", valueName: "name=value"))
  var claim: [String] = []

  @Option(
    help: ArgumentHelp("All claims as a JSON object; the options above win over it.", valueName: "json"))
  var claims: String = "{}"

  func run() throws {
    let keys = try KeyFile.read(key)
    let now = Clock.system.wallSeconds()
    var made = Claims(
      json: try merged(), issuer: issuer, subject: subject, audiences: audience, issuedAt: now)
    if expiresIn != "never" {
      guard let seconds = Self.seconds(expiresIn), !now.addingReportingOverflow(seconds).overflow else {
        throw CommandFailure.usage(
          "--expires-in: `\(expiresIn)` is no time such as 1h, 30m, 90s or -5m, nor `never`")
      }
      made.expiry = now + seconds
    }
    do {
      print(try DevelopmentIssuer(name: issuer ?? "", keys: keys).token(claims: made, keyID: keyID))
    } catch {
      throw CommandFailure.failed("error: \(error)")
    }
  }

  /// The object of `--claims` with the members of every `--claim` behind it.
  private func merged() throws -> String {
    if claim.isEmpty { return claims }
    var members: [String] = []
    for text in claim {
      guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
        throw CommandFailure.usage("--claim: `\(text)` is not name=value")
      }
      let value = String(text[text.index(after: equals)...])
      members.append(
        "\(JSONText.string(String(text[..<equals]))):\(JSONText.isValue(value) ? value : JSONText.string(value))"
      )
    }
    guard let end = claims.lastIndex(of: "}") else {
      throw CommandFailure.usage("--claims: not a JSON object")
    }
    let isEmpty = claims.filter { !$0.isWhitespace } == "{}"
    return claims[..<end] + (isEmpty ? "" : ",") + members.joined(separator: ",") + "}"
  }

  static func seconds(_ text: String) -> Int64? {
    let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
    guard let unit = text.last.flatMap({ units[$0] }), let count = Int64(text.dropLast()) else { return nil }
    let (product, overflow) = count.multipliedReportingOverflow(by: unit)
    return overflow ? nil : product
  }
}

/// JSON on the command line.
enum JSONText {
  /// The text as a JSON string.
  static func string(_ text: String) -> String {
    var output = ByteBuffer()
    JSONWriter.writeString(Array(text.utf8).span, into: &output)
    return output.span.text()
  }

  /// Whether the text is a JSON value by itself.
  static func isValue(_ text: String) -> Bool {
    var document = JSONDocument()
    return (try? document.parse(Array(text.utf8).span)) != nil
  }
}
