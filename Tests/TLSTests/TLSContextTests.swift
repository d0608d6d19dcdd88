import Foundation
import Testing
import WebTestServer

@testable import TLS

func readAll(_ path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) }

@Suite("What a TLS context is made of")
struct TLSContextTests {
  let certificates: Certificates
  init() throws { certificates = try Certificates.get() }

  private func failure(_ change: (inout TLSMaterial) throws -> Void) throws -> TLSError? {
    var settings = TLSSettings()
    settings.clientCertificates = .required
    var material = try certificates.material(clients: certificates.authority)
    try change(&material)
    do throws(TLSError) {
      _ = try TLSContext(settings, material)
      return nil
    } catch {
      return error
    }
  }

  @Test("A certificate, its key and authorities make one; it knows when the certificate ends")
  func whole() throws {
    let context = try certificates.context(.required)
    let left = Double(context.certificateEnd) - Date().timeIntervalSince1970
    #expect(left > 86_400 && left < 2 * 86_400 + 60, "\(left) s")
  }

  @Test("What is wrong with a file is said with its path")
  func wrong() throws {
    let path = certificates.server.certificate
    #expect(try failure { $0.certificate.octets = [] } == .noCertificate(path: path))
    #expect(try failure { $0.certificate.octets = Array("no PEM".utf8) } == .noCertificate(path: path))
    #expect(
      try failure { $0.certificate.octets = $0.key.octets } == .noCertificate(path: path),
      "a key where the certificate belongs")
    let torn = try failure { material in
      let text = String(decoding: material.certificate.octets, as: UTF8.self)
      material.certificate.octets += Array(text.replacingOccurrences(of: "MI", with: "!!").utf8)
    }
    guard case .badCertificate(path, 2, _)? = torn else {
      Issue.record("the second certificate is broken: \(String(describing: torn))")
      return
    }
    guard case .badKey? = try failure({ $0.key.octets = $0.certificate.octets }) else {
      Issue.record("a certificate is no key")
      return
    }
    guard case .badKey? = try failure({ $0.key.octets = [] }) else {
      Issue.record("an empty file is no key")
      return
    }
    #expect(try failure { $0.clientAuthorities = nil } == .noAuthorities)
  }

  @Test("A key of another certificate is refused, as is one that wants a passphrase")
  func keys() throws {
    let other = try certificates.authority.identity("other-key", ["DNS:other.example"])
    let mismatch = try failure { $0.key = try pem(other.key) }
    #expect(mismatch == .keyOfAnother(certificate: certificates.server.certificate, key: other.key))

    let encrypted = certificates.authority.folder.appendingPathComponent("encrypted.key").path
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
    process.arguments = [
      "pkcs8", "-topk8", "-in", certificates.server.key, "-out", encrypted, "-passout", "pass:secret",
    ]
    try process.run()
    process.waitUntilExit()
    #expect(try failure { $0.key = try pem(encrypted) } == .encryptedKey(path: encrypted))
  }

  @Test("Contexts trust alike when names and authorities are the same, whatever the server's certificate")
  func trust() throws {
    let renewed = try certificates.authority.identity("renewed", ["DNS:countersign.example"])
    var settings = TLSSettings()
    settings.clientCertificates = .required
    var material = try certificates.material(clients: certificates.authority)
    let first = try TLSContext(settings, material)
    material.certificate = try pem(renewed.certificate)
    material.key = try pem(renewed.key)
    let second = try TLSContext(settings, material)
    #expect(first.trusts(as: second))
    material.clientAuthorities = try pem(certificates.other.certificate)
    #expect(!first.trusts(as: try TLSContext(settings, material)))
    settings.allowedClients = [try #require(ClientName("gateway.example"))]
    #expect(
      !second.trusts(as: try TLSContext(settings, try certificates.material(clients: certificates.authority)))
    )
  }

  @Test("Names of clients are SPIFFE IDs and DNS names, and nothing that looks like a pattern")
  func names() {
    #expect(ClientName("spiffe://cluster.local/ns/a/sa/b") == .spiffe("spiffe://cluster.local/ns/a/sa/b"))
    #expect(ClientName("Gateway.Example") == .dns("gateway.example"))
    for bad in [
      "", "*.example.com", "spiffe://", "spiffe:///path", "spiffe://a/*", "a..b", "a b", "https://a", "a/b",
      "spiffe://a/b?c", "bücher.example", String(repeating: "a", count: 64),
    ] {
      #expect(ClientName(bad) == nil, "\(bad)")
    }
  }
}
