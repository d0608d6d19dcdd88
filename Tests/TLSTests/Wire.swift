import Bytes
import WebTestServer

@testable import TLS

/// An authority and certificates of it, made once for all tests.
struct Certificates: Sendable {
  let authority: TestAuthority
  let other: TestAuthority
  let server: TestAuthority.Identity

  static let shared = Result { () throws -> Certificates in
    let authority = try TestAuthority()
    return Certificates(
      authority: authority, other: try TestAuthority(),
      server: try authority.identity("server", ["DNS:countersign.example"]))
  }

  static func get() throws -> Certificates { try shared.get() }

  func material(clients: TestAuthority? = nil) throws -> TLSMaterial {
    TLSMaterial(
      certificate: try pem(server.certificate), key: try pem(server.key),
      clientAuthorities: try clients.map { try pem($0.certificate) })
  }

  func context(
    _ clients: TLSSettings.ClientCertificates = .off, _ allowed: [String] = [],
    minimum: TLSSettings.Version = .tls12
  ) throws -> TLSContext {
    var settings = TLSSettings()
    settings.clientCertificates = clients
    settings.allowedClients = allowed.compactMap(ClientName.init)
    settings.minimumVersion = minimum
    return try TLSContext(settings, material(clients: clients == .off ? nil : authority))
  }
}

func pem(_ path: String) throws -> TLSMaterial.PEM {
  TLSMaterial.PEM(path: path, octets: try readAll(path))
}

/// A session and a client with a wire between them.
final class Wire {
  let session: TLSSession
  let client: TLSTestClient
  private(set) var heardByServer: [UInt8] = []
  private(set) var heardByClient: [UInt8] = []
  /// Octets that the server has written.
  private(set) var written = 0

  init(_ context: TLSContext, _ client: TLSTestClient, channel: TLSChannel = TLSChannel()) throws {
    guard let session = TLSSession(context, channel) else { throw TLSError.outOfMemory }
    self.session = session
    self.client = client
  }

  /// Carries octets to and fro until both are silent.
  /// - Parameter pieces: how the octets of the client are cut: each next piece's length.
  func settle(pieces: () -> Int = { .max }) {
    heardByClient += client.receive([])
    while true {
      let octets = client.takeOutput()
      if octets.isEmpty { return }
      var start = 0
      while start < octets.count {
        let end = min(octets.count, start + max(1, min(pieces(), octets.count - start)))
        toServer(Array(octets[start..<end]))
        start = end
      }
    }
  }

  func toServer(_ octets: [UInt8]) {
    var plaintext = ByteBuffer()
    var output = ByteBuffer()
    _ = session.receive(octets.span, into: &plaintext, answers: &output)
    heardByServer += plaintext.copy()
    toClient(output.copy())
  }

  func sendFromServer(_ octets: [UInt8]) {
    var output = ByteBuffer()
    session.send(octets.span, into: &output)
    toClient(output.copy())
  }

  func toClient(_ octets: [UInt8]) {
    written += octets.count
    if !octets.isEmpty { heardByClient += client.receive(octets) }
  }
}
