import Bytes
import Certificates
import Testing

@Suite struct CertificateCacheTests {
  private func names(_ text: String, _ cache: inout CertificateCache) throws(CertificateError) -> [String] {
    let found = try cache.names(of: Array(text.utf8).span)
    var all: [String] = []
    _ = cache.contains(found) {
      all.append($0.text())
      return false
    }
    return all
  }

  private func certificate(_ name: String, padding: Int = 0) -> String {
    Certificate.escaped(
      Certificate(
        names: [Certificate.uri(name), Certificate.dns("x")],
        otherExtensions: padding == 0
          ? [] : [Certificate.extension(DER.oid(0x2A), [UInt8](repeating: 1, count: padding))]
      ).pem)
  }

  @Test func `the names are those of the alternative name, then the subject`() throws {
    var cache = CertificateCache()
    #expect(try names(certificate("spiffe://a"), &cache) == ["spiffe://a", "x", "CN=peer"])
    #expect(try names(Certificate(subject: DER.sequence()).pem, &cache) == [])
  }

  @Test func `a known certificate is not read again, one of other text is`() throws {
    var cache = CertificateCache()
    for _ in 0..<3 {
      #expect(try names(certificate("spiffe://a"), &cache).first == "spiffe://a")
      #expect(try names(certificate("spiffe://b"), &cache).first == "spiffe://b")
    }
    #expect(cache.readCount == 2)
    #expect(try names(certificate("spiffe://a").replacing("%0A", with: "\n"), &cache).first == "spiffe://a")
    #expect(cache.readCount == 3)
  }

  @Test func `the search among names ends where it is told to`() throws {
    var cache = CertificateCache()
    let found = try cache.names(of: Array(certificate("spiffe://a").utf8).span)
    var asked = 0
    let first = cache.contains(found) { _ in
      asked += 1
      return true
    }
    #expect(first && asked == 1)
  }

  @Test func `what cannot be read is refused each time, and leaves the rest as it was`() throws {
    var cache = CertificateCache()
    let good = certificate("spiffe://a")
    _ = try names(good, &cache)
    for bad in ["", "rubbish", String(repeating: "A", count: 50_000), String(good.dropLast(40))] {
      for _ in 0..<2 { #expect(throws: CertificateError.self) { try names(bad, &cache) } }
    }
    let reads = cache.readCount
    #expect(try names(good, &cache) == ["spiffe://a", "x", "CN=peer"])
    #expect(cache.readCount == reads)
  }

  @Test func `thousands of certificates of many sizes keep their own names`() throws {
    var cache = CertificateCache()
    for round in 0..<3 {
      for number in 0..<700 {
        let padding = number % 7 == 0 ? number * 11 : 0
        let found = try names(certificate("spiffe://\(number)", padding: padding), &cache)
        #expect(found.first == "spiffe://\(number)", "round \(round)")
      }
    }
    // Far more than the ring holds: some were pushed out, and were read again.
    #expect(cache.readCount > 700)
    let last = cache.readCount
    _ = try names(certificate("spiffe://699"), &cache)
    #expect(cache.readCount == last)
  }
}
