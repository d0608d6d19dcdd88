import Bytes
import Certificates
import Testing

@Suite struct CertificateReaderTests {
  private let names = [Certificate.uri("spiffe://a/ns/b/sa/c"), Certificate.dns("a.example")]

  @Test func `URI and DNS names and the subject are read`() throws {
    var one = Certificate(names: names + [Certificate.uri("spiffe://second"), DER.text(0x81, "a@b")])
    one.otherExtensions = [
      Certificate.extension(DER.oid(0x55, 0x1D, 0x0F), [3, 2, 5, 0xA0], critical: true)
    ]
    #expect(
      try Found(reading: one.der)
        == Found(uris: ["spiffe://a/ns/b/sa/c", "spiffe://second"], dns: ["a.example"], subject: "CN=peer"))
  }

  @Test func `a certificate without names has its subject alone, which may be empty`() throws {
    #expect(try Found(reading: Certificate().der) == Found(subject: "CN=peer"))
    #expect(try Found(reading: Certificate(subject: DER.sequence()).der) == Found())
    #expect(try Found(reading: Certificate(version: []).der) == Found(subject: "CN=peer"))
  }

  @Test func `other kinds of names are passed over when they are well-formed`() throws {
    let upn = DER.element(
      0xA0, DER.oid(0x2B, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x14, 0x02, 0x03),
      DER.element(0xA0, DER.text(0x0C, "me@x")))
    let others = [
      upn, DER.element(0x87, [10, 0, 0, 1]), DER.element(0x88, [0x2A, 0x03]),
      DER.element(0xA4, DER.sequence(DER.attribute(DER.commonName, DER.text(0x13, "x")))),
    ]
    #expect(try Found(reading: Certificate(names: others + names).der).uris.count == 1)
    for bad in [
      DER.element(0xA0, DER.oid(0x2A)), DER.element(0xA3), DER.element(0xA5), DER.element(0x88, []),
      DER.element(0xA4, DER.text(0x13, "x")), DER.element(0x06, [1]), DER.element(0xA2, []),
    ] {
      #expect(refusal(Certificate(names: [bad]).der) != nil, "\(bad)")
    }
  }

  @Test func `a name with a NUL or a byte above 0x7F is refused with its place`() {
    for text in ["spiffe://a\u{0}b", "spiffe://é", "\u{0}"] {
      for tag: UInt8 in [0x86, 0x82] {
        let der = Certificate(names: [DER.text(tag, text)]).der
        guard case .nameText(let place)? = refusal(der) else {
          Issue.record("\(text)")
          continue
        }
        #expect(der[place] == 0 || der[place] >= 0x80)
      }
    }
  }

  @Test func `an extension that is there twice is refused`() {
    let san = Certificate.subjectAlternativeName(names)
    let key = Certificate.extension(DER.oid(0x55, 0x1D, 0x0F), [3, 2, 5, 0xA0])
    for doubled in [[san], [key, key], [san, key]] {
      guard case .repeatedExtension? = refusal(Certificate(names: names, otherExtensions: doubled).der) else {
        // The third holds each extension of the two once more, but for the key usage.
        Issue.record("\(doubled.count)")
        continue
      }
    }
    #expect(refusal(Certificate(names: names, otherExtensions: [key]).der) == nil)
  }

  @Test func `64 names, extensions and attributes are read, one more is refused`() {
    func names(_ count: Int) -> [UInt8] {
      Certificate(names: (0..<count).map { Certificate.uri("u\($0)") }).der
    }
    #expect(refusal(names(64)) == nil)
    func extensions(_ count: Int) -> [UInt8] {
      Certificate(
        otherExtensions: (0..<count).map { Certificate.extension(DER.oid(0x2A, UInt8($0)), []) }
      ).der
    }
    #expect(refusal(extensions(64)) == nil)
    func attributes(_ count: Int) -> [UInt8] {
      let one = DER.attribute(DER.commonName, DER.text(0x0C, "x"))
      return Certificate(subject: DER.sequence([[UInt8]](repeating: one, count: count).flatMap { $0 })).der
    }
    #expect(refusal(attributes(64)) == nil)
    for der in [names(65), extensions(65), attributes(65)] {
      guard case .count? = refusal(der) else {
        Issue.record("\(der.count)")
        continue
      }
    }
  }

  @Test func `what follows a certificate, or is missing at its end, is refused`() {
    #expect(refusal(Certificate(names: names, trailing: [0]).der) != nil)
    let whole = Certificate(names: names).der
    for count in whole.indices { #expect(refusal(Array(whole[..<count])) != nil, "\(count)") }
  }

  @Test func `lengths that are not the shortest, or not definite, are refused`() {
    let body = Array(Certificate(names: names).der.dropFirst(4))
    let count = body.count
    let (high, low) = (UInt8(count >> 8), UInt8(count & 0xFF))
    #expect(refusal([0x30, 0x82, high, low] + body) == nil)
    #expect(refusal([0x30, 0x83, 0, high, low] + body) != nil)
    #expect(refusal([0x30, 0x80] + body + [0, 0]) != nil)
    let long = DER.sequence(DER.commonName, [0x0C, 0x81, 4] + Array("peer".utf8))
    #expect(refusal(Certificate(subject: DER.sequence(DER.element(0x31, long))).der) != nil)
  }

  @Test func `versions, numbers, times and texts that DER does not know are refused`() {
    let bad: [(String, Certificate)] = [
      ("version 1 said", Certificate(version: DER.element(0xA0, DER.element(0x02, [0])))),
      ("version 4", Certificate(version: DER.element(0xA0, DER.element(0x02, [3])))),
      ("extensions without version 3", Certificate(version: [], names: names)),
      ("no serial number", Certificate(serial: DER.element(0x02, []))),
      ("a long serial number", Certificate(serial: DER.element(0x02, [0, 1]))),
      ("no time", Certificate(validity: DER.sequence(DER.text(0x17, "260101000000Z")))),
      ("a text for a time", Certificate(validity: DER.sequence(DER.text(0x0C, "x"), DER.text(0x17, "x")))),
      ("bad UTF-8", Certificate(subject: DER.sequence(DER.attribute(DER.commonName, [0x0C, 1, 0xFF])))),
      (
        "half a character",
        Certificate(subject: DER.sequence(DER.attribute(DER.commonName, [0x1E, 1, 0x41])))
      ),
      ("a surrogate", Certificate(subject: DER.sequence(DER.attribute(DER.commonName, [0x1E, 2, 0xD8, 0])))),
      ("a number for a text", Certificate(subject: DER.sequence(DER.attribute(DER.commonName, [2, 1, 1])))),
      ("an empty set", Certificate(subject: DER.sequence(DER.element(0x31)))),
      ("no names", Certificate(names: [])),
      (
        "critical as false",
        Certificate(otherExtensions: [DER.sequence(DER.oid(0x2A), DER.element(1, [0]), DER.element(4))])
      ),
      ("a bad identifier", Certificate(otherExtensions: [Certificate.extension(DER.oid(0x2A, 0x80), [])])),
    ]
    for (why, certificate) in bad {
      guard case .structure? = refusal(certificate.der) else {
        Issue.record("\(why): \(String(describing: refusal(certificate.der)))")
        continue
      }
    }
    #expect(refusal(Certificate(middle: DER.element(0x81, [0, 1]), names: names).der) == nil)
    #expect(refusal(Certificate(middle: DER.element(0x83, [0, 1]), names: names).der) != nil)
  }

  @Test func `a subject is printed as Envoy prints it`() throws {
    func text(_ attributes: [UInt8]...) throws -> String {
      try Found(reading: Certificate(subject: DER.sequence(attributes.flatMap { $0 })).der).subject
    }
    func common(_ tag: UInt8, _ bytes: [UInt8]) -> [UInt8] {
      DER.attribute(DER.commonName, DER.element(tag, bytes))
    }
    #expect(
      try text(DER.attribute(DER.organization, DER.text(0x13, "o")), common(0x0C, [0x61])) == "CN=a,O=o")
    let both = DER.element(
      0x31, DER.sequence(DER.commonName, DER.text(0x0C, "a")),
      DER.sequence(DER.organization, DER.text(0x0C, "b")))
    #expect(try text(both) == "O=b+CN=a")
    #expect(try text(common(0x0C, Array(" #a,+\"\\<>;=# ".utf8))) == #"CN=\ #a\,\+\"\\\<\>\;=#\ "#)
    #expect(try text(common(0x0C, Array("#é\u{7F}\n".utf8))) == ##"CN=\#\C3\A9\7F\0A"##)
    #expect(try text(common(0x14, [0x41, 0xE9])) == #"CN=A\C3\A9"#)
    #expect(try text(common(0x1E, [0x00, 0x41, 0x20, 0xAC])) == #"CN=A\E2\82\AC"#)
    #expect(try text(common(0x1C, [0, 0, 0, 0x41, 0, 1, 0xF6, 0])) == #"CN=A\F0\9F\98\80"#)
    #expect(try text(common(0x03, [0, 0xAB])) == "CN=#030200AB")
    #expect(try text(DER.attribute(DER.oid(0x2A, 0x86, 0x48), DER.text(0x0C, "x"))) == "1.2.840=#0C0178")
    let email = DER.oid(0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x01)
    #expect(try text(DER.attribute(email, DER.text(0x16, "a@b"))) == "emailAddress=a@b")
    let component = DER.oid(0x09, 0x92, 0x26, 0x89, 0x93, 0xF2, 0x2C, 0x64, 0x01, 0x19)
    #expect(try text(DER.attribute(component, DER.text(0x16, "x"))) == "DC=x")
  }
}
