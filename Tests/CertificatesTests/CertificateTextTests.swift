import Bytes
import Certificates
import Testing

@Suite struct CertificateTextTests {
  private let whole = Certificate(names: [Certificate.uri("spiffe://a")])

  private func decoded(_ text: String) throws(CertificateError) -> [UInt8] {
    var plain = ByteBuffer()
    var der = ByteBuffer()
    der.append("kept")
    do {
      try CertificateText.decode(Array(text.utf8).span, plain: &plain, into: &der)
    } catch {
      #expect(der.count == 4, "nothing stays after an error")
      throw error
    }
    return Array(der.copy().dropFirst(4))
  }

  private func refusal(_ text: String) -> CertificateError? {
    do {
      _ = try decoded(text)
      return nil
    } catch {
      return error
    }
  }

  @Test func `a text is read with and without escapes, and with either line end`() throws {
    for length in 0..<6 {
      var one = whole
      one.otherExtensions = [
        Certificate.extension(DER.oid(0x2A), [UInt8](repeating: 0xFB, count: length))
      ]
      #expect(try decoded(one.pem) == one.der)
      #expect(try decoded(Certificate.escaped(one.pem)) == one.der)
      #expect(try decoded(Certificate.pem(one.der, lineEnd: "\r\n")) == one.der)
    }
    #expect(try decoded(Certificate.escaped(whole.pem).replacing("%2B", with: "%2b")) == whole.der)
  }

  @Test func `of several certificates the first counts`() throws {
    let other = Certificate(names: [Certificate.uri("spiffe://other")]).pem
    #expect(try decoded(Certificate.escaped(whole.pem + other)) == whole.der)
    #expect(try decoded(whole.pem + "\n" + other + "rubbish") == whole.der)
  }

  @Test func `what is no certificate's text is refused with its place`() {
    let pem = whole.pem
    let count = pem.utf8.count
    #expect(refusal("") == .armor(at: 0))
    #expect(refusal(" " + pem) == .armor(at: 0))
    #expect(refusal("-----BEGIN X509 CRL-----\n") == .armor(at: 0))
    #expect(refusal("-----BEGIN CERTIFICATE-----") == .armor(at: 27))
    #expect(refusal(pem + "x") == .armor(at: count))
    #expect(refusal(pem.replacing("END CERTIFICATE", with: "END CERTIFICAT")) != nil)
    #expect(refusal(String(pem.dropLast(30))) != nil)
    #expect(refusal("%") == .escape(at: 0))
    #expect(refusal("-%4") == .escape(at: 1))
    #expect(refusal("%G0") == .escape(at: 0))
  }

  @Test func `base64 has one spelling`() {
    func block(_ text: String) -> CertificateError? {
      refusal("-----BEGIN CERTIFICATE-----\n\(text)\n-----END CERTIFICATE-----\n")
    }
    for good in ["", "QQ==", "QUI=", "QUJD", "Q\nQ=\n="] { #expect(block(good) == nil, "\(good)") }
    for bad in [
      "Q", "QQ", "QQ=", "QQ===", "QUI", "QR==", "QUJ=", "QQ==QQ==", "=", "Q===", "Q Q=", "QU_D", "Q\rQ=",
    ] {
      guard case .base64? = block(bad) else {
        Issue.record("\(bad): \(String(describing: block(bad)))")
        continue
      }
    }
  }

  @Test func `16 KiB of text are read, and not one byte more`() {
    func text(_ bytes: Int) -> String {
      let frame = "-----BEGIN CERTIFICATE-----\n" + "\n-----END CERTIFICATE-----\n"
      return "-----BEGIN CERTIFICATE-----\n"
        + String(repeating: "A", count: bytes - frame.utf8.count) + "\n-----END CERTIFICATE-----\n"
    }
    let limit = CertificateLimits.textBytes
    let most = text(limit - limit % 4 + 54 % 4 - 4)
    #expect(most.utf8.count <= limit)
    #expect(refusal(most) == nil || refusal(most) != .textSize)
    #expect(refusal(text(limit)) != .textSize)
    #expect(refusal(text(limit + 1)) == .textSize)
    // Escapes count as what they stand for.
    #expect(refusal(String(repeating: "%41", count: limit)) == .armor(at: 0))
    #expect(refusal(String(repeating: "%41", count: limit + 1)) == .textSize)
  }
}
