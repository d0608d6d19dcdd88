// An external authorizer on grpc-swift-2 and jwt-kit, as short as it can be: it verifies the bearer token against one JWK
// Set, and asks for one on every path but /productpage, as deploy/quickstart does.
// usage: grpc-swift-peer PORT JWKS ISSUER

import ExtAuthzTestMessages
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import GRPCProtobuf
import JWTKit

struct Claims: JWTPayload {
  var iss: IssuerClaim
  var sub: SubjectClaim
  var exp: ExpirationClaim

  func verify(using algorithm: some JWTAlgorithm) throws { try exp.verifyNotExpired() }
}

struct Authorization: RegistrableRPCService {
  let keys: JWTKeyCollection
  let issuer: String

  func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
    router.registerHandler(
      forMethod: MethodDescriptor(
        fullyQualifiedService: "envoy.service.auth.v3.Authorization", method: "Check"),
      deserializer: ProtobufDeserializer<WireCheckRequest>(),
      serializer: ProtobufSerializer<WireCheckResponse>()
    ) { request, _ in
      let check = try await ServerRequest(stream: request).message.attributes.request.http
      return StreamingServerResponse(single: ServerResponse(message: await answer(check)))
    }
  }

  private func answer(_ check: WireHTTPRequest) async -> WireCheckResponse {
    var hasToken = false
    if let header = check.headers["authorization"], header.hasPrefix("Bearer ") {
      guard let claims = try? await keys.verify(String(header.dropFirst(7)), as: Claims.self),
        claims.iss.value == issuer
      else { return denial(401, 16) }
      hasToken = true
    }
    let path = check.path.prefix { $0 != "?" }
    if !hasToken && path != "/productpage" { return denial(403, 7) }
    var response = WireCheckResponse()
    response.okResponse.headersToRemove = ["authorization"]
    return response
  }

  private func denial(_ status: Int32, _ code: Int32) -> WireCheckResponse {
    var response = WireCheckResponse()
    response.status.code = code
    response.deniedResponse.status.code = status
    return response
  }
}

@main
struct Peer {
  static func main() async throws {
    let arguments = CommandLine.arguments
    let keys = JWTKeyCollection()
    let set = try Data(contentsOf: URL(fileURLWithPath: arguments[2]))
    try await keys.add(jwks: JSONDecoder().decode(JWKS.self, from: set))
    let server = GRPCServer(
      transport: .http2NIOPosix(
        address: .ipv4(host: "127.0.0.1", port: Int(arguments[1]) ?? 0), transportSecurity: .plaintext),
      services: [Authorization(keys: keys, issuer: arguments[3])])
    try await server.serve()
  }
}
