import Foundation
import System

/// Sends golden requests and tells the statuses: over plain sockets of our own, and by curl where a request
/// needs a certificate, a server name or an address of its own.
final class GoldenClient {
  private let folder: Folder
  private var certificates: [String: (certificate: String, key: String)] = [:]

  /// The authority that signs the clients' certificates, and the proxies' own certificate by it.
  let authority: String
  let server: (certificate: String, key: String)

  init() throws {
    folder = try Folder()
    let path = { [folder] (name: String) in folder.url.appendingPathComponent(name).path }
    authority = path("ca.pem")
    server = (path("server.pem"), path("key.pem"))
    try Self.openssl(
      ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path("key.pem")], folder)
    try Self.openssl(
      ["req", "-x509", "-key", path("key.pem"), "-subj", "/CN=golden", "-days", "2", "-out", authority],
      folder)
    try certify("spiffe://golden/server", as: path("server.pem"))
  }

  private static func openssl(_ arguments: [String], _ folder: Folder) throws {
    let child = try Child(
      URL(fileURLWithPath: "/usr/bin/openssl"), arguments,
      log: folder.url.appendingPathComponent("openssl.log"))
    guard child.exitCode(within: 30) == 0 else { throw Failure("openssl \(arguments): \(child.output)") }
  }

  private func certify(_ identity: String, as file: String) throws {
    let request = folder.url.appendingPathComponent("request.pem").path
    let extensions = try folder.write("extensions", "subjectAltName=@names\n[names]\nURI.1=\(identity)\n")
    try Self.openssl(["req", "-new", "-key", server.key, "-subj", "/O=golden", "-out", request], folder)
    try Self.openssl(
      [
        "x509", "-req", "-in", request, "-CA", authority, "-CAkey", server.key, "-CAcreateserial", "-days",
        "2",
        "-extfile", extensions, "-out", file,
      ], folder)
  }

  private func certificate(of identity: String) throws -> (certificate: String, key: String) {
    if let known = certificates[identity] { return known }
    let file = folder.url.appendingPathComponent("client\(certificates.count).pem").path
    try certify(identity, as: file)
    certificates[identity] = (file, server.key)
    return (file, server.key)
  }

  /// Where a proxy listens, without TLS and with it.
  struct Ports {
    var plain: UInt16
    var tls: UInt16
  }

  /// The status of each request, in order.
  func statuses(_ requests: [(request: GoldenRequest, ports: Ports)]) throws -> [Int] {
    var statuses = [Int](repeating: 0, count: requests.count)
    var byCurl: [Int] = []
    for (index, (request, ports)) in requests.enumerated() {
      if request.needsTLS || request.source != nil {
        byCurl.append(index)
      } else {
        statuses[index] = try plainStatus(request, ports.plain)
      }
    }
    let answers = try curl(byCurl.map { requests[$0] })
    for (index, status) in zip(byCurl, answers) { statuses[index] = status }
    return statuses
  }

  private func plainStatus(_ request: GoldenRequest, _ port: UInt16) throws -> Int {
    var text = ""
    if let destination = request.destination {
      text = "PROXY TCP4 127.0.0.1 \(destination.address) 40000 \(destination.port)\r\n"
    }
    text += "\(request.method) \(request.path) HTTP/1.1\r\nHost: \(request.host)\r\nConnection: close\r\n"
    for (name, value) in request.headers { text += "\(name): \(value)\r\n" }
    let answer = try HTTPClient.exchange(port: port, Array((text + "\r\n").utf8)) { octets in
      octets.starts(with: Array("HTTP/1.1 ".utf8)) && octets.count > 12
    }
    return Int(String(decoding: answer.dropFirst(9).prefix(3), as: UTF8.self)) ?? 0
  }

  private func curl(_ requests: [(request: GoldenRequest, ports: Ports)]) throws -> [Int] {
    if requests.isEmpty { return [] }
    var lines: [String] = []
    for (request, ports) in requests {
      if !lines.isEmpty { lines.append("next") }
      lines += try Self.options(request, ports, try request.identity.map(certificate))
    }
    let file = try folder.write("curl.conf", lines.joined(separator: "\n") + "\n")
    let child = try Child(
      URL(fileURLWithPath: "/usr/bin/curl"), ["-s", "-K", file],
      log: folder.url.appendingPathComponent("curl.log"))
    guard child.exitCode(within: 120) == 0 else { throw Failure("curl: \(child.output.suffix(400))") }
    let statuses = child.output.split(separator: "\n").compactMap { Int($0) }
    guard statuses.count == requests.count else {
      throw Failure("curl: \(statuses.count) answers to \(requests.count) requests")
    }
    return statuses
  }

  private static func options(
    _ request: GoldenRequest, _ ports: Ports, _ certificate: (certificate: String, key: String)?
  ) throws -> [String] {
    let port = request.needsTLS ? ports.tls : ports.plain
    let name = request.serverName ?? "127.0.0.1"
    var lines = [
      "silent", "http1.1", "insecure", "path-as-is", "output = \"/dev/null\"",
      "write-out = \"%{http_code}\\n\"",
      "url = \"\(request.needsTLS ? "https" : "http")://\(name):\(port)\(request.path)\"",
      "request = \"\(request.method)\"", "header = \"Host: \(request.host)\"", "noproxy = \"*\"",
    ]
    if request.serverName != nil { lines.append("resolve = \"\(name):\(port):127.0.0.1\"") }
    if let source = request.source { lines.append("interface = \"\(source)\"") }
    if let certificate {
      lines += ["cert = \"\(certificate.certificate)\"", "key = \"\(certificate.key)\""]
    }
    for (header, value) in request.headers { lines.append("header = \"\(header): \(value)\"") }
    return lines
  }
}
