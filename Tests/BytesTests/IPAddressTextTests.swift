import Bytes
import Testing

@Suite struct IPAddressTextTests {
  @Test(arguments: [
    "0.0.0.0", "10.1.2.255", "::", "::1", "1::", "2001:db8::1", "2001:db8:0:1:1:1:1:1", "1:0:0:2::3",
    "fe80::1:0:0:1", "1:2:3:4:5:6:7:8", "::ffff:102:304",
  ])
  func `the shortest text of an address is its description`(text: String) throws {
    #expect("\(try #require(IPAddress(text)))" == text)
  }

  @Test func `every description is read back as the address`() throws {
    let seed = UInt64.random(in: 0 ... .max)
    print("IPAddressTextTests seed \(seed)")
    var state = seed
    for _ in 0..<2_000 {
      var bits: UInt128 = 0
      for group in 0..<8 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        if state >> 60 < 8 { bits |= UInt128(UInt16(truncatingIfNeeded: state >> 32)) << UInt128(group * 16) }
      }
      let address = IPAddress(family: .v6, bits: bits)
      #expect(IPAddress("\(address)") == address)
    }
  }
}
