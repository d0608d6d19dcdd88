import Bytes
import Check
import ExtAuthz
import ExtAuthzTestMessages
import SwiftProtobuf
import Testing

@Suite struct CheckRequestWriterTests {
  private func taken(_ change: (inout ProxiedRequest) -> Void) throws -> Taken {
    var request = ProxiedRequest()
    change(&request)
    let octets = request.checkRequest
    var check = Check()
    try CheckRequestReader.read(octets.span, into: &check)
    return Taken(check, in: octets)
  }

  @Test func `everything that is said of a request is read back`() throws {
    let taken = try taken {
      $0.method = "POST"
      $0.path = "/a?b"
      $0.host = "h:1"
      $0.scheme = "http"
      $0.sourceIP = "10.0.0.1"
      $0.principal = "spiffe://a"
      $0.destinationIP = "::1"
      $0.port = 65_535
      $0.destinationPrincipal = "spiffe://b"
      $0.sni = "s"
      $0.contextExtensions = [("k", "v")]
      $0.headers = [("x-a", String(repeating: "v", count: 300))]
    }
    #expect(taken.hasHTTP)
    #expect(taken.method == Array("POST".utf8) && taken.path == Array("/a?b".utf8))
    #expect(taken.host == Array("h:1".utf8) && taken.scheme == Array("http".utf8))
    #expect(taken.source.address == Array("10.0.0.1".utf8))
    #expect(taken.source.principal == Array("spiffe://a".utf8))
    #expect(taken.destination.address == Array("::1".utf8) && taken.destination.port == 65_535)
    #expect(taken.destination.principal == Array("spiffe://b".utf8))
    #expect(taken.serverName == Array("s".utf8))
    #expect(taken.contextExtensions == [.init("k", "v")])
    #expect(taken.headers.contains(.init("x-a", String(repeating: "v", count: 300))))
    #expect(taken.headers.contains(.init(":path", "/a?b")))
  }

  @Test func `the certificate of the source is read back, and no other`() throws {
    var request = ProxiedRequest()
    request.principal = "spiffe://a"
    request.certificate = "-----BEGIN%20CERTIFICATE-----%0A"
    let message = try WireCheckRequest(serializedBytes: request.checkRequest)
    #expect(message.attributes.source.certificate == request.certificate)
    #expect(message.attributes.destination.certificate.isEmpty)
    let octets = request.checkRequest
    var check = Check()
    try CheckRequestReader.read(octets.span, into: &check)
    let (source, destination) = (check.source, check.destination)
    #expect(Array(octets[source.certificate.indices]) == Array(request.certificate.utf8))
    #expect(destination.certificate.isEmpty)
    try CheckRequestReader.read(ProxiedRequest().checkRequest.span, into: &check)
    let next = check.source
    #expect(next.certificate.isEmpty, "nothing of the last check stays")
  }

  @Test func `lines of one name are joined with a comma, as Envoy does`() throws {
    let taken = try taken { $0.headers = [("x", "1"), ("y", "2"), ("x", "3")] }
    #expect(!taken.isRaw)
    #expect(taken.headers.filter { !$0.name.starts(with: [0x3A]) } == [.init("x", "1,3"), .init("y", "2")])
  }

  @Test func `filter metadata is read by the generated messages as it was said`() throws {
    var request = ProxiedRequest()
    request.filterMetadata = [
      (
        "envoy.filters.http.x",
        [
          ("t", .text("v")), ("n", .number(1.5)), ("b", .boolean(true)), ("z", .null),
          ("l", .list([.text("a"), .number(-2)])), ("o", .fields([("i", .text("j"))])),
        ]
      )
    ]
    let message = try WireCheckRequest(serializedBytes: request.checkRequest)
    let fields = try #require(message.attributes.metadataContext.filterMetadata["envoy.filters.http.x"])
      .fields
    #expect(fields["t"]?.stringValue == "v" && fields["n"]?.numberValue == 1.5)
    #expect(fields["b"]?.boolValue == true && fields["z"]?.kind == .nullValue(.nullValue))
    #expect(fields["l"]?.listValue.values.map(\.stringValue) == ["a", ""])
    #expect(fields["l"]?.listValue.values[1].numberValue == -2)
    #expect(fields["o"]?.structValue.fields["i"]?.stringValue == "j")
  }

  @Test func `raw lines stay apart`() throws {
    let taken = try taken {
      $0.keepsLinesApart = true
      $0.headers = [("x", "1"), ("x", "3")]
    }
    #expect(taken.isRaw)
    #expect(taken.headers.suffix(2) == [.init("x", "1"), .init("x", "3")])
  }
}
