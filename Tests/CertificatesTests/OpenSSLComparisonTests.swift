import Bytes
import COpenSSL
import Certificates
import TestSupport
import Testing

/// The reader against OpenSSL's: random certificates, and random damage to them.
@Suite struct OpenSSLComparisonTests {
  /// What OpenSSL finds in a certificate; nil when it does not read all of it, or its names.
  private func foreign(_ der: [UInt8]) -> Found? {
    unsafe der.withUnsafeBufferPointer { buffer -> Found? in
      var place = buffer.baseAddress
      guard let certificate = unsafe d2i_X509(nil, &place, buffer.count) else { return nil }
      defer { unsafe X509_free(certificate) }
      guard unsafe place == buffer.baseAddress.map({ unsafe $0 + buffer.count }) else { return nil }
      var found = Found(subject: unsafe subject(of: certificate))
      guard unsafe X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1) >= 0 else { return found }
      guard let list = unsafe countersign_x509_names(certificate) else { return nil }
      defer { unsafe GENERAL_NAMES_free(list) }
      for index in 0..<(unsafe countersign_names_count(list)) {
        guard let name = unsafe countersign_names_value(list, index) else { return nil }
        let kind = unsafe countersign_name_kind(name)
        guard kind == GEN_DNS || kind == GEN_URI else { continue }
        guard let text = unsafe countersign_name_text(name) else { return nil }
        let bytes = unsafe UnsafeBufferPointer(
          start: ASN1_STRING_get0_data(text), count: Int(ASN1_STRING_length(text)))
        let value = unsafe String(decoding: bytes, as: UTF8.self)
        if kind == GEN_URI { found.uris.append(value) } else { found.dns.append(value) }
      }
      return found
    }
  }

  /// As `X509_NAME_print_ex` prints it with `XN_FLAG_RFC2253`, a macro that Swift does not see.
  @unsafe
  private func subject(of certificate: OpaquePointer) -> String {
    guard let memory = unsafe BIO_new(BIO_s_mem()) else { return "no memory" }
    defer { unsafe BIO_free(memory) }
    unsafe X509_NAME_print_ex(memory, X509_get_subject_name(certificate), 0, 0x0111_0317)
    var text = [UInt8](repeating: 0, count: 1 << 17)
    let count = unsafe BIO_read(memory, &text, Int32(text.count))
    return String(decoding: text.prefix(max(0, Int(count))), as: UTF8.self)
  }

  private func text(_ random: inout SeededGenerator, _ most: Int) -> [UInt8] {
    (0..<Int.random(in: 0...most, using: &random)).map { _ in
      Bool.random(using: &random)
        ? UInt8.random(in: 0x20...0x7E, using: &random) : UInt8.random(in: 1...0x7F, using: &random)
    }
  }

  private func attribute(_ random: inout SeededGenerator) -> [UInt8] {
    let types = [
      DER.commonName, DER.organization, DER.oid(0x55, 0x04, 0x0B), DER.oid(0x55, 0x04, 0x06),
      DER.oid(0x55, 0x04, 0x09), DER.oid(0x55, 0x04, 0x41), DER.oid(0x55, 0x04, 0x2E),
      DER.oid(0x09, 0x92, 0x26, 0x89, 0x93, 0xF2, 0x2C, 0x64, 0x01, 0x01),
      DER.oid(0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x01), DER.oid(0x2B, 0x87, 0x67, 0x09),
    ]
    let value: [UInt8]
    switch Int.random(in: 0..<6, using: &random) {
    case 0:
      value = DER.text(0x0C, ["é,x", "漢\u{1F600}", " a ", "#x", ""][Int.random(in: 0..<5, using: &random)])
    case 1: value = DER.element(0x1E, [0x20, 0xAC, 0, 0x41])
    case 2: value = DER.element(0x1C, [0, 1, 0xF6, 0])
    case 3: value = DER.element(0x14, [0xE9] + text(&random, 5))
    case 4: value = DER.element(0x03, [0, 1])
    default: value = DER.element(0x13, text(&random, 200))
    }
    return DER.sequence(types[Int.random(in: types.indices, using: &random)], value)
  }

  private func certificate(_ random: inout SeededGenerator) -> Certificate {
    var one = Certificate()
    let sets = (0..<Int.random(in: 0...4, using: &random)).map { _ in
      DER.element(
        0x31, (0..<Int.random(in: 1...2, using: &random)).flatMap { _ in attribute(&random) })
    }
    one.subject = DER.sequence(sets.flatMap { $0 })
    let names = (0..<Int.random(in: 0...6, using: &random)).map { _ -> [UInt8] in
      switch Int.random(in: 0..<5, using: &random) {
      case 0: DER.element(0x87, [10, 0, 0, 1])
      case 1: DER.element(0xA4, DER.sequence(DER.element(0x31, attribute(&random))))
      case 2: DER.element(0x82, text(&random, 20))
      default: DER.element(0x86, text(&random, 200))
      }
    }
    if !names.isEmpty { one.names = names }
    if Bool.random(using: &random) {
      one.otherExtensions = [
        Certificate.extension(DER.oid(0x55, 0x1D, 0x0F), [3, 2, 5, 0xA0], critical: true)
      ]
    }
    if Int.random(in: 0..<4, using: &random) == 0 { one.middle = DER.element(0x82, [0, 1, 2]) }
    return one
  }

  @Test func `random certificates have the same names and subject for both`() {
    var random = SeededGenerator.announced("OpenSSLComparisonTests.certificates")
    for round in 0..<3_000 {
      let der = certificate(&random).der
      let seen = try? Found(reading: der)
      #expect(seen != nil && seen == foreign(der), "round \(round): \(der)")
    }
  }

  @Test func `of damaged certificates, whatever is read here OpenSSL reads too, with the same names`() {
    var random = SeededGenerator.announced("OpenSSLComparisonTests.damaged")
    var (read, refused) = (0, 0)
    for round in 0..<60_000 {
      var der = certificate(&random).der
      for _ in 0..<Int.random(in: 1...2, using: &random) {
        let place = Int.random(in: der.indices, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0: der.remove(at: place)
        case 1: der.insert(UInt8.random(in: 0...255, using: &random), at: place)
        case 2: der[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        // Tags and small lengths, which lead astray more often than any byte.
        case 3:
          der[place] =
            [0x30, 0x31, 0x06, 0x03, 0x86, 0x82, 0xA0, 0x80, 0x00, 0x0C].randomElement(using: &random) ?? 0
        default: der[place] = UInt8.random(in: 0...255, using: &random)
        }
      }
      guard let seen = try? Found(reading: der) else {
        refused += 1
        continue
      }
      read += 1
      guard let other = foreign(der) else {
        Issue.record("round \(round): OpenSSL refuses \(der)")
        continue
      }
      #expect(seen.uris == other.uris && seen.dns == other.dns, "round \(round): \(der)")
      // OpenSSL knows types of attributes that are written as numbers here.
      if !seen.subject.contains("=#") { #expect(seen.subject == other.subject, "round \(round): \(der)") }
    }
    #expect(read > 1_000 && refused > 1_000, "\(read) read, \(refused) refused")
  }
}
