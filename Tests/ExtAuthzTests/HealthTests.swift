import Bytes
import ExtAuthz
import ExtAuthzTestMessages
import SwiftProtobuf
import TestSupport
import Testing

struct HealthTests {
  private func service(_ message: [UInt8]) throws(WireError) -> String {
    let range = try Health.readRequest(message.span)
    return String(decoding: message[range.indices], as: UTF8.self)
  }

  @Test(arguments: ["", "envoy.service.auth.v3.Authorization", "é"])
  func `the service asked for is read`(_ name: String) throws {
    var request = WireHealthCheckRequest()
    request.service = name
    #expect(try service(try request.serializedBytes()) == name)
  }

  @Test func `the last of two names wins and unknown fields are passed over`() throws {
    #expect(try service(Wire.field(1, "a") + Wire.number(7, 9) + Wire.field(1, "b")) == "b")
  }

  @Test(arguments: [[0x0A], [0x0A, 0x01], [0x0A, 0x01, 0xFF], [0x0F], [0x00]] as [[UInt8]])
  func `a broken request is refused`(_ message: [UInt8]) {
    #expect(throws: WireError.self) { try service(message) }
  }

  @Test func `damaged requests are read as another library reads them`() {
    var generator = SeededGenerator(announcing: #function)
    let original = Wire.field(1, "envoy.service.auth.v3.Authorization")
    for _ in 0..<5_000 {
      let message = Mutation.mutated(original, using: &generator)
      if let mine = try? service(message) {
        #expect((try? WireHealthCheckRequest(serializedBytes: message))?.service == mine, "\(message)")
      }
    }
  }

  @Test(arguments: Health.ServingStatus.allCases)
  func `the answer is read back`(_ status: Health.ServingStatus) throws {
    var output = ByteBuffer()
    Health.writeResponse(status, into: &output)
    let message = try WireHealthCheckResponse(serializedBytes: output.copy())
    #expect(message.status.rawValue == Int(status.rawValue))
  }

  @Test func `the methods are those that clients call`() {
    #expect("\(GRPCMethod.check)" == "/\(GRPCMethod.authorizationService)/Check")
    #expect("\(GRPCMethod.healthCheck)" == "/grpc.health.v1.Health/Check")
    #expect("\(GRPCMethod.healthWatch)" == "/grpc.health.v1.Health/Watch")
  }
}
