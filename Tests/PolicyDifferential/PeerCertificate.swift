import Bytes
import PolicyOracle

/// A client certificate as Envoy sends it: percent-encoded PEM around DER. Nobody signed it: names are read whoever
/// did.
enum PeerCertificate {
  static func text(of certificate: ProxyRequest.Certificate) -> String {
    var base64 = ByteBuffer()
    Base64.encode(der(of: certificate).span, into: &base64)
    let pem =
      "-----BEGIN CERTIFICATE-----\n" + String(decoding: base64.copy(), as: UTF8.self)
      + "\n-----END CERTIFICATE-----\n"
    return pem.replacing("\n", with: "%0A").replacing(" ", with: "%20").replacing("+", with: "%2B")
      .replacing("/", with: "%2F").replacing("=", with: "%3D")
  }

  private static func der(of certificate: ProxyRequest.Certificate) -> [UInt8] {
    let algorithm = sequence(element(0x06, [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02]))
    let validity = sequence(
      element(0x17, Array("260101000000Z".utf8)) + element(0x17, Array("360101000000Z".utf8)))
    let key = sequence(algorithm + element(0x03, [0, 4, 7, 7]))
    let names =
      certificate.uris.flatMap { element(0x86, Array($0.utf8)) }
      + certificate.dnsNames.flatMap { element(0x82, Array($0.utf8)) }
    let alternative = sequence(element(0x06, [0x55, 0x1D, 0x11]) + element(0x04, sequence(names)))
    let body =
      element(0xA0, element(0x02, [2])) + element(0x02, [1]) + algorithm + name("issuer") + validity
      + name(certificate.commonName) + key
      + (names.isEmpty ? [] : element(0xA3, sequence(alternative)))
    return sequence(sequence(body) + algorithm + element(0x03, [0, 9, 9]))
  }

  /// A distinguished name of one common name, or an empty one.
  private static func name(_ commonName: String?) -> [UInt8] {
    guard let commonName else { return sequence([]) }
    let attribute = sequence(element(0x06, [0x55, 0x04, 0x03]) + element(0x0C, Array(commonName.utf8)))
    return sequence(element(0x31, attribute))
  }

  private static func sequence(_ content: [UInt8]) -> [UInt8] { element(0x30, content) }

  private static func element(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
    let count = content.count
    if count < 0x80 { return [tag, UInt8(count)] + content }
    if count < 0x100 { return [tag, 0x81, UInt8(count)] + content }
    return [tag, 0x82, UInt8(count >> 8), UInt8(count & 0xFF)] + content
  }
}
