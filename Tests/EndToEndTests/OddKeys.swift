import Bytes
import Foundation
import Issuer
import Signatures

/// A key that signs tokens of the table of odd key sets, and its public numbers.
struct OddKey: Sendable {
  /// `alg` of the tokens it signs.
  let algorithm: String
  /// The public numbers by the names of their JWK members: `n` and `e`, `x` and `y`, `x`, or `k`.
  let numbers: [String: [UInt8]]
  let sign: @Sendable ([UInt8]) throws -> [UInt8]

  init(_ algorithm: Algorithm, _ key: SigningKey? = nil) throws {
    let key = try key ?? SigningKey.generate(for: algorithm)
    self.algorithm = "\(algorithm.name)"
    numbers =
      switch key.verificationKey.material {
      case .rsa(let modulus, let exponent): ["n": modulus, "e": exponent]
      case .ec(_, let x, let y): ["x": x, "y": y]
      case .ed25519(let x): ["x": x]
      case .secret(let secret): ["k": secret]
      }
    sign = { try key.sign($0.span, algorithm: algorithm) }
  }

  /// An elliptic-curve key with a leading zero byte in a coordinate: one key in 128, for P-521 nearly each.
  static func short(_ algorithm: Algorithm) throws -> OddKey {
    while true {
      let key = try OddKey(algorithm)
      if key.numbers["x"]?.first == 0 || key.numbers["y"]?.first == 0 { return key }
    }
  }

  /// An RSA key of a length or an exponent that `SigningKey` refuses. RS256 by openssl.
  init(bits: Int, exponent: Int, in folder: Folder) throws {
    let name = "rsa-\(bits)-\(exponent)"
    let file = try folder.write("\(name).key", "")
    try Self.openssl([
      "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:\(bits)", "-pkeyopt",
      "rsa_keygen_pubexp:\(exponent)", "-out", file,
    ])
    let line = try Self.openssl(["rsa", "-in", file, "-noout", "-modulus"])
    let digits = String(decoding: line, as: UTF8.self).split(separator: "=").last.map(String.init) ?? ""
    let modulus = stride(from: 0, to: bits / 4, by: 2).compactMap { index -> UInt8? in
      let start = digits.index(digits.startIndex, offsetBy: index)
      return UInt8(digits[start..<digits.index(start, offsetBy: 2)], radix: 16)
    }
    var big = [UInt8]()
    for shift in [24, 16, 8, 0] { big.append(UInt8(truncatingIfNeeded: exponent >> shift)) }
    algorithm = "RS256"
    numbers = ["n": modulus, "e": Array(big.drop { $0 == 0 })]
    sign = { message in
      let input = try folder.write("\(name).in", String(decoding: message, as: UTF8.self))
      return try Self.openssl(["dgst", "-sha256", "-sign", file, input])
    }
  }

  /// A self-signed certificate of a new RSA key, in PEM, and the key.
  static func certified(in folder: Folder) throws -> (OddKey, String) {
    let key = try OddKey(bits: 2048, exponent: 65537, in: folder)
    let file = folder.url.appendingPathComponent("rsa-2048-65537.key").path
    let text = try openssl(["req", "-x509", "-key", file, "-subj", "/CN=issuer", "-days", "2"])
    return (key, String(decoding: text, as: UTF8.self))
  }

  @discardableResult
  private static func openssl(_ arguments: [String]) throws -> [UInt8] {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
    process.arguments = arguments
    process.standardError = FileHandle.nullDevice
    process.standardOutput = output
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    if process.terminationStatus != 0 { throw Failure("openssl \(arguments)") }
    return Array(text)
  }

  /// A token of an issuer.
  /// - Parameter header: members beside `alg`, such as `"kid":"a"`.
  func token(issuer: String, header: String) throws -> String {
    let head = "{\"alg\":\"\(algorithm)\"\(header.isEmpty ? "" : ",")\(header)}"
    let input = Self.base64URL(head) + "." + Self.base64URL("{\"iss\":\"\(issuer)\",\"sub\":\"s\"}")
    return input + "." + Self.base64URL(try sign(Array(input.utf8)))
  }

  static func base64URL(_ text: String) -> String { base64URL(Array(text.utf8)) }

  static func base64URL(_ bytes: [UInt8]) -> String {
    var output = ByteBuffer()
    Base64.encodeURL(bytes.span, into: &output)
    return output.span.text()
  }

  /// The standard alphabet with padding.
  static func standard(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }

  // MARK: As a JWK

  /// The public members without `kty` and `crv`.
  /// - Parameter change: another spelling of a number.
  func members(_ change: (String, [UInt8]) -> String = { base64URL($1) }) -> String {
    numbers.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\"\(change($0.key, $0.value))\"" }
      .joined(separator: ",")
  }

  private var curve: String? {
    switch algorithm {
    case "ES256": "P-256"
    case "ES384": "P-384"
    case "ES512": "P-521"
    case "EdDSA": "Ed25519"
    default: nil
    }
  }

  var kind: String {
    switch algorithm.prefix(2) {
    case "ES": "EC"
    case "Ed": "OKP"
    case "HS": "oct"
    default: "RSA"
    }
  }

  /// A JWK.
  /// - Parameter more: more members, such as `"kid":"a"`.
  func jwk(_ more: String = "", _ change: (String, [UInt8]) -> String = { base64URL($1) }) -> String {
    let crv = curve.map { ",\"crv\":\"\($0)\"" } ?? ""
    return "{\"kty\":\"\(kind)\"\(crv),\(members(change))\(more.isEmpty ? "" : ",")\(more)}"
  }
}
