public import Foundation

/// A certificate authority of a test's own, made by openssl, and what it signs.
public final class TestAuthority: Sendable {
  public let folder: URL
  public var certificate: String { folder.appendingPathComponent("ca.pem").path }

  public init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "countersign-ca-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path("ca.key"))
    try openssl(
      "req", "-x509", "-key", path("ca.key"), "-subj", "/CN=test authority", "-days", "2", "-out",
      path("ca.pem"))
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  public struct Identity: Sendable {
    public var certificate: String
    public var key: String
  }

  /// A certificate for these names, each as openssl writes them: `DNS:a.example`, `IP:127.0.0.1`, `URI:…`.
  /// - Parameter days: how long it holds, from now on; negative: it has ended.
  /// - Parameter usage: what it may be used for, such as `serverAuth`; nil: it does not say.
  public func identity(_ name: String, _ names: [String], days: Int = 2, usage: String? = nil) throws
    -> Identity
  {
    // Files and a serial number of its own: tests make certificates side by side, some of one name.
    let file = UUID().uuidString
    let made = Identity(certificate: path("\(file).pem"), key: path("\(file).key"))
    try openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", made.key)
    try openssl("req", "-new", "-key", made.key, "-subj", "/CN=\(name)", "-out", path("\(file).csr"))
    let purpose = usage.map { "extendedKeyUsage=\($0)\n" } ?? ""
    try "subjectAltName=\(names.joined(separator: ","))\n\(purpose)"
      .write(toFile: path("\(file).ext"), atomically: true, encoding: .utf8)
    try openssl(
      "x509", "-req", "-in", path("\(file).csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
      "-set_serial", "\(UInt64.random(in: 1 ... .max >> 1))", "-days", "\(days)", "-extfile",
      path("\(file).ext"), "-out", made.certificate)
    return made
  }

  private func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  private func openssl(_ arguments: String...) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
    process.arguments = arguments
    process.standardError = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    if process.terminationStatus != 0 { throw WebTestServer.WebTestServerError() }
  }
}
