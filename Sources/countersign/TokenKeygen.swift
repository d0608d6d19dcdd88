import ArgumentParser
import Bytes
import Issuer
import Signatures
import System

/// Makes a private key, or shows the public part of one.
struct TokenKeygen: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keygen", abstract: "Make a private key (a JWK), or print the JWK Set of one.")

  @Option(help: "One of \(TokenKeygen.algorithmNames).")
  var algorithm: String = "ES256"

  @Option(name: .customLong("key-id"), help: "The key's `kid`; its RFC 7638 thumbprint when not given.")
  var keyID: String?

  @Option(name: .customLong("rsa-bits"), help: "Length of an RSA modulus, 2048 to 8192.")
  var rsaBits: Int = 2048

  @Option(
    help: ArgumentHelp(
      "Write the private key here, mode 0600; never over a file that exists.", valueName: "file"))
  var out: String?

  @Option(
    name: .customLong("public"),
    help: ArgumentHelp("Make nothing; print the JWK Set of this private key.", valueName: "file"))
  var publicOf: String?

  static var algorithmNames: String { Algorithm.allCases.map { "\($0.name)" }.joined(separator: " ") }

  func run() throws {
    if let publicOf {
      let keys = try KeyFile.read(publicOf)
      for key in keys where key.algorithm.family == .hmac {
        Terminal.error("warning: key `\(key.keyID)` is a shared secret: whoever reads this JWK Set can sign")
      }
      print(DevelopmentIssuer(name: "", keys: keys).publicJWKSet)
      return
    }
    guard let chosen = Algorithm(name: Array(algorithm.utf8).span) else {
      throw CommandFailure.usage("--algorithm: `\(algorithm)` is none of \(Self.algorithmNames)")
    }
    guard VerificationKey.rsaModulusBits.contains(rsaBits) else {
      throw CommandFailure.usage("--rsa-bits takes 2048 to 8192")
    }
    let key: IssuerKey
    do { key = try IssuerKey.generate(for: chosen, keyID: keyID, rsaBits: rsaBits) } catch {
      throw CommandFailure.failed("error: \(error)")
    }
    guard let out else {
      print(key.privateJWK)
      return
    }
    do {
      guard try Files.kind(out) == nil else {
        throw CommandFailure.failed("error: \(out) exists; a key is never overwritten")
      }
      try Files.write(key.privateJWK + "\n", to: out, mode: 0o600)
    } catch let error as SystemError {
      throw CommandFailure.failed("error: \(error)")
    }
  }
}

/// Private keys in files.
enum KeyFile {
  /// A JWK or a JWK Set is far below this.
  private static let maximumBytes = 1 << 20

  static func read(_ path: String) throws -> [IssuerKey] {
    do {
      let octets = try Files.read(path, limit: maximumBytes)
      return try IssuerKey.read(octets.span)
    } catch {
      throw CommandFailure.failed("error: \(path): \(error)")
    }
  }
}
