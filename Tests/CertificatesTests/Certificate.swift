import Bytes
import Certificates
import TestSupport

/// DER by hand: elements from tags and contents.
enum DER {
  static func element(_ tag: UInt8, _ content: [UInt8]...) -> [UInt8] {
    let content = content.flatMap { $0 }
    let count = content.count
    switch count {
    case 0..<0x80: return [tag, UInt8(count)] + content
    case 0x80..<0x100: return [tag, 0x81, UInt8(count)] + content
    default: return [tag, 0x82, UInt8(count >> 8), UInt8(count & 0xFF)] + content
    }
  }

  static func sequence(_ parts: [UInt8]...) -> [UInt8] { element(0x30, parts.flatMap { $0 }) }
  static func text(_ tag: UInt8, _ text: String) -> [UInt8] { element(tag, Array(text.utf8)) }
  static func oid(_ bytes: UInt8...) -> [UInt8] { element(0x06, bytes) }

  /// One attribute in a set of its own.
  static func attribute(_ type: [UInt8], _ value: [UInt8]) -> [UInt8] {
    element(0x31, sequence(type, value))
  }
  static let commonName = oid(0x55, 0x04, 0x03)
  static let organization = oid(0x55, 0x04, 0x0A)
}

/// A certificate of a test's own. Nobody signed it: names are read whoever did.
struct Certificate {
  var version: [UInt8] = DER.element(0xA0, DER.element(0x02, [2]))
  var serial: [UInt8] = DER.element(0x02, [0x01, 0xFF])
  var issuer = DER.sequence(DER.attribute(DER.commonName, DER.text(0x0C, "test")))
  var validity = DER.sequence(DER.text(0x17, "260101000000Z"), DER.text(0x17, "360101000000Z"))
  var subject = DER.sequence(DER.attribute(DER.commonName, DER.text(0x0C, "peer")))
  /// After the key: unique identifiers.
  var middle: [UInt8] = []
  /// Elements of the subject alternative name; nil: no such extension.
  var names: [[UInt8]]? = nil
  var otherExtensions: [[UInt8]] = []
  var trailing: [UInt8] = []

  // ecdsa-with-SHA256
  static let algorithm = DER.sequence(DER.oid(0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02))
  static let key = DER.sequence(
    DER.sequence(
      DER.oid(0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01),
      DER.oid(0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07)),
    DER.element(0x03, [0, 4], [UInt8](repeating: 7, count: 64)))

  static func uri(_ text: String) -> [UInt8] { DER.text(0x86, text) }
  static func dns(_ text: String) -> [UInt8] { DER.text(0x82, text) }

  static func `extension`(_ identifier: [UInt8], _ value: [UInt8], critical: Bool = false) -> [UInt8] {
    DER.sequence(identifier, critical ? DER.element(0x01, [0xFF]) : [], DER.element(0x04, value))
  }

  static func subjectAlternativeName(_ names: [[UInt8]], critical: Bool = false) -> [UInt8] {
    `extension`(DER.oid(0x55, 0x1D, 0x11), DER.sequence(names.flatMap { $0 }), critical: critical)
  }

  var extensions: [UInt8] {
    let all = otherExtensions + (names.map { [Self.subjectAlternativeName($0)] } ?? [])
    return all.isEmpty ? [] : DER.element(0xA3, DER.sequence(all.flatMap { $0 }))
  }

  var der: [UInt8] {
    let body = DER.sequence(
      version, serial, Self.algorithm, issuer, validity, subject, Self.key, middle, extensions)
    return DER.sequence(body, Self.algorithm, DER.element(0x03, [0], [UInt8](repeating: 9, count: 70)))
      + trailing
  }

  var pem: String { Self.pem(der) }

  static func pem(_ der: [UInt8], lineEnd: String = "\n") -> String {
    var base64 = ByteBuffer()
    Base64.encode(der.span, into: &base64)
    let text = String(decoding: base64.copy(), as: UTF8.self)
    var lines: [String] = []
    var rest = text[...]
    while !rest.isEmpty {
      lines.append(String(rest.prefix(64)))
      rest = rest.dropFirst(64)
    }
    return (["-----BEGIN CERTIFICATE-----"] + lines + ["-----END CERTIFICATE-----", ""])
      .joined(separator: lineEnd)
  }

  /// As Envoy encodes it.
  static func escaped(_ pem: String) -> String {
    pem.replacing("%", with: "%25").replacing("\n", with: "%0A").replacing(" ", with: "%20")
      .replacing("+", with: "%2B").replacing("/", with: "%2F").replacing("=", with: "%3D")
  }
}

/// What the reader finds.
struct Found: Equatable {
  var uris: [String] = []
  var dns: [String] = []
  var subject = ""

  init(uris: [String] = [], dns: [String] = [], subject: String = "") {
    self.uris = uris
    self.dns = dns
    self.subject = subject
  }

  init(reading der: [UInt8]) throws(CertificateError) {
    var (uris, dns): ([String], [String]) = ([], [])
    let subject = try CertificateReader.read(der.span) { kind, range in
      let text = String(decoding: der[range.indices], as: UTF8.self)
      if kind == .uri { uris.append(text) } else { dns.append(text) }
    }
    var text = ByteBuffer()
    try SubjectText.append(subject, of: der.span, to: &text)
    self.init(uris: uris, dns: dns, subject: String(decoding: text.copy(), as: UTF8.self))
  }
}

func refusal(_ der: [UInt8]) -> CertificateError? {
  do {
    _ = try Found(reading: der)
    return nil
  } catch {
    return error
  }
}

extension SeededGenerator {
  /// A generator whose seed the test prints.
  static func announced(_ name: String) -> SeededGenerator {
    let seed = UInt64.random(in: 0 ... .max)
    print("\(name): seed \(seed)")
    return SeededGenerator(seed: seed)
  }
}
