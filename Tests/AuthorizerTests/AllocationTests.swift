import Authorizer
import Metrics
import TestSupport
import Testing

@Suite("A warm check allocates nothing")
struct AllocationTests {
  let a = TestIssuer.a

  @Test func `The meter sees an allocation`() {
    guard let meter = ThreadAllocationMeter() else {
      Issue.record("jemalloc is not this process's allocator")
      return
    }
    let before = meter.allocatedBytes
    var list: [UInt8] = []
    list.reserveCapacity(Int.random(in: 100...200))
    #expect(meter.allocatedBytes >= before + 100)
    #expect(list.isEmpty)
  }

  @Test func `Checks without and with a token allocate nothing once warm`() throws {
    #if DEBUG
      print(
        "skipped: a debug build boxes values that a release build keeps in registers; run `swift test -c release`"
      )
    #else
      let gate = try Gate(
        authentication(
          a.rule(
            "audiences: [me], outputPayloadToHeader: x-payload, outputClaimToHeaders: [{header: x-sub, claim: sub}, "
              + "{header: x-list, claim: list}]"))
          + allow(from(#"requestPrincipals: ["https://a/*"]"#), to(#"paths: ["/open*"]"#))
          + deny(to(#"methods: ["DELETE"]"#), from(#"namespaces: ["nobody"]"#)))
      let claims = #"{"sub":"me","aud":["me"],"exp":1900000000,"list":["a",1,{"k":null}],"scope":"a b"}"#
      let requests: [Request] = [
        Request.get("/open/x?y=1").with(":path", "/open/x?y=1").with("user-agent", "x").with("cookie", "k=v"),
        Request.get("/a").bearer(try a.token(claims)), Request.get("/a").bearer(try a.forged(claims)),
        Request.get("/open/x").changed { $0.sourceCertificate = PeerCertificate.several },
        .get("/a?access_token=\(try a.token(claims))"), .get("/b"), Request("DELETE", "/open"),
      ]
      for request in requests {
        guard let meter = ThreadAllocationMeter() else {
          Issue.record("jemalloc is not this process's allocator")
          return
        }
        var warm: UInt64 = 0
        let rounds = 11_000
        _ = gate.repeatedly([request], rounds: rounds) { if $0 == 1_000 { warm = meter.allocatedBytes } }
        // The end of the call frees what it was given and allocates nothing.
        #expect(meter.allocatedBytes - warm == 0, "\(request.method) \(request.path.prefix(20))")
      }
    #endif
  }
}
